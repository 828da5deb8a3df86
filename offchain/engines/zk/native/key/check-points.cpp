// SPDX-License-Identifier: GPL-3.0-or-later
#include "check-points.h"

#include "../secret.h"
#include "failure.h"

namespace assay {
namespace {

/** Up to here each point is checked for itself. */
constexpr std::size_t kFewPoints = 8;
/** Bytes of a random coefficient, and how often they are drawn. */
constexpr std::size_t kCoefficientBytes = 2;
constexpr unsigned kRounds = 5;

/**
 * Points on the twist have orders that divide r·h, where h = 10069 · 5864401 · 1875725156269 ·
 * 197620364512881247228717050342013327560683201906968909. Take a point outside the subgroup; multiplied by r it has an
 * order of at least h's smallest prime factor, 10069. Whatever the other points are and whatever their coefficients,
 * the sum of all is inside for one residue of its own coefficient at most modulo that order: 7 of 65536 values. So a
 * round misses it with a probability below 2^-13.19, and five of them below 2^-65. Wider coefficients would not help,
 * for 1/10069 is 2^-13.3, and those of two bytes take a single window of buckets.
 */
bool inSubgroup(const Kernels& kernels, Pool& pool, const PointSet& set) {
  if (set.count <= kFewPoints) {
    for (std::size_t i = 0; i < set.count; i++)
      if (!kernels.inSubgroup(set.points + i * kG2Bytes)) return false;
    return true;
  }
  std::vector<u8> random(set.count * kCoefficientBytes);
  Region scalars(set.count * kScalarBytes);
  for (unsigned round = 0; round < kRounds; round++) {
    fillRandom(random.data(), random.size());
    for (std::size_t i = 0; i < set.count; i++)
      std::memcpy(scalars.data() + i * kScalarBytes, random.data() + i * kCoefficientBytes, kCoefficientBytes);
    SumPlan* const plan = kernels.planSum(pool, {scalars.data(), nullptr, nullptr, set.count});
    u8 sum[kG2Bytes];
    try {
      kernels.sum(pool, *plan, Group::g2, set.points, sum);
    } catch (...) {
      kernels.dropSum(plan);
      throw;
    }
    kernels.dropSum(plan);
    if (!kernels.inSubgroup(sum)) return false;
  }
  return true;
}

}  // namespace

void checkPoints(const Kernels& kernels, Pool& pool, const std::vector<PointSet>& sets) {
  // All curves first: sums take points that are on them.
  for (const PointSet& set : sets) {
    const std::size_t bad = kernels.firstBadPoint(pool, set.group, set.points, set.count);
    if (bad < set.count)
      throw Failure("KEY_UNSOUND", "point " + std::to_string(bad) + " of " + set.name + " is not on the curve");
  }
  for (const PointSet& set : sets)
    if (set.group == Group::g2 && !inSubgroup(kernels, pool, set))
      throw Failure("KEY_UNSOUND", std::string("a point of ") + set.name + " is outside the subgroup");
}

}  // namespace assay
