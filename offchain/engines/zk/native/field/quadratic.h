// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "prime-field.h"

namespace assay {
namespace ASSAY_ISA {

/** c0 + c1·u with u² = −1 over the base field: coordinates of G2. */
struct Fq2 {
  Fq c0, c1;

  static constexpr Fq2 zero() { return {Fq::zero(), Fq::zero()}; }
  static constexpr Fq2 one() { return {Fq::one(), Fq::zero()}; }
  ASSAY_INLINE bool isZero() const { return c0.isZero() && c1.isZero(); }
  ASSAY_INLINE bool operator==(const Fq2& other) const { return c0 == other.c0 && c1 == other.c1; }
  ASSAY_INLINE bool operator!=(const Fq2& other) const { return !(*this == other); }
  bool isReduced() const { return c0.isReduced() && c1.isReduced(); }

  friend ASSAY_INLINE Fq2 operator+(const Fq2& a, const Fq2& b) { return {a.c0 + b.c0, a.c1 + b.c1}; }
  friend ASSAY_INLINE Fq2 operator-(const Fq2& a, const Fq2& b) { return {a.c0 - b.c0, a.c1 - b.c1}; }
  ASSAY_INLINE Fq2 operator-() const { return {-c0, -c1}; }
  friend inline Fq2 operator*(const Fq2& a, const Fq2& b) {
    const Fq low = a.c0 * b.c0;
    const Fq high = a.c1 * b.c1;
    return {low - high, (a.c0 + a.c1) * (b.c0 + b.c1) - low - high};
  }
  friend ASSAY_INLINE Fq2 operator*(const Fq2& a, const Fq& b) { return {a.c0 * b, a.c1 * b}; }
  inline Fq2 squared() const {
    const Fq product = c0 * c1;
    return {(c0 + c1) * (c0 - c1), product.doubled()};
  }
  ASSAY_INLINE Fq2 doubled() const { return {c0.doubled(), c1.doubled()}; }
  ASSAY_INLINE Fq2 conjugate() const { return {c0, -c1}; }
  /** 0 for 0. */
  Fq2 inverse() const {
    const Fq norm = (c0.squared() + c1.squared()).inverse();
    return {c0 * norm, -(c1 * norm)};
  }
};

}  // namespace ASSAY_ISA
}  // namespace assay
