// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/lanes.h"
#include "point.h"

namespace assay {
namespace ASSAY_ISA {

// Coordinates of eight points for the lane adder. Operations are those of the addition formula with the bounds that it needs, m the
// modulus: "reduced" is below m, a difference of reduced ones below 2m, a product below 3.25m for factors below 3.25m and 8m.

struct LaneFq {
  using Scalar = Fq;
  static constexpr int kWords = 4;
  FqLanes value;

  static ASSAY_INLINE LaneFq fromWords(const __m512i* words) { return {FqLanes::fromWords(words)}; }
  ASSAY_INLINE void toWords(__m512i* words) const { value.toWords(words); }
  static ASSAY_INLINE LaneFq one() { return {FqLanes::all(toLimbs52(Fq::kR))}; }
  ASSAY_INLINE void blend(__mmask8 where, const LaneFq& other) { value.blend(where, other.value); }
  /** m − a where asked, for reduced a. */
  ASSAY_INLINE void negate(__mmask8 where) { value.blend(where, minus(FqLanes::zero(), value, FqLanes::kModulus)); }
  ASSAY_INLINE void setLane(int lane, const Fq& element) {
    const Limbs52 limbs = toLimbs52({{element.limb[0], element.limb[1], element.limb[2], element.limb[3]}});
    for (int i = 0; i < 5; i++)
      std::memcpy(reinterpret_cast<u8*>(&value.limb[i]) + 8 * lane, &limbs.limb[i], sizeof(u64));
  }

  friend ASSAY_INLINE LaneFq difference(const LaneFq& a, const LaneFq& b) {
    return {minus(a.value, b.value, FqLanes::kModulus)};
  }
  /** 4(a − b), below 8m. */
  friend ASSAY_INLINE LaneFq fourDifferences(const LaneFq& a, const LaneFq& b) {
    return {minus(a.value, b.value, FqLanes::kModulus, 2)};
  }
  friend ASSAY_INLINE LaneFq product(const LaneFq& a, const LaneFq& b) { return {multiply(a.value, b.value)}; }
  friend ASSAY_INLINE LaneFq square(const LaneFq& a) { return {multiply(a.value, a.value)}; }
  /** product − a − b, reduced, and product − a, reduced; a and b reduced. */
  friend ASSAY_INLINE LaneFq reducedLess(const LaneFq& product, const LaneFq& a, const LaneFq& b) {
    return {minus(product.value, plus(a.value, b.value), FqLanes::kTwice).lessOnce(FqLanes::kTwice).lessOnce(FqLanes::kModulus)};
  }
  friend ASSAY_INLINE LaneFq reducedLess(const LaneFq& product, const LaneFq& a) {
    return {minus(product.value, a.value, FqLanes::kModulus).lessOnce(FqLanes::kTwice).lessOnce(FqLanes::kModulus)};
  }
  /** A product, reduced. */
  ASSAY_INLINE LaneFq reduced() const { return {value.lessOnce(FqLanes::kModulus)}; }
};

struct LaneFq2 {
  using Scalar = Fq2;
  static constexpr int kWords = 8;
  FqLanes c0, c1;

  static ASSAY_INLINE LaneFq2 fromWords(const __m512i* words) {
    return {FqLanes::fromWords(words), FqLanes::fromWords(words + 4)};
  }
  ASSAY_INLINE void toWords(__m512i* words) const {
    c0.toWords(words);
    c1.toWords(words + 4);
  }
  static ASSAY_INLINE LaneFq2 one() { return {FqLanes::all(toLimbs52(Fq::kR)), FqLanes::zero()}; }
  ASSAY_INLINE void blend(__mmask8 where, const LaneFq2& other) {
    c0.blend(where, other.c0);
    c1.blend(where, other.c1);
  }
  ASSAY_INLINE void negate(__mmask8 where) {
    c0.blend(where, minus(FqLanes::zero(), c0, FqLanes::kModulus).lessOnce(FqLanes::kModulus));
    c1.blend(where, minus(FqLanes::zero(), c1, FqLanes::kModulus).lessOnce(FqLanes::kModulus));
  }
  ASSAY_INLINE void setLane(int lane, const Fq2& element) {
    LaneFq first{c0}, second{c1};
    first.setLane(lane, element.c0);
    second.setLane(lane, element.c1);
    c0 = first.value;
    c1 = second.value;
  }

  friend ASSAY_INLINE LaneFq2 difference(const LaneFq2& a, const LaneFq2& b) {
    return {minus(a.c0, b.c0, FqLanes::kModulus), minus(a.c1, b.c1, FqLanes::kModulus)};
  }
  friend ASSAY_INLINE LaneFq2 fourDifferences(const LaneFq2& a, const LaneFq2& b) {
    return {minus(a.c0, b.c0, FqLanes::kModulus, 2), minus(a.c1, b.c1, FqLanes::kModulus, 2)};
  }
  /** Karatsuba. Factors below 3.25m and 8m: partial products are below 1.31m and 2.22m. */
  friend ASSAY_INLINE LaneFq2 product(const LaneFq2& a, const LaneFq2& b) {
    const FqLanes low = multiply(a.c0, b.c0);
    const FqLanes high = multiply(a.c1, b.c1);
    const FqLanes cross = multiply(plus(a.c0, a.c1), plus(b.c0, b.c1));
    return {minus(low, high, FqLanes::kTwice).lessOnce(FqLanes::kTwice),
            minus(cross, plus(low, high), kThreefold).lessOnce(FqLanes::kTwice)};
  }
  /** Of a product: below 1.6m and 2.3m. */
  friend ASSAY_INLINE LaneFq2 square(const LaneFq2& a) {
    const FqLanes cross = multiply(a.c0, a.c1);
    return {multiply(plus(a.c0, a.c1), minus(a.c0, a.c1, FqLanes::kFourfold)), plus(cross, cross)};
  }
  friend ASSAY_INLINE LaneFq2 reducedLess(const LaneFq2& product, const LaneFq2& a, const LaneFq2& b) {
    return {less(product.c0, plus(a.c0, b.c0), FqLanes::kTwice), less(product.c1, plus(a.c1, b.c1), FqLanes::kTwice)};
  }
  friend ASSAY_INLINE LaneFq2 reducedLess(const LaneFq2& product, const LaneFq2& a) {
    return {less(product.c0, a.c0, FqLanes::kModulus), less(product.c1, a.c1, FqLanes::kModulus)};
  }
  ASSAY_INLINE LaneFq2 reduced() const {
    return {less(c0, FqLanes::zero(), FqLanes::kModulus), less(c1, FqLanes::zero(), FqLanes::kModulus)};
  }

 private:
  static constexpr Limbs52 kThreefold{{FqLanes::kModulus.limb[0] * 3, FqLanes::kModulus.limb[1] * 3,
                                       FqLanes::kModulus.limb[2] * 3, FqLanes::kModulus.limb[3] * 3,
                                       FqLanes::kModulus.limb[4] * 3}};
  /** a − b + offset, reduced, where that is below 6m. */
  static ASSAY_INLINE FqLanes less(const FqLanes& a, const FqLanes& b, const Limbs52& offset) {
    return minus(a, b, offset).lessOnce(FqLanes::kTwice).lessOnce(FqLanes::kTwice).lessOnce(FqLanes::kModulus);
  }
};

}  // namespace ASSAY_ISA
}  // namespace assay
