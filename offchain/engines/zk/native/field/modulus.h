// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../isa.h"

namespace assay {
namespace ASSAY_ISA {

/** Four 64-bit limbs, least significant first. */
struct Limbs {
  u64 limb[4];
};

/** −1/modulus mod 2^64, by Newton's iteration: each step doubles the correct bits. */
constexpr u64 negativeInverse(u64 lowest) {
  u64 inverse = 1;
  for (int i = 0; i < 6; i++) inverse *= 2 - lowest * inverse;
  return ~inverse + 1;
}

constexpr bool isBelow(const Limbs& a, const Limbs& b) {
  for (int i = 3; i > 0; i--)
    if (a.limb[i] != b.limb[i]) return a.limb[i] < b.limb[i];
  return a.limb[0] < b.limb[0];
}

/** 2·a mod m for a < m < 2^255. */
constexpr Limbs doubled(const Limbs& a, const Limbs& m) {
  Limbs twice{};
  for (int i = 3; i >= 0; i--) twice.limb[i] = (a.limb[i] << 1) | (i > 0 ? a.limb[i - 1] >> 63 : 0);
  if (isBelow(twice, m)) return twice;
  u64 borrow = 0;
  for (int i = 0; i < 4; i++) {
    const u128 difference = static_cast<u128>(twice.limb[i]) - m.limb[i] - borrow;
    twice.limb[i] = static_cast<u64>(difference);
    borrow = static_cast<u64>(difference >> 64) & 1;
  }
  return twice;
}

/** 2^exponent mod m. */
constexpr Limbs powerOfTwo(unsigned exponent, const Limbs& m) {
  Limbs power{{1, 0, 0, 0}};
  for (unsigned i = 0; i < exponent; i++) power = doubled(power, m);
  return power;
}

/** BN254's base field: coordinates of points. */
struct BaseModulus {
  static constexpr Limbs value{{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}};
};

/** BN254's scalar field: the order of its groups. */
struct ScalarModulus {
  static constexpr Limbs value{{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}};
};

}  // namespace ASSAY_ISA
}  // namespace assay
