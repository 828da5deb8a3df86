// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "inverse.h"
#include "modulus.h"
#ifdef ASSAY_ADX
#include "add-adx.h"
#include "multiply-adx.h"
#else
#include "add-portable.h"
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
    addWords<M>(a.limb, b.limb, sum.limb);
    return sum;
  }
  friend ASSAY_INLINE Field operator-(const Field& a, const Field& b) {
    Field difference;
    subtractWords<M>(a.limb, b.limb, difference.limb);
    return difference;
  }
  ASSAY_INLINE Field operator-() const { return zero() - *this; }
  friend ASSAY_INLINE Field operator*(const Field& a, const Field& b) {
    Field product;
    multiplyUnreduced<M>(a.limb, b.limb, product.limb);
    reduceWords<M>(product.limb);
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
