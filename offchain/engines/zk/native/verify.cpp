// SPDX-License-Identifier: GPL-3.0-or-later
#include "verify.h"

#include <cstring>
#include <memory>

namespace assay {
namespace {

/** Longer sums than this are faster by lists than one multiple after the other. */
constexpr std::size_t kMostOneByOne = 16;

constexpr std::size_t widthOf(Group group) { return group == Group::g1 ? kG1Bytes : kG2Bytes; }

std::vector<u8> toMontgomery(const Kernels& kernels, Bytes coordinates) {
  std::vector<u8> out(coordinates.size);
  kernels.field(FieldName::base, FieldOperation::toMontgomery, coordinates.data, nullptr, out.data(),
                coordinates.size / kScalarBytes);
  return out;
}

bool isReduced(const u8* coordinates, std::size_t size) {
  for (std::size_t at = 0; at < size; at += kScalarBytes)
    if (!isBelow(coordinates + at, kBaseModulus)) return false;
  return true;
}

bool areOnCurve(const Kernels& kernels, Pool& pool, Group group, Bytes plain, const std::vector<u8>& points) {
  const std::size_t count = points.size() / widthOf(group);
  return isReduced(plain.data, plain.size) && kernels.firstBadPoint(pool, group, points.data(), count) == count;
}

/** The sum of `count` multiples, affine in Montgomery form. */
void sumOneByOne(const Kernels& kernels, const u8* points, const u8* scalars, std::size_t count, u8* out) {
  std::memset(out, 0, kG1Bytes);
  for (std::size_t i = 0; i < count; i++)
    kernels.addMultiple(Group::g1, out, points + i * kG1Bytes, scalars + i * kScalarBytes);
}

void sumByLists(const Kernels& kernels, Pool& pool, const u8* points, const u8* scalars, std::size_t count, u8* out) {
  const std::unique_ptr<SumPlan, void (*)(SumPlan*)> plan(
      kernels.planSum(pool, SumTerms{scalars, nullptr, nullptr, count}), kernels.dropSum);
  kernels.sum(pool, *plan, Group::g1, points, out);
}

}  // namespace

std::vector<u32> findStrangers(const Kernels& kernels, Pool& pool, Group group, Bytes points) {
  const std::size_t width = widthOf(group), count = points.size / width;
  const std::vector<u8> inside = toMontgomery(kernels, points);
  std::vector<u8> isStrange(count);
  for (std::size_t i = 0; i < count; i++)
    isStrange[i] = !isReduced(points.data + i * width, width) ||
                   kernels.firstBadPoint(pool, group, inside.data() + i * width, 1) == 0;
  // All of G1's curve has order r.
  if (group == Group::g2)
    parallel(pool, count, [&](std::size_t i) {
      if (!isStrange[i]) isStrange[i] = !kernels.inSubgroup(inside.data() + i * width);
    });
  std::vector<u32> found;
  for (std::size_t i = 0; i < count; i++)
    if (isStrange[i]) found.push_back(static_cast<u32>(i));
  return found;
}

bool isOne(const Kernels& kernels, Pool& pool, const PairingProduct& product) {
  const std::size_t terms = product.counts.size();
  const std::vector<u8> points = toMontgomery(kernels, product.points);
  const std::vector<u8> g2 = toMontgomery(kernels, product.g2);
  if (!areOnCurve(kernels, pool, Group::g1, product.points, points) ||
      !areOnCurve(kernels, pool, Group::g2, product.g2, g2))
    return false;
  std::vector<std::size_t> starts(terms + 1);
  for (std::size_t i = 0; i < terms; i++) starts[i + 1] = starts[i] + product.counts[i];
  std::vector<u8> g1(terms * kG1Bytes);
  const auto pointsAt = [&](std::size_t term) { return points.data() + starts[term] * kG1Bytes; };
  const auto scalarsAt = [&](std::size_t term) { return product.scalars.data + starts[term] * kScalarBytes; };
  parallel(pool, terms, [&](std::size_t i) {
    if (product.counts[i] <= kMostOneByOne)
      sumOneByOne(kernels, pointsAt(i), scalarsAt(i), product.counts[i], g1.data() + i * kG1Bytes);
  });
  for (std::size_t i = 0; i < terms; i++)
    if (product.counts[i] > kMostOneByOne)
      sumByLists(kernels, pool, pointsAt(i), scalarsAt(i), product.counts[i], g1.data() + i * kG1Bytes);
  return kernels.pairsToOne(pool, g1.data(), g2.data(), terms);
}

}  // namespace assay
