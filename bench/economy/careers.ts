// SPDX-License-Identifier: GPL-3.0-or-later
// Weeks of workers who earn and lose their reputation: what an identity is worth, and what washing it white costs.
import { drawSeats, drawSeed, ROUND_0_STAGE } from "../../offchain/core/draw.ts";
import { ticketCount } from "../../offchain/core/reputation.ts";
import { addRho, isHabitual } from "../../offchain/core/settle.ts";
import { REASON, type Reason } from "../../offchain/core/settle-types.ts";
import { keccakText, toWord } from "../../offchain/core/tagged-hash.ts";
import { VERDICT_CODES } from "../../offchain/core/vote.ts";
import { CODE } from "./behaviours.ts";
import { chance } from "./chance.ts";
import { REWARD, Settlements } from "./settlements.ts";
import { Mean, type Estimate } from "./statistics.ts";

export type Career = {
  readonly name: string;
  /** Shares of its seats in which it stays away, or guesses. */
  readonly away: number;
  readonly guesses: number;
  /** The reputation below which it leaves for a fresh identity. */
  readonly leavesBelow: number;
  /** Epochs after which it leaves whatever its reputation. */
  readonly leavesAfter: number;
};

const NEVER = Number.POSITIVE_INFINITY;
const stays = { leavesBelow: -NEVER, leavesAfter: NEVER };

export const HONEST_CAREER: Career = { name: "honest", away: 0, guesses: 0, ...stays };
/** Each beside the honest workers, who are the rest. */
export const CAREERS: readonly Career[] = [
  { name: "flaky, stays", away: 0.1, guesses: 0, ...stays },
  { name: "absentee, whitewashes", away: 0.3, guesses: 0, leavesBelow: 0, leavesAfter: NEVER },
  { name: "lazy, stays", away: 0, guesses: 0.05, ...stays },
  { name: "lazy, whitewashes", away: 0, guesses: 0.05, leavesBelow: 0, leavesAfter: NEVER },
  { name: "honest, changes identity weekly", away: 0, guesses: 0, leavesBelow: -NEVER, leavesAfter: 28 },
];

export type CareerOptions = {
  readonly epochs: number;
  readonly jobsPerEpoch: number;
  readonly workers: number;
  /** Workers of each career. */
  readonly each: number;
  readonly outage: number;
  /** What a seat's work costs its worker, in rewards. */
  readonly workCost: number;
  readonly seed?: number;
};

export type CareerResult = {
  readonly name: string;
  /** Rewards an epoch for each minimum stake that was bound: less slashes and cost of work. */
  readonly profit: Estimate;
  readonly tickets: number;
};

/** Two months of a hundred and twenty workers, at a price twice what the work costs. */
export const TWO_MONTHS: CareerOptions = {
  epochs: 240,
  jobsPerEpoch: 100,
  workers: 120,
  each: 12,
  outage: 0.02,
  workCost: 0.5,
};

const K = 5;
const STAKE = 44;
const MINIMUM = 10n ** 21n;
/** Section 10: unbonding of 14 d, and jail of 7 d, in epochs of 6 h. */
const UNBONDING = 56;
const JAIL = 28;

type Worker = {
  readonly career: Career;
  rho: number;
  seats: number;
  absent: number;
  since: number;
  jailedUntil: number;
  /** Until when the stake of its last identity stays bound beside the new one. */
  boundUntil: number;
  profit: number;
  capital: number;
  tickets: number;
};

/** Runs the careers side by side. Jobs are general-vote ones that are not challenged. */
export function playCareers(options: CareerOptions): CareerResult[] {
  const { epochs, jobsPerEpoch, workers: size, each, outage, workCost, seed = 1 } = options;
  const policy = { k: K, seatStake: BigInt(STAKE) * REWARD };
  const settlements = new Settlements({ stages: 1, seatReward: REWARD, pokeFee: REWARD / 20n, policy });
  const workers = Array.from({ length: size }, (_, i): Worker => {
    const career = CAREERS[Math.floor(i / each)] ?? HONEST_CAREER;
    const fresh = { rho: 0, seats: 0, absent: 0, since: 0, jailedUntil: 0, boundUntil: 0 };
    return { career, ...fresh, profit: 0, capital: 0, tickets: 0 };
  });

  for (let epoch = 0; epoch < epochs; epoch++) {
    const cells: number[] = [];
    for (const [i, worker] of workers.entries()) {
      wash(worker, epoch);
      worker.capital += epoch < worker.boundUntil ? 2 : 1;
      const tickets = epoch < worker.jailedUntil ? 0 : ticketCount(MINIMUM, MINIMUM, worker.rho);
      worker.tickets += tickets;
      for (let t = 0; t < tickets; t++) cells.push(i + 1);
    }
    for (let j = 0; j < jobsPerEpoch; j++) playVote(epoch * jobsPerEpoch + j, cells, epoch);
  }

  return [HONEST_CAREER, ...CAREERS].map((career) => {
    const [profit, tickets] = [new Mean(), new Mean()];
    for (const worker of workers) {
      if (worker.career !== career) continue;
      profit.add(worker.profit / worker.capital);
      tickets.add(worker.tickets / epochs);
    }
    return { name: career.name, profit: profit.estimate(), tickets: tickets.value };
  });

  function playVote(job: number, cells: readonly number[], epoch: number): void {
    const drawn = drawSeed(keccakText(`careers/${seed}/${job}`), toWord(job), ROUND_0_STAGE, 0);
    const cellAt = (i: number) => cells[i] ?? 0;
    const seats = drawSeats({ cellAt, length: cells.length, ticketClass: 0, seed: drawn, excluded: [], n: K });
    const codes = seats.map((id, seat) => {
      const { career } = workers[id - 1] ?? { career: HONEST_CAREER };
      if (chance(seed, job, seat, 0) < outage || chance(seed, job, seat, 1) < career.away) return CODE.ABSENT;
      return chance(seed, job, seat, 2) < career.guesses ? CODE.GUESS + seat : CODE.TRUTH;
    });
    const { verdict, accepted } = settlements.outcome(codes, 0, 0);
    const code = VERDICT_CODES[verdict];
    const reason: Reason =
      code === VERDICT_CODES.ACCEPTED ? REASON.FINAL : code === VERDICT_CODES.HUNG ? REASON.UNRESOLVED : code;
    const boundaries = accepted === undefined ? [] : [accepted];
    const settled = settlements.settled([{ stage: 0, round: 0, seats, codes }], boundaries, reason, 0);
    for (const [i, id] of seats.entries()) {
      const worker = workers[id - 1];
      if (worker === undefined) continue;
      worker.profit += (settled.net[i] ?? 0) - (codes[i] === CODE.TRUTH ? workCost : 0);
      worker.rho = addRho(worker.rho, settled.rho[i] ?? 0);
      worker.seats++;
      if (codes[i] !== CODE.ABSENT) continue;
      worker.absent++;
      if (isHabitual(worker.absent, worker.seats)) worker.jailedUntil = epoch + JAIL;
    }
  }
}

/** Leaves for a fresh identity, with a second stake while the first is unbound; one that is bound twice waits. */
function wash(worker: Worker, epoch: number): void {
  const { leavesBelow, leavesAfter } = worker.career;
  const isSpent = worker.rho < leavesBelow || epoch < worker.jailedUntil;
  const leaves = (isSpent && leavesBelow > Number.NEGATIVE_INFINITY) || epoch - worker.since >= leavesAfter;
  if (!leaves || epoch < worker.boundUntil) return;
  Object.assign(worker, { rho: 0, seats: 0, absent: 0, since: epoch, jailedUntil: 0, boundUntil: epoch + UNBONDING });
}
