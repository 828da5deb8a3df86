// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "parameter.h"
#include "twelfth.h"

namespace assay {
namespace ASSAY_ISA {

/** To the power x, of an element whose order divides q⁴ − q² + 1: its inverse is its conjugate. */
inline Fq12 powerX(const Fq12& base) {
  constexpr SignedDigits digits = signedDigits(kCurveX);
  const Fq12 inverse = base.conjugate();
  Fq12 power = base;
  for (int i = digits.count - 2; i >= 0; i--) {
    power = power.cyclotomicSquared();
    if (digits.digit[i] > 0) power = power * base;
    if (digits.digit[i] < 0) power = power * inverse;
  }
  return power;
}

/**
 * Whether value^((q¹² − 1)/r) = 1; false for 0. The exponent is (q⁶ − 1)·(q² + 1)·(q⁴ − q² + 1)/r, of which the last factor is taken
 * 2x·(6x² + 3x + 1) times, which r does not divide: it is then (12x³ + 12x² + 6x + 1) + (12x³ + 6x² + 4x)·q + (12x³ + 6x² + 6x)·q² +
 * (12x³ + 6x² + 4x − 1)·q³ (Fuentes-Castañeda, Knapp and Rodríguez-Henríquez, "Faster hashing to G2", 2011).
 */
inline bool isOneInTarget(const Fq12& value) {
  if (value == Fq12{Fq6::zero(), Fq6::zero()}) return false;
  const Fq12 half = value.conjugate() * value.inverse();
  const Fq12 f = half.frobenius().frobenius() * half;

  const Fq12 f2x = powerX(f).cyclotomicSquared();
  const Fq12 f6x = f2x.cyclotomicSquared() * f2x;
  const Fq12 f6x2 = powerX(f6x);
  const Fq12 f12x3 = powerX(f6x2).cyclotomicSquared();
  const Fq12 a = f12x3 * f6x2 * f6x;
  const Fq12 b = a * f2x.conjugate();
  // By Horner in q.
  const Fq12 result = a * f6x2 * f * (b * (a * (b * f.conjugate()).frobenius()).frobenius()).frobenius();
  return result == Fq12::one();
}

}  // namespace ASSAY_ISA
}  // namespace assay
