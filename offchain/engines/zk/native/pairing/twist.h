// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../curve/point.h"
#include "frobenius.h"
#include "parameter.h"

namespace assay {
namespace ASSAY_ISA {

/** ψ: to the curve, each coordinate to the power q, and back. */
inline G2 twistFrobenius(const G2& point) {
  const Fq2* factor = frobeniusFactors().of;
  return {point.x.conjugate() * factor[2], point.y.conjugate() * factor[3]};
}
inline Extended<Fq2> twistFrobenius(const Extended<Fq2>& point) {
  const Fq2* factor = frobeniusFactors().of;
  return {point.x.conjugate() * factor[2], point.y.conjugate() * factor[3], point.zz.conjugate(), point.zzz.conjugate()};
}

/**
 * Whether a point of the twist has order r (or is infinity): whether η = (x+1) + x·ψ + x·ψ² − 2x·ψ³ takes it to infinity (El Housni,
 * Guillevic and Piellard, "Co-factor clearing and subgroup membership testing on pairing-friendly curves", 2022). In G2 ψ is
 * multiplication by q, and r divides η(q). Conversely, with ψ² = t·ψ − q, what η annihilates is annihilated by its norm, an integer
 * whose greatest common divisor with the twist's order r·(2q − r) is r: test/offchain/engines/zk/native/pairing.test.ts computes it.
 */
inline bool hasOrderR(const G2& point) {
  constexpr SignedDigits digits = signedDigits(kCurveX);
  const G2 negative = -point;
  Extended<Fq2> multiple = Extended<Fq2>::of(point);
  for (int i = digits.count - 2; i >= 0; i--) {
    multiple = multiple.doubled();
    if (digits.digit[i] > 0) multiple += point;
    if (digits.digit[i] < 0) multiple += negative;
  }
  const Extended<Fq2> first = twistFrobenius(multiple);
  const Extended<Fq2> second = twistFrobenius(first);
  const Extended<Fq2> third = -twistFrobenius(second);
  multiple += point;
  multiple += first;
  multiple += second;
  multiple += third.doubled();
  return multiple.isInfinity();
}

}  // namespace ASSAY_ISA
}  // namespace assay
