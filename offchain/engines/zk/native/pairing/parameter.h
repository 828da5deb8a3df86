// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../isa.h"

namespace assay {
namespace ASSAY_ISA {

/** BN254 is the Barreto–Naehrig curve of this x: q = 36x⁴ + 36x³ + 24x² + 6x + 1, r = q − 6x². */
constexpr u64 kCurveX = 4965661367192848881;

/** Digits −1, 0, 1 of a number, least significant first, never two in a row that are not 0; the highest is 1. */
struct SignedDigits {
  signed char digit[72];
  int count;
};

/** Of n < 2^70: where n and 3n differ in a bit, 3n/2 − n/2 has a digit. */
constexpr SignedDigits signedDigits(u128 n) {
  SignedDigits digits{};
  const u128 thrice = 3 * n;
  for (int i = 0; (thrice >> (i + 1)) != 0; i++) {
    const int plus = static_cast<int>((thrice >> (i + 1)) & 1);
    const int minus = static_cast<int>((n >> (i + 1)) & 1);
    digits.digit[i] = static_cast<signed char>(plus - minus);
    digits.count = i + 1;
  }
  return digits;
}

}  // namespace ASSAY_ISA
}  // namespace assay
