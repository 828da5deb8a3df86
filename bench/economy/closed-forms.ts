// SPDX-License-Identifier: GPL-3.0-or-later
// What protocol.md section 14 says in formulas, exact for finite pools, and written without a look at the simulator: shares,
// and means with their standard deviations. Amounts in rewards.
import { committeeSize, quorum } from "../../offchain/core/vote.ts";

export type Form = { readonly mean: number; readonly deviation: number };

export function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let result = 1;
  for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1);
  return result;
}

/** P(`b` of `k` seats are among `m` of `n` workers): seats are distinct workers. */
export function hostile(n: number, m: number, k: number, b: number): number {
  if (b < 0 || b > k || b > m || k - b > n - m) return 0;
  let p = choose(k, b);
  for (let i = 0; i < b; i++) p *= (m - i) / (n - i);
  for (let i = 0; i < k - b; i++) p *= (n - m - i) / (n - b - i);
  return p;
}

export const fastPath = (seats: number, outage: number): number => (1 - outage) ** seats;

/** P(too few of `k` seats are there in one of `stages`). */
export function noQuorum(k: number, outage: number, stages = 1): number {
  let enough = 0;
  for (let there = quorum(k); there <= k; there++)
    enough += choose(k, there) * (1 - outage) ** there * outage ** (k - there);
  return 1 - enough ** stages;
}

export function capture(n: number, m: number, k: number): number {
  let p = 0;
  for (let b = quorum(k); b <= k; b++) p += hostile(n, m, k, b);
  return p;
}

export type Attack = {
  readonly workers: number;
  readonly members: number;
  readonly k: number;
  readonly stake: number;
  readonly insured: number;
  /** Whether later committees are kept from a verdict where the coalition can. */
  readonly blocks?: boolean;
};

type Branch = { readonly p: number; readonly gain: number; readonly wrong: boolean };

/** What follows if `liars` of the `own` hostile seats of a first committee of `size` lied and honest seats object. */
function* challenged(
  { workers, members, k, stake, insured, blocks = false }: Attack,
  size: number,
  own: number,
  liars: number,
): Generator<Branch> {
  const [n1, n2] = [committeeSize(k, 1), committeeSize(k, 2)];
  const lies = (b: number, n: number) => b >= quorum(n) || (blocks && b > n - quorum(n));
  for (let b1 = 0; b1 <= n1; b1++) {
    const p1 = hostile(workers - size, members - own, n1, b1);
    if (p1 === 0) continue;
    if (!lies(b1, n1)) {
      yield { p: p1, gain: b1 - liars * (stake + 1), wrong: false };
      continue;
    }
    for (let b2 = 0; b2 <= n2; b2++) {
      const p = p1 * hostile(workers - size - n1, members - own - b1, n2, b2);
      if (p === 0) continue;
      if (b2 >= quorum(n2)) yield { p, gain: insured + b1 + b2, wrong: true };
      // Nobody is slashed or paid but the larger committees, from their challengers' bonds.
      else if (lies(b2, n2)) yield { p, gain: b1 + b2 - own, wrong: false };
      else yield { p, gain: b2 - liars * (stake + 1) - b1 * stake, wrong: false };
    }
  }
}

function summed(branches: Iterable<Branch>): Form & { readonly wrong: number } {
  let [mean, squares, wrong] = [0, 0, 0];
  for (const { p, gain, wrong: isWrong } of branches) {
    mean += p * gain;
    squares += p * gain * gain;
    if (isWrong) wrong += p;
  }
  return { mean, deviation: Math.sqrt(Math.max(0, squares - mean * mean)), wrong };
}

/** Lying wherever a quorum is held: gain a job over honesty, and wrong results delivered. */
export function anyCapture(attack: Attack): Form & { readonly wrong: number } {
  const { workers, members, k, insured } = attack;
  function* branches(): Generator<Branch> {
    for (let b = quorum(k); b < k; b++) {
      const p0 = hostile(workers, members, k, b);
      for (const { p, gain, wrong } of challenged(attack, k, b, b)) yield { p: p0 * p, gain, wrong };
    }
    yield { p: hostile(workers, members, k, k), gain: insured, wrong: true };
  }
  return summed(branches());
}

/** Lying only where no seat would object. */
export function allSeats({ workers, members, k, insured }: Attack): Form & { readonly wrong: number } {
  return summed([{ p: hostile(workers, members, k, k), gain: insured, wrong: true }]);
}

/** Section 14's own line, for an endless pool and without the rewards that liars forgo or earn in later rounds. */
export function anyCaptureRounded(k: number, alpha: number): number {
  const stake = 4 * (2 * k + 1);
  let gain = alpha ** k * 0.8 * quorum(k) * stake;
  for (let b = quorum(k); b < k; b++) gain -= choose(k, b) * alpha ** b * (1 - alpha) ** (k - b) * b * stake;
  return gain;
}

/** One worker among `workers` that loses `loss` in each of its seats. */
export function alone(workers: number, k: number, loss: number): Form {
  const p = k / workers;
  return { mean: -p * loss, deviation: loss * Math.sqrt(p * (1 - p)) };
}

/** A challenge of a right answer: the whole bond. */
export const frivolous = (k: number): Form => ({ mean: -1.25 * committeeSize(k, 1), deviation: 0 });

/** A requester that withholds its input from every committee but its own: kill fee and poke, or the insured value. */
export function reroll(attack: Attack, feeShare: number, poke: number): Form {
  const { workers, members, k, insured } = attack;
  const p = hostile(workers, members, k, k);
  const [lost, won] = [-(0.1 * k + poke), insured - feeShare * k - poke];
  return { mean: p * won + (1 - p) * lost, deviation: (won - lost) * Math.sqrt(p * (1 - p)) };
}

/** A sampled job's primary that always lies; its accomplices among the auditors help where that captures. */
export function lyingPrimary(attack: Attack, audited: number): Form & { readonly wrong: number } {
  const { workers, members, k, stake, insured } = attack;
  function* branches(): Generator<Branch> {
    const own = members / workers;
    yield { p: own * (1 - audited), gain: insured, wrong: true };
    for (let b = 0; b < k; b++) {
      const p0 = own * audited * hostile(workers - 1, members - 1, k - 1, b);
      if (b === k - 1) yield { p: p0, gain: insured, wrong: true };
      else if (b + 1 < quorum(k)) yield { p: p0, gain: -(stake + 1), wrong: false };
      else
        for (const { p, gain, wrong } of challenged({ ...attack, blocks: true }, k, b + 1, b + 1))
          yield { p: p0 * p, gain, wrong };
    }
    // An honest primary may meet a hostile quorum of auditors.
    for (let b = quorum(k); b < k; b++) {
      const p0 = (1 - own) * audited * hostile(workers - 1, members, k - 1, b);
      for (const { p, gain, wrong } of challenged({ ...attack, blocks: true }, k, b, b))
        yield { p: p0 * p, gain, wrong };
    }
  }
  return summed(branches());
}

/** Requester's cost of an undisputed job: rewards, fee, the poke of `settle`. */
export const voteCost = (seats: number, feeShare: number, poke: number): number => seats * (1 + feeShare) + poke;

export function sampledCost(k: number, audited: number, feeShare: number, poke: number): Form {
  const extra = (k - 1) * (1 + feeShare) + poke;
  return { mean: 1 + feeShare + poke + audited * extra, deviation: extra * Math.sqrt(audited * (1 - audited)) };
}

/** Share of all-hostile deliveries that must be re-checked in their window for lying with all seats not to pay. */
export function breakEvenRecheck(k: number, stake: number, insured: number): number {
  return insured / (insured + k * stake);
}

/** The guessing success above which laziness pays, if the work it saves is worth `saved` rewards. */
export const breakEvenGuess = (stake: number, saved: number): number => 1 - saved / (stake + 1);
