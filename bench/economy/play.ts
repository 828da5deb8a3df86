// SPDX-License-Identifier: GPL-3.0-or-later
import {
  afterAbsence,
  afterHung,
  afterTally,
  afterWindow,
  saidUnopened,
  type Abandoned,
  type PastTally,
} from "../../offchain/core/job-steps.ts";
import { REASON, type Reason } from "../../offchain/core/settle-types.ts";
import type { Word } from "../../offchain/core/tagged-hash.ts";
import { STATE_CLOSED, STATE_FINAL, STATE_HUNG, STATE_OPEN, STATE_WINDOW } from "../../offchain/core/types.ts";
import { openingQuorum, quorum } from "../../offchain/core/vote.ts";
import { CODE, type Behaviour } from "./behaviours.ts";
import { chance } from "./chance.ts";
import type { Committees } from "./committees.ts";
import type { Settlements, Tallied } from "./settlements.ts";

export type World = {
  readonly committees: Committees;
  readonly settlements: Settlements;
  /** Behaviour of each group; group 0 is everyone else, and honest. */
  readonly behaviours: readonly Behaviour[];
  /** Group of each worker, by id. */
  readonly groupOf: Uint8Array;
  /** Probability that a present machine fails in a seat. */
  readonly outage: number;
  /** Escalation rounds that the pool allows. */
  readonly rounds: number;
  /** Seconds; 0 ends undisputed jobs at once. */
  readonly window: number;
  /** Insured value, in rewards. */
  readonly insured: number;
  /** Probability that an outsider re-runs a delivered answer and challenges it if it is wrong. */
  readonly watched: number;
  readonly seed: number;
};

export type Played = {
  readonly reason: Reason;
  /** A lie was delivered. */
  readonly wrong: boolean;
  /** Every seat of round 0 committed and opened. */
  readonly fast: boolean;
  readonly challenges: number;
  readonly cost: number;
  /** By group: rewards less slashes and lost bonds, with the insured value of a delivered lie; seats worked; seats held. */
  readonly money: Float64Array;
  readonly worked: Float64Array;
  readonly seats: Float64Array;
  /** What honest seats that were there lost: slashes as wrong, and bonds. */
  readonly honestSlash: number;
  readonly honestBonds: number;
  /** Net of outsiders who watch. */
  readonly watcher: number;
};

/** Challenger of a tally: a group, or somebody from outside. */
const OUTSIDER = -1;

type Moved = { readonly state: number; readonly reason: Reason };

class Play {
  readonly #world: World;
  readonly #job: number;
  readonly tallies: Tallied[] = [];
  readonly challengers: number[] = [];
  readonly worked: Float64Array;
  readonly held: Float64Array;
  readonly #guilty: Float64Array;
  boundaries: readonly Word[] = [];
  pokes = 0;
  fast = true;
  touched = 0;
  readonly #past: PastTally[] = [];
  #abandoned: Abandoned | undefined;
  #guesses = 0;
  #watched = false;

  constructor(world: World, job: number) {
    this.#world = world;
    this.#job = job;
    const groups = world.behaviours.length;
    this.worked = new Float64Array(groups);
    this.held = new Float64Array(groups);
    this.#guilty = new Float64Array(groups);
  }

  run(): Reason {
    const { committees, behaviours } = this.#world;
    const { k, stages, auditBps } = committees.pool;
    const seats = [...committees.round0(this.#job)];
    let requester = -1;
    for (const [g, { delivers }] of behaviours.entries()) if (delivers !== undefined) requester = g;
    if (requester >= 0 && behaviours[requester]?.delivers?.(this.#own(seats, requester), seats.length) === false)
      return this.#refuseInput(seats.slice(0, k));
    let step = auditBps === 0 ? this.#count(0, 0, seats.slice(0, k), OUTSIDER) : this.#sampled(seats);
    for (let at = 0; ;) {
      if (step.state === STATE_CLOSED) return step.reason;
      if (step.state === STATE_FINAL) return REASON.FINAL;
      if (step.state === STATE_OPEN) {
        at = this.boundaries.length;
        step = this.#count(at, 0, seats.slice(at * k, (at + 1) * k), OUTSIDER);
        continue;
      }
      const next = step.state === STATE_HUNG ? this.#challengeOf(at, undefined) : this.#challengeOfAny();
      if (next === undefined) {
        if (step.state !== STATE_HUNG) return afterWindow(this.boundaries, stages, this.#abandoned);
        const given = afterHung(this.boundaries, at, this.#past, this.#world.rounds);
        this.boundaries = given.boundaries;
        step = given;
        continue;
      }
      at = next.stage;
      step = this.#escalate(next.stage, next.group, seats);
    }
  }

  #escalate(stage: number, group: number, seats: readonly number[]): Moved {
    const { committees } = this.#world;
    const larger = this.tallies.filter(({ round }) => round > 0).flatMap((tally) => tally.seats);
    // Excluded are all seats of the record: of a proposal that nobody audited, the primary alone.
    const first = committees.pool.auditBps === 0 ? seats : (this.tallies[0]?.seats ?? []);
    const round = this.#rounds(stage) + 1;
    this.pokes++;
    return this.#count(stage, round, committees.escalated(this.#job, stage, round, [...first, ...larger]), group);
  }

  /** The requester keeps the input for itself: all seats abstain. */
  #refuseInput(seats: readonly number[]): Reason {
    this.tallies.push({ stage: 0, round: 0, seats, codes: seats.map(() => CODE.ABSTAIN) });
    this.challengers.push(OUTSIDER);
    return REASON.INPUT_UNAVAILABLE;
  }

  /** One proposes; the lottery has others check it, or it opens what it proposed. */
  #sampled(seats: readonly number[]): Moved {
    if (this.#world.committees.isAudited(this.#job)) {
      this.pokes++; // `draw`
      return this.#count(0, 0, seats, OUTSIDER);
    }
    const expired = { state: STATE_CLOSED, reason: REASON.EXPIRED };
    const primary = seats.slice(0, 1);
    const [code = CODE.ABSENT] = this.#votes(0, 0, primary, CODE.TRUTH, CODE.TRUTH);
    // Nobody owes a proposal.
    if (code === CODE.ABSENT || code === CODE.ABSTAIN) return expired;
    this.tallies.push({ stage: 0, round: 0, seats: primary, codes: [code] });
    this.challengers.push(OUTSIDER);
    if (code === CODE.HIDDEN) return expired;
    this.#answered(primary, [code]);
    this.boundaries = [this.#world.settlements.word(code)];
    return { state: STATE_WINDOW, reason: REASON.FINAL };
  }

  #challengeOfAny() {
    for (const [stage, word] of this.boundaries.entries()) {
      const found = this.#challengeOf(stage, word);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Who challenges a stage in which `word` stands, or nothing does. */
  #challengeOf(stage: number, word: Word | undefined): { readonly stage: number; readonly group: number } | undefined {
    const { behaviours, groupOf, rounds, settlements, watched, seed } = this.#world;
    if (this.#rounds(stage) >= rounds) return undefined;
    const isTrue = word === settlements.word(CODE.TRUTH);
    const round = this.#rounds(stage) + 1;
    if (!isTrue) {
      for (const tally of this.tallies) {
        if (tally.stage !== stage) continue;
        const i = tally.codes.indexOf(CODE.TRUTH);
        if (i >= 0) return { stage, group: groupOf[tally.seats[i] ?? 0] ?? 0 };
      }
      if (word !== undefined && !this.#watched && watched > 0) {
        this.#watched = true;
        if (chance(seed, this.#job, 255, 9) < watched) return { stage, group: OUTSIDER };
      }
    }
    const stands = word === undefined ? undefined : isTrue ? CODE.TRUTH : CODE.LIE;
    for (const [group, { challenges }] of behaviours.entries())
      if (challenges?.({ stands, round, liars: this.#guilty[group] ?? 0 }) === true) return { stage, group };
    return undefined;
  }

  #rounds(stage: number): number {
    let used = 0;
    for (const tally of this.tallies) if (tally.stage === stage && tally.round > 0) used++;
    return used;
  }

  /** A committee votes and is counted. */
  #count(stage: number, round: number, seats: readonly number[], challenger: number): Moved {
    const { settlements, window, committees, rounds } = this.#world;
    const { stages, auditBps } = committees.pool;
    const standing = this.boundaries[stage];
    const stands = standing === undefined || standing === settlements.word(CODE.TRUTH) ? CODE.TRUTH : CODE.LIE;
    // Whoever challenges a right answer says the lie.
    const claimed =
      round > 0 && challenger > 0 && stands === CODE.TRUTH && standing !== undefined ? CODE.LIE : CODE.TRUTH;
    let codes = this.#votes(stage, round, seats, stands, claimed);
    const committed = codes.map((code) => code !== CODE.ABSENT);
    const audit = auditBps !== 0 && round === 0;
    const opened = committed.filter(Boolean).length >= openingQuorum(seats.length, audit);
    if (round === 0 && codes.some((code) => code === CODE.ABSENT || code === CODE.HIDDEN)) {
      this.fast = false;
      this.pokes++;
    }
    this.challengers.push(challenger);
    if (!opened) {
      codes = saidUnopened(committed).map((word) => Number(BigInt(word)));
      this.tallies.push({ stage, round, seats, codes });
      if (round !== 0) return { state: STATE_HUNG, reason: REASON.FINAL };
      return this.#note(stage, round, afterAbsence(this.boundaries, this.#past, rounds));
    }
    this.tallies.push({ stage, round, seats, codes });
    this.#answered(seats, codes);
    const outcome = settlements.outcome(codes, stage, round);
    const counted = { stage, round, outcome, digest: outcome.accepted ?? "0x", past: this.#past } as const;
    const step = afterTally(counted, this.boundaries, { stages, window, rounds });
    this.boundaries = step.boundaries;
    this.#past.push({ stage, round, dissent: outcome.dissent });
    return this.#note(stage, round, step);
  }

  /** Remembers a first committee that came to no verdict. */
  #note(stage: number, round: number, step: Moved): Moved {
    if (round === 0 && step.reason !== REASON.FINAL) this.#abandoned = { stage, reason: step.reason };
    return step;
  }

  #votes(stage: number, round: number, seats: readonly number[], stands: number, claimed: number): number[] {
    const { behaviours, groupOf, outage, seed, committees } = this.#world;
    const need = quorum(seats.length);
    const sampled = committees.pool.auditBps !== 0 && round === 0;
    return seats.map((worker, i) => {
      const group = groupOf[worker] ?? 0;
      const place = (stage * 4 + round) * 32 + i;
      this.held[group] = (this.held[group] ?? 0) + 1;
      this.touched |= 1 << group;
      const primary = sampled && i === 0;
      // Another candidate is asked in place of a primary that is away.
      if (!primary && chance(seed, this.#job, place, 0) < outage) return CODE.ABSENT;
      const behaviour = behaviours[group];
      if (behaviour === undefined) return CODE.ABSENT;
      const { code, works } = behaviour.vote({
        round,
        size: seats.length,
        own: group === 0 ? 0 : this.#own(seats, group),
        quorum: need,
        stands,
        claimed,
        lied: (this.#guilty[group] ?? 0) > 0,
        later: group === 0 ? 0 : this.#ownLater(stage, group),
        primary,
        chance: (salt) => chance(seed, this.#job, place, salt),
      });
      if (works) this.worked[group] = (this.worked[group] ?? 0) + 1;
      return code === CODE.GUESS ? CODE.GUESS + this.#guesses++ : code;
    });
  }

  #own(seats: readonly number[], group: number): number {
    let own = 0;
    for (const worker of seats) if (this.#world.groupOf[worker] === group) own++;
    return own;
  }

  #ownLater(stage: number, group: number): number {
    const { k, stages, auditBps } = this.#world.committees.pool;
    if (auditBps !== 0 || stages === 1) return 0;
    const seats = [...this.#world.committees.round0(this.#job)];
    let most = 0;
    for (let s = stage + 1; s < stages; s++) most = Math.max(most, this.#own(seats.slice(s * k, (s + 1) * k), group));
    return most;
  }

  #answered(seats: readonly number[], codes: readonly number[]): void {
    for (const [i, code] of codes.entries()) {
      const group = this.#world.groupOf[seats[i] ?? 0] ?? 0;
      if (code === CODE.LIE) this.#guilty[group] = (this.#guilty[group] ?? 0) + 1;
    }
  }
}

/** Plays one job to its end, by the protocol's own draw, counting, transitions and settlement. */
export function playJob(world: World, job: number): Played {
  const { settlements, behaviours, groupOf, insured } = world;
  const play = new Play(world, job);
  const reason = play.run();
  const settled = settlements.settled(play.tallies, play.boundaries, reason, play.pokes);
  const money = new Float64Array(behaviours.length);
  let [honestSlash, honestBonds, watcher, next] = [0, 0, 0, 0];
  const add = (group: number, amount: number) => (money[group] = (money[group] ?? 0) + amount);
  for (const [t, { seats }] of play.tallies.entries()) {
    for (const worker of seats) {
      const group = groupOf[worker] ?? 0;
      add(group, settled.net[next] ?? 0);
      if (group === 0 && settled.isWrong[next] === true) honestSlash += settled.slash[next] ?? 0;
      next++;
    }
    const [challenger = OUTSIDER, net = 0] = [play.challengers[t], settled.challengers[t]];
    if (challenger === OUTSIDER) watcher += net;
    else {
      add(challenger, net);
      play.touched |= 1 << challenger;
      if (challenger === 0) honestBonds += Math.min(0, net);
    }
  }
  const wrong = reason === REASON.FINAL && play.boundaries.some((word) => word !== settlements.word(CODE.TRUTH));
  const lied = reason === REASON.FINAL && play.boundaries.includes(settlements.word(CODE.LIE));
  for (const [group, { isPaidForLies, delivers }] of behaviours.entries()) {
    if (isPaidForLies === true && lied) add(group, insured);
    // A requester in league pays for its jobs.
    if (delivers !== undefined) add(group, -settled.cost);
  }
  return {
    reason,
    wrong,
    fast: play.fast && reason !== REASON.INPUT_UNAVAILABLE,
    challenges: play.tallies.filter(({ round }) => round > 0).length,
    cost: settled.cost,
    money,
    worked: play.worked,
    seats: play.held,
    honestSlash,
    honestBonds,
    watcher,
  };
}
