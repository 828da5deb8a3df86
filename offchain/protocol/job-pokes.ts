// SPDX-License-Identifier: GPL-3.0-or-later
import { committeeSize, say } from "../core/vote.ts";
import { CLASS_T, type Job, type Record } from "../core/types.ts";
import type { Hex, SlotView } from "./ports.ts";
import { STATE } from "./seat-machine.ts";

/** A worker's standing in a job, for deciding what it pokes. */
export interface Standing {
  readonly stage: number;
  readonly round: number;
  readonly own: number;
  /** What this worker said, or null if it abstained or never voted. */
  readonly said: { readonly outDigest: Hex; readonly payload: Hex } | null;
}

export type Poke = "settle" | "expire" | "challenge";

/** Pokers of one committee wait for each other, so that one transaction is sent, not k. Seconds a seat. */
const STEP_SEC = 2;

/**
 * What this worker should do about a job beyond its own vote. Pure; `now` is chain seconds.
 * Challenging is automatic when this worker was outvoted: an honest dissenter loses its stake only to a larger committee.
 */
export function jobPoke(job: Job, record: Record, slot: SlotView, standing: Standing, now: number): Poke | null {
  const turn = STEP_SEC * standing.own + (standing.round > 0 ? 1 : 0);
  if (slot.state === STATE.FINAL || slot.state === STATE.CLOSED || slot.state === STATE.NONE) return null;
  if (now > job.spec.expiry + turn) return slot.state === STATE.WINDOW ? "settle" : "expire";
  const mayChallenge = wasOutvoted(job, record, slot, standing) && roundsLeft(record, slot, standing.stage);
  if (slot.state === STATE.WINDOW || slot.state === STATE.HUNG) {
    if (mayChallenge && now < slot.deadline && now >= challengeFrom(slot, standing)) return "challenge";
    if (now > slot.deadline + turn) return slot.state === STATE.WINDOW ? "settle" : "expire";
    return null;
  }
  // OPEN: a round that nobody carried on. The seats of that round poke it themselves; this is for those who are elsewhere.
  const grace = job.spec.policy.tReveal + STEP_SEC * 4;
  const isOwn = slot.stage === standing.stage && slot.round === standing.round;
  return !isOwn && now > slot.deadline + grace + turn ? "expire" : null;
}

/** In HUNG several dissenters may want the same challenge: they take turns. */
const challengeFrom = (slot: SlotView, standing: Standing) =>
  slot.state === STATE.HUNG ? slot.deadline - 20 + standing.own : 0;

function roundsLeft(record: Record, slot: SlotView, stage: number): boolean {
  if (((record.decided >> stage) & 1) === 1) return false;
  const rounds = slot.flags & 3;
  const used = record.tallies.filter((tally) => tally.stage === stage && tally.round > 0).length;
  return used < rounds;
}

/** Whether what stands in the stage is not what this worker said, or nothing stands. */
export function wasOutvoted(job: Job, record: Record, slot: SlotView, standing: Standing): boolean {
  if (standing.said === null) return false;
  if (slot.state === STATE.HUNG) return slot.stage === standing.stage;
  const accepted = record.boundaries[standing.stage];
  if (accepted === undefined) return false;
  if (job.spec.policy.cls === CLASS_T) {
    // Who agreed within the tolerance is recorded as having said what was delivered.
    const own = record.tallies.findLast(({ stage, round }) => stage === standing.stage && round === standing.round);
    return own !== undefined && own.said[standing.own] !== accepted;
  }
  if (standing.said.outDigest !== accepted) return true;
  // Same digest, other payload: the winning word is in the last tally.
  const last = record.tallies.findLast((tally) => tally.stage === standing.stage);
  if (last === undefined) return false;
  const counts = new Map<Hex, number>();
  for (const word of last.said) counts.set(word, (counts.get(word) ?? 0) + 1);
  const winner = [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0];
  return winner !== undefined && BigInt(winner) > 2n && winner !== say(standing.said.outDigest, standing.said.payload);
}

/** 1.25 · k_r · R: what a challenge of this stage costs, wei. */
export function challengeBond(job: Job, record: Record, stage: number): bigint {
  const used = record.tallies.filter((tally) => tally.stage === stage && tally.round > 0).length;
  const seats = committeeSize(job.spec.policy.k, used + 1);
  return (BigInt(seats) * job.spec.seatReward * 5n) / 4n;
}
