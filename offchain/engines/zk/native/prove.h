// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <functional>
#include "key/key.h"
#include "secret.h"

namespace assay {

/** PROVE_STEPS of prover/prover.ts, in order. */
enum class Step { commit, constraints, transforms, multiply, check };
/** Called on the thread that proves, at the beginning of each step. */
using Report = std::function<void(Step)>;

/** A commitment to a group's wires and what opens it. */
struct Opening {
  /** Affine, Montgomery form. */
  u8 point[kG1Bytes];
  /** Plain scalar of 32 bytes. */
  Secret blind;
};

/** Affine points, Montgomery form. C1 is infinity for one-round keys. */
struct Proof {
  u8 a[kG1Bytes];
  u8 b[kG2Bytes];
  u8 c1[kG1Bytes];
  u8 c2[kG1Bytes];
};

/** A copy of a witness's values, wiped when dropped, with room for the prover's own scalars behind them. */
class Witness {
 public:
  /** `values`: wires × 32 bytes. Only the length is looked at; the prover does the rest. Error: WITNESS_MALFORMED. */
  Witness(const Key& key, Bytes values);

  u8* slot(u32 slot) { return scalars_.data() + (std::size_t{wires_} + slot) * kScalarBytes; }
  const u8* scalars() const { return scalars_.data(); }
  /** Makes room for one more scalar a row, behind all others. */
  u8* addRows(std::size_t rows);

 private:
  u32 wires_;
  Secret scalars_;
};

/**
 * Proves under one key. One call at a time; `Pool::cancel` ends it with Cancelled, after which `Pool::reset` makes both
 * usable again. Nothing but the key stays in memory between calls.
 */
class Prover {
 public:
  Prover(const Kernels& kernels, Pool& pool, const Key& key) : kernels_(kernels), pool_(pool), key_(key) {}

  /**
   * C1 = Σ w·[ck/δ1] + blind·[δ2] under a fresh uniform blind; infinity for one-round keys. Error: WITNESS_MALFORMED.
   */
  Opening commit(Witness witness, const Report& report);

  /**
   * C_w = Σ w·[ck/δw] + blind·[δ2]; `blind` is a plain scalar of 32 bytes. Error: WITNESS_MALFORMED, also without such
   * a group.
   */
  void commitWeights(Witness witness, Bytes blind, u8* point, const Report& report);

  /**
   * `round1` exactly for keys of two rounds (what `commit` gave for one-round keys may be passed as well), `weights`
   * exactly for keys with such a group. Errors: WITNESS_MALFORMED, WITNESS_WRONG: a proof that leaves verifies under
   * the key.
   */
  Proof finish(Witness witness, const Opening& round1, const Opening* weights, const Report& report);

 private:
  void sum(const Terms& terms, const Witness& witness, u8* out);
  void checkValues(const Witness& witness);
  /** Fills the witness's slots. */
  void drawBlinds(Witness& witness, const Opening* round1, const Opening* weights);
  /** The verifier's equation with the witness's own public wires: no proof leaves that nobody would accept. */
  bool holds(const Proof& proof, const Witness& witness, const Opening* weights);

  const Kernels& kernels_;
  Pool& pool_;
  const Key& key_;
};

}  // namespace assay
