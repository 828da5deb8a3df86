// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "modulus.h"

namespace assay {
namespace ASSAY_ISA {

// Compilers spend three times as many instructions on these carry chains. Conditional moves choose, as the choice is a coin toss.

/** words mod m from below 2m. */
template <class Modulus>
ASSAY_INLINE void reduceWords(u64* words) {
  u64 r0 = words[0], r1 = words[1], r2 = words[2], r3 = words[3];
  __asm__("subq %[m0], %[r0]\n\tsbbq %[m1], %[r1]\n\tsbbq %[m2], %[r2]\n\tsbbq %[m3], %[r3]\n\t"
          "cmovcq %[w0], %[r0]\n\tcmovcq %[w1], %[r1]\n\tcmovcq %[w2], %[r2]\n\tcmovcq %[w3], %[r3]"
          : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3)
          : [w0] "r"(words[0]), [w1] "r"(words[1]), [w2] "r"(words[2]), [w3] "r"(words[3]),
            [m0] "m"(Modulus::value.limb[0]), [m1] "m"(Modulus::value.limb[1]), [m2] "m"(Modulus::value.limb[2]),
            [m3] "m"(Modulus::value.limb[3])
          : "cc");
  words[0] = r0;
  words[1] = r1;
  words[2] = r2;
  words[3] = r3;
}

/** a + b mod m of reduced numbers. */
template <class Modulus>
ASSAY_INLINE void addWords(const u64* a, const u64* b, u64* out) {
  u64 sum[4] = {a[0], a[1], a[2], a[3]};
  __asm__("addq %[b0], %[s0]\n\tadcq %[b1], %[s1]\n\tadcq %[b2], %[s2]\n\tadcq %[b3], %[s3]"
          : [s0] "+&r"(sum[0]), [s1] "+&r"(sum[1]), [s2] "+&r"(sum[2]), [s3] "+&r"(sum[3])
          : [b0] "rm"(b[0]), [b1] "rm"(b[1]), [b2] "rm"(b[2]), [b3] "rm"(b[3])
          : "cc");
  reduceWords<Modulus>(sum);
  std::memcpy(out, sum, sizeof sum);
}

/** a − b mod m of reduced numbers. */
template <class Modulus>
ASSAY_INLINE void subtractWords(const u64* a, const u64* b, u64* out) {
  u64 d0 = a[0], d1 = a[1], d2 = a[2], d3 = a[3];
  u64 m0 = 0, m1 = 0, m2 = 0, m3 = 0;
  __asm__("subq %[b0], %[d0]\n\tsbbq %[b1], %[d1]\n\tsbbq %[b2], %[d2]\n\tsbbq %[b3], %[d3]\n\t"
          "cmovcq %[n0], %[m0]\n\tcmovcq %[n1], %[m1]\n\tcmovcq %[n2], %[m2]\n\tcmovcq %[n3], %[m3]\n\t"
          "addq %[m0], %[d0]\n\tadcq %[m1], %[d1]\n\tadcq %[m2], %[d2]\n\tadcq %[m3], %[d3]"
          : [d0] "+&r"(d0), [d1] "+&r"(d1), [d2] "+&r"(d2), [d3] "+&r"(d3), [m0] "+&r"(m0), [m1] "+&r"(m1),
            [m2] "+&r"(m2), [m3] "+&r"(m3)
          : [b0] "m"(b[0]), [b1] "m"(b[1]), [b2] "m"(b[2]), [b3] "m"(b[3]), [n0] "m"(Modulus::value.limb[0]),
            [n1] "m"(Modulus::value.limb[1]), [n2] "m"(Modulus::value.limb[2]), [n3] "m"(Modulus::value.limb[3])
          : "cc");
  out[0] = d0;
  out[1] = d1;
  out[2] = d2;
  out[3] = d3;
}

}  // namespace ASSAY_ISA
}  // namespace assay
