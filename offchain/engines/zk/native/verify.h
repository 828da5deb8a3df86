// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <vector>
#include "kernels.h"
#include "key/bytes.h"

namespace assay {

// What verifying takes of curves, for core/ports/pairing.ts. Everything here is public and may come from anyone. Coordinates are plain
// integers of 32 bytes, little-endian: x, y in G1; x.c0, x.c1, y.c0, y.c1 in G2; infinity is all zero.

/** Indices, ascending, of the points that are not of their group: coordinates not below q, off the curve, not of order r. Infinity is. */
std::vector<u32> findStrangers(const Kernels& kernels, Pool& pool, Group group, Bytes points);

/** ∏ e(Σ scalar·point, g2): term i takes the next counts[i] of points and scalars, and g2[i]. */
struct PairingProduct {
  Bytes points;
  /** Plain, below r, one a point. */
  Bytes scalars;
  std::vector<u32> counts;
  Bytes g2;
};

/** Whether it is 1; false also if a point is off its curve. That g2 has order r is for `findStrangers` to say. */
bool isOne(const Kernels& kernels, Pool& pool, const PairingProduct& product);

}  // namespace assay
