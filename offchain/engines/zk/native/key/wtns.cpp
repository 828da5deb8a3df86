// SPDX-License-Identifier: GPL-3.0-or-later
#include "wtns.h"

#include "binary-file.h"
#include "failure.h"
#include "zkey.h"

namespace assay {
namespace {

constexpr std::size_t kHeaderBytes = 4 + kScalarBytes + 4;
constexpr char kCode[] = "WITNESS_MALFORMED";

}  // namespace

bool isOne(const u8* scalar) { return scalar[0] == 1 && isZero(scalar + 1, kScalarBytes - 1); }

std::size_t firstUnreduced(const u8* scalars, std::size_t count) {
  for (std::size_t i = 0; i < count; i++)
    if (!isBelow(scalars + i * kScalarBytes, kScalarModulus)) return i;
  return count;
}

Bytes readWtns(Bytes file) {
  MemorySource source(kCode, file);
  const Sections sections = readSections(source, kWtnsFormat);
  if (sections[1].size != kHeaderBytes)
    throw Failure(kCode, "its header has " + std::to_string(sections[1].size) + " bytes");
  const u8* const header = file.data + sections[1].at;
  if (!isField(header, kScalarModulus)) throw Failure(kCode, "it is not over BN254's scalar field");
  const u32 wires = readU32(header + 36);
  if (wires == 0 || wires > kMaxWires) throw Failure(kCode, "it has " + std::to_string(wires) + " wires");
  if (sections[2].size != std::size_t{wires} * kScalarBytes)
    throw Failure(kCode, "its values have " + std::to_string(sections[2].size) + " bytes for " +
                             std::to_string(wires) + " wires");
  const u8* const values = file.data + sections[2].at;
  const std::size_t bad = firstUnreduced(values, wires);
  if (bad < wires) throw Failure(kCode, "the value of wire " + std::to_string(bad) + " is not reduced");
  if (!isOne(values)) throw Failure(kCode, "wire 0 is not 1");
  return {values, static_cast<std::size_t>(sections[2].size)};
}

}  // namespace assay
