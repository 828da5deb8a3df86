// SPDX-License-Identifier: GPL-3.0-or-later
#include "r1cs.h"

#include <algorithm>
#include "binary-file.h"
#include "constant-pool.h"
#include "failure.h"
#include "zkey.h"

namespace assay {
namespace {

constexpr char kCode[] = "CIRCUIT_UNFIT";
constexpr std::size_t kHeaderBytes = 4 + kScalarBytes + 4 * 4 + 8 + 4;
constexpr std::size_t kEntryBytes = 4 + kScalarBytes;
constexpr u32 kMaxConstraints = 1u << 22;
constexpr u64 kMaxFileBytes = 0x7fffffff;

Failure malformed(const std::string& reason) { return Failure(kCode, "its .r1cs is not canonical: " + reason); }

R1cs parseHeader(Bytes header, u64& labels) {
  if (header.size != kHeaderBytes) throw malformed("its header has " + std::to_string(header.size) + " bytes");
  if (!isField(header.data, kScalarModulus)) throw malformed("it is not over BN254's scalar field");
  const u8* const counts = header.data + 36;
  R1cs r1cs;
  r1cs.wires = readU32(counts);
  r1cs.outputs = readU32(counts + 4);
  r1cs.publicInputs = readU32(counts + 8);
  r1cs.privateInputs = readU32(counts + 12);
  labels = readU64(counts + 16);
  r1cs.constraints = readU32(counts + 24);
  if (r1cs.wires > kMaxWires) throw Failure::tooLarge(r1cs.wires, "wires", kMaxWires);
  if (r1cs.constraints > kMaxConstraints) throw Failure::tooLarge(r1cs.constraints, "constraints", kMaxConstraints);
  if (u64{1} + r1cs.outputs + r1cs.publicInputs + r1cs.privateInputs > r1cs.wires)
    throw malformed("it declares more inputs and outputs than wires");
  if (labels < r1cs.wires) throw malformed("it declares more wires than labels");
  return r1cs;
}

void checkLabels(Bytes map, u32 wires, u64 labels) {
  if (map.size != 8 * std::size_t{wires}) throw malformed("its label map has " + std::to_string(map.size) + " bytes");
  for (std::size_t wire = 0; wire < wires; wire++)
    if (readU64(map.data + 8 * wire) >= labels)
      throw malformed("wire " + std::to_string(wire) + " has an unknown label");
}

std::string nameOf(u32 row) { return "constraint " + std::to_string(row); }

/**
 * circom orders a row by the bytes of its little-endian wire numbers; a wire that occurs twice is an error in any
 * order.
 */
void sortRow(Matrix& matrix, std::size_t from, u32 row) {
  std::vector<std::pair<u32, u32>> entries;
  for (std::size_t i = from; i < matrix.wires.size(); i++)
    entries.emplace_back(matrix.wires[i], matrix.coefficients[i]);
  std::sort(entries.begin(), entries.end());
  for (std::size_t i = 0; i < entries.size(); i++) {
    if (i > 0 && entries[i].first == entries[i - 1].first)
      throw malformed(nameOf(row) + " names wire " + std::to_string(entries[i].first) + " twice");
    matrix.wires[from + i] = entries[i].first;
    matrix.coefficients[from + i] = entries[i].second;
  }
}

/** First pass: how many entries each matrix has, with every length checked, before anything is allocated. */
void countEntries(Bytes section, u32 constraints, std::size_t counts[3]) {
  std::size_t at = 0;
  for (u32 row = 0; row < constraints; row++)
    for (unsigned side = 0; side < 3; side++) {
      if (section.size - at < 4) throw malformed(nameOf(row) + " is truncated");
      const std::size_t entries = readU32(section.data + at);
      at += 4;
      if (entries > (section.size - at) / kEntryBytes) throw malformed(nameOf(row) + " is truncated");
      counts[side] += entries;
      at += entries * kEntryBytes;
    }
  if (at != section.size) throw malformed("bytes follow the last constraint");
}

void readConstraints(Bytes section, R1cs& r1cs) {
  std::size_t counts[3] = {0, 0, 0};
  countEntries(section, r1cs.constraints, counts);
  Matrix* const sides[3] = {&r1cs.a, &r1cs.b, &r1cs.c};
  for (unsigned i = 0; i < 3; i++) {
    sides[i]->offsets.reserve(std::size_t{r1cs.constraints} + 1);
    sides[i]->offsets.push_back(0);
    sides[i]->wires.reserve(counts[i]);
    sides[i]->coefficients.reserve(counts[i]);
  }
  ConstantPool pool;
  const u8* at = section.data;
  for (u32 row = 0; row < r1cs.constraints; row++)
    for (Matrix* side : sides) {
      const u8* const end = at + 4 + std::size_t{readU32(at)} * kEntryBytes;
      const std::size_t from = side->wires.size();
      bool ascending = true;
      for (at += 4; at < end; at += kEntryBytes) {
        const u32 wire = readU32(at);
        const u8* const coefficient = at + 4;
        if (wire >= r1cs.wires)
          throw malformed(nameOf(row) + " names wire " + std::to_string(wire) + " of " + std::to_string(r1cs.wires));
        if (!isBelow(coefficient, kScalarModulus))
          throw malformed("a coefficient of " + nameOf(row) + " is not reduced");
        if (isZero(coefficient, kScalarBytes)) throw malformed("a coefficient of " + nameOf(row) + " is 0");
        ascending = ascending && (side->wires.size() == from || wire > side->wires.back());
        side->wires.push_back(wire);
        side->coefficients.push_back(pool.idOf(coefficient));
      }
      if (!ascending) sortRow(*side, from, row);
      side->offsets.push_back(static_cast<u32>(side->wires.size()));
    }
  r1cs.constants = pool.take();
}

}  // namespace

R1cs readR1cs(Bytes file) {
  if (file.size > kMaxFileBytes) throw Failure::tooLarge(file.size, "bytes of .r1cs", kMaxFileBytes);
  MemorySource source(kCode, file);
  const Sections sections = readSections(source, kR1csFormat);
  const auto section = [&](unsigned type) {
    return Bytes{file.data + sections[type].at, static_cast<std::size_t>(sections[type].size)};
  };
  u64 labels = 0;
  R1cs r1cs = parseHeader(section(1), labels);
  checkLabels(section(3), r1cs.wires, labels);
  readConstraints(section(2), r1cs);
  return r1cs;
}

}  // namespace assay
