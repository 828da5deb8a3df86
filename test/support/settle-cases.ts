// SPDX-License-Identifier: GPL-3.0-or-later
import { quoteEscrow } from "../../offchain/core/economics.ts";
import { bondOf, offences, pokeDue } from "../../offchain/core/settle.ts";
import {
  COURT_ROUND,
  REASON,
  type Reason,
  type SettleOutcome,
  type SettleSpec,
  type SettleTally,
} from "../../offchain/core/settle-types.ts";
import { toWord, type Word } from "../../offchain/core/tagged-hash.ts";
import { committeeSize, decideVote, isReserved, neverOpened, quorum } from "../../offchain/core/vote.ts";
import { OPTIMISTIC, SAID_UNREVEALED, VOTE } from "../../offchain/core/types.ts";
import { Prng } from "./prng.ts";

export type SettleCase = {
  readonly spec: SettleSpec;
  readonly record: { readonly boundaries: readonly Word[]; readonly tallies: readonly SettleTally[] };
  readonly outcome: SettleOutcome;
  readonly taken: readonly bigint[];
  readonly escrow: bigint;
};

const ABSENT = 0;
const ABSTAIN = 1;
const UNREVEALED = 2;

/** Votes of `n` seats in one of the ways in which committees behave; digests are the small numbers from 3 on. */
function votes(rng: Prng, n: number, truth: number): number[] {
  const q = quorum(n);
  const fill = (codes: readonly number[]) => {
    const said = Array.from({ length: n }, (_, i) => codes[i] ?? truth);
    for (let i = n - 1; i > 0; i--) {
      const j = rng.int(0, i);
      [said[i], said[j]] = [said[j] ?? 0, said[i] ?? 0];
    }
    return said;
  };
  const some = (most: number) => Array.from({ length: rng.int(0, Math.max(0, most)) }, () => rng.int(0, 6));
  const lie = truth + rng.int(1, 3);
  switch (rng.int(0, 9)) {
    case 0:
    case 1:
    case 2:
      return fill([]);
    case 3: // a minority of anything
      return fill(some(n - q));
    case 4: // captured
      return fill([...Array.from({ length: q }, () => lie), ...some(n - q)]);
    case 5: // liars without quorum: HUNG
      return fill(Array.from({ length: rng.int(1, Math.max(1, q - 1)) }, () => lie));
    case 6: // too few commit
      return fill([
        ...Array.from({ length: rng.int(n - q + 1, n) }, () => ABSENT),
        ...Array.from({ length: n }, () => UNREVEALED),
      ]);
    case 7: // abstentions
      return fill([...Array.from({ length: rng.int(1, n) }, () => ABSTAIN), ...some(1)]);
    case 8: // committed, but few reveal
      return fill(Array.from({ length: rng.int(1, n) }, () => UNREVEALED));
    default:
      return fill(some(n));
  }
}

/** A job that a hub could have settled: stages voted one after another, escalations, courts, void stages, poor vaults. */
export function settleCase(seed: number): SettleCase {
  const rng = new Prng(seed);
  const k = rng.pick([1, 2, 3, 5, 5, 7]);
  const stages = rng.int(1, Math.min(rng.pick([1, 1, 3, 8]), Math.floor(31 / k)));
  const seatReward = rng.chance(0.1) ? BigInt(rng.int(0, 20)) : rng.bigint(rng.int(8, 88)) + 1n;
  const seatStake = BigInt(4 * (2 * k + 1)) * seatReward + BigInt(rng.int(0, 9));
  const pokeFee = seatReward / 20n;
  const sampled = k > 1 && stages === 1 && rng.chance(0.4);
  const tolerant = !sampled && rng.chance(0.3);
  const alone = sampled && rng.chance(0.5);
  const spec = { stages, seatReward, pokeFee, policy: { k, seatStake, mask: sampled ? OPTIMISTIC : VOTE } };
  const feeBps = rng.pick([200, 0, 500, 37]);

  const tallies: SettleTally[] = [];
  const boundaries: Word[] = [];
  let nextWorker = rng.int(1, 1000);
  const vote = (stage: number, round: number) => {
    const n = alone && round === 0 ? 1 : committeeSize(k, round);
    const audit = sampled && round === 0 && n > 1;
    const seats = Array.from({ length: n }, () => nextWorker++);
    let said = votes(rng, n, 3).map(toWord);
    // A primary is bound before the committee is.
    if (sampled && round === 0 && BigInt(said[0] ?? 0n) < 2n)
      said = said.map((word, i) => (i === 0 ? SAID_UNREVEALED : word));
    // A reveal phase that never opened holds commitments, no digests.
    if (neverOpened(said, audit)) said = said.map((word) => (BigInt(word) === 0n ? word : SAID_UNREVEALED));
    tallies.push({ stage, round, seats, said, bond: round === 0 ? 0n : bondOf(k, round, seatReward) });
    const outcome = decideVote(said, stage, round);
    if (tolerant && round === 1 && outcome.accepted !== undefined) rejudge(stage, outcome.accepted);
    return outcome;
  };
  /** Class T: the quorum of round 1 says which seats of round 0 were right; what hung there stays hung. */
  const rejudge = (stage: number, truth: Word) => {
    const at = tallies.findIndex((tally) => tally.stage === stage && tally.round === 0);
    const first = tallies[at];
    if (first === undefined) return;
    const isHung = decideVote(first.said, stage, 0).verdict === "HUNG";
    const challenger = toWord(256 * rng.int(0, 2 ** 20) + (isHung ? 255 : rng.int(1, 31)));
    const said = first.said.map((word) => (isReserved(word) || rng.chance(0.4) ? word : truth));
    tallies[at] = { ...first, said, challenger };
  };
  const court = (stage: number) => {
    const mine = tallies.filter((tally) => tally.stage === stage).flatMap(({ said }) => said);
    const words = [...new Set(mine.filter((word) => !isReserved(word)))];
    const truth = words.filter((word, i) => BigInt(word) === 3n || (i === 0 && rng.chance(0.2)));
    tallies.push({ stage, round: COURT_ROUND, seats: [], said: truth, bond: 0n });
    return truth[0] ?? toWord(99);
  };
  const seated = (round: number) =>
    rng.chance(0.5) ? [] : Array.from({ length: committeeSize(k, round) }, () => nextWorker++);
  /** Escalates a stage until something stands; undefined if it stays HUNG. */
  const dispute = (stage: number, first: number): Word | undefined => {
    for (let round = first; round <= 2; round++) {
      if (rng.chance(0.15)) {
        // A court rules: before any challenge, or while an escalation is under way.
        if (rng.chance(0.5) && round > 0)
          tallies.push({ stage, round, seats: seated(round), said: [], bond: bondOf(k, round, seatReward) });
        return court(stage);
      }
      if (rng.chance(0.2)) return undefined;
      const { accepted } = vote(stage, round);
      if (accepted !== undefined) return accepted;
    }
    return rng.chance(0.3) ? court(stage) : undefined;
  };
  const roundsOf = (stage: number) => tallies.filter((tally) => tally.stage === stage && tally.round < 3).length;
  const isRuled = (stage: number) => tallies.some((tally) => tally.stage === stage && tally.round === COURT_ROUND);

  let reason: Reason = REASON.FINAL;
  const cancelled = rng.chance(0.03);
  if (cancelled) reason = REASON.CANCELLED;
  for (let stage = 0; stage < stages && reason === REASON.FINAL; stage++) {
    const { verdict, accepted } = vote(stage, 0);
    if (verdict === "ACCEPTED" || verdict === "HUNG") {
      const stands = accepted ?? dispute(stage, 1);
      if (stands === undefined) reason = REASON.UNRESOLVED;
      else boundaries.push(stands);
    } else reason = REASON[verdict];
  }
  // The window: stages are challenged or judged.
  while (reason === REASON.FINAL && rng.chance(0.4)) {
    const stage = rng.int(0, stages - 1);
    const round = roundsOf(stage);
    if (isRuled(stage)) continue;
    const stands = rng.chance(0.3) ? court(stage) : round <= 2 ? dispute(stage, round) : undefined;
    if (round > 2 && stands === undefined) continue;
    if (stands === boundaries[stage]) continue;
    if (stands === undefined) boundaries.length = stage;
    else {
      boundaries.length = stage + 1;
      boundaries[stage] = stands;
    }
    if (boundaries.length < stages) reason = REASON.UNRESOLVED;
  }

  const record = { boundaries, tallies };
  const outcome = { reason, seatsKnown: !cancelled, poked: rng.chance(0.5), feeBps };
  const poor = rng.chance(0.2);
  const taken = offences(spec, record).map(({ slash }) => (poor ? (slash * BigInt(rng.int(0, 4))) / 4n : slash));
  let escrow = quoteEscrow(spec, feeBps);
  for (let pokes = rng.int(0, 7); pokes > 0; pokes--) escrow -= pokeDue(spec, feeBps, escrow);
  return { spec, record, outcome, taken, escrow };
}
