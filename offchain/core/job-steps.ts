// SPDX-License-Identifier: MIT
import { drawSeed } from "./draw.ts";
import { REASON, type Reason } from "./settle-types.ts";
import type { Word } from "./tagged-hash.ts";
import {
  SAID_ABSENT,
  SAID_UNREVEALED,
  STATE_CLOSED,
  STATE_FINAL,
  STATE_HUNG,
  STATE_OPEN,
  STATE_WINDOW,
} from "./types.ts";
import { VERDICT_CODES, type VoteOutcome } from "./vote.ts";

// How a job moves on, as the hub decides it (protocol.md section 3): mirror of HubVotes._count, HubRounds._closeVote,
// HubDisputes and HubAudits. Simulations and replays ask here, so that no rule exists a third time.

/** `stage` of an OPTIMISTIC job's lottery, and of the stream that its auditors come from. */
export const AUDIT_STAGE = 0xfffe;

export type Step = {
  readonly state:
    typeof STATE_OPEN | typeof STATE_HUNG | typeof STATE_WINDOW | typeof STATE_FINAL | typeof STATE_CLOSED;
  readonly reason: Reason;
  /** One digest for each stage that stands. */
  readonly boundaries: readonly Word[];
};

/** What a tally means for the stages that stand. */
export type PastTally = { readonly stage: number; readonly round: number; readonly dissent: boolean };

export type Counted = {
  readonly stage: number;
  readonly round: number;
  readonly outcome: VoteOutcome;
  /** The outDigest behind the accepted word; read only if something was accepted. */
  readonly digest: Word;
  /** All tallies of the record before this one. */
  readonly past: readonly PastTally[];
};

export type JobShape = {
  readonly stages: number;
  readonly window: number;
  /** Escalations that the hub grants a stage. */
  readonly rounds: number;
};

/**
 * Of the first `stands` stages those in which two digests were said, which no court decided, and about which no committee
 * of `round` or later was asked; ascending. Mirror of HubRecords._contested; `decided` is the record's bitmap.
 */
export function contestedStages(
  tallies: readonly PastTally[],
  stands: number,
  round: number,
  decided = 0,
): readonly number[] {
  const settled = new Set(tallies.flatMap((tally) => (tally.round >= round ? [tally.stage] : [])));
  const contested = new Set(tallies.flatMap((tally) => (tally.dissent ? [tally.stage] : [])));
  return [...contested]
    .filter((stage) => stage < stands && !settled.has(stage) && ((decided >> stage) & 1) === 0)
    .toSorted((a, b) => a - b);
}

/**
 * Nothing follows the stages that stand: the job closes, unless one of them can still be challenged. Otherwise whoever
 * captured it could end the job elsewhere, and its dissenters would be slashed unheard.
 */
function abandon(
  reason: Reason,
  boundaries: readonly Word[],
  past: readonly PastTally[],
  rounds: number,
  decided = 0,
): Step {
  const isOpen = contestedStages(past, boundaries.length, rounds, decided).length > 0;
  return { state: isOpen ? STATE_WINDOW : STATE_CLOSED, reason, boundaries };
}

/** What follows when a committee was counted. `boundaries` are those before it. */
export function afterTally(
  { stage, round, outcome, digest, past }: Counted,
  boundaries: readonly Word[],
  { stages, window, rounds }: JobShape,
): Step {
  const code = VERDICT_CODES[outcome.verdict];
  // Where the pool has no larger committee, only a court may contradict a dissenter.
  if (code === VERDICT_CODES.HUNG || (outcome.dissent && rounds === 0))
    return { state: STATE_HUNG, reason: REASON.FINAL, boundaries };
  if (code !== VERDICT_CODES.ACCEPTED) return abandon(code, boundaries, past, rounds);
  // A verdict on a stage whose later ones stand already overturns them, unless it says the same.
  const isSame = boundaries[stage] === digest;
  const standing = isSame ? boundaries : [...boundaries.slice(0, stage), digest];
  if (boundaries.length === stage && stage + 1 < stages)
    return { state: STATE_OPEN, reason: REASON.FINAL, boundaries: standing };
  const dissent = outcome.dissent || past.some((tally) => tally.dissent);
  const state = round === 0 && !dissent && window === 0 ? STATE_FINAL : STATE_WINDOW;
  return { state, reason: REASON.FINAL, boundaries: standing };
}

/** A stage whose first committee came to no verdict, and why. */
export type Abandoned = { readonly stage: number; readonly reason: Reason };

/**
 * What `settle` makes of a job whose window has ended. Without all stages it has no result: either the next stage was
 * abandoned, or an inner one was overturned.
 */
export function afterWindow(boundaries: readonly Word[], stages: number, abandoned?: Abandoned): Reason {
  if (boundaries.length === stages) return REASON.FINAL;
  return abandoned?.stage === boundaries.length ? abandoned.reason : REASON.UNRESOLVED;
}

/** When too few committed to a stage's first committee. */
export function afterAbsence(boundaries: readonly Word[], past: readonly PastTally[], rounds: number): Step {
  return abandon(REASON.EXPIRED, boundaries, past, rounds);
}

/** When a stage stays undecided to the end: the stages before it stand, as far as nobody can object to them any more. */
export function afterHung(
  boundaries: readonly Word[],
  stage: number,
  past: readonly PastTally[],
  rounds: number,
  decided = 0,
): Step {
  return abandon(REASON.UNRESOLVED, boundaries.slice(0, stage), past, rounds, decided);
}

/** What stands of a job that is closed past its expiry: nothing from the first stage on that nobody could challenge. */
export function afterExpiry(boundaries: readonly Word[], past: readonly PastTally[], decided = 0): readonly Word[] {
  return boundaries.slice(0, contestedStages(past, boundaries.length, 1, decided)[0]);
}

/** What seats said whose commitments were too few to be opened. */
export function saidUnopened(committed: readonly boolean[]): Word[] {
  return committed.map((came) => (came ? SAID_UNREVEALED : SAID_ABSENT));
}

/** The lottery's seed from its beat, each job's own; auditors of a public input are drawn from it too. */
export function auditSeed(beat: Word, jobId: Word): Word {
  return drawSeed(beat, jobId, AUDIT_STAGE, 0);
}

/** Whether the lottery falls on a proposal. */
export function isAuditDrawn(seed: Word, auditBps: number): boolean {
  return Number(BigInt(seed) % 10_000n) < auditBps;
}
