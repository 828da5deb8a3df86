// SPDX-License-Identifier: MIT
import { bytesToBig } from "../../../core/bytes.ts";
import { FIELD } from "../../../core/poseidon-constants.ts";
import { linearFunctional, verifyLinearCheck, type LinearCheckProof } from "../../../core/zk/linear-check.ts";
import type { LinearMap } from "../compile/linear-map.ts";

/** Uniform in the field: 254 bits, drawn again where they are not below it. */
function drawElement(randomBytes: (length: number) => Uint8Array): bigint {
  for (;;) {
    const value = bytesToBig(randomBytes(32)) & ((1n << 254n) - 1n);
    if (value < FIELD) return value;
  }
}

const modulo = (value: bigint): bigint => ((value % FIELD) + FIELD) % FIELD;

/**
 * Freivalds' check of an encrypted linear stage by its key holder alone (she.md section 9): r · y = u · x + r · bias over the scalar
 * field of BN254, with r secret and u = W^T r computed once. A wrong y passes with probability 1/p an attempt. Assumption: whoever
 * evaluates the stage learns neither r nor u, and sees no reaction to a failed check (retire the key set first).
 */
export class LinearCheck {
  readonly #r: readonly bigint[];
  readonly #u: readonly bigint[];
  readonly #constant: bigint;

  private constructor(r: readonly bigint[], u: readonly bigint[], constant: bigint) {
    [this.#r, this.#u, this.#constant] = [r, u, constant];
  }

  /** Of public weights. `randomBytes`: the operating system's. Cost: one multiplication a weight. */
  static prepare(map: LinearMap, randomBytes: (length: number) => Uint8Array): LinearCheck {
    const r = map.rows.map(() => drawElement(randomBytes));
    const u = Array.from({ length: map.inputs }, () => 0n);
    let constant = 0n;
    for (const [o, { columns, weights }] of map.rows.entries()) {
      const factor = r[o] ?? 0n;
      for (const [k, column] of columns.entries()) u[column] = (u[column] ?? 0n) + factor * BigInt(weights[k] ?? 0);
      constant += factor * (map.bias[o] ?? 0n);
    }
    return new LinearCheck(r, u.map(modulo), modulo(constant));
  }

  /**
   * Of private weights, by their owner's proof that u = r^T W for the weights committed on chain (zk.md section 5). `proof.words.r` must be
   * the caller's own (`linearFactors` of its secret seed), `proof.key` the one that the model names, `proof.weights` the registered C_w;
   * `op`: the operator that the encrypted stage evaluates. Errors: those of `verifyLinearCheck`; STATEMENT_MISMATCH where r is zero for
   * this operator.
   */
  static proven(proof: LinearCheckProof, op: number): LinearCheck {
    verifyLinearCheck(proof);
    const { r, u, constant } = linearFunctional(proof.words, proof.operators, op);
    return new LinearCheck(r, u, constant);
  }

  /** Whether y are the map's accumulators of x. Anything but as many integers as the map has is false. */
  holds(x: ArrayLike<number>, y: ArrayLike<number>): boolean {
    if (x.length !== this.#u.length || y.length !== this.#r.length) return false;
    let difference = this.#constant;
    for (let i = 0; i < x.length; i++) {
      const value = x[i] ?? Number.NaN;
      if (!Number.isSafeInteger(value)) return false;
      if (value !== 0) difference += (this.#u[i] ?? 0n) * BigInt(value);
    }
    for (let o = 0; o < y.length; o++) {
      const value = y[o] ?? Number.NaN;
      if (!Number.isSafeInteger(value)) return false;
      difference -= (this.#r[o] ?? 0n) * BigInt(value);
    }
    return difference % FIELD === 0n;
  }
}
