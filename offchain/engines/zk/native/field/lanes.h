// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <immintrin.h>
#include "prime-field.h"

namespace assay {
namespace ASSAY_ISA {

/** Five limbs of 52 bits. */
struct Limbs52 {
  u64 limb[5];

  /** This twice, in limbs of 53 bits: only for constants that are added or subtracted before a carry. */
  constexpr Limbs52 doubledLimbs() const {
    return {{2 * limb[0], 2 * limb[1], 2 * limb[2], 2 * limb[3], 2 * limb[4]}};
  }
};
constexpr u64 kMask52 = (u64{1} << 52) - 1;

constexpr Limbs52 toLimbs52(const Limbs& words) {
  const u64* w = words.limb;
  return {{w[0] & kMask52, ((w[0] >> 52) | (w[1] << 12)) & kMask52, ((w[1] >> 40) | (w[2] << 24)) & kMask52,
           ((w[2] >> 28) | (w[3] << 36)) & kMask52, w[3] >> 16}};
}

constexpr Limbs shiftedLeft(const Limbs& words, unsigned bits) {
  Limbs shifted{};
  for (int i = 3; i >= 0; i--)
    shifted.limb[i] = bits == 0 ? words.limb[i] : (words.limb[i] << bits) | (i > 0 ? words.limb[i - 1] >> (64 - bits) : 0);
  return shifted;
}

/**
 * Eight elements side by side for AVX-512 IFMA: limb i of all eight in one register, 52 bits each. Values are below a small multiple of
 * the modulus m instead of reduced; each function says what it takes and gives. `multiply` divides by 2^260, not by 2^256: words that mean
 * v·2^256 in both factors give v·2^252. Sums of products keep such factors apart, so keys' words are used as they are.
 */
template <class M>
struct Lanes {
  static constexpr Limbs52 kModulus = toLimbs52(M::value);
  static constexpr Limbs52 kTwice = toLimbs52(shiftedLeft(M::value, 1));
  static constexpr Limbs52 kFourfold = toLimbs52(shiftedLeft(M::value, 2));
  static constexpr u64 kNegativeInverse = negativeInverse(M::value.limb[0]) & kMask52;

  __m512i limb[5];

  static ASSAY_INLINE Lanes all(const Limbs52& value) {
    Lanes lanes;
    for (int i = 0; i < 5; i++) lanes.limb[i] = _mm512_set1_epi64(static_cast<i64>(value.limb[i]));
    return lanes;
  }
  static ASSAY_INLINE Lanes zero() {
    Lanes lanes;
    for (int i = 0; i < 5; i++) lanes.limb[i] = _mm512_setzero_si512();
    return lanes;
  }

  /** From four registers of 64-bit words, and back; below 2^256. */
  static ASSAY_INLINE Lanes fromWords(const __m512i* word) {
    const __m512i mask = _mm512_set1_epi64(static_cast<i64>(kMask52));
    Lanes lanes;
    lanes.limb[0] = _mm512_and_si512(word[0], mask);
    lanes.limb[1] = _mm512_and_si512(_mm512_shrdi_epi64(word[0], word[1], 52), mask);
    lanes.limb[2] = _mm512_and_si512(_mm512_shrdi_epi64(word[1], word[2], 40), mask);
    lanes.limb[3] = _mm512_and_si512(_mm512_shrdi_epi64(word[2], word[3], 28), mask);
    lanes.limb[4] = _mm512_srli_epi64(word[3], 16);
    return lanes;
  }
  ASSAY_INLINE void toWords(__m512i* word) const {
    word[0] = _mm512_or_si512(limb[0], _mm512_slli_epi64(limb[1], 52));
    word[1] = _mm512_or_si512(_mm512_srli_epi64(limb[1], 12), _mm512_slli_epi64(limb[2], 40));
    word[2] = _mm512_or_si512(_mm512_srli_epi64(limb[2], 24), _mm512_slli_epi64(limb[3], 28));
    word[3] = _mm512_or_si512(_mm512_srli_epi64(limb[3], 36), _mm512_slli_epi64(limb[4], 16));
  }

  /** Carries, also negative ones, up to the last limb. */
  ASSAY_INLINE void carry() {
    const __m512i mask = _mm512_set1_epi64(static_cast<i64>(kMask52));
    for (int i = 0; i < 4; i++) {
      limb[i + 1] = _mm512_add_epi64(limb[i + 1], _mm512_srai_epi64(limb[i], 52));
      limb[i] = _mm512_and_si512(limb[i], mask);
    }
  }
  /** Limb by limb, for what is carried later. */
  friend ASSAY_INLINE Lanes plusUncarried(const Lanes& a, const Lanes& b) {
    Lanes sum;
    for (int i = 0; i < 5; i++) sum.limb[i] = _mm512_add_epi64(a.limb[i], b.limb[i]);
    return sum;
  }
  friend ASSAY_INLINE Lanes minusUncarried(const Lanes& a, const Lanes& b, const Limbs52& offset) {
    Lanes difference;
    for (int i = 0; i < 5; i++) {
      const __m512i added = _mm512_add_epi64(a.limb[i], _mm512_set1_epi64(static_cast<i64>(offset.limb[i])));
      difference.limb[i] = _mm512_sub_epi64(added, b.limb[i]);
    }
    return difference;
  }
  /** a + b. */
  friend ASSAY_INLINE Lanes plus(const Lanes& a, const Lanes& b) {
    Lanes sum = plusUncarried(a, b);
    sum.carry();
    return sum;
  }
  /** a − b + offset, times 2^shift; must not be negative. */
  friend ASSAY_INLINE Lanes minus(const Lanes& a, const Lanes& b, const Limbs52& offset, unsigned shift = 0) {
    Lanes difference;
    for (int i = 0; i < 5; i++) {
      const __m512i added = _mm512_add_epi64(a.limb[i], _mm512_set1_epi64(static_cast<i64>(offset.limb[i])));
      difference.limb[i] = _mm512_slli_epi64(_mm512_sub_epi64(added, b.limb[i]), shift);
    }
    difference.carry();
    return difference;
  }
  /** a, less `limit` where that is not negative. */
  ASSAY_INLINE Lanes lessOnce(const Limbs52& limit) const {
    Lanes reduced;
    for (int i = 0; i < 5; i++)
      reduced.limb[i] = _mm512_sub_epi64(limb[i], _mm512_set1_epi64(static_cast<i64>(limit.limb[i])));
    reduced.carry();
    const __mmask8 negative = _mm512_movepi64_mask(reduced.limb[4]);
    for (int i = 0; i < 5; i++) reduced.limb[i] = _mm512_mask_mov_epi64(reduced.limb[i], negative, limb[i]);
    return reduced;
  }
  ASSAY_INLINE void blend(__mmask8 where, const Lanes& other) {
    for (int i = 0; i < 5; i++) limb[i] = _mm512_mask_mov_epi64(limb[i], where, other.limb[i]);
  }

  /** a·b/2^260 for a ≤ αm, b ≤ βm: below (1 + 0.0119αβ)·m. αβ up to 128. */
  friend ASSAY_INLINE Lanes multiply(const Lanes& a, const Lanes& b) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i inverse = _mm512_set1_epi64(static_cast<i64>(kNegativeInverse));
    Lanes sum = Lanes::zero();
#pragma GCC unroll 5
    for (int round = 0; round < 5; round++) {
      const __m512i factor = b.limb[round];
      sum.limb[0] = _mm512_madd52lo_epu64(sum.limb[0], a.limb[0], factor);
      const __m512i multiple = _mm512_madd52lo_epu64(zero, sum.limb[0], inverse);
      __m512i high[5];
#pragma GCC unroll 5
      for (int i = 0; i < 5; i++) {
        if (i > 0) sum.limb[i] = _mm512_madd52lo_epu64(sum.limb[i], a.limb[i], factor);
        high[i] = _mm512_madd52hi_epu64(zero, a.limb[i], factor);
      }
#pragma GCC unroll 5
      for (int i = 0; i < 5; i++) {
        const __m512i modulus = _mm512_set1_epi64(static_cast<i64>(kModulus.limb[i]));
        sum.limb[i] = _mm512_madd52lo_epu64(sum.limb[i], multiple, modulus);
        high[i] = _mm512_madd52hi_epu64(high[i], multiple, modulus);
      }
      // The lowest limb is a multiple of 2^52 now: what it carries goes one down with the rest.
      sum.limb[0] = _mm512_add_epi64(_mm512_add_epi64(sum.limb[1], high[0]), _mm512_srli_epi64(sum.limb[0], 52));
#pragma GCC unroll 3
      for (int i = 1; i < 4; i++) sum.limb[i] = _mm512_add_epi64(sum.limb[i + 1], high[i]);
      sum.limb[4] = high[4];
    }
    sum.carry();
    return sum;
  }
};

using FqLanes = Lanes<BaseModulus>;
using FrLanes = Lanes<ScalarModulus>;

/** Rows to columns: register i word j ↔ register j word i. */
ASSAY_INLINE void transpose(__m512i* r) {
  __m512i low[4], high[4];
  for (int i = 0; i < 4; i++) {
    low[i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
    high[i] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
  }
  const auto spread = [r](const __m512i* pairs, int odd) {
    const __m512i a = _mm512_shuffle_i64x2(pairs[0], pairs[1], 0x88);
    const __m512i b = _mm512_shuffle_i64x2(pairs[0], pairs[1], 0xdd);
    const __m512i c = _mm512_shuffle_i64x2(pairs[2], pairs[3], 0x88);
    const __m512i d = _mm512_shuffle_i64x2(pairs[2], pairs[3], 0xdd);
    r[0 + odd] = _mm512_shuffle_i64x2(a, c, 0x88);
    r[2 + odd] = _mm512_shuffle_i64x2(b, d, 0x88);
    r[4 + odd] = _mm512_shuffle_i64x2(a, c, 0xdd);
    r[6 + odd] = _mm512_shuffle_i64x2(b, d, 0xdd);
  };
  spread(low, 0);
  spread(high, 1);
}

}  // namespace ASSAY_ISA
}  // namespace assay
