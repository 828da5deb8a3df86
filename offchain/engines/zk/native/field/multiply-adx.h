// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "modulus.h"

namespace assay {
namespace ASSAY_ISA {

// Two carry chains at once: low halves of products go along the carry flag (adcx), high halves along the overflow flag (adox). Five words
// hold the running sum and turn by one place a round, because reducing makes the lowest word 0 and that word is the next round's top.
// Before a round the sum is below 2m, so with one product and one multiple of m it stays below 2^320: nothing leaves the top word.
#define ASSAY_STEP(source, low, high) "mulxq " source ", %%rax, %%rcx\n\tadcxq %%rax, " low "\n\tadoxq %%rcx, " high "\n\t"
#define ASSAY_ROW(s0, s1, s2, s3, w0, w1, w2, w3, w4) \
  "xorl %%eax, %%eax\n\t" ASSAY_STEP(s0, w0, w1) ASSAY_STEP(s1, w1, w2) ASSAY_STEP(s2, w2, w3) ASSAY_STEP(s3, w3, w4) \
  "movl $0, %%eax\n\tadcxq %%rax, " w4 "\n\t"
#define ASSAY_ROUND(factor, w0, w1, w2, w3, w4) \
  "movq " factor ", %%rdx\n\t" ASSAY_ROW("0(%[a])", "8(%[a])", "16(%[a])", "24(%[a])", w0, w1, w2, w3, w4) \
  "movq " w0 ", %%rdx\n\timulq %[negativeInverse], %%rdx\n\t" \
  ASSAY_ROW("%[m0]", "%[m1]", "%[m2]", "%[m3]", w0, w1, w2, w3, w4)

/** a·b/2^256, below 2m. */
template <class Modulus>
ASSAY_INLINE void multiplyUnreduced(const u64* a, const u64* b, u64* out) {
  static constexpr u64 inverse = negativeInverse(Modulus::value.limb[0]);
  u64 t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
  __asm__(ASSAY_ROUND("0(%[b])", "%[t0]", "%[t1]", "%[t2]", "%[t3]", "%[t4]")
          ASSAY_ROUND("8(%[b])", "%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[t0]")
          ASSAY_ROUND("16(%[b])", "%[t2]", "%[t3]", "%[t4]", "%[t0]", "%[t1]")
          ASSAY_ROUND("24(%[b])", "%[t3]", "%[t4]", "%[t0]", "%[t1]", "%[t2]")
          : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "+&r"(t4)
          : [a] "r"(a), [b] "r"(b), [m0] "m"(Modulus::value.limb[0]), [m1] "m"(Modulus::value.limb[1]),
            [m2] "m"(Modulus::value.limb[2]), [m3] "m"(Modulus::value.limb[3]), [negativeInverse] "m"(inverse),
            "m"(*reinterpret_cast<const u64(*)[4]>(a)), "m"(*reinterpret_cast<const u64(*)[4]>(b))
          : "rax", "rcx", "rdx", "cc");
  out[0] = t4;
  out[1] = t0;
  out[2] = t1;
  out[3] = t2;
}

#undef ASSAY_ROUND
#undef ASSAY_ROW
#undef ASSAY_STEP

}  // namespace ASSAY_ISA
}  // namespace assay
