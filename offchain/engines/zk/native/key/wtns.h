// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "bytes.h"

namespace assay {

/**
 * The values of a .wtns file, a view of its bytes. Fails with WITNESS_MALFORMED where `readWtns` (r1cs/wtns.ts) does.
 */
Bytes readWtns(Bytes file);

/** Index of the first of `count` scalars that is not below r; `count` if all are. */
std::size_t firstUnreduced(const u8* scalars, std::size_t count);

/** Whether 32 bytes are 1. */
bool isOne(const u8* scalar);

}  // namespace assay
