// SPDX-License-Identifier: GPL-3.0-or-later
import { recordHash } from "../core/job.ts";
import { drawSeed, ROUND_0_STAGE } from "../core/draw.ts";
import { CLASS_T, type Job, type Record as JobRecord } from "../core/types.ts";
import { committeeSize } from "../core/vote.ts";
import type { ChainPort, Hex, SlotView } from "./ports.ts";
import { EMPTY_RECORD, NO_WORD } from "./session-state.ts";

/** The workers of the current round: all stages' in round 0, else the escalated stage's. */
export interface Committee {
  readonly stage: number;
  readonly round: number;
  readonly ids: readonly number[];
  readonly signers: readonly Hex[];
  /** Class T: the seed of its draw; else null. */
  readonly seed: Hex | null;
}

/** Everyone who ever sat in the job: excluded from later draws. */
export const everyone = (record: JobRecord): number[] => [
  ...new Set([...record.seats, ...record.tallies.flatMap(({ seats }) => seats)]),
];

/** The record at the slot: empty until the hub keeps one, null where the events read so far are not those of the slot's word. */
export function recordAt(slot: SlotView, record: JobRecord): JobRecord | null {
  if (slot.word === NO_WORD) return EMPTY_RECORD;
  return recordHash(record) === slot.word ? record : null;
}

/**
 * The committee of the slot's round: as pinned in the record, else drawn as the hub will draw it. Null before its seed's block, and where
 * the record is not read yet (as after a restart): without everyone who sat before, another committee would be drawn.
 */
export async function findCommittee(
  chain: Pick<ChainPort, "seed" | "draw" | "signers">,
  jobId: Hex,
  job: Job,
  known: JobRecord,
  slot: SlotView,
): Promise<Committee | null> {
  const { stage, round } = slot;
  const record = recordAt(slot, known);
  if (record === null) return null;
  const last = record.tallies.at(-1);
  const pinned = round === 0 ? record.seats : last?.stage === stage && last.round === round ? last.seats : [];
  const isTolerant = job.spec.policy.cls === CLASS_T;
  if (pinned.length > 0 && !isTolerant)
    return { stage, round, ids: pinned, signers: await chain.signers(pinned), seed: null };
  const beat = await chain.seed(slot.seedRef);
  if (beat === null) return null;
  const drawn = drawSeed(beat, jobId, round === 0 ? ROUND_0_STAGE : stage, round);
  const seed = isTolerant ? drawn : null;
  if (pinned.length > 0) return { stage, round, ids: pinned, signers: await chain.signers(pinned), seed };
  const { ids, signers } = await chain.draw({
    version: slot.tableVersion,
    ticketClass: job.spec.policy.ticketClass,
    seed: drawn,
    excluded: everyone(record),
    count: round === 0 ? job.spec.policy.k * job.spec.stages : committeeSize(job.spec.policy.k, round),
  });
  return { stage, round, ids, signers, seed };
}

export interface Place {
  readonly stage: number;
  readonly own: number;
  readonly seats: readonly number[];
  readonly signers: readonly Hex[];
}

/** The committee of one stage. */
export function stageSeats(committee: Committee, job: Job, stage: number): Omit<Place, "own"> {
  if (committee.round > 0) return { stage, seats: committee.ids, signers: committee.signers };
  const from = stage * job.spec.policy.k;
  const to = from + job.spec.policy.k;
  return { stage, seats: committee.ids.slice(from, to), signers: committee.signers.slice(from, to) };
}

/** A signer's seat, if it has one. */
export function findPlace(committee: Committee, job: Job, signer: Hex): Place | null {
  const at = committee.signers.findIndex((one) => one.toLowerCase() === signer.toLowerCase());
  if (at < 0) return null;
  const k = job.spec.policy.k;
  const stage = committee.round > 0 ? committee.stage : Math.floor(at / k);
  return { ...stageSeats(committee, job, stage), own: committee.round > 0 ? at : at - stage * k };
}
