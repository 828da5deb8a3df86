// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/prime-field.h"
#include "../pool.h"

namespace assay {
namespace ASSAY_ISA {

/** The root of unity of order 2^log that keys are made with: 5^((r−1)/2^28), squared 28 − log times. log ≤ 28. */
inline Fr rootOfUnity(unsigned log) {
  Limbs exponent = ScalarModulus::value;
  exponent.limb[0] -= 1;
  for (int i = 0; i < 4; i++) exponent.limb[i] = (exponent.limb[i] >> 28) | (i < 3 ? exponent.limb[i + 1] << 36 : 0);
  Fr root = Fr::of(5).power(exponent);
  for (unsigned i = 28; i > log; i--) root = root.squared();
  return root;
}

ASSAY_INLINE std::size_t reversedBits(std::size_t value, unsigned bits) {
  std::size_t reversed = 0;
  for (unsigned i = 0; i < bits; i++) reversed |= ((value >> i) & 1) << (bits - 1 - i);
  return reversed;
}

/** Calls visit(k, factor·base^k) for every k below count, chunk by chunk on the pool's threads. */
template <class Visit>
void eachPower(Pool& pool, std::size_t count, const Fr& base, const Fr& factor, Visit&& visit) {
  constexpr std::size_t kChunk = 4096;
  parallel(pool, (count + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    const std::size_t from = chunk * kChunk;
    const std::size_t end = from + kChunk < count ? from + kChunk : count;
    Fr power = factor * base.power({{from, 0, 0, 0}});
    for (std::size_t k = from; k < end; k++) {
      visit(k, power);
      power = power * base;
    }
  });
}

}  // namespace ASSAY_ISA
}  // namespace assay
