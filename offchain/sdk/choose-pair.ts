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
  if (k === 1) {
    const prover = ranked.find(isIntel);
    return prover && { prover, second: undefined };
  }
  const fits = (prover: T, second: T): boolean =>
    second.workerId !== prover.workerId &&
    second.enclave.family !== prover.enclave.family &&
    (isIntel(second) || isIntel(prover));
  // Without its prover a second keeps its part if another prover goes with it: what it has said need not be said again.
  const left = candidates.find((one) => one === keep.second);
  const isAlone = left !== undefined && !ranked.some((one) => one === keep.prover);
  const beside = isAlone ? ranked.find((one) => fits(one, left)) : undefined;
  if (beside !== undefined && left !== undefined) return { prover: beside, second: left };
  for (const prover of ranked) {
    const second = first(candidates, keep.second).find((one) => fits(prover, one));
    if (second !== undefined) return { prover, second };
  }
  return undefined;
}

/** What these lack for any pair, were all of them able to prove; undefined if nothing. Each is another worker's. */
export function lackOfPair(candidates: readonly Pick<PairCandidate, "enclave">[], k: number): string | undefined {
  const families = new Set(candidates.map(({ enclave }) => enclave.family));
  if (families.size === 0) return "none of them has an enclave that may see the input";
  const known = [...families].toSorted().join(" and ");
  if (!families.has("intel")) return `there is no enclave of Intel's beside those of ${known}`;
  if (k === 2 && families.size === 1)
    return `all their enclaves are of one vendor's family, ${known}; a second one is missing`;
  return undefined;
}

const first = <T>(all: readonly T[], one: T | undefined): readonly T[] =>
  one === undefined || !all.includes(one) ? all : [one, ...all.filter((other) => other !== one)];
