// SPDX-License-Identifier: GPL-3.0-or-later
import { everyone, findCommittee, findPlace, type Place } from "./committee.ts";
import type { SlotView } from "./ports.ts";
import { newSeat, type SeatState } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";

/** Whether the chain is in a round whose committee is not known yet. */
export function isCommitteeStale(state: SessionState, slot: SlotView): boolean {
  if (isFilledAgain(state, slot)) return true;
  if (state.notDrawnFor === `${slot.stage}/${slot.round}`) return false;
  const { committee } = state;
  return committee === null || committee.round !== slot.round || (slot.round > 0 && committee.stage !== slot.stage);
}

/** Whether standbys have sat down since the committee was looked up. */
function isFilledAgain({ committee, record }: SessionState, slot: SlotView): boolean {
  if (committee === null || slot.round !== 0 || committee.round !== 0 || record.seats.length === 0) return false;
  return record.seats.join() !== committee.ids.join();
}

/** Looks up the round's committee and takes this worker's seat in it, if it was drawn. Error: RPC_UNAVAILABLE. */
export async function findSeat(state: SessionState, slot: SlotView): Promise<void> {
  const { jobId, job, record } = state;
  const { chain, journal, keys, logger, metrics, checkpoint } = state.modules;
  const committee = await findCommittee(chain, jobId, job, record, slot);
  if (committee === null) return;
  if (committee.round > 0) {
    const formerIds = everyone(record).filter((id) => !committee.ids.includes(id));
    state.former = await chain.signers(formerIds);
    state.formerIds = formerIds;
  }
  const place = findPlace(committee, job, keys.operator.address);
  if (state.seat !== null && state.seat.round === committee.round && !isSamePlace(state.seat, place)) {
    // Standbys sat down beside it, or another fork drew other seats. What was signed for this place stays in the journal and binds
    // the new seat too.
    logger.warn("seat.redrawn", { stage: state.seat.stage, round: state.seat.round, seat: state.seat.own });
    state.unseat();
  }
  if (place !== null && state.seat === null) {
    const { own, stage, seats, signers } = place;
    const { round } = committee;
    const seat = newSeat({ jobId, stage, round, seats, signers, own, seed: committee.seed });
    journal.record({ job: state.seatRow(seat) });
    state.saveMemory({ place: { stage, round, own } });
    // Only now: a seat that the journal does not hold would vote without its memory.
    state.seat = seat;
    checkpoint("seated");
    metrics.count("assay_jobs_signatures_total", { kind: "claim" }, 0);
    logger.info("seat.drawn", { stage, round, seat: own, seats: seats.length });
  }
  state.committee = committee;
  if (place === null) state.notDrawnFor = `${slot.stage}/${slot.round}`;
}

const isSamePlace = (seat: SeatState, place: Place | null): boolean =>
  place !== null &&
  seat.stage === place.stage &&
  seat.own === place.own &&
  seat.seats.join() === place.seats.join() &&
  seat.signers.join().toLowerCase() === place.signers.join().toLowerCase();
