// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "binary-file.h"
#include "key.h"

namespace assay {

/** As much of r1cs/format.ts as keys and witnesses need. */
constexpr u32 kMaxWires = 1u << 24;
/** The scalar field's two-adicity is 28, and the quotient needs the next root. */
constexpr unsigned kMaxLogDomain = 27;

/** Section 2. */
constexpr std::size_t kZkeyHeaderBytes = 2 * (4 + kScalarBytes) + 12 + 3 * kG1Bytes + 3 * kG2Bytes;
/** Circuit hash of phase 2 and the number of contributions: a transcript of none. */
constexpr std::size_t kLeastTranscriptBytes = 68;

/** A stock Groth16 .zkey (snarkjs): where its sections lie, all of the right length, and its header. */
struct ZkeyLayout {
  KeyHeader header;
  Place ic;
  Place coefficients;
  Place a;
  Place b1;
  Place b2;
  Place c;
  Place h;
};

/** Fails with ZKEY_MALFORMED where `readZkey` (keys/zkey-file.ts) does; points and coefficients are not looked at. */
ZkeyLayout readZkeyLayout(Source& source);

struct ZkeyMatrices {
  Matrix a;
  Matrix b;
  /** Montgomery form. */
  std::vector<u8> constants;
};

/** Section 4 by rows. Fails with ZKEY_MALFORMED for an index or a value out of range. */
ZkeyMatrices readMatrices(const Kernels& kernels, Source& source, const ZkeyLayout& layout);

/**
 * Points that are not infinity, of wire `firstWire` on, with room for `more` terms; reserved memory that no point
 * needed is given back.
 */
Terms readTerms(Source& source, Place place, u32 firstWire, std::size_t more);

/** B in G1 and in G2: infinite at the same wires, or the key is unsound. */
void readB(Source& source, Place b1, Place b2, std::size_t more, Terms& terms, Region& points2);

/** Appends a term; `readTerms` made room for it. */
void addTerm(Terms& terms, const u8* point, u32 scalar);

}  // namespace assay
