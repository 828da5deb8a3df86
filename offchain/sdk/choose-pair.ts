// SPDX-License-Identifier: MIT
import type { FoundEnclave } from "./find-enclaves.ts";

/** A candidate of a critical job whose enclave the client trusts. */
export interface PairCandidate {
  readonly workerId: number;
  readonly enclave: Pick<FoundEnclave, "family">;
  /** Whether it says that it can prove the stage now; any may be the second. */
  readonly able: boolean;
  /** Proofs under way there. */
  readonly load: number;
}

export interface ChosenPair<T> {
  readonly prover: T;
  /** Undefined where k is 1. */
  readonly second: T | undefined;
}
/** Who of a pair is left. */
export interface KeptPair<T> {
  readonly prover?: T | undefined;
  readonly second?: T | undefined;
}

/**
 * Whom to give a critical stage to: a prover, and for k = 2 another worker's enclave of another vendor family, one of the two Intel's,
 * whose evidence the chain verified itself. Of several the least busy prover, then the first in the order given; `keep` stays where it
 * fits. Undefined if there is no such pair.
 */
export function choosePair<T extends PairCandidate>(
  candidates: readonly T[],
  k: number,
  keep: KeptPair<T> = {},
): ChosenPair<T> | undefined {
  const isIntel = ({ enclave }: T): boolean => enclave.family === "intel";
  const provers = candidates.filter((one) => one.able || one === keep.prover).toSorted((a, b) => a.load - b.load);
  const ranked = first(provers, keep.prover);
  for (const prover of ranked) {
    if (k === 1 && isIntel(prover)) return { prover, second: undefined };
    if (k === 1) continue;
    const second = first(candidates, keep.second).find(
      (one) =>
        one.workerId !== prover.workerId &&
        one.enclave.family !== prover.enclave.family &&
        (isIntel(one) || isIntel(prover)),
    );
    if (second !== undefined) return { prover, second };
  }
  return undefined;
}

const first = <T>(all: readonly T[], one: T | undefined): readonly T[] =>
  one === undefined || !all.includes(one) ? all : [one, ...all.filter((other) => other !== one)];
