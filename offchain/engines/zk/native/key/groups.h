// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "key.h"
#include "source.h"

namespace assay {

constexpr char kGroupsMagic[] = "AZKG";
constexpr u32 kGroupsVersion = 1;
/** Tag, delta in both groups, number of wires. */
constexpr std::size_t kGroupHeaderBytes = 1 + kG1Bytes + kG2Bytes + 4;
/** Wire and point. */
constexpr std::size_t kGroupEntryBytes = 4 + kG1Bytes;

/**
 * Fails with GROUPS_MALFORMED where `readGroups` (keys/groups-file.ts) does. Each group's terms have room for one more;
 * wires are scalars.
 */
std::vector<KeyGroup> readGroups(Source& source);

}  // namespace assay
