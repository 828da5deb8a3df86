// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "modulus.h"

namespace assay {
namespace ASSAY_ISA {

/** a·b/2^256, below 2m: coarsely integrated operand scanning, without a carry word because m < 2^254. */
template <class Modulus>
ASSAY_INLINE void multiplyUnreduced(const u64* a, const u64* b, u64* out) {
  constexpr Limbs m = Modulus::value;
  constexpr u64 inverse = negativeInverse(m.limb[0]);
  u64 t0 = 0, t1 = 0, t2 = 0, t3 = 0;
  for (int i = 0; i < 4; i++) {
    const u64 factor = b[i];
    u128 product = static_cast<u128>(a[0]) * factor + t0;
    const u64 multiple = static_cast<u64>(product) * inverse;
    u128 reduced = static_cast<u128>(multiple) * m.limb[0] + static_cast<u64>(product);
    product = static_cast<u128>(a[1]) * factor + t1 + static_cast<u64>(product >> 64);
    reduced = static_cast<u128>(multiple) * m.limb[1] + static_cast<u64>(product) + static_cast<u64>(reduced >> 64);
    t0 = static_cast<u64>(reduced);
    product = static_cast<u128>(a[2]) * factor + t2 + static_cast<u64>(product >> 64);
    reduced = static_cast<u128>(multiple) * m.limb[2] + static_cast<u64>(product) + static_cast<u64>(reduced >> 64);
    t1 = static_cast<u64>(reduced);
    product = static_cast<u128>(a[3]) * factor + t3 + static_cast<u64>(product >> 64);
    reduced = static_cast<u128>(multiple) * m.limb[3] + static_cast<u64>(product) + static_cast<u64>(reduced >> 64);
    t2 = static_cast<u64>(reduced);
    t3 = static_cast<u64>(product >> 64) + static_cast<u64>(reduced >> 64);
  }
  out[0] = t0;
  out[1] = t1;
  out[2] = t2;
  out[3] = t3;
}

}  // namespace ASSAY_ISA
}  // namespace assay
