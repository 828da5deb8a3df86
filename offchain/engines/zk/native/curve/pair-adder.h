// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../buffer.h"
#include "point.h"

namespace assay {
namespace ASSAY_ISA {

/** What to add: points[left] + points[right] → out[i]. The lowest bit of a reference negates, the rest is the point's place. */
struct Pairs {
  const u32* left;
  const u32* right;
  std::size_t count;
};

template <class F>
ASSAY_INLINE Affine<F> pointAt(const u8* points, u32 reference) {
  const Affine<F> point = Affine<F>::load(points + static_cast<std::size_t>(reference >> 1) * sizeof(Affine<F>));
  return (reference & 1) != 0 ? -point : point;
}

/**
 * Affine additions, many at a time: the slopes' denominators share one inversion (Montgomery's trick), so that an addition costs six
 * multiplications instead of an extended one's ten, and its result is affine again. Complete, as `Extended` is.
 */
template <class F>
class PairAdder {
 public:
  PairAdder() : denominators_(kBatch), products_(kBatch), numerators_(kBatch) {}

  void add(const u8* points, const Pairs& pairs, Affine<F>* out) {
    for (std::size_t done = 0; done < pairs.count; done += kBatch) {
      const std::size_t count = pairs.count - done < kBatch ? pairs.count - done : kBatch;
      addBatch(points, {pairs.left + done, pairs.right + done, count}, out + done);
    }
  }

 private:
  static constexpr std::size_t kBatch = 512;
  static constexpr std::size_t kAhead = 10;

  static ASSAY_INLINE void prefetch(const u8* points, u32 reference) {
    const u8* point = points + static_cast<std::size_t>(reference >> 1) * sizeof(Affine<F>);
    for (std::size_t line = 0; line < sizeof(Affine<F>); line += 64) __builtin_prefetch(point + line);
  }

  void addBatch(const u8* points, const Pairs& pairs, Affine<F>* out) {
    F product = F::one();
    for (std::size_t i = 0; i < pairs.count; i++) {
      if (i + kAhead < pairs.count) {
        prefetch(points, pairs.left[i + kAhead]);
        prefetch(points, pairs.right[i + kAhead]);
      }
      const Affine<F> a = pointAt<F>(points, pairs.left[i]);
      const Affine<F> b = pointAt<F>(points, pairs.right[i]);
      setSlope(a, b, i);
      products_[i] = product;
      if (!denominators_[i].isZero()) product = product * denominators_[i];
    }
    F inverse = product.inverse();
    for (std::size_t i = pairs.count; i-- > 0;) {
      const Affine<F> a = pointAt<F>(points, pairs.left[i]);
      const Affine<F> b = pointAt<F>(points, pairs.right[i]);
      if (denominators_[i].isZero()) {
        // One is infinity, or they are opposite.
        out[i] = a.isInfinity() ? b : b.isInfinity() ? a : Affine<F>::infinity();
        continue;
      }
      const F slope = numerators_[i] * (inverse * products_[i]);
      inverse = inverse * denominators_[i];
      const F x = slope.squared() - a.x - b.x;
      out[i] = {x, slope * (a.x - x) - a.y};
    }
  }
  void setSlope(const Affine<F>& a, const Affine<F>& b, std::size_t i) {
    if (a.isInfinity() || b.isInfinity()) {
      denominators_[i] = F::zero();
      return;
    }
    if (a == b) {
      const F square = a.x.squared();
      numerators_[i] = square.doubled() + square;
      // Not 0: no point of either curve has y = 0, for both have odd order.
      denominators_[i] = a.y.doubled();
      return;
    }
    numerators_[i] = b.y - a.y;
    denominators_[i] = b.x - a.x;
  }

  Buffer<F> denominators_, products_, numerators_;
};

}  // namespace ASSAY_ISA
}  // namespace assay

#ifdef ASSAY_IFMA
#include "pair-adder-ifma.h"
#else
namespace assay {
namespace ASSAY_ISA {

template <class F>
struct AdderFor {
  using Type = PairAdder<F>;
};

}  // namespace ASSAY_ISA
}  // namespace assay
#endif

namespace assay {
namespace ASSAY_ISA {

/** The fastest adder of the instruction set. */
template <class F>
using Adder = typename AdderFor<F>::Type;

}  // namespace ASSAY_ISA
}  // namespace assay
