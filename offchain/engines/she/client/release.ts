// SPDX-License-Identifier: MIT
import type { Finish } from "../../../core/program/types.ts";
import { finishValues } from "./finish-values.ts";

/** The only things that may be told after a decryption: they are the same whatever the noise was. */
export type ReleaseRule =
  /** Index of the largest output, if it leads by more than twice the tolerance. */
  | { readonly kind: "argmax" }
  /** Whether the first output reaches a value, if it is further from it than the tolerance; in units of the accumulator (`boundaryOf`). */
  | { readonly kind: "threshold"; readonly at: number }
  /** The last operator's integers, if no rounding boundary is within the tolerance. */
  | { readonly kind: "values" };

export type Released =
  | { readonly kind: "argmax"; readonly index: number }
  | { readonly kind: "threshold"; readonly isReached: boolean }
  | { readonly kind: "values"; readonly values: readonly number[] }
  | { readonly kind: "undecided" };

export interface ReleaseTerms {
  /** Largest error of an accumulator: the program's tolerance times what a slot of 1 stands for. */
  readonly tolerance: number;
  readonly finish: Finish;
}

const UNDECIDED = { kind: "undecided" } as const;

/**
 * What may be published of accumulators that were decrypted with noise up to the tolerance: a value that any noise within it would
 * have given too, else "undecided". Publishing anything finer lets others compute the secret key (Li and Micciancio 2021).
 */
export function releaseOf(accumulators: readonly number[], rule: ReleaseRule, terms: ReleaseTerms): Released {
  const { tolerance } = terms;
  if (accumulators.length === 0 || !accumulators.every(Number.isFinite)) return UNDECIDED;
  if (rule.kind === "argmax") {
    const first = Math.max(...accumulators);
    const index = accumulators.indexOf(first);
    const second = Math.max(...accumulators.filter((_, i) => i !== index));
    return first - second > 2 * tolerance ? { kind: "argmax", index } : UNDECIDED;
  }
  if (rule.kind === "threshold") {
    const lead = (accumulators[0] ?? 0) - rule.at;
    return Math.abs(lead) > tolerance ? { kind: "threshold", isReached: lead > 0 } : UNDECIDED;
  }
  const [low, high] = [-1, 1].map((sign) =>
    finishValues(
      accumulators.map((y) => y + sign * tolerance),
      terms.finish,
    ),
  );
  // Between equal ends there may be other values, unless both are in one step of the rounding.
  const shifts = terms.finish.kind === "exact" ? [0] : terms.finish.shifts;
  const isFine = shifts.every((shift) => 2 * tolerance < 2 ** shift);
  const isSame = low?.every((value, i) => value === high?.[i]) === true;
  return isFine && isSame && low !== undefined ? { kind: "values", values: low } : UNDECIDED;
}

/** The least accumulator of output `index` that the last rounding turns into `value` or more. */
export function boundaryOf(finish: Finish, value: number, index = 0): number {
  if (finish.kind === "exact") return value;
  const shift = finish.shifts.length === 1 ? finish.shifts[0] : finish.shifts[index];
  return (value - 0.5) * 2 ** (shift ?? 0);
}
