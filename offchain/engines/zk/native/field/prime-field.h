// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "inverse.h"
#include "modulus.h"
#ifdef ASSAY_ADX
#include "multiply-adx.h"
#else
#include "multiply-portable.h"
#endif

namespace assay {
namespace ASSAY_ISA {

/** An element in Montgomery form, R = 2^256, always reduced, so that equal elements are equal words. Nothing here is constant time. */
template <class M>
struct Field {
  using Modulus = M;
  static constexpr Limbs kR = powerOfTwo(256, M::value);
  static constexpr Limbs kR2 = powerOfTwo(512, M::value);
  static constexpr Limbs kR3 = powerOfTwo(768, M::value);

  u64 limb[4];

  static constexpr Field fromLimbs(const Limbs& words) {
    return {{words.limb[0], words.limb[1], words.limb[2], words.limb[3]}};
  }
  static constexpr Field zero() { return {{0, 0, 0, 0}}; }
  static constexpr Field one() { return fromLimbs(kR); }
  /** Of a small integer. */
  static Field of(u64 value) { return Field{{value, 0, 0, 0}}.toMontgomery(); }
  static ASSAY_INLINE Field load(const void* bytes) {
    Field value;
    std::memcpy(value.limb, bytes, 32);
    return value;
  }
  ASSAY_INLINE void store(void* bytes) const { std::memcpy(bytes, limb, 32); }

  ASSAY_INLINE bool isZero() const { return (limb[0] | limb[1] | limb[2] | limb[3]) == 0; }
  ASSAY_INLINE bool operator==(const Field& other) const {
    return ((limb[0] ^ other.limb[0]) | (limb[1] ^ other.limb[1]) | (limb[2] ^ other.limb[2]) |
            (limb[3] ^ other.limb[3])) == 0;
  }
  ASSAY_INLINE bool operator!=(const Field& other) const { return !(*this == other); }
  /** Whether the words are below the modulus: for elements that came from outside. */
  bool isReduced() const { return isBelow(Limbs{{limb[0], limb[1], limb[2], limb[3]}}, M::value); }

  /** From the plain integer that the words are. */
  Field toMontgomery() const { return *this * fromLimbs(kR2); }
  /** To the plain integer. */
  Field fromMontgomery() const { return *this * Field{{1, 0, 0, 0}}; }

  friend ASSAY_INLINE Field operator+(const Field& a, const Field& b) {
    Field sum;
    u64 carry = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(a.limb[i]) + b.limb[i] + carry;
      sum.limb[i] = static_cast<u64>(word);
      carry = static_cast<u64>(word >> 64);
    }
    sum.reduceOnce();
    return sum;
  }
  friend ASSAY_INLINE Field operator-(const Field& a, const Field& b) {
    Field difference;
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(a.limb[i]) - b.limb[i] - borrow;
      difference.limb[i] = static_cast<u64>(word);
      borrow = static_cast<u64>(word >> 64) & 1;
    }
    const u64 mask = ~(borrow - 1);
    u64 carry = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(difference.limb[i]) + (M::value.limb[i] & mask) + carry;
      difference.limb[i] = static_cast<u64>(word);
      carry = static_cast<u64>(word >> 64);
    }
    return difference;
  }
  ASSAY_INLINE Field operator-() const { return isZero() ? *this : fromLimbs(M::value).subtractWords(*this); }
  friend ASSAY_INLINE Field operator*(const Field& a, const Field& b) {
    Field product;
    multiplyUnreduced<M>(a.limb, b.limb, product.limb);
    product.reduceOnce();
    return product;
  }
  ASSAY_INLINE Field squared() const { return *this * *this; }
  ASSAY_INLINE Field doubled() const { return *this + *this; }

  /** To the power of a plain integer of four limbs. */
  Field power(const Limbs& exponent) const {
    Field result = one();
    for (int bit = 255; bit >= 0; bit--) {
      result = result.squared();
      if ((exponent.limb[bit / 64] >> (bit % 64)) & 1) result = result * *this;
    }
    return result;
  }
  /** 0 for 0. */
  Field inverse() const;

 private:
  /** Words of *this − other, which must not be negative. */
  ASSAY_INLINE Field subtractWords(const Field& other) const {
    Field difference;
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(limb[i]) - other.limb[i] - borrow;
      difference.limb[i] = static_cast<u64>(word);
      borrow = static_cast<u64>(word >> 64) & 1;
    }
    return difference;
  }
  /** From below 2m to below m, without a branch: the choice is a coin toss. */
  ASSAY_INLINE void reduceOnce() {
    u64 reduced[4];
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(limb[i]) - M::value.limb[i] - borrow;
      reduced[i] = static_cast<u64>(word);
      borrow = static_cast<u64>(word >> 64) & 1;
    }
    const u64 keep = ~(borrow - 1);
    for (int i = 0; i < 4; i++) limb[i] = (limb[i] & keep) | (reduced[i] & ~keep);
  }
};

template <class M>
Field<M> Field<M>::inverse() const {
  // The words are a·R; of 1/(a·R) and R³ the Montgomery product is R/a.
  return fromLimbs(inverseOf<M>({{limb[0], limb[1], limb[2], limb[3]}})) * fromLimbs(kR3);
}

using Fq = Field<BaseModulus>;
using Fr = Field<ScalarModulus>;

}  // namespace ASSAY_ISA
}  // namespace assay
