// SPDX-License-Identifier: GPL-3.0-or-later
import { ABSTAIN_SHARE, SLOW_PATH_SHARE } from "../core/seat-timing.ts";

type Hex = `0x${string}`;

/**
 * WAITING_SEED is a job that is known but whose committee is not; it is held by the job desk. All others belong to one seat in one
 * (job, stage, round).
 */
export type SeatPhase =
  | "WAITING_SEED"
  | "WAITING_INPUT"
  | "RUNNING"
  | "COMMITTED"
  | "SET_COMPLETE"
  | "REVEALED"
  | "SUBMITTED"
  | "SLOW_PATH"
  | "DONE";

/**
 * What a seat says: a digest with its payload, or SAID_ABSTAIN with the reason as payload. In class T the payload is sketch A of the
 * seat's own output.
 */
export interface Vote {
  readonly outDigest: Hex;
  readonly payload: Hex;
}

/** A signed Commit; `signature` is EIP-2098 compact. */
export interface SeatCommit {
  readonly commitment: Hex;
  readonly signature: Hex;
}

/** An opened vote. The signature over Reveal exists only for complete sets; the slow path does not need it. */
export interface SeatOpening extends Vote {
  readonly salt: Hex;
  /** Class T: sketch B; else 0. */
  readonly extra: Hex;
  readonly signature: Hex | null;
}

export interface SeatState {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  /** Worker ids and their signers, in seat order. */
  readonly seats: readonly number[];
  readonly signers: readonly Hex[];
  /** Own index in `seats`. */
  readonly own: number;
  /** Class T: the seed of this committee's draw, which its sketches are drawn from; else null. */
  readonly seed: Hex | null;
  readonly phase: SeatPhase;
  /** Digest of the stage's input once it is known: the job's, or a producer's accepted output. */
  readonly inDigest: Hex | null;
  /** Chain seconds at which the input was complete. */
  readonly inputsReadyAt: number | null;
  readonly vote: Vote | null;
  /** Class T: canonical bytes of the output that was voted on. A rerun could differ from it in the last bits. */
  readonly output: Hex | null;
  readonly salt: Hex | null;
  readonly commits: readonly (SeatCommit | null)[];
  /** Fixed once, when all commits were held; never changes. */
  readonly commitSet: Hex | null;
  readonly openings: readonly (SeatOpening | null)[];
  /** Chain seconds at which all openings were held. */
  readonly openedAt: number | null;
}

/** The chain's side of a job, as last read. Bitmaps: bit i is seat i of this committee. */
export interface ChainView {
  /** STATE_* of Types.sol. */
  readonly state: number;
  readonly stage: number;
  readonly round: number;
  readonly deadline: number;
  readonly committed: number;
  readonly batched: number;
  readonly revealed: number;
  /** 0 while the commit phase lasts (or ended by its deadline). */
  readonly closedAt: number;
}

/** Seconds, from the job's policy. */
export interface SeatTiming {
  readonly tWork: number;
  readonly tReveal: number;
  readonly quorum: number;
  /** Whether this is the job's last stage, whose seats submit. */
  readonly isLast: boolean;
  /** Votes of all stages from the chain's current one up to this one are held. */
  readonly hasEarlierVotes: boolean;
  /** Class T: sketch B depends on the set on the chain, so that on the slow path each seat must show its own there. */
  readonly isTolerant: boolean;
}

export type SeatEvent =
  | { readonly type: "input-ready"; readonly inDigest: Hex; readonly at: number }
  | {
      readonly type: "computed";
      readonly vote: Vote;
      readonly salt: Hex;
      readonly inDigest: Hex;
      readonly output?: Hex | null;
    }
  | { readonly type: "commit"; readonly seat: number; readonly commit: SeatCommit }
  | { readonly type: "set-complete"; readonly commitSet: Hex }
  | { readonly type: "opening"; readonly seat: number; readonly opening: SeatOpening; readonly at: number }
  | { readonly type: "slow" }
  | { readonly type: "submitted" }
  | { readonly type: "done" };

/** What the seat wants done now. Level-triggered: the same action comes again until the state shows that it happened. */
export type SeatAction =
  | "run"
  | "abstain-input"
  | "abstain-late"
  | "share-commit"
  | "complete-set"
  | "share-opening"
  | "submit"
  | "enter-slow-path"
  | "commit-many"
  | "commit"
  | "reveal"
  | "tally"
  | "expire"
  | "finish";

export const STATE = { NONE: 0, OPEN: 1, PROPOSED: 2, HUNG: 3, WINDOW: 4, FINAL: 5, CLOSED: 6 } as const;
const NO_OPENING_SET: readonly SeatPhase[] = ["WAITING_SEED", "WAITING_INPUT", "RUNNING"];
/** Seat i submits this many seconds after seat i - 1 would have: one transaction, not k. */
export const SUBMIT_STEP_SEC = 5;

export function newSeat(
  place: Pick<SeatState, "jobId" | "stage" | "round" | "seats" | "signers" | "own"> & Partial<Pick<SeatState, "seed">>,
): SeatState {
  const none = place.seats.map(() => null);
  return {
    seed: null,
    ...place,
    phase: "WAITING_INPUT",
    inDigest: null,
    inputsReadyAt: null,
    vote: null,
    output: null,
    salt: null,
    commits: none,
    commitSet: null,
    openings: none,
    openedAt: null,
  };
}

const put = <T>(list: readonly (T | null)[], index: number, value: T) =>
  list.map((old, i) => (i === index && old === null ? value : old));

/**
 * The next state. Pure; events that do not fit (late, repeated, of another phase) leave the state as it is, and nothing that was
 * once said (vote, commit, commit set) ever changes. The caller has verified signatures and journals the result before acting on it.
 */
export function advanceSeat(state: SeatState, event: SeatEvent): SeatState {
  if (state.phase === "DONE") return state;
  switch (event.type) {
    case "input-ready":
      if (state.phase !== "WAITING_INPUT") return state;
      return { ...state, phase: "RUNNING", inDigest: event.inDigest, inputsReadyAt: event.at };
    case "computed":
      if (state.vote !== null) return state;
      return {
        ...state,
        phase: "COMMITTED",
        vote: event.vote,
        output: event.output ?? null,
        salt: event.salt,
        inDigest: event.inDigest,
      };
    case "commit":
      return { ...state, commits: put(state.commits, event.seat, event.commit) };
    case "set-complete":
      if (state.phase !== "COMMITTED" && state.phase !== "SLOW_PATH") return state;
      if (state.commitSet !== null || state.commits.includes(null)) return state;
      return {
        ...state,
        commitSet: event.commitSet,
        phase: state.phase === "COMMITTED" ? "SET_COMPLETE" : "SLOW_PATH",
      };
    case "opening": {
      const openings = put(state.openings, event.seat, event.opening);
      const openedAt = state.openedAt ?? (openings.includes(null) ? null : event.at);
      const isOwn = event.seat === state.own;
      return {
        ...state,
        openings,
        openedAt,
        phase: isOwn && state.phase === "SET_COMPLETE" ? "REVEALED" : state.phase,
      };
    }
    case "slow":
      return state.vote === null ? state : { ...state, phase: "SLOW_PATH" };
    case "submitted":
      return { ...state, phase: "SUBMITTED" };
    case "done":
    default:
      return { ...state, phase: "DONE" };
  }
}

/** All k openings are held and each is signed over one complete set: the fast path is possible. */
export function hasFastVotes(state: SeatState): boolean {
  return state.openings.every((opening) => opening !== null && opening.signature !== null);
}

/** Chain seconds after which a seat without input says so (and still has time to be counted). */
export const abstainAt = (view: ChainView, timing: SeatTiming) => view.deadline - ABSTAIN_SHARE * timing.tWork;
/** Chain seconds after which the fast path is given up. */
export function slowAt(state: SeatState, view: ChainView, timing: SeatTiming): number {
  const latest = view.deadline - SLOW_PATH_SHARE * timing.tWork;
  return state.inputsReadyAt === null ? latest : Math.min(latest, state.inputsReadyAt + timing.tWork);
}

/**
 * What to do now, given the chain as last read and its time. Pure. `now`, deadlines: chain seconds.
 * Safety lives here: openings leave only under a complete set or after the commit phase closed on chain.
 */
export function seatActions(state: SeatState, view: ChainView, timing: SeatTiming, now: number): SeatAction[] {
  if (state.phase === "DONE") return [];
  const isOver = view.state === STATE.FINAL || view.state === STATE.CLOSED || view.state === STATE.NONE;
  const isPast = view.state !== STATE.OPEN || view.stage > state.stage || view.round > state.round;
  if (isOver || isPast) return ["finish"];
  // Inner stages run ahead of the chain: until the chain reaches this stage, only peers matter.
  const isCurrent = view.stage === state.stage && view.round === state.round;
  const isLate = isCurrent && now >= view.deadline && view.closedAt === 0;

  switch (state.phase) {
    case "WAITING_SEED":
      return [];
    case "WAITING_INPUT":
      return isCurrent && now >= abstainAt(view, timing) ? ["abstain-input"] : [];
    case "RUNNING":
      return isCurrent && now >= slowAt(state, view, timing) ? ["abstain-late"] : ["run"];
    case "COMMITTED": {
      const actions: SeatAction[] = ["share-commit"];
      if (!state.commits.includes(null)) actions.push("complete-set");
      else if (now >= slowAt(state, view, timing)) actions.push("enter-slow-path");
      return actions;
    }
    case "SET_COMPLETE":
      return ["share-opening"];
    case "REVEALED":
    case "SUBMITTED": {
      if (hasFastVotes(state)) return isSubmitDue(state, view, timing, now) ? ["submit"] : ["share-opening"];
      return now >= slowAt(state, view, timing) ? ["share-opening", "enter-slow-path"] : ["share-opening"];
    }
    case "SLOW_PATH":
    default:
      if (hasFastVotes(state) && timing.hasEarlierVotes) return ["submit"];
      if (!isCurrent) return timing.hasEarlierVotes ? ["share-commit", "submit"] : ["share-commit"];
      return slowActions(state, view, timing, now, isLate);
  }
}

function isSubmitDue(state: SeatState, view: ChainView, timing: SeatTiming, now: number): boolean {
  if (!timing.hasEarlierVotes) return false;
  // Inner stages leave submitting to the last one; they step in when the chain did not move for most of a tWork.
  const patience = timing.isLast ? 0 : 0.6 * timing.tWork;
  const turn = (state.openedAt ?? now) + patience + SUBMIT_STEP_SEC * state.own;
  const urgent = view.deadline - SLOW_PATH_SHARE * timing.tWork + state.own;
  return now >= Math.min(turn, Math.max(urgent, state.openedAt ?? now));
}

function slowActions(
  state: SeatState,
  view: ChainView,
  timing: SeatTiming,
  now: number,
  isLate: boolean,
): SeatAction[] {
  const bit = 1 << state.own;
  const isClosed = view.closedAt !== 0 || isLate;
  if (!isClosed) {
    const actions: SeatAction[] = ["share-commit"];
    if (!state.commits.includes(null) && state.commitSet === null) actions.push("complete-set");
    if (state.commitSet !== null) actions.push("share-opening");
    // In turn, half a tenth of tWork apart: one batch is enough, and a second one only burns gas.
    const turn = slowAt(state, view, timing) + 0.05 * timing.tWork * Math.min(state.own, 3);
    if ((view.committed & bit) === 0 && (view.committed !== 0 || now >= turn))
      actions.push(view.batched === 0 && view.committed === 0 ? "commit-many" : "commit");
    return actions;
  }
  const count = countBits(view.committed);
  if (count < timing.quorum) return ["expire"];
  const closedAt = view.closedAt === 0 ? view.deadline : view.closedAt;
  const actions: SeatAction[] = timing.isTolerant && state.commitSet === null ? [] : ["share-opening"];
  const isHeld = (i: number) => !timing.isTolerant && state.openings[i] !== null;
  const missing = state.seats.some(
    (_, i) => (view.committed & (1 << i)) !== 0 && (view.revealed & (1 << i)) === 0 && !isHeld(i),
  );
  // Own opening goes on chain well before tReveal ends: a tally by somebody else must not find it missing.
  const isOwnSafe = (view.committed & bit) === 0 || (view.revealed & bit) !== 0;
  if (!isOwnSafe && (timing.isTolerant || now >= closedAt + 0.4 * timing.tReveal)) actions.push("reveal");
  const turn = closedAt + 1 + state.own;
  if (!missing ? now >= turn : now >= closedAt + timing.tReveal + state.own) actions.push("tally");
  return actions;
}

export function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits >>> 0; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Whether the seat may still be asked for its vote: used by admission and drain. */
export const isUndecided = (state: SeatState) => NO_OPENING_SET.includes(state.phase);
