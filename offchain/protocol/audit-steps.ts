// SPDX-License-Identifier: GPL-3.0-or-later
import { CANDIDATES } from "../core/draw.ts";
import { ENCLAVE, OPTIMISTIC, type Job, type Spec } from "../core/types.ts";
import type { SlotView } from "./ports.ts";
import { STATE } from "./seat-machine.ts";

/** What became of a proposal: no seed yet, an audit, none, or a seed that nobody can read any more. */
export type Fate = "unknown" | "drawn" | "spared" | "lost";

/** What a candidate of an OPTIMISTIC job does next, outside its committees. */
export type AuditStep = "propose" | "draw" | "open" | "expire" | "settle";

export interface AuditView {
  readonly slot: SlotView;
  /** Own place among the candidates. */
  readonly rank: number;
  /** The proposal on chain is this worker's. */
  readonly isPrimary: boolean;
  readonly fate: Fate;
  /** Chain seconds at which this worker learned it. */
  readonly fateAt: number;
  /** Of jobs that ask for an enclave: this worker's can answer. */
  readonly isAble: boolean;
}

/** Bit of `Slot.flags`: the primary is bound. */
const PROPOSED = 128;
/** Candidates wait for each other before they send the same poke, seconds a place. */
const STEP_SEC = 2;
/** Time that a late primary is left beyond its deadline, seconds. */
const GRACE_SEC = 4;
/** The first candidate answers at once; the next steps in after this share of tWork, the others one after another. */
const SECOND_SHARE = 0.45;
const NEXT_SHARE = 0.15;
/** The last moment for a proposal to be mined in time, as a share of tWork before the deadline. */
const LAST_SHARE = 0.05;

export const isSampled = ({ spec }: Job): boolean => (spec.policy.mask & OPTIMISTIC) !== 0;

/** An answer is opened with the signature of an enclave's key, and only enclaves see the input. */
export const needsEnclave = ({ policy }: Pick<Spec, "policy">): boolean => (policy.mask & ENCLAVE) !== 0;

/** Nobody has proposed yet: there is no committee, only candidates. */
export const isUnbound = ({ state, flags }: SlotView): boolean => state === STATE.OPEN && (flags & PROPOSED) === 0;

/** The lottery fell on it: its auditors vote. */
export const isAudit = ({ state, flags, round }: SlotView): boolean =>
  state === STATE.OPEN && (flags & PROPOSED) !== 0 && round === 0;

/** Chain seconds from which a candidate may answer. */
export function proposeFrom(job: Job, slot: SlotView, rank: number): number {
  const { tWork } = job.spec.policy;
  const opened = slot.deadline - tWork;
  if (rank === 0) return opened;
  return opened + tWork * Math.min(SECOND_SHARE + NEXT_SHARE * (rank - 1), 1 - 2 * LAST_SHARE);
}

/** Pure; `now` is chain seconds. */
export function auditStep(job: Job, view: AuditView, now: number): AuditStep | null {
  const { slot, rank, isPrimary, fate, fateAt, isAble } = view;
  // Whoever answers for it pokes last where a poke is against it, and first where it is for it.
  const turn = STEP_SEC * rank;
  const isPast = now > job.spec.expiry + turn;
  if (isUnbound(slot)) {
    if (isPast || now > slot.deadline + GRACE_SEC + turn) return "expire";
    // A proposal is a promise to open: who cannot show an enclave's signature could only be fined for it.
    if (!isAble) return null;
    const last = slot.deadline - LAST_SHARE * job.spec.policy.tWork;
    return now >= proposeFrom(job, slot, rank) && now <= last ? "propose" : null;
  }
  if (slot.state === STATE.PROPOSED) {
    if (isPast) return "expire";
    if (fate === "unknown") return null;
    // Not the primary's business to hurry: the others are due, in turn, and it may be the last.
    if (fate === "drawn") return now >= fateAt + STEP_SEC * (isPrimary ? CANDIDATES : rank) ? "draw" : null;
    if (fate === "spared" && isPrimary && now <= slot.deadline) return "open";
    return now > slot.deadline + GRACE_SEC + turn ? "expire" : null;
  }
  // `settle` pays the primary first of all.
  const settles = slot.state === STATE.WINDOW && now > slot.deadline + (isPrimary ? 0 : turn + STEP_SEC);
  return settles ? "settle" : null;
}
