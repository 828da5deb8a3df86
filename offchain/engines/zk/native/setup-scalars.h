// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "key/r1cs.h"
#include "setup.h"

namespace assay {

/**
 * Discrete logarithms of a whole key, plain scalars of 32 bytes, one after the other: A, B and ck of every wire, then H
 * of every row.
 */
struct KeyScalars {
  Region all;
  u32 wires = 0;
  u32 domain = 0;

  const u8* b() const { return all.data() + std::size_t{wires} * kScalarBytes; }
  std::size_t count() const { return 3 * std::size_t{wires} + domain; }
};

/** Domain of a circuit, as snarkjs chooses it. Error: CIRCUIT_TOO_LARGE. */
unsigned logDomainOf(const R1cs& r1cs);

/**
 * Everything that follows from circuit and trapdoor. Errors: CIRCUIT_UNFIT if the trapdoor is degenerate; Cancelled.
 */
KeyScalars evaluateScalars(Pool& pool, const R1cs& r1cs, WireRange weights, WireRange round1, const Trapdoor& trapdoor,
                           const SetupReport& report);

/** Bytes of the key's section 4. */
std::size_t coefficientBytes(const R1cs& r1cs);
/** Writes them. */
void writeCoefficients(Pool& pool, const R1cs& r1cs, u8* out);

}  // namespace assay
