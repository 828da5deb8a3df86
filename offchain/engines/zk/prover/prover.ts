// SPDX-License-Identifier: GPL-3.0-or-later
import type { KeyRecord } from "../../../core/zk/key-record.ts";
import type { G1Point } from "../../../core/zk/points.ts";
import type { Proof } from "../../../core/zk/proof.ts";
import type { KeyFiles } from "../keys/key-files.ts";

export const PROVE_STEPS = ["commit", "constraints", "transforms", "multiply", "check"] as const;
export type ProveStep = (typeof PROVE_STEPS)[number];

export interface Job {
  /** Ends the work at once; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called at the beginning of each step. */
  readonly onProgress?: ((step: ProveStep) => void) | undefined;
}

/** The registered commitment to private weights and what opens it. */
export interface WeightsOpening {
  readonly commitment: G1Point;
  /** r_w, 32 bytes, little-endian, below r. */
  readonly blind: Uint8Array;
}

export interface FinishJob extends Job {
  /** Exactly where the key has a weights group. */
  readonly weights?: WeightsOpening | undefined;
}

/** C1, to be hashed into the challenge. Its blind stays with the key that made it and serves one proof. */
export interface Commitment {
  readonly c1: G1Point;
}

/**
 * An opened key: validated once, warm until closed. Witnesses are wires × 32 bytes, little-endian, reduced, wire 0 first. Calls wait for
 * each other. Errors: WITNESS_MALFORMED, PROVER_CRASHED, PROVER_MEMORY, PROVER_CLOSED, the signal's reason.
 */
export interface ProvingKey {
  readonly record: KeyRecord;
  readonly wires: number;
  /** What it holds between calls: with snarkjs the most that it ever held, for WebAssembly gives no memory back. */
  readonly residentMiB: number;
  /** C_w = Σ w·[ck/δw] + blind·[δ2]. The blind must be uniform (`uniformScalar`) and kept as long as the registration. */
  commitWeights(values: Uint8Array, blind: Uint8Array, job?: Job): Promise<G1Point>;
  /** C1 over the round-1 wires of `values`, under a fresh uniform blind; infinity for one-round keys. Other wires are not looked at. */
  commit(values: Uint8Array, job?: Job): Promise<Commitment>;
  /** Errors also: WITNESS_WRONG (never a proof that does not verify), COMMITMENT_SPENT. */
  finish(commitment: Commitment, values: Uint8Array, job?: FinishJob): Promise<Proof>;
  /** Gives a commitment up: its blind is wiped. */
  discard(commitment: Commitment): void;
  /** Wipes all blinds, ends threads and processes. Work under way rejects with PROVER_CLOSED. */
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly memoryMiB: number;
  readonly threads: number;
}

export interface Prover {
  readonly name: "snarkjs" | "native";
  /** Errors: those of `openKeyFiles`, CIRCUIT_TOO_LARGE, PROVER_CRASHED, PROVER_MEMORY. */
  open(key: KeyFiles, options: OpenOptions): Promise<ProvingKey>;
}
