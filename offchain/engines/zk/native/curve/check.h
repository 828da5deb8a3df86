// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../pool.h"
#include "point.h"

namespace assay {
namespace ASSAY_ISA {

/** b of y² = x³ + b: 3 for G1, 3/(9 + u) for its sextic twist. */
inline Fq curveConstant(const Fq*) { return Fq::of(3); }
inline Fq2 curveConstant(const Fq2*) { return Fq2{Fq::of(9), Fq::one()}.inverse() * Fq::of(3); }

/** Index of the first point that is not reduced or not on the curve; `count` if all are. Infinity passes. */
template <class F>
std::size_t firstBadPoint(Pool& pool, const u8* points, std::size_t count) {
  constexpr std::size_t kChunk = 4096;
  const F b = curveConstant(static_cast<const F*>(nullptr));
  std::size_t first = count;
  parallel(pool, (count + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    const std::size_t end = (chunk + 1) * kChunk < count ? (chunk + 1) * kChunk : count;
    for (std::size_t i = chunk * kChunk; i < end; i++) {
      const Affine<F> point = Affine<F>::load(points + i * sizeof(Affine<F>));
      if (point.isInfinity()) continue;
      if (point.x.isReduced() && point.y.isReduced() && point.y.squared() == point.x.squared() * point.x + b) continue;
      std::size_t found = __atomic_load_n(&first, __ATOMIC_RELAXED);
      while (i < found && !__atomic_compare_exchange_n(&first, &found, i, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      }
      return;
    }
  });
  return first;
}

}  // namespace ASSAY_ISA
}  // namespace assay
