// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/prime-field.h"
#ifdef ASSAY_IFMA
#include "../field/lanes.h"
#endif

namespace assay {
namespace ASSAY_ISA {

// Butterflies of a number-theoretic transform, two levels at once where possible: half the passes through memory, and with lanes half the
// reductions. "Split" decimates in frequency (natural order in, bit-reversed out), "join" in time (bit-reversed in, natural out).

struct ScalarButterfly {
  using Element = Fr;
  using Twiddle = Fr;
  /** Elements that fit into the second-level cache, with room for twiddles. */
  static constexpr std::size_t kBlock = 16384;

  static ASSAY_INLINE void split(Fr& a, Fr& b, const Fr& w) {
    const Fr difference = a - b;
    a = a + b;
    b = difference * w;
  }
  static ASSAY_INLINE void join(Fr& a, Fr& b, const Fr& w) {
    const Fr product = b * w;
    b = a - product;
    a = a + product;
  }
  /** Levels of stride 2 (twiddles w for a0, wq for a1) and 1 (w2). */
  static ASSAY_INLINE void split(Fr& a0, Fr& a1, Fr& a2, Fr& a3, const Fr& w, const Fr& wq, const Fr& w2) {
    split(a0, a2, w);
    split(a1, a3, wq);
    split(a0, a1, w2);
    split(a2, a3, w2);
  }
  static ASSAY_INLINE void join(Fr& a0, Fr& a1, Fr& a2, Fr& a3, const Fr& w, const Fr& wq, const Fr& w2) {
    join(a0, a1, w2);
    join(a2, a3, w2);
    join(a0, a2, w);
    join(a1, a3, wq);
  }
  static ASSAY_INLINE void scale(Fr& a, const Fr& factor) { a = a * factor; }
};

#ifdef ASSAY_IFMA
/** Elements stay below 4m; twiddles are 52-bit limbs of w·2^260, so that a product keeps its element's factor. */
struct LaneButterfly {
  using Element = FrLanes;
  using Twiddle = Limbs52;
  static constexpr std::size_t kBlock = 2048;

  static constexpr Limbs52 kEightfold = toLimbs52(shiftedLeft(ScalarModulus::value, 2)).doubledLimbs();

  static ASSAY_INLINE void split(FrLanes& a, FrLanes& b, const Limbs52& w) {
    const FrLanes difference = minus(a, b, FrLanes::kFourfold);
    a = plus(a, b).lessOnce(FrLanes::kFourfold);
    b = multiply(difference, FrLanes::all(w));
  }
  static ASSAY_INLINE void join(FrLanes& a, FrLanes& b, const Limbs52& w) {
    const FrLanes product = multiply(b, FrLanes::all(w));
    b = minus(a, product, FrLanes::kTwice).lessOnce(FrLanes::kFourfold);
    a = plus(a, product).lessOnce(FrLanes::kFourfold);
  }
  static ASSAY_INLINE void split(FrLanes& a0, FrLanes& a1, FrLanes& a2, FrLanes& a3, const Limbs52& w, const Limbs52& wq,
                                 const Limbs52& w2) {
    const FrLanes even = plusUncarried(a0, a2);
    const FrLanes odd = plusUncarried(a1, a3);
    const FrLanes b2 = multiply(minus(a0, a2, FrLanes::kFourfold), FrLanes::all(w));
    const FrLanes b3 = multiply(minus(a1, a3, FrLanes::kFourfold), FrLanes::all(wq));
    const FrLanes second = FrLanes::all(w2);
    a0 = plus(even, odd).lessOnce(kEightfold).lessOnce(FrLanes::kFourfold);
    a1 = multiply(minus(even, odd, kEightfold), second);
    a2 = plus(b2, b3);
    a3 = multiply(minus(b2, b3, FrLanes::kTwice), second);
  }
  static ASSAY_INLINE void join(FrLanes& a0, FrLanes& a1, FrLanes& a2, FrLanes& a3, const Limbs52& w, const Limbs52& wq,
                                const Limbs52& w2) {
    const FrLanes second = FrLanes::all(w2);
    const FrLanes p1 = multiply(a1, second);
    const FrLanes p3 = multiply(a3, second);
    const FrLanes b0 = plusUncarried(a0, p1);
    const FrLanes b1 = minusUncarried(a0, p1, FrLanes::kTwice);
    const FrLanes p2 = multiply(plus(a2, p3), FrLanes::all(w));
    const FrLanes q3 = multiply(minus(a2, p3, FrLanes::kTwice), FrLanes::all(wq));
    a0 = plus(b0, p2).lessOnce(FrLanes::kFourfold);
    a2 = minus(b0, p2, FrLanes::kTwice).lessOnce(FrLanes::kFourfold);
    a1 = plus(b1, q3).lessOnce(FrLanes::kFourfold);
    a3 = minus(b1, q3, FrLanes::kTwice).lessOnce(FrLanes::kFourfold);
  }
  static ASSAY_INLINE void scale(FrLanes& a, const FrLanes& factor) { a = multiply(a, factor); }
};
#endif

}  // namespace ASSAY_ISA
}  // namespace assay
