// SPDX-License-Identifier: GPL-3.0-or-later
import { CANDIDATES, drawSeed, ROUND_0_STAGE } from "../core/draw.ts";
import type { SlotView } from "./ports.ts";
import { STATE } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";

/** Candidates take turns to end what nobody carries on, seconds a place. */
const POKE_STEP_SEC = 2;
/** Time that a late prover is left beyond the deadline before somebody closes the job, seconds. */
const POKE_GRACE_SEC = 10;

/** Own id among the candidates; null for others, and while they are not known. */
export function ownCandidate({ committee, modules }: SessionState): number | null {
  const own = modules.keys.operator.address.toLowerCase();
  return committee?.ids[committee.signers.findIndex((signer) => signer.toLowerCase() === own)] ?? null;
}

/** The first draws of a job's seed, as the hub will draw them or has pinned them. Error: RPC_UNAVAILABLE. */
export async function findCandidates(state: SessionState, slot: SlotView): Promise<void> {
  const { job, jobId, record, modules } = state;
  const { chain } = modules;
  if (record.seats.length > 0) {
    const signers = await chain.signers(record.seats);
    state.committee = { stage: 0, round: 0, ids: record.seats, signers, seed: null };
    return;
  }
  const beat = await chain.seed(slot.seedRef);
  if (beat === null) return;
  const { ids, signers } = await chain.draw({
    version: slot.tableVersion,
    ticketClass: job.spec.policy.ticketClass,
    seed: drawSeed(beat, jobId, ROUND_0_STAGE, 0),
    excluded: [],
    count: CANDIDATES,
  });
  state.committee = { stage: 0, round: 0, ids, signers, seed: null };
  const own = ownCandidate(state);
  if (own !== null) modules.logger.info("proof.candidate", { worker: own });
}

/** Settles what stands and expires what nobody carries on, in turn; not while this worker still proves. */
export function pokeCandidates(state: SessionState, slot: SlotView, isProving: boolean): void {
  const { modules, effects, job, jobId, record } = state;
  const turn = POKE_STEP_SEC * (state.committee?.ids.indexOf(ownCandidate(state) ?? 0) ?? 0);
  const now = modules.chain.now();
  const call = { jobId, job, record };
  if (slot.state === STATE.WINDOW && now > slot.deadline + turn)
    effects.once("settle", () => modules.chain.settle({ ...call, output: "0x" }));
  const isLate = now > slot.deadline + POKE_GRACE_SEC + turn && !isProving;
  if (slot.state === STATE.OPEN && (isLate || now > job.spec.expiry + turn))
    effects.once("expire", () => modules.chain.expire(call));
}
