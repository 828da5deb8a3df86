// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "modulus.h"

namespace assay {
namespace ASSAY_ISA {

// Inversion by Bernstein and Yang's division steps ("Fast constant-time gcd computation and modular inversion", 2019), here in variable
// time. The pair (f, g) starts as (modulus, value); a step halves g, after having made it even by adding f or, where that keeps the pair
// shrinking, by first turning (f, g) into (g, −f). Only the lowest bits decide, so 62 steps are taken on single words and collected in a
// matrix; the matrix then acts on the long numbers: exactly on (f, g), modulo the modulus on (d, e), which keep value·d = f and
// value·e = g. At the end g = 0, f = ±1 and ±d is the inverse.

/** Five signed words of 62 bits, least significant first; all but the highest in [0, 2^62). */
struct SignedWords {
  i64 word[5];
};

constexpr int kStepsAtOnce = 62;
constexpr u64 kWordMask = ~u64{0} >> 2;

constexpr SignedWords toSignedWords(const Limbs& a) {
  const u64* limb = a.limb;
  return {{static_cast<i64>(limb[0] & kWordMask), static_cast<i64>((limb[0] >> 62 | limb[1] << 2) & kWordMask),
           static_cast<i64>((limb[1] >> 60 | limb[2] << 4) & kWordMask), static_cast<i64>((limb[2] >> 58 | limb[3] << 6) & kWordMask),
           static_cast<i64>(limb[3] >> 56)}};
}

/** Of a number in [0, 2^256). */
constexpr Limbs fromSignedWords(const SignedWords& a) {
  const u64 word[5] = {static_cast<u64>(a.word[0]), static_cast<u64>(a.word[1]), static_cast<u64>(a.word[2]),
                       static_cast<u64>(a.word[3]), static_cast<u64>(a.word[4])};
  return {{word[0] | word[1] << 62, word[1] >> 2 | word[2] << 60, word[2] >> 4 | word[3] << 58, word[3] >> 6 | word[4] << 56}};
}

/** What 62 steps do, times 2^62: (f, g) becomes (u·f + v·g, q·f + r·g) / 2^62. */
struct StepMatrix {
  i64 u, v, q, r;
};

/**
 * 62 steps on the lowest words of f (odd) and g. `eta` is the paper's −δ. The multiple of f that clears several low bits of g at once is
 * g·(−1/f): −1/f mod 2^6 is f·(f² − 2), and mod 2^4 −(f + ((f + 1) & 4)·2).
 */
inline StepMatrix divisionSteps(i64& eta, u64 f, u64 g) {
  u64 u = 1, v = 0, q = 0, r = 1;
  i64 balance = eta;
  int left = kStepsAtOnce;
  for (;;) {
    const int zeros = __builtin_ctzll(g | (~u64{0} << left));
    g >>= zeros;
    u <<= zeros;
    v <<= zeros;
    balance -= zeros;
    left -= zeros;
    if (left == 0) break;
    u64 bits, multiple;
    if (balance < 0) {
      balance = -balance;
      const u64 oldF = f, oldU = u, oldV = v;
      f = g, g = ~oldF + 1;
      u = q, q = ~oldU + 1;
      v = r, r = ~oldV + 1;
      bits = 63;
      multiple = f * g * (f * f - 2);
    } else {
      bits = 15;
      multiple = ~((f + (((f + 1) & 4) << 1)) * g) + 1;
    }
    // No more bits than steps that are left and than steps until the next turn.
    const int limit = balance + 1 > left ? left : static_cast<int>(balance) + 1;
    multiple &= bits & (~u64{0} >> (64 - limit));
    g += f * multiple;
    q += u * multiple;
    r += v * multiple;
  }
  eta = balance;
  return {static_cast<i64>(u), static_cast<i64>(v), static_cast<i64>(q), static_cast<i64>(r)};
}

__extension__ using i128 = __int128;

/** (f, g) ← matrix·(f, g) / 2^62; both have `length` words. */
inline void applyExactly(const StepMatrix& matrix, SignedWords& f, SignedWords& g, int length) {
  i128 newF = static_cast<i128>(matrix.u) * f.word[0] + static_cast<i128>(matrix.v) * g.word[0];
  i128 newG = static_cast<i128>(matrix.q) * f.word[0] + static_cast<i128>(matrix.r) * g.word[0];
  newF >>= 62;
  newG >>= 62;
  for (int i = 1; i < length; i++) {
    newF += static_cast<i128>(matrix.u) * f.word[i] + static_cast<i128>(matrix.v) * g.word[i];
    newG += static_cast<i128>(matrix.q) * f.word[i] + static_cast<i128>(matrix.r) * g.word[i];
    f.word[i - 1] = static_cast<i64>(static_cast<u64>(newF) & kWordMask);
    g.word[i - 1] = static_cast<i64>(static_cast<u64>(newG) & kWordMask);
    newF >>= 62;
    newG >>= 62;
  }
  f.word[length - 1] = static_cast<i64>(newF);
  g.word[length - 1] = static_cast<i64>(newG);
}

/** (d, e) ← matrix·(d, e) / 2^62 mod m; both stay in (−2m, m). */
template <class Modulus>
inline void applyModulo(const StepMatrix& matrix, SignedWords& d, SignedWords& e) {
  constexpr SignedWords m = toSignedWords(Modulus::value);
  constexpr u64 inverse = (~negativeInverse(Modulus::value.limb[0]) + 1) & kWordMask;
  // Multiples of m that bring negative numbers to (−m, m) first, then make the lowest word of each result 0.
  const i64 negativeD = d.word[4] >> 63, negativeE = e.word[4] >> 63;
  i64 multipleD = (matrix.u & negativeD) + (matrix.v & negativeE);
  i64 multipleE = (matrix.q & negativeD) + (matrix.r & negativeE);
  i128 newD = static_cast<i128>(matrix.u) * d.word[0] + static_cast<i128>(matrix.v) * e.word[0];
  i128 newE = static_cast<i128>(matrix.q) * d.word[0] + static_cast<i128>(matrix.r) * e.word[0];
  multipleD -= static_cast<i64>((inverse * static_cast<u64>(newD) + static_cast<u64>(multipleD)) & kWordMask);
  multipleE -= static_cast<i64>((inverse * static_cast<u64>(newE) + static_cast<u64>(multipleE)) & kWordMask);
  newD += static_cast<i128>(m.word[0]) * multipleD;
  newE += static_cast<i128>(m.word[0]) * multipleE;
  newD >>= 62;
  newE >>= 62;
  for (int i = 1; i < 5; i++) {
    newD += static_cast<i128>(matrix.u) * d.word[i] + static_cast<i128>(matrix.v) * e.word[i] +
            static_cast<i128>(m.word[i]) * multipleD;
    newE += static_cast<i128>(matrix.q) * d.word[i] + static_cast<i128>(matrix.r) * e.word[i] +
            static_cast<i128>(m.word[i]) * multipleE;
    d.word[i - 1] = static_cast<i64>(static_cast<u64>(newD) & kWordMask);
    e.word[i - 1] = static_cast<i64>(static_cast<u64>(newE) & kWordMask);
    newD >>= 62;
    newE >>= 62;
  }
  d.word[4] = static_cast<i64>(newD);
  e.word[4] = static_cast<i64>(newE);
}

/** a + m·mask, with words in their ranges again; mask is 0 or −1. */
template <class Modulus>
inline void addMasked(SignedWords& a, i64 mask) {
  constexpr SignedWords m = toSignedWords(Modulus::value);
  i64 carry = 0;
  for (int i = 0; i < 5; i++) {
    const i64 word = a.word[i] + (m.word[i] & mask) + carry;
    a.word[i] = i < 4 ? static_cast<i64>(static_cast<u64>(word) & kWordMask) : word;
    carry = word >> 62;
  }
}

/** To [0, m) from (−2m, m), after a change of sign if asked. */
template <class Modulus>
inline Limbs normalized(SignedWords a, bool negate) {
  addMasked<Modulus>(a, a.word[4] >> 63);
  if (negate)
    for (i64& word : a.word) word = -word;
  addMasked<Modulus>(a, 0);
  addMasked<Modulus>(a, a.word[4] >> 63);
  return fromSignedWords(a);
}

/** 1/value mod the modulus, 0 for 0; value below the modulus, which is a prime below 2^255. */
template <class Modulus>
inline Limbs inverseOf(const Limbs& value) {
  SignedWords d{}, e{{1, 0, 0, 0, 0}};
  SignedWords f = toSignedWords(Modulus::value), g = toSignedWords(value);
  i64 eta = -1;
  int length = 5;
  for (;;) {
    const StepMatrix matrix = divisionSteps(eta, static_cast<u64>(f.word[0]), static_cast<u64>(g.word[0]));
    applyModulo<Modulus>(matrix, d, e);
    applyExactly(matrix, f, g, length);
    i64 rest = g.word[0];
    for (int i = 1; i < length; i++) rest |= g.word[i];
    if (rest == 0) break;
    // Drop a highest word that is only a sign in both; the word below takes the sign over.
    const i64 topF = f.word[length - 1], topG = g.word[length - 1];
    if (length > 1 && (topF == 0 || topF == -1) && (topG == 0 || topG == -1)) {
      length--;
      f.word[length - 1] |= static_cast<i64>(static_cast<u64>(topF) << 62);
      g.word[length - 1] |= static_cast<i64>(static_cast<u64>(topG) << 62);
    }
  }
  return normalized<Modulus>(d, f.word[length - 1] < 0);
}

}  // namespace ASSAY_ISA
}  // namespace assay
