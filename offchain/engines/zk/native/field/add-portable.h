// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "modulus.h"

namespace assay {
namespace ASSAY_ISA {

/** words mod m from below 2m, without a branch: the choice is a coin toss. */
template <class Modulus>
ASSAY_INLINE void reduceWords(u64* words) {
  u64 reduced[4];
  u64 borrow = 0;
  for (int i = 0; i < 4; i++) {
    const u128 word = static_cast<u128>(words[i]) - Modulus::value.limb[i] - borrow;
    reduced[i] = static_cast<u64>(word);
    borrow = static_cast<u64>(word >> 64) & 1;
  }
  const u64 keep = ~(borrow - 1);
  for (int i = 0; i < 4; i++) words[i] = (words[i] & keep) | (reduced[i] & ~keep);
}

/** a + b mod m of reduced numbers. */
template <class Modulus>
ASSAY_INLINE void addWords(const u64* a, const u64* b, u64* out) {
  u64 carry = 0;
  for (int i = 0; i < 4; i++) {
    const u128 word = static_cast<u128>(a[i]) + b[i] + carry;
    out[i] = static_cast<u64>(word);
    carry = static_cast<u64>(word >> 64);
  }
  reduceWords<Modulus>(out);
}

/** a − b mod m of reduced numbers. */
template <class Modulus>
ASSAY_INLINE void subtractWords(const u64* a, const u64* b, u64* out) {
  u64 difference[4];
  u64 borrow = 0;
  for (int i = 0; i < 4; i++) {
    const u128 word = static_cast<u128>(a[i]) - b[i] - borrow;
    difference[i] = static_cast<u64>(word);
    borrow = static_cast<u64>(word >> 64) & 1;
  }
  const u64 mask = ~(borrow - 1);
  u64 carry = 0;
  for (int i = 0; i < 4; i++) {
    const u128 word = static_cast<u128>(difference[i]) + (Modulus::value.limb[i] & mask) + carry;
    out[i] = static_cast<u64>(word);
    carry = static_cast<u64>(word >> 64);
  }
}

}  // namespace ASSAY_ISA
}  // namespace assay
