// SPDX-License-Identifier: MIT
import { CANDIDATES } from "./draw.ts";
import { EVIDENCE } from "./policy.ts";

/** Who could take a job's seats now, by what workers declare: a count is a promise of theirs, not a measurement. */
export type AvailableWorkers = {
  /** In the ticket class. */
  readonly total: number;
  /** That make proofs. */
  readonly proof: number;
  /** That evaluate ciphertexts. */
  readonly cipher: number;
  /** With an attested enclave, by vendor family. */
  readonly enclaves: Readonly<Record<string, number>>;
  /** Stake that open jobs may still put at risk (inequality 6), base units; undefined where nobody asked the chain. */
  readonly freeRisk?: bigint;
};

export type SeatsNeeded = {
  readonly mask: number;
  readonly k: number;
  readonly stages: number;
  readonly seatStake: bigint;
  /** The job takes a pool that cannot seat two escalations. */
  readonly smallPool: boolean;
};

/**
 * What a set of workers lacks to serve such a job: each a phrase such as "workers (16 of 39)"; empty if nothing. The pool's part mirrors
 * `roundsOf`, which the hub enforces. Pure.
 */
export function missingWorkers(need: SeatsNeeded, have: AvailableWorkers): readonly string[] {
  const { mask, k, stages } = need;
  const has = (bit: number): boolean => (mask & bit) !== 0;
  const seats = stages * k;
  const least = has(EVIDENCE.VOTE) ? seats : Math.max(seats, CANDIDATES);
  const decidedByProof = has(EVIDENCE.PROOF) && !has(EVIDENCE.VOTE);
  const pool = decidedByProof || need.smallPool ? least : Math.max(least, seats + 6 * k + 4);
  const missing: string[] = [];
  const lacks = (count: number, wanted: number, what: string): void => {
    if (count < wanted) missing.push(`${what} (${count} of ${wanted})`);
  };
  lacks(have.total, pool, "workers");
  if (has(EVIDENCE.PROOF)) lacks(have.proof, stages, "workers that prove");
  if (has(EVIDENCE.CIPHER)) lacks(have.cipher, seats, "workers that evaluate ciphertexts");
  if (has(EVIDENCE.ENCLAVE)) {
    const families = Object.entries(have.enclaves).filter(([, count]) => count > 0);
    const enclaves = families.reduce((sum, [, count]) => sum + count, 0);
    // The primary's alone under OPTIMISTIC: auditors compute without one.
    lacks(enclaves, has(EVIDENCE.OPTIMISTIC) ? 1 : seats, "workers with an attested enclave");
    if (has(EVIDENCE.PROOF)) lacks(families.length, 2, "enclave vendors");
  }
  const risk = BigInt(seats) * need.seatStake;
  if (have.freeRisk !== undefined && risk > have.freeRisk)
    missing.push(`stake that open jobs may put at risk (${have.freeRisk} of ${risk})`);
  return missing;
}
