// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <functional>
#include "kernels.h"
#include "key/region.h"

namespace assay {

struct WireRange {
  u32 from = 0;
  u32 count = 0;
};

/** What a DEVELOPMENT key is made of (setup/trapdoor.ts): nobody's secrets. Plain scalars below r. */
struct Trapdoor {
  u8 tau[kScalarBytes];
  u8 alpha[kScalarBytes];
  u8 beta[kScalarBytes];
  u8 delta1[kScalarBytes];
  u8 delta2[kScalarBytes];
  u8 deltaWeights[kScalarBytes];
};

enum class SetupStep { evaluate, multiply };
/** Share of the step that is done, 0 to 1. */
using SetupReport = std::function<void(SetupStep, double)>;

/** The bytes of a key's files. */
struct DevelopmentKey {
  Region zkey;
  Region groups;
};

/**
 * A DEVELOPMENT key: whoever knows the trapdoor forges proofs under it, and everybody does. Byte by byte what
 * setup/make-development-key.ts makes. `r1cs` is the circuit's file; the groups' ranges are empty where the key has no
 * such group. Errors: CIRCUIT_UNFIT, CIRCUIT_TOO_LARGE; Cancelled.
 */
DevelopmentKey makeDevelopmentKey(const Kernels& kernels, Pool& pool, Bytes r1cs, WireRange weights, WireRange round1,
                                  const Trapdoor& trapdoor, const SetupReport& report);

}  // namespace assay
