// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/prime-field.h"
#include "../kernels.h"

namespace assay {
namespace ASSAY_ISA {

/** Σ coefficient·wire of one row, plain. Most coefficients are ±1 and many wires 0, which cost no multiplication. */
ASSAY_INLINE Fr evaluateRow(const SparseRows& rows, const u8* constants, const u8* witness, std::size_t row) {
  constexpr Fr one = Fr::one();
  const Fr minusOne = -one;
  Fr sum = Fr::zero();
  for (u32 i = rows.offsets[row]; i < rows.offsets[row + 1]; i++) {
    const Fr value = Fr::load(witness + 32 * static_cast<std::size_t>(rows.wires[i]));
    if (value.isZero()) continue;
    const Fr coefficient = Fr::load(constants + 32 * static_cast<std::size_t>(rows.coefficients[i]));
    if (coefficient == one)
      sum = sum + value;
    else if (coefficient == minusOne)
      sum = sum - value;
    else
      sum = sum + coefficient * value;
  }
  return sum;
}

}  // namespace ASSAY_ISA
}  // namespace assay
