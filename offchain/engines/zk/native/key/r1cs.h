// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <vector>
#include "bytes.h"
#include "key.h"

namespace assay {

/**
 * A rank-1 constraint system as r1cs/r1cs.ts has it: in a row the wires ascend; constants are reduced, distinct and not
 * 0.
 */
struct R1cs {
  u32 wires = 0;
  u32 outputs = 0;
  u32 publicInputs = 0;
  u32 privateInputs = 0;
  u32 constraints = 0;
  Matrix a;
  Matrix b;
  Matrix c;
  /** Plain. */
  std::vector<u8> constants;
};

/**
 * Fails where `readR1cs` (r1cs/read-r1cs.ts) does: with CIRCUIT_TOO_LARGE above its limits, else with CIRCUIT_UNFIT.
 */
R1cs readR1cs(Bytes file);

}  // namespace assay
