// SPDX-License-Identifier: MIT
import type { ResolvedPolicy } from "./resolve-policy.ts";
import type { Spec } from "./types.ts";

/** What a resolved policy means, a sentence or number each. Amounts in wei, times in seconds. */
export type PolicyInWords = {
  readonly why: string;
  readonly evidence: string;
  readonly sees: string;
  readonly cost: string;
  readonly limits: string;
  /** Seats that are drawn for the whole job; auditors of a sampled job are paid only if they are drawn. */
  readonly seats: number;
  /** The most that the request takes; what nobody earned comes back. */
  readonly escrow: bigint;
  /** What liars lose together at the first committee. */
  readonly stakeAtRisk: bigint;
  readonly answerSec: number;
  readonly finalSec: number;
};

/** Why this policy, what it costs, what it does not protect against; `spec` and `escrow`: of the job that would be requested. Pure. */
export function explainPolicy(
  { explanation, answerSec, finalSec }: Pick<ResolvedPolicy, "explanation" | "answerSec" | "finalSec">,
  { stages, policy }: { readonly stages: number; readonly policy: Pick<Spec["policy"], "k" | "seatStake"> },
  escrow: bigint,
): PolicyInWords {
  const seats = stages * policy.k;
  return { ...explanation, seats, escrow, stakeAtRisk: BigInt(seats) * policy.seatStake, answerSec, finalSec };
}

/** The same as lines for people. */
export const wordsOf = (preset: string, words: PolicyInWords): readonly string[] => [
  `${preset}: ${words.why}`,
  `evidence        ${words.evidence}`,
  `sees the input  ${words.sees}`,
  `costs           ${words.cost} At most ${words.escrow} base units for ${words.seats} seats; what nobody earned comes back.`,
  `liars lose      ${words.stakeAtRisk} base units of stake, all first seats together`,
  `limits          ${words.limits}`,
  `time            about ${words.answerSec} s to the answer, ${words.finalSec} s until nobody can dispute it`,
];
