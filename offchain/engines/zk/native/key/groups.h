// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "key.h"
#include "source.h"

namespace assay {

/** Fails with GROUPS_MALFORMED where `readGroups` (keys/groups-file.ts) does. Each group's terms have room for one more; wires are scalars. */
std::vector<KeyGroup> readGroups(Source& source);

}  // namespace assay
