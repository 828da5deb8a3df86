// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "key.h"

namespace assay {

/** Points of one name in a key. */
struct PointSet {
  const char* name;
  Group group;
  const u8* points;
  std::size_t count;
};

/** Every point canonical and on its curve, those of G2 of order r. Fails with KEY_UNSOUND. */
void checkPoints(const Kernels& kernels, Pool& pool, const std::vector<PointSet>& sets);

}  // namespace assay
