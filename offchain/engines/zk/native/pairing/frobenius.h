// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "sextic.h"

namespace assay {
namespace ASSAY_ISA {

/** (modulus − 1) / 6; the modulus is 1 mod 6. */
constexpr Limbs sixthOfOrder() {
  Limbs quotient{};
  u128 rest = 0;
  for (int i = 3; i >= 0; i--) {
    rest = rest << 64 | BaseModulus::value.limb[i];
    if (i == 0) rest -= 1;
    quotient.limb[i] = static_cast<u64>(rest / 6);
    rest %= 6;
  }
  return quotient;
}

/** of[i] = ξ^(i·(q−1)/6) = (w^i)^(q−1): what w^i is multiplied with when raised to the power q. */
struct FrobeniusFactors {
  Fq2 of[6];

  FrobeniusFactors() {
    constexpr Limbs exponent = sixthOfOrder();
    const Fq2 xi{Fq::of(9), Fq::one()};
    Fq2 factor = Fq2::one();
    for (int bit = 255; bit >= 0; bit--) {
      factor = factor.squared();
      if ((exponent.limb[bit / 64] >> (bit % 64)) & 1) factor = factor * xi;
    }
    of[0] = Fq2::one();
    for (int i = 1; i < 6; i++) of[i] = of[i - 1] * factor;
  }
};

inline const FrobeniusFactors& frobeniusFactors() {
  static const FrobeniusFactors factors;
  return factors;
}

}  // namespace ASSAY_ISA
}  // namespace assay
