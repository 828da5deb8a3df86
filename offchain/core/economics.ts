// SPDX-License-Identifier: MIT
import { quorum } from "./vote.ts";

/** Poke fees that an escrow holds. */
export const POKES = 6n;

/** The highest protocol fee that ProtocolParams.sol accepts: 5%. */
export const MAX_FEE_BPS = 500;

/** Assumed share of hostile stake in inequality 3: one fifth. */
export const ALPHA = 0.2;

/** What a quote needs to know of a job; amounts in wei. */
export type Priced = {
  readonly stages: number;
  readonly seatReward: bigint;
  readonly pokeFee: bigint;
  readonly policy: { readonly k: number };
};

/** What `request` takes from the free balance: all seat rewards, the protocol fee on them, six poke fees. */
export function quoteEscrow({ stages, seatReward, pokeFee, policy }: Priced, feeBps: number): bigint {
  const rewards = BigInt(stages * policy.k) * seatReward;
  return rewards + (rewards * BigInt(feeBps)) / 10_000n + POKES * pokeFee;
}

// --- protocol.md section 8, in wei, rounded to the safe side like PolicyLib.sol ----------------------------------------

/** Inequality 1: the least seatStake, 4(2k+1)R. */
export function leastSeatStake(k: number, seatReward: bigint): bigint {
  return BigInt(4 * (2 * k + 1)) * seatReward;
}

/** Inequality 2: the most that a winning coalition's stake insures, 0.8 q S. */
export function mostInsuredByStake(k: number, seatStake: bigint): bigint {
  return (BigInt(8 * quorum(k)) * seatStake) / 10n;
}

/** Inequality 3: the most for which all-hostile committees cost less than R/20 a job: R 5^k / (20 L). */
export function mostInsuredByReward(k: number, stages: number, seatReward: bigint): bigint {
  return (seatReward * 5n ** BigInt(k)) / BigInt(20 * stages);
}

/** Share of wrong answers that `auditors` catch once an audit is drawn, in percent: 95 with two, 99 with four. */
export function detectionPercent(auditors: number): number {
  if (auditors >= 4) return 99;
  return auditors >= 2 ? 95 : 0;
}

/** Inequality 4, p d S >= R + (1 - p d) V: the most that a sampling job insures; negative if it is unsafe even at 0. */
export function mostInsuredBySampling(auditBps: number, k: number, seatStake: bigint, seatReward: bigint): bigint {
  const caught = BigInt(auditBps * detectionPercent(k - 1)); // p d in millionths
  const rest = caught * seatStake - 1_000_000n * seatReward;
  if (caught >= 1_000_000n || rest < 0n) return rest;
  return rest / (1_000_000n - caught);
}

/**
 * Inequality 4 the other way round: the least seatStake of a sampling job; undefined if no stake makes lying unprofitable
 * because no audit notices it.
 */
export function leastStakeBySampling(
  auditBps: number,
  k: number,
  insuredValue: bigint,
  seatReward: bigint,
): bigint | undefined {
  const caught = BigInt(auditBps * detectionPercent(k - 1)); // p d in millionths
  if (caught === 0n) return undefined;
  return (1_000_000n * seatReward + (1_000_000n - caught) * insuredValue + caught - 1n) / caught;
}

// --- Closed forms of section 14, plain probabilities --------------------------------------------------------------------

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1);
  return result;
}

/** P(at least `least` of `n` seats are hostile) when each is with probability `alpha`. */
export function hostileTail(n: number, least: number, alpha: number): number {
  let sum = 0;
  for (let bad = least; bad <= n; bad++) sum += choose(n, bad) * alpha ** bad * (1 - alpha) ** (n - bad);
  return sum;
}

/** P(a hostile quorum in one committee). */
export function captureProbability(k: number, alpha: number): number {
  return hostileTail(k, quorum(k), alpha);
}

/** P(a committee that nobody in it would challenge). */
export function allHostileProbability(k: number, alpha: number): number {
  return alpha ** k;
}

/** P(hostile seats can keep a committee of `n` from a quorum). */
export function blockProbability(n: number, alpha: number): number {
  return hostileTail(n, n - quorum(n) + 1, alpha);
}
