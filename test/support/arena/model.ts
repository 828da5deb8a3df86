// SPDX-License-Identifier: GPL-3.0-or-later
// A deployment in plain TypeScript: what every call does to jobs, records and money, or which error refuses it. All that
// core knows is asked from core; what remains here is the order of checks, phases and bookkeeping.
import { ticketCount } from "../../../offchain/core/reputation.ts";
import { drawSeats, drawSeed, ROUND_0_STAGE } from "../../../offchain/core/draw.ts";
import type { Abandoned, PastTally, Step } from "../../../offchain/core/job-steps.ts";
import { RuleError } from "../../../offchain/core/rule-errors.ts";
import { REASON, SEAT, type Reason, type SettledSeat } from "../../../offchain/core/settle-types.ts";
import {
  SAID_ABSENT,
  SAID_UNREVEALED,
  STATE_CLOSED,
  STATE_FINAL,
  STATE_HUNG,
  STATE_NONE,
  STATE_OPEN,
  STATE_WINDOW,
  VOTE,
  ZERO_ADDRESS,
  type Job,
} from "../../../offchain/core/types.ts";
import { say } from "../../../offchain/core/vote.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { EPOCH_SECONDS, MINIMUM_STAKE, PARAMS_VERSION, SETS, UNBONDING_SECONDS } from "./arena.ts";
import type { Rules } from "./rules.ts";

const FOREVER = 2 ** 48 - 1;
const JAIL_SECONDS = 7 * 86_400;
const RETRY_SECONDS = 30 * 86_400;
const OPCODE_REACH = 8_191;
const TICKETS = 4;
const set = SETS[PARAMS_VERSION];

/** Errors of core by the names that contracts give them. */
const RULE_NAMES: Readonly<Record<string, string>> = {
  POOL_TOO_SMALL: "PoolTooSmall",
  NOT_SUPPORTED: "NotSupported",
  SPEC_INVALID: "SpecInvalid",
  POLICY_UNSAFE: "PolicyUnsafe",
  CRITICAL_NEEDS_CONSENT: "CriticalNeedsConsent",
};

/** A call that the contracts refuse, under the name of their error. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}
const refuse = (error: string): never => {
  throw new Refusal(error);
};
const demand = (holds: boolean, error: string): void => {
  if (!holds) refuse(error);
};

export type Account = {
  earned: bigint;
  rho: number;
  agreed: number;
  absent: number;
  wrong: number;
  abstained: number;
};

export type Worker = {
  stake: bigint;
  unbonding: bigint;
  unbondAt: number;
  tickets: number;
  jailedUntil: number;
  /** Tickets must go before the next epoch. */
  mustLeave: boolean;
};

export type Tallied = {
  readonly stage: number;
  readonly round: number;
  seats: readonly number[];
  said: readonly Hex[];
  readonly challenger: Hex;
  readonly bond: bigint;
};

export type History = {
  seats: readonly number[];
  boundaries: readonly Hex[];
  tallies: Tallied[];
  decided: number;
};

/** What a seat does when it opens. */
export type Spoken = { readonly outDigest: Hex; readonly payload: Hex };

/** The slow path of the current round. */
export type Phase = {
  readonly posted: Map<number, Hex>;
  readonly batched: Map<number, Hex>;
  readonly revealed: Map<number, Spoken>;
  closedAt: number;
};

export type ModelJob = {
  readonly job: Job;
  readonly jobId: Hex;
  state: number;
  stage: number;
  round: number;
  rounds: number;
  seedRef: number;
  deadline: number;
  tableVersion: number;
  escrow: bigint;
  pinned: boolean;
  record: History;
  phase: Phase;
  reason: Reason;
  /** What every seat of the record got at the end. */
  settled: readonly SettledSeat[];
};

/** When a transaction is mined. */
export type At = { readonly time: number; readonly block: number };

const newPhase = (): Phase => ({ posted: new Map(), batched: new Map(), revealed: new Map(), closedAt: 0 });

export class Model {
  readonly rules: Rules;
  /** Hash of a block: the model is told, it predicts all else. */
  readonly #hashes = new Map<number, Hex>();
  readonly free = new Map<Hex, bigint>();
  readonly accounts: Account[] = [];
  readonly workers: Worker[] = [];
  readonly addresses: readonly Hex[];
  readonly jobs: ModelJob[] = [];
  openRisk = 0n;
  fees = 0n;
  /** Burned. */
  dead = 0n;
  version = 0;
  startedAt = 0;
  /** Cells of the table that changes go to. */
  #cells: number[] = [];
  /** Cells and backed tickets of each version that began. */
  readonly #tables = new Map<number, { readonly cells: readonly number[]; readonly backed: number }>();

  /** `free` and `accounts`: what there is before the first call. */
  constructor(rules: Rules, addresses: readonly Hex[], free: ReadonlyMap<Hex, bigint>, accounts: readonly Account[]) {
    this.rules = rules;
    this.addresses = addresses;
    for (const [who, amount] of free) this.free.set(who, amount);
    this.accounts.push(...accounts.map((account) => ({ ...account })));
    for (const [index] of addresses.entries()) {
      this.workers.push({
        stake: MINIMUM_STAKE,
        unbonding: 0n,
        unbondAt: 0,
        tickets: TICKETS,
        jailedUntil: 0,
        mustLeave: false,
      });
      for (let ticket = 0; ticket < TICKETS; ticket++) this.#cells.push(index + 1);
    }
  }

  // --- Facts --------------------------------------------------------------------------------------------------------

  learnHash(block: number, hash: Hex): void {
    this.#hashes.set(block, hash);
  }

  hasHash(block: number): boolean {
    return this.#hashes.has(block);
  }

  account(id: number): Account {
    return this.accounts[id - 1] as Account;
  }

  worker(id: number): Worker {
    return this.workers[id - 1] as Worker;
  }

  addressOf(id: number): Hex {
    return this.addresses[id - 1] ?? "0x";
  }

  idOf(address: Hex): number {
    return this.addresses.indexOf(address) + 1;
  }

  balance(who: Hex): bigint {
    return this.free.get(who) ?? 0n;
  }

  #credit(who: Hex, amount: bigint): void {
    const key = who.toLowerCase() as Hex;
    this.free.set(key, this.balance(key) + amount);
  }

  #spend(who: Hex, amount: bigint): void {
    demand(this.balance(who) >= amount, "BalanceTooLow");
    this.free.set(who, this.balance(who) - amount);
  }

  /** Bonds that jobs under way hold. */
  bonds(): bigint {
    let sum = 0n;
    for (const job of this.jobs) if (isLive(job)) for (const { bond } of job.record.tallies) sum += bond;
    return sum;
  }

  escrows(): bigint {
    return this.jobs.reduce((sum, job) => sum + (isLive(job) ? job.escrow : 0n), 0n);
  }

  // --- Requests -----------------------------------------------------------------------------------------------------

  request(at: At, { job, jobId }: { readonly job: Job; readonly jobId: Hex }): void {
    const { spec, requester } = job;
    demand(!this.jobs.some((other) => other.jobId === jobId), "JobExists");
    const table = this.#tables.get(this.version);
    const workers = new Set(table?.cells).size;
    const limits = {
      supported: VOTE,
      time: at.time,
      minimumStake: MINIMUM_STAKE,
      maxInsured: spec.insuredValue === 0n ? 0n : MINIMUM_STAKE / 10n,
      enclaveCap: 0n,
      openRisk: this.openRisk,
      ticketedStake: BigInt(table?.backed ?? 0) * 2n * (MINIMUM_STAKE / 8n),
      workers,
    };
    let admitted: ReturnType<Rules["checkPolicy"]>;
    try {
      admitted = this.rules.checkPolicy(spec, set, limits);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return refuse(RULE_NAMES[error.code] ?? error.code);
    }
    const escrow = this.rules.quoteEscrow(spec, set.feeBps);
    this.#spend(requester, escrow);
    this.openRisk += admitted.risk;
    this.jobs.push({
      job,
      jobId,
      state: STATE_OPEN,
      stage: 0,
      round: 0,
      rounds: admitted.rounds,
      seedRef: at.block + 2,
      deadline: at.time + spec.stages * spec.policy.tWork,
      tableVersion: this.version,
      escrow,
      pinned: false,
      record: { seats: [], boundaries: [], tallies: [], decided: 0 },
      phase: newPhase(),
      reason: REASON.FINAL,
      settled: [],
    });
  }

  cancel(at: At, job: ModelJob, by: Hex): void {
    demand(job.state === STATE_OPEN, "StateWrong");
    demand(by === job.job.requester, "RequesterOnly");
    demand(!job.pinned && at.block < job.seedRef, "TooLate");
    this.#credit(job.job.requester, job.escrow);
    this.#release(job);
    job.state = STATE_CLOSED;
    job.reason = REASON.CANCELLED;
    job.deadline = at.time + RETRY_SECONDS;
  }

  #release({ job }: ModelJob): void {
    const { stages, policy } = job.spec;
    this.openRisk -= BigInt(stages * policy.k) * policy.seatStake;
  }

  // --- Committees ---------------------------------------------------------------------------------------------------

  size(job: ModelJob): number {
    return this.rules.committeeSize(job.job.spec.policy.k, job.round);
  }

  /** Worker ids of the committee that votes now; drawn if need be. Refusals: SeedNotReady, SeedLost, VersionUnreadable. */
  committee(at: At, job: ModelJob): readonly number[] {
    const { k } = job.job.spec.policy;
    if (job.round === 0) {
      const seats = job.record.seats.length > 0 ? job.record.seats : this.#draw(at, job);
      return seats.slice(job.stage * k, (job.stage + 1) * k);
    }
    const seats = job.record.tallies.at(-1)?.seats ?? [];
    return seats.length > 0 ? seats : this.#draw(at, job);
  }

  isReadable(at: At, version: number): boolean {
    if (version === this.version) return true;
    return version + 1 === this.version && at.time < this.startedAt + EPOCH_SECONDS / 2;
  }

  #draw(at: At, job: ModelJob): number[] {
    const { stages, policy } = job.job.spec;
    demand(at.block > job.seedRef, "SeedNotReady");
    demand(at.block - job.seedRef <= OPCODE_REACH, "SeedLost");
    demand(this.isReadable(at, job.tableVersion), "VersionUnreadable");
    const beat = this.#hashes.get(job.seedRef);
    if (beat === undefined) throw new TypeError(`nobody told the hash of block ${job.seedRef}`);
    const cells = this.#tables.get(job.tableVersion)?.cells ?? [];
    const isFirst = job.round === 0;
    const later = job.record.tallies.flatMap(({ round, seats }) => (round === 0 ? [] : seats));
    try {
      return drawSeats({
        cellAt: (index) => cells[index] ?? 0,
        length: cells.length,
        ticketClass: policy.ticketClass,
        seed: drawSeed(beat, job.jobId, isFirst ? ROUND_0_STAGE : job.stage, job.round),
        excluded: [...job.record.seats, ...later],
        n: isFirst ? stages * policy.k : this.size(job),
      });
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return refuse("PoolTooSmall");
    }
  }

  /** Enters the committee into the record. */
  #pin(at: At, job: ModelJob): boolean {
    const last = job.record.tallies.at(-1);
    const isPinned = job.round === 0 ? job.record.seats.length > 0 : (last?.seats.length ?? 0) > 0;
    if (isPinned) return false;
    const seats = this.#draw(at, job);
    if (job.round === 0) job.record.seats = seats;
    else if (last !== undefined) last.seats = seats;
    return true;
  }

  #tryPin(at: At, job: ModelJob): boolean {
    try {
      this.#pin(at, job);
      return true;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  #openLive(at: At, job: ModelJob): void {
    demand(job.state === STATE_OPEN, "StateWrong");
    demand(at.time <= job.job.spec.expiry, "TooLate");
  }

  // --- Voting -------------------------------------------------------------------------------------------------------

  pin(at: At, job: ModelJob): void {
    this.#openLive(at, job);
    demand(this.#pin(at, job), "AlreadyPinned");
    job.pinned = true;
  }

  #openToCommit(at: At, job: ModelJob): void {
    this.#openLive(at, job);
    demand(job.phase.closedAt === 0 && at.time <= job.deadline, "TooLate");
    this.committee(at, job);
  }

  #committed(at: At, job: ModelJob, isFirst: boolean): void {
    if (isFirst) job.deadline = at.time + job.job.spec.policy.tWork;
    if (job.phase.posted.size + job.phase.batched.size === this.size(job)) job.phase.closedAt = at.time;
    job.pinned = true;
  }

  commit(at: At, job: ModelJob, { seat, commitment, by }: { seat: number; commitment: Hex; by: Hex }): void {
    this.#openToCommit(at, job);
    demand(seat < this.size(job), "SeatInvalid");
    demand(this.addressOf(this.committee(at, job)[seat] ?? 0) === by, "SignerMismatch");
    const { posted, batched } = job.phase;
    demand(!posted.has(seat) && !batched.has(seat), "AlreadyCommitted");
    this.#pin(at, job);
    const isFirst = posted.size + batched.size === 0;
    posted.set(seat, commitment);
    this.#committed(at, job, isFirst);
  }

  commitMany(at: At, job: ModelJob, commits: readonly { readonly seat: number; readonly commitment: Hex }[]): void {
    this.#openToCommit(at, job);
    const { posted, batched } = job.phase;
    demand(batched.size === 0, "AlreadyCommitted");
    const fresh = commits.filter(({ seat }) => !posted.has(seat));
    demand(fresh.length > 0, "SeatInvalid");
    this.#pin(at, job);
    for (const { seat, commitment } of fresh) batched.set(seat, commitment);
    this.#committed(at, job, posted.size === 0);
  }

  /** The fast path: `stages` complete committees, all of whose seats have opened. */
  submit(at: At, job: ModelJob, votes: readonly (readonly Spoken[])[], by: Hex): void {
    this.#openLive(at, job);
    const { record } = job;
    const before = { ...job, record: { ...record, tallies: record.tallies.map((tally) => ({ ...tally })) } };
    this.#pin(at, job);
    for (const seats of votes) {
      // What comes after a committee that ended, hung or closed the job undoes the whole call.
      if (job.state !== STATE_OPEN) Object.assign(job, before);
      demand(job.record !== before.record, "VotesMalformed");
      this.#count(at, job, seats);
    }
    this.#proceed(at, job, false, by);
  }

  /** Until when openings may be stored. */
  revealEnd(at: At, job: ModelJob): number {
    const { posted, batched, closedAt } = job.phase;
    if (closedAt === 0) {
      demand(at.time > job.deadline, "TooEarly");
      demand(posted.size + batched.size >= this.rules.openingQuorum(this.size(job), false), "TooFewCommitments");
    }
    return (closedAt === 0 ? job.deadline : closedAt) + job.job.spec.policy.tReveal;
  }

  /** `isOwn`: what is opened is what this very seat committed to. */
  reveal(at: At, job: ModelJob, seat: number, spoken: Spoken, isOwn: boolean): void {
    this.#openLive(at, job);
    demand(at.time <= this.revealEnd(at, job), "TooLate");
    demand(seat < this.size(job), "SeatInvalid");
    const { revealed, posted, batched } = job.phase;
    demand(!revealed.has(seat), "AlreadyRevealed");
    demand(isOwn && (posted.has(seat) || batched.has(seat)), "CommitmentMismatch");
    revealed.set(seat, spoken);
  }

  /** `openings`: of the seats that are supplied. */
  tally(at: At, job: ModelJob, openings: ReadonlyMap<number, Spoken>, by: Hex): void {
    this.#openLive(at, job);
    const until = this.revealEnd(at, job);
    const { posted, batched, revealed } = job.phase;
    let missing = false;
    const votes = Array.from({ length: this.size(job) }, (_, seat) => {
      if (!posted.has(seat) && !batched.has(seat)) return SAID_ABSENT;
      const spoken = openings.get(seat);
      if (spoken !== undefined) return spoken;
      demand(!revealed.has(seat), "VotesMalformed");
      missing = true;
      return SAID_UNREVEALED;
    });
    demand(!missing || at.time > until, "OpeningsMissing");
    this.#count(at, job, votes);
    this.#proceed(at, job, true, by);
  }

  #count(at: At, job: ModelJob, votes: readonly (Spoken | Hex)[]): void {
    const { rules } = this;
    const { stage, round, record } = job;
    const { stages, policy } = job.job.spec;
    const said = votes.map((vote) => (typeof vote === "string" ? vote : say(vote.outDigest, vote.payload)));
    if (round === 0) {
      const seats = this.committee(at, job);
      record.tallies.push({ stage, round, seats, said, challenger: ZERO_ADDRESS, bond: 0n });
    } else {
      const last = record.tallies.at(-1);
      if (last !== undefined) last.said = said;
    }
    job.phase = newPhase();
    const outcome = rules.decideVote(said, stage, round);
    const behind = votes.find(
      (vote) => typeof vote !== "string" && say(vote.outDigest, vote.payload) === outcome.accepted,
    );
    const digest = typeof behind === "object" ? behind.outDigest : SAID_ABSENT;
    const past = this.#past(record.tallies.slice(0, -1));
    const step = rules.afterTally({ stage, round, outcome, digest, past }, record.boundaries, {
      stages,
      window: policy.window,
      rounds: job.rounds,
    });
    this.#step(job, step);
    if (step.state === STATE_HUNG) this.#hang(at, job);
    if (step.state === STATE_WINDOW) {
      const isWhole = step.boundaries.length === stages && round === 0;
      this.#openWindow(at, job, !isWhole || outcome.dissent || past.some(({ dissent }) => dissent));
    }
    if (step.state === STATE_OPEN) {
      job.stage = stage + 1;
      job.round = 0;
      job.deadline = at.time + (stages - job.stage) * policy.tWork;
    }
  }

  /** What earlier committees said, in the way that core asks for it. */
  #past(tallies: readonly Tallied[]): PastTally[] {
    return tallies.map(({ stage, round, said }) => {
      return { stage, round, dissent: this.rules.decideVote(said, stage, round).dissent };
    });
  }

  #step(job: ModelJob, { state, reason, boundaries }: Step): void {
    job.state = state;
    job.reason = reason;
    job.record.boundaries = boundaries;
  }

  #openWindow(at: At, job: ModelJob, isDisputed: boolean): void {
    const { window } = job.job.spec.policy;
    job.deadline = at.time + (isDisputed ? Math.max(window, set.minWindow) : window);
  }

  #hang(at: At, job: ModelJob): void {
    job.state = STATE_HUNG;
    job.deadline = at.time + (job.round < job.rounds ? set.hung : set.hungLast);
  }

  #proceed(at: At, job: ModelJob, poked: boolean, by: Hex): void {
    if (job.state === STATE_FINAL || job.state === STATE_CLOSED) return this.#settle(at, job, poked, by);
    if (poked) this.#poke(job, by);
    job.pinned = true;
  }

  #poke(job: ModelJob, by: Hex): void {
    const due = this.rules.pokeDue(job.job.spec, set.feeBps, job.escrow);
    job.escrow -= due;
    this.#credit(by, due);
  }

  // --- Disputes and ends --------------------------------------------------------------------------------------------

  expire(at: At, job: ModelJob, by: Hex): void {
    demand(job.state === STATE_OPEN || job.state === STATE_HUNG, "StateWrong");
    const isPast = at.time > job.job.spec.expiry;
    const isLate = at.time > job.deadline;
    if (job.state === STATE_HUNG) {
      demand(isPast || isLate, "TooEarly");
      return this.#giveUp(at, job, isPast, by);
    }
    const { posted, batched, closedAt } = job.phase;
    const have = posted.size + batched.size;
    const isEnough = closedAt !== 0 || have >= this.rules.openingQuorum(this.size(job), false);
    if (!isPast) {
      demand(!isEnough, "QuorumCommitted");
      demand(isLate, "TooEarly");
    }
    const came = Array.from({ length: this.size(job) }, (_, seat) => posted.has(seat) || batched.has(seat));
    const { record, stage, round } = job;
    if (round === 0 && !isEnough && isLate) {
      if (this.#tryPin(at, job))
        record.tallies.push({
          stage,
          round,
          seats: this.committee(at, job),
          said: this.rules.saidUnopened(came),
          challenger: ZERO_ADDRESS,
          bond: 0n,
        });
      const past = this.#past(record.tallies);
      const step = this.rules.afterAbsence(record.boundaries, past, job.rounds);
      return this.#stop(at, job, step, isPast, by);
    }
    const last = record.tallies.at(-1);
    if (round !== 0 && last !== undefined) {
      if (!isEnough && isLate && this.#tryPin(at, job)) last.said = this.rules.saidUnopened(came);
      else last.seats = [];
      if (!isPast) {
        this.#hang(at, job);
        this.#poke(job, by);
        job.pinned = true;
        return;
      }
    }
    this.#giveUp(at, job, isPast, by);
  }

  /** The stage stays undecided. */
  #giveUp(at: At, job: ModelJob, isPast: boolean, by: Hex): void {
    const { record, stage, rounds } = job;
    this.#stop(at, job, this.rules.afterHung(record.boundaries, stage, this.#past(record.tallies), rounds), isPast, by);
  }

  /** The job closes; or waits for those who may still challenge, unless its time is over. */
  #stop(at: At, job: ModelJob, step: Step, isPast: boolean, by: Hex): void {
    this.#step(job, step);
    if (isPast) {
      job.state = STATE_CLOSED;
      job.record.boundaries = this.rules.afterExpiry(step.boundaries, this.#past(job.record.tallies));
    }
    if (job.state === STATE_CLOSED) return this.#settle(at, job, true, by);
    this.#openWindow(at, job, true);
    this.#poke(job, by);
    job.pinned = true;
  }

  settle(at: At, job: ModelJob, by: Hex): void {
    demand(job.state === STATE_WINDOW, "StateWrong");
    demand(at.time > job.deadline, "TooEarly");
    job.reason = this.rules.afterWindow(job.record.boundaries, job.job.spec.stages, this.#abandoned(job));
    job.state = job.reason === REASON.FINAL ? STATE_FINAL : STATE_CLOSED;
    this.#settle(at, job, true, by);
  }

  /** The stage after those that stand, if its first committee came to no verdict. */
  #abandoned({ record }: ModelJob): Abandoned | undefined {
    for (const { stage, round, said } of record.tallies) {
      if (round !== 0 || stage !== record.boundaries.length) continue;
      const { verdict } = this.rules.decideVote(said, stage, 0);
      if (verdict !== "ACCEPTED" && verdict !== "HUNG") return { stage, reason: REASON[verdict] };
    }
    return undefined;
  }

  /** The round that a challenge of this stage would open. */
  nextRound({ record }: ModelJob, stage: number): number {
    return Math.max(0, ...record.tallies.map((tally) => (tally.stage === stage ? tally.round : 0))) + 1;
  }

  challenge(at: At, job: ModelJob, stage: number, by: Hex): void {
    demand(job.state === STATE_HUNG || job.state === STATE_WINDOW, "StateWrong");
    demand(at.time <= job.deadline && at.time <= job.job.spec.expiry, "TooLate");
    const { record } = job;
    const isIts = job.state === STATE_HUNG ? stage === job.stage : stage < record.boundaries.length;
    demand(isIts, "StageInvalid");
    const round = this.nextRound(job, stage);
    demand(round <= job.rounds, "NoRoundsLeft");
    const { policy, seatReward } = job.job.spec;
    const bond = this.rules.bondOf(policy.k, round, seatReward);
    this.#spend(by, bond);
    record.tallies.push({ stage, round, seats: [], said: [], challenger: by, bond });
    job.state = STATE_OPEN;
    job.stage = stage;
    job.round = round;
    job.deadline = at.time + policy.tWork;
    job.tableVersion = this.version;
    job.seedRef = at.block + 2;
    job.phase = newPhase();
    job.pinned = true;
  }

  #settle(at: At, job: ModelJob, poked: boolean, by: Hex): void {
    const { record } = job;
    const { spec, requester } = job.job;
    const seatsKnown = record.seats.length > 0 || at.block >= job.seedRef;
    const outcome = { reason: job.reason, seatsKnown, poked, feeBps: set.feeBps };
    const seats = this.rules.offences(spec, record);
    const taken = seats.map(({ worker, slash }) => (slash === 0n ? 0n : this.#take(worker, slash)));
    const paid = this.rules.distribute(spec, record, outcome, seats, taken, job.escrow);
    for (const [i, { worker, kind, rho }] of seats.entries()) {
      const { absent, total } = this.#enter(worker, kind, rho, paid.seats[i] ?? 0n);
      if (kind === SEAT.ABSENT && this.rules.isHabitual(absent, total)) this.#jail(at, worker, at.time + JAIL_SECONDS);
    }
    for (const [t, amount] of paid.challengers.entries())
      if (amount !== 0n) this.#credit(record.tallies[t]?.challenger ?? "0x", amount);
    this.#credit(requester, paid.requester);
    this.#credit(by, paid.poke);
    this.#release(job);
    job.deadline = at.time + RETRY_SECONDS;
    this.fees += paid.fees;
    this.dead += paid.burn;
    job.settled = seats.map((seat, i) => ({ ...seat, slash: taken[i] ?? 0n }));
  }

  /** A seat's end in its worker's history: counters stay below 64. */
  #enter(id: number, kind: number, rho: number, pay: bigint): { readonly absent: number; readonly total: number } {
    const account = this.account(id);
    account.earned += pay;
    account.rho = this.rules.addRho(account.rho, rho);
    if (kind === SEAT.AGREED) account.agreed++;
    else if (kind === SEAT.ABSENT) account.absent++;
    else if (kind === SEAT.ABSTAINED) account.abstained++;
    else if (kind !== SEAT.UNDECIDED) account.wrong++;
    const { absent } = account;
    const total = account.agreed + absent + account.wrong + account.abstained;
    if (total >= 64) for (const counter of ["agreed", "absent", "wrong", "abstained"] as const) account[counter] >>= 1;
    return { absent, total };
  }

  /** Two signed commitments of one worker for one committee. */
  equivocate(at: At, id: number, by: Hex): void {
    const taken = this.#take(id, 2n ** 96n);
    demand(taken !== 0n, "NothingToSlash");
    this.#jail(at, id, FOREVER);
    const reward = taken / 10n;
    this.#credit(by, reward);
    this.dead += taken - reward;
  }

  // --- Money and stakes ---------------------------------------------------------------------------------------------

  withdraw(who: Hex, amount: bigint): void {
    this.#spend(who, amount);
  }

  claim(id: number): void {
    this.account(id).earned = 0n;
  }

  sweepFees(): void {
    this.fees = 0n;
  }

  #take(id: number, amount: bigint): bigint {
    const worker = this.worker(id);
    const fromStake = amount < worker.stake ? amount : worker.stake;
    const rest = amount - fromStake;
    const fromUnbonding = rest < worker.unbonding ? rest : worker.unbonding;
    worker.stake -= fromStake;
    worker.unbonding -= fromUnbonding;
    return fromStake + fromUnbonding;
  }

  #jail(at: At, id: number, until: number): void {
    const worker = this.worker(id);
    worker.jailedUntil = Math.max(worker.jailedUntil, until);
    if (worker.jailedUntil > at.time && worker.tickets > 0) worker.mustLeave = true;
  }

  /** Tickets that all of a worker's tokens back; it took them before it had a reputation. */
  #backed({ stake, unbonding }: Worker): number {
    return ticketCount(stake + unbonding, MINIMUM_STAKE, 0);
  }

  isOverdue(id: number): boolean {
    const worker = this.worker(id);
    return worker.tickets > 0 && (worker.mustLeave || worker.tickets > this.#backed(worker));
  }

  overdue(): number {
    return this.workers.filter((_, index) => this.isOverdue(index + 1)).length;
  }

  beginUnbond(at: At, id: number, amount: bigint): void {
    const worker = this.worker(id);
    demand(amount <= worker.stake, "StakeTooLow");
    demand(worker.tickets <= ticketCount(worker.stake - amount, MINIMUM_STAKE, 0), "TooManyTickets");
    worker.stake -= amount;
    worker.unbonding += amount;
    worker.unbondAt = at.time + UNBONDING_SECONDS;
  }

  withdrawStake(at: At, id: number): void {
    const worker = this.worker(id);
    demand(worker.unbonding !== 0n, "NothingUnbonding");
    demand(at.time >= worker.unbondAt, "UnbondingUntil");
    worker.unbonding = 0n;
    worker.unbondAt = 0;
  }

  /** The cells that a worker holds, in the order in which they can be given back. */
  cellsOf(id: number): number[] {
    return [...this.#cells.keys()].filter((index) => this.#cells[index] === id).toReversed();
  }

  /** Gives all tickets back. */
  leave(at: At, id: number, cells: readonly number[]): void {
    demand(at.time >= this.startedAt + EPOCH_SECONDS / 2, "ChangesClosed");
    demand(cells.length > 0, "AmountZero");
    for (const index of cells) {
      const last = this.#cells.pop();
      if (index !== this.#cells.length && last !== undefined) this.#cells[index] = last;
    }
    const worker = this.worker(id);
    worker.tickets = 0;
    worker.mustLeave = false;
  }

  advanceEpoch(at: At): void {
    demand(this.overdue() === 0, "WorkersOverdue");
    demand(this.version === 0 || at.time >= this.startedAt + EPOCH_SECONDS, "EpochRunning");
    this.version++;
    this.startedAt = at.time;
    const backed = this.workers.reduce((sum, worker) => sum + Math.min(worker.tickets, this.#backed(worker)), 0);
    this.#tables.set(this.version, { cells: [...this.#cells], backed });
  }
}

export const isLive = ({ state }: ModelJob): boolean =>
  state !== STATE_NONE && state !== STATE_FINAL && state !== STATE_CLOSED;
