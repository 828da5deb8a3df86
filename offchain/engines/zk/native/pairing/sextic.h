// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/quadratic.h"

namespace assay {
namespace ASSAY_ISA {

/** ξ·a with ξ = 9 + u, which is neither a square nor a cube. */
ASSAY_INLINE Fq2 timesXi(const Fq2& a) {
  const Fq2 eight = a.doubled().doubled().doubled();
  return {eight.c0 + a.c0 - a.c1, eight.c1 + a.c1 + a.c0};
}

/** c0 + c1·v + c2·v² with v³ = ξ. */
struct Fq6 {
  Fq2 c0, c1, c2;

  static constexpr Fq6 zero() { return {Fq2::zero(), Fq2::zero(), Fq2::zero()}; }
  static constexpr Fq6 one() { return {Fq2::one(), Fq2::zero(), Fq2::zero()}; }
  ASSAY_INLINE bool operator==(const Fq6& other) const { return c0 == other.c0 && c1 == other.c1 && c2 == other.c2; }

  friend inline Fq6 operator+(const Fq6& a, const Fq6& b) { return {a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2}; }
  friend inline Fq6 operator-(const Fq6& a, const Fq6& b) { return {a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2}; }
  Fq6 operator-() const { return {-c0, -c1, -c2}; }
  /** Karatsuba, three times over. */
  friend inline Fq6 operator*(const Fq6& a, const Fq6& b) {
    const Fq2 p0 = a.c0 * b.c0;
    const Fq2 p1 = a.c1 * b.c1;
    const Fq2 p2 = a.c2 * b.c2;
    const Fq2 p01 = (a.c0 + a.c1) * (b.c0 + b.c1) - p0 - p1;
    const Fq2 p02 = (a.c0 + a.c2) * (b.c0 + b.c2) - p0 - p2;
    const Fq2 p12 = (a.c1 + a.c2) * (b.c1 + b.c2) - p1 - p2;
    return {p0 + timesXi(p12), p01 + timesXi(p2), p02 + p1};
  }
  /** By b0 + b1·v. */
  Fq6 timesSparse(const Fq2& b0, const Fq2& b1) const {
    const Fq2 p0 = c0 * b0;
    const Fq2 p1 = c1 * b1;
    const Fq2 p01 = (c0 + c1) * (b0 + b1) - p0 - p1;
    return {p0 + timesXi(c2 * b1), p01, c2 * b0 + p1};
  }
  Fq6 timesV() const { return {timesXi(c2), c0, c1}; }

  /** 0 for 0. The product with its two conjugates over Fq² is the norm. */
  Fq6 inverse() const {
    const Fq2 a0 = c0.squared() - timesXi(c1 * c2);
    const Fq2 a1 = timesXi(c2.squared()) - c0 * c1;
    const Fq2 a2 = c1.squared() - c0 * c2;
    const Fq2 norm = (c0 * a0 + timesXi(c2 * a1 + c1 * a2)).inverse();
    return {a0 * norm, a1 * norm, a2 * norm};
  }
};

}  // namespace ASSAY_ISA
}  // namespace assay
