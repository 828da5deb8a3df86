// SPDX-License-Identifier: GPL-3.0-or-later
#include "chunks.h"
#include "failure.h"
#include "zkey.h"

namespace assay {

void addTerm(Terms& terms, const u8* point, u32 scalar) {
  std::memcpy(terms.points.data() + terms.scalarOf.size() * kG1Bytes, point, kG1Bytes);
  terms.scalarOf.push_back(scalar);
}

Terms readTerms(Source& source, Place place, u32 firstWire, std::size_t more) {
  const u64 count = place.size / kG1Bytes;
  Terms terms;
  terms.points = Region(static_cast<std::size_t>(count + more) * kG1Bytes);
  terms.scalarOf.reserve(static_cast<std::size_t>(count + more));
  forEachItem(source, place.at, count, kG1Bytes, [&](const u8* point, u64 index) {
    if (!isZero(point, kG1Bytes)) addTerm(terms, point, firstWire + static_cast<u32>(index));
  });
  terms.points.shrink((terms.scalarOf.size() + more) * kG1Bytes);
  return terms;
}

void readB(Source& source, Place b1, Place b2, std::size_t more, Terms& terms, Region& points2) {
  terms = readTerms(source, b1, 0, more);
  const std::size_t count = terms.scalarOf.size();
  points2 = Region((count + more) * kG2Bytes);
  std::size_t next = 0;
  forEachItem(source, b2.at, b2.size / kG2Bytes, kG2Bytes, [&](const u8* point, u64 wire) {
    const bool expected = next < count && terms.scalarOf[next] == wire;
    if (expected == isZero(point, kG2Bytes))
      throw Failure("KEY_UNSOUND", "its B of wire " + std::to_string(wire) + " differs between the groups");
    if (expected) std::memcpy(points2.data() + next++ * kG2Bytes, point, kG2Bytes);
  });
}

}  // namespace assay
