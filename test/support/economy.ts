// SPDX-License-Identifier: GPL-3.0-or-later
import { drawSeats, drawSeed } from "../../offchain/core/draw.ts";
import { mostInsuredByStake, quoteEscrow } from "../../offchain/core/economics.ts";
import { bondOf, settle } from "../../offchain/core/settle.ts";
import { REASON, type SettleTally } from "../../offchain/core/settle-types.ts";
import { toWord, type Word } from "../../offchain/core/tagged-hash.ts";
import { SAID_ABSENT, SAID_UNREVEALED } from "../../offchain/core/types.ts";
import { committeeSize, decideVote, quorum } from "../../offchain/core/vote.ts";
import { Prng } from "./prng.ts";

/** What the seats of the actor under study do; all others are honest and present. */
export type Behaviour =
  | "honest"
  | "lazy" // answers anything
  | "absentee"
  | "withholder" // commits, never reveals
  | "coalition, any capture" // lies where it holds a quorum
  | "coalition, all seats" // lies only where nobody would challenge
  | "frivolous challenger"; // no seat: challenges a right answer

export type EconomyCell = {
  readonly k: number;
  readonly alpha: number;
  readonly behaviour: Behaviour;
  readonly jobs: number;
};

export type EconomyResult = {
  /** Gain a job of the actor in seat rewards, over playing honestly in the same seats. */
  readonly gain: number;
  /** Its standard error. */
  readonly error: number;
  /** Share of jobs that ended FINAL with a wrong digest. */
  readonly wrong: number;
  /** Share of jobs that ended without result. */
  readonly closed: number;
};

const R = 1_000_000n;
const TRUTH = toWord(100);
const LIE = toWord(200);
const WORKERS = 400;

/** Plays jobs of general-vote shape at the largest value that inequality 2 allows, over the real draw and settlement. */
export function playEconomy({ k, alpha, behaviour, jobs }: EconomyCell, seed = 1): EconomyResult {
  const rng = new Prng(seed);
  const seatStake = BigInt(4 * (2 * k + 1)) * R;
  const insured = mostInsuredByStake(k, seatStake);
  const spec = { stages: 1, seatReward: R, pokeFee: R / 20n, policy: { k, seatStake } };
  const cells = Array.from({ length: WORKERS }, (_, i) => i + 1);
  const isHostile = (id: number) => id <= Math.round(alpha * WORKERS);
  const escrow = quoteEscrow(spec, 200);
  const alone = behaviour === "lazy" || behaviour === "absentee" || behaviour === "withholder";

  let [sum, squares, wrong, closed] = [0, 0, 0, 0];
  for (let job = 0; job < jobs; job++) {
    const jobId = toWord(job);
    const tallies: SettleTally[] = [];
    const vote = (round: number): Word | undefined => {
      const n = committeeSize(k, round);
      const excluded = tallies.flatMap(({ seats }) => seats);
      const drawn = drawSeed(toWord(rng.bigint(256)), jobId, 0, round);
      const seats = drawSeats({
        cellAt: (i) => cells[i] ?? 0,
        length: WORKERS,
        ticketClass: 0,
        seed: drawn,
        excluded,
        n,
      });
      const hostile = seats.filter(isHostile).length;
      const lies =
        (behaviour === "coalition, any capture" && hostile >= quorum(n)) ||
        (behaviour === "coalition, all seats" && hostile === n);
      const first = alone && round === 0 ? seats[0] : undefined;
      const said = seats.map((id) => (id === first ? deviate(behaviour, rng) : lies && isHostile(id) ? LIE : TRUTH));
      tallies.push({ stage: 0, round, seats, said, bond: round === 0 ? 0n : bondOf(k, round, R) });
      return decideVote(said, 0, round).accepted;
    };
    let accepted = vote(0);
    const honest = tallies[0]?.said.includes(TRUTH) === true;
    // An outvoted honest seat challenges, as every worker does.
    if (accepted !== TRUTH && honest) accepted = vote(1) ?? accepted;
    else if (behaviour === "frivolous challenger") accepted = vote(1);
    const reason = accepted === undefined ? REASON.EXPIRED : REASON.FINAL;
    const record = { boundaries: accepted === undefined ? [] : [accepted], tallies };
    const outcome = { reason, seatsKnown: true, poked: true, feeBps: 200 };
    const { seats, payments } = settle(spec, record, outcome, escrow);

    let gain = 0n;
    const actor = (id: number, i: number) => (alone ? i === 0 : behaviour.startsWith("coalition") && isHostile(id));
    for (const [i, { worker, slash }] of seats.entries())
      if (actor(worker, i)) gain += (payments.seats[i] ?? 0n) - slash - R;
    if (accepted === LIE && behaviour.startsWith("coalition")) gain += insured;
    if (behaviour === "frivolous challenger") gain += (payments.challengers[1] ?? 0n) - bondOf(k, 1, R);
    const inR = Number(gain) / Number(R);
    sum += inR;
    squares += inR * inR;
    if (accepted === LIE) wrong++;
    if (accepted === undefined) closed++;
  }
  const mean = sum / jobs;
  return {
    gain: mean,
    error: Math.sqrt((squares / jobs - mean * mean) / jobs),
    wrong: wrong / jobs,
    closed: closed / jobs,
  };
}

function deviate(behaviour: Behaviour, rng: Prng): Word {
  if (behaviour === "absentee") return SAID_ABSENT;
  if (behaviour === "withholder") return SAID_UNREVEALED;
  return toWord(1000 + rng.int(0, 1_000_000));
}
