// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "../kernels.h"
#include "region.h"

namespace assay {

class Source;

constexpr u8 kGroupWeights = 1;
constexpr u8 kGroupRound1 = 2;

/**
 * What the key's record is compared with; TypeScript does that (keys/check-key.ts). Points are affine, in Montgomery
 * form.
 */
struct KeyHeader {
  u32 wires = 0;
  /** Without wire 0. */
  u32 publics = 0;
  unsigned logDomain = 0;
  u8 alpha1[kG1Bytes];
  u8 beta1[kG1Bytes];
  u8 beta2[kG2Bytes];
  u8 gamma2[kG2Bytes];
  /** Of the last round, δ2 in the design, in both groups. */
  u8 delta1[kG1Bytes];
  u8 delta2[kG2Bytes];
};

/**
 * Scalars of the prover that lie behind the witness's values: scalar `wires + slot`. The quotient's lie behind these,
 * one a row.
 */
enum Slot : u32 { kSlotR, kSlotS, kSlotMinusRs, kSlotBlind, kSlotMinusWeightsBlind, kSlotMinusRound1Blind, kSlots };

/** Terms of a sum: the points that are not infinity one after the other, and which scalar each is multiplied by. */
struct Terms {
  Region points;
  std::vector<u32> scalarOf;
};

/** Committed wires. */
struct KeyGroup {
  u8 tag = 0;
  u8 delta1[kG1Bytes];
  u8 delta2[kG2Bytes];
  /** The wires' points over the group's own delta, and [δ2]₁ for the blind. */
  Terms terms;
};

/** Row-compressed, from the key's section 4. */
struct Matrix {
  std::vector<u32> offsets;
  std::vector<u32> wires;
  std::vector<u32> coefficients;
};

/**
 * A proving key, validated and in the form that sums take. Immutable.
 *
 * It is read into memory of its own rather than mapped from its file. A mapped file that somebody shortens kills the
 * process (SIGBUS), and one that somebody writes to is no longer what was validated. Nor would mapping save memory: its
 * pages count as resident as well, while the copy leaves out the points at infinity and holds coefficients in 8 bytes
 * instead of 44: 45 MB of the mail transformer's 97. Copying takes 20 ms of the 150 in which that key opens.
 */
class Key {
 public:
  /**
   * Reads and validates: section tables, lengths, field, counts, indices; every point canonical and on its curve, those
   * of G2 in the subgroup; committed wires private, in one group, without a second point over δ2. Errors:
   * ZKEY_MALFORMED, GROUPS_MALFORMED, KEY_UNSOUND (also if a file cannot be read), CIRCUIT_TOO_LARGE if key and proof
   * would take more than `memoryLimit` bytes; Cancelled.
   */
  static std::unique_ptr<const Key> open(const Kernels& kernels, Pool& pool, const std::string& zkeyPath,
                                         const std::string& groupsPath, u64 memoryLimit);
  /** The same of bytes in memory. */
  static std::unique_ptr<const Key> read(const Kernels& kernels, Pool& pool, Bytes zkey, Bytes groups, u64 memoryLimit);

  const KeyHeader& header() const { return header_; }
  /** publics + 1 points of G1. */
  const std::vector<u8>& ic() const { return ic_; }
  /** Tags ascend; none in one-round keys. */
  const std::vector<KeyGroup>& groups() const { return groups_; }
  /** Null if there is none. */
  const KeyGroup* group(u8 tag) const;

  const Terms& a() const { return a_; }
  /** B in both groups has one list of scalars. */
  const Terms& b() const { return b_; }
  const Region& b2() const { return b2_; }
  /** C's terms and the quotient's: together they take fewer additions than apart. */
  const Terms& c() const { return c_; }
  /** A view of the matrices: valid as long as the key. */
  Constraints constraints() const;
  /** Its roots of unity. */
  const Domain& domain() const { return *domain_; }

  /** Memory that the open key takes. */
  u64 residentBytes() const;
  /** The most that a proof takes beyond that, as long as it runs, on as many threads as the key was opened with. */
  u64 proofBytes() const;

 private:
  Key(const Kernels& kernels, unsigned threads) : threads_(threads), domain_(nullptr, kernels.closeDomain) {}
  static std::unique_ptr<const Key> load(const Kernels& kernels, Pool& pool, Source& zkey, Source& groups,
                                         u64 memoryLimit);
  /** Terms that belong to no wire: their scalars are the prover's. */
  void addTerms();
  u64 domainBytes() const;

  unsigned threads_;
  KeyHeader header_;
  std::vector<u8> ic_;
  std::vector<KeyGroup> groups_;
  Terms a_;
  Terms b_;
  Region b2_;
  Terms c_;
  Matrix matrixA_;
  Matrix matrixB_;
  std::vector<u8> constants_;
  std::unique_ptr<Domain, void (*)(Domain*)> domain_;
};

}  // namespace assay
