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

export type Counted = {
  readonly stage: number;
  readonly round: number;
  readonly outcome: VoteOutcome;
  /** The outDigest behind the accepted word; read only if something was accepted. */
  readonly digest: Word;
  /** Any tally of the record, this one included, in which two distinct digests were said. */
  readonly dissent: boolean;
};

/** What follows when a committee was counted. `boundaries` are those before it. */
export function afterTally(
  { stage, round, outcome, digest, dissent }: Counted,
  boundaries: readonly Word[],
  { stages, window }: { readonly stages: number; readonly window: number },
): Step {
  const code = VERDICT_CODES[outcome.verdict];
  if (code === VERDICT_CODES.HUNG) return { state: STATE_HUNG, reason: REASON.FINAL, boundaries };
  if (code !== VERDICT_CODES.ACCEPTED) return { state: STATE_CLOSED, reason: code, boundaries };
  // A verdict on a stage whose later ones stand already overturns them, unless it says the same.
  const isSame = boundaries[stage] === digest;
  const standing = isSame ? boundaries : [...boundaries.slice(0, stage), digest];
  if (boundaries.length === stage && stage + 1 < stages)
    return { state: STATE_OPEN, reason: REASON.FINAL, boundaries: standing };
  const state = round === 0 && !dissent && window === 0 ? STATE_FINAL : STATE_WINDOW;
  return { state, reason: REASON.FINAL, boundaries: standing };
}

/** What `settle` makes of a job whose window has ended: an inner stage that was overturned leaves no result. */
export function afterWindow(boundaries: readonly Word[], stages: number): Reason {
  return boundaries.length === stages ? REASON.FINAL : REASON.UNRESOLVED;
}

/** What stands when a stage stays undecided to the end: the stages before it. */
export function afterHung(boundaries: readonly Word[], stage: number): readonly Word[] {
  return boundaries.slice(0, stage);
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
