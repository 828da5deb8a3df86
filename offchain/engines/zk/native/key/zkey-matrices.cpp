// SPDX-License-Identifier: GPL-3.0-or-later
#include "chunks.h"
#include "constant-pool.h"
#include "failure.h"
#include "zkey.h"

namespace assay {
namespace {

/** u32 matrix, row, wire; the coefficient times R². */
constexpr std::size_t kEntryBytes = 12 + kScalarBytes;

struct Entry {
  u32 matrix;
  u32 row;
  u32 wire;
  const u8* coefficient;
};

Failure malformed(const std::string& reason) { return Failure("ZKEY_MALFORMED", reason); }

}  // namespace

ZkeyMatrices readMatrices(const Kernels& kernels, Source& source, const ZkeyLayout& layout) {
  const Place place = layout.coefficients;
  u8 head[4];
  if (place.size < sizeof head) throw malformed("section 4 is truncated");
  source.read(place.at, head, sizeof head);
  const u64 count = readU32(head);
  if (place.size != sizeof head + count * kEntryBytes)
    throw malformed("section 4 does not hold " + std::to_string(count) + " coefficients");
  const u32 rows = 1u << layout.header.logDomain;
  const auto forEach = [&](auto&& visit) {
    forEachItem(source, place.at + sizeof head, count, kEntryBytes, [&](const u8* item, u64 index) {
      const Entry entry{readU32(item), readU32(item + 4), readU32(item + 8), item + 12};
      if (entry.matrix > 1 || entry.row >= rows || entry.wire >= layout.header.wires ||
          !isBelow(entry.coefficient, kScalarModulus))
        throw malformed("coefficient " + std::to_string(index) + " is out of range");
      visit(entry);
    });
  };

  ZkeyMatrices result;
  Matrix* const matrices[] = {&result.a, &result.b};
  for (Matrix* matrix : matrices) matrix->offsets.assign(std::size_t{rows} + 1, 0);
  // First how long each row is, then what is in it: entries need not be sorted.
  forEach([&](const Entry& entry) { matrices[entry.matrix]->offsets[entry.row + 1]++; });
  std::vector<u32> next[2];
  for (unsigned i = 0; i < 2; i++) {
    std::vector<u32>& offsets = matrices[i]->offsets;
    for (u32 row = 0; row < rows; row++) offsets[row + 1] += offsets[row];
    matrices[i]->wires.resize(offsets[rows]);
    matrices[i]->coefficients.resize(offsets[rows]);
    next[i].assign(offsets.begin(), offsets.end() - 1);
  }
  ConstantPool pool;
  forEach([&](const Entry& entry) {
    Matrix& matrix = *matrices[entry.matrix];
    u32& at = next[entry.matrix][entry.row];
    if (at == matrix.offsets[entry.row + 1]) throw malformed("it changed while it was read");
    matrix.wires[at] = entry.wire;
    matrix.coefficients[at++] = pool.idOf(entry.coefficient);
  });
  result.constants = pool.take();
  // From c·R² to c·R.
  u8* const constants = result.constants.data();
  kernels.field(FieldName::scalar, FieldOperation::fromMontgomery, constants, nullptr, constants,
                result.constants.size() / kScalarBytes);
  return result;
}

}  // namespace assay
