// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "frobenius.h"
#include "sextic.h"

namespace assay {
namespace ASSAY_ISA {

/** c0 + c1·w with w² = v, so w⁶ = ξ: where pairings take their values. */
struct Fq12 {
  Fq6 c0, c1;

  static constexpr Fq12 one() { return {Fq6::one(), Fq6::zero()}; }
  ASSAY_INLINE bool operator==(const Fq12& other) const { return c0 == other.c0 && c1 == other.c1; }

  friend inline Fq12 operator*(const Fq12& a, const Fq12& b) {
    const Fq6 low = a.c0 * b.c0;
    const Fq6 high = a.c1 * b.c1;
    return {low + high.timesV(), (a.c0 + a.c1) * (b.c0 + b.c1) - low - high};
  }
  Fq12 squared() const {
    const Fq6 product = c0 * c1;
    return {(c0 + c1) * (c0 + c1.timesV()) - product - product.timesV(), product + product};
  }
  /** By the line 1 + b·w + c·w³. */
  Fq12 timesLine(const Fq2& b, const Fq2& c) const {
    return {c0 + c1.timesSparse(b, c).timesV(), c1 + c0.timesSparse(b, c)};
  }
  /** To the power q⁶. Where the norm to Fq6 is 1 this is the inverse. */
  Fq12 conjugate() const { return {c0, -c1}; }
  /** 0 for 0. */
  Fq12 inverse() const {
    const Fq6 norm = (c0 * c0 - (c1 * c1).timesV()).inverse();
    return {c0 * norm, -(c1 * norm)};
  }
  /** To the power q. */
  Fq12 frobenius() const {
    const Fq2* factor = frobeniusFactors().of;
    return {{c0.c0.conjugate(), c0.c1.conjugate() * factor[2], c0.c2.conjugate() * factor[4]},
            {c1.c0.conjugate() * factor[1], c1.c1.conjugate() * factor[3], c1.c2.conjugate() * factor[5]}};
  }

  /**
   * The square of an element whose order divides q⁴ − q² + 1 (Granger and Scott, "Faster squaring in the cyclotomic subgroup", 2010).
   * As A + B·w + C·w² over Fq⁴ = Fq²[s], s = w³, it is (3A² − 2Ā) + (3s·C² + 2B̄)·w + (3B² − 2C̄)·w².
   */
  Fq12 cyclotomicSquared() const {
    const Square a = squareOver4(c0.c0, c1.c1);
    const Square b = squareOver4(c1.c0, c0.c2);
    const Square c = squareOver4(c0.c1, c1.c2);
    return {{thriceLessTwice(a.low, c0.c0), thriceLessTwice(b.low, c0.c1), thriceLessTwice(c.low, c0.c2)},
            {thricePlusTwice(timesXi(c.high), c1.c0), thricePlusTwice(a.high, c1.c1), thricePlusTwice(b.high, c1.c2)}};
  }

 private:
  struct Square {
    Fq2 low, high;
  };
  /** (x + y·s)², s² = ξ. */
  static Square squareOver4(const Fq2& x, const Fq2& y) {
    const Fq2 x2 = x.squared();
    const Fq2 y2 = y.squared();
    return {x2 + timesXi(y2), (x + y).squared() - x2 - y2};
  }
  static Fq2 thriceLessTwice(const Fq2& square, const Fq2& old) { return (square - old).doubled() + square; }
  static Fq2 thricePlusTwice(const Fq2& square, const Fq2& old) { return (square + old).doubled() + square; }
};

}  // namespace ASSAY_ISA
}  // namespace assay
