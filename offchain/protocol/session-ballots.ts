// SPDX-License-Identifier: GPL-3.0-or-later
import { stageInDigest } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import { quorum } from "../core/vote.ts";
import { acceptedDigest, completeSet, emptyBallot, type Ballot } from "./ballot.ts";
import type { AcceptedBoundary } from "./boundary-in.ts";
import { stageSeats } from "./committee.ts";
import type { Hex, SlotView } from "./ports.ts";
import type { SeatEvent, SeatState } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";

/** The votes held: the own committee's, in the seat's state, and those of earlier stages, which a restart asks for again. */
export class SessionBallots {
  readonly #state: SessionState;
  readonly held = new Map<number, Ballot>();

  constructor(state: SessionState) {
    this.#state = state;
  }

  ballotOf({ stage, round }: { readonly stage: number; readonly round: number }): Ballot | null {
    const seat = this.#state.seat;
    if (seat === null) return null;
    if (seat.stage === stage && seat.round === round) return seat;
    if (round !== 0 || seat.round !== 0 || stage >= seat.stage || this.#state.committee === null) return null;
    const ballot = this.held.get(stage);
    const inDigest = ballot?.inDigest ?? this.inDigestOf(stage);
    if (ballot !== undefined) return ballot.inDigest === inDigest ? ballot : { ...ballot, inDigest };
    return emptyBallot(stage, 0, stageSeats(this.#state.committee, this.#state.job, stage).signers, inDigest);
  }

  /** Complete votes of the stages between the chain's and this seat's, or null while any is missing. */
  earlierBallots(seat: SeatState, slot: SlotView): Ballot[] | null {
    // Class T counts a stage a call: what an earlier stage delivers is known when the chain has counted it.
    if (this.#state.isTolerant) return slot.stage === seat.stage ? [] : null;
    const list: Ballot[] = [];
    for (let stage = slot.stage; stage < seat.stage; stage += 1) {
      const ballot = this.held.get(stage);
      if (ballot === undefined || ballot.openings.some((opening) => opening === null || opening.signature === null))
        return null;
      list.push(ballot);
    }
    return list;
  }

  /** Digest of a stage's input as far as accepted boundaries are known, from the chain or from complete votes. */
  inDigestOf(stage: number): Hex | null {
    const table = this.#state.table;
    if (table === null) return null;
    const { boundaries } = this.#state.record;
    const known = table.map((_, i) => {
      const onChain = boundaries[i];
      if (onChain !== undefined) return onChain;
      const ballot = this.#state.isTolerant ? undefined : this.held.get(i);
      return ballot === undefined ? undefined : (acceptedDigest(ballot, quorum(ballot.signers.length)) ?? undefined);
    });
    try {
      return stageInDigest(table, stage, this.#state.job.spec.inDigest, known);
    } catch (error) {
      if (isAssayError(error)) return null;
      throw error;
    }
  }

  /** A stage's output as accepted, and the seats of its first committee that are known to have said it. */
  acceptedOf(stage: number): AcceptedBoundary | null {
    const ballot = this.#state.isTolerant ? undefined : this.held.get(stage);
    const voted = ballot === undefined ? null : acceptedDigest(ballot, quorum(ballot.signers.length));
    const digest = this.#state.record.boundaries[stage] ?? voted;
    if (digest === null) return null;
    const signers = (ballot?.signers ?? []).filter((_, seat) => ballot?.openings[seat]?.outDigest === digest);
    return { digest, signers };
  }

  put(place: { readonly stage: number; readonly round: number }, event: SeatEvent): void {
    if (this.#state.seat?.stage === place.stage && this.#state.seat.round === place.round)
      return this.#state.advance(event);
    const ballot = this.ballotOf(place);
    if (ballot === null) return;
    const set = <T>(list: readonly (T | null)[], seat: number, value: T) =>
      list.map((old, i) => (i === seat ? value : old));
    if (event.type === "commit")
      this.held.set(place.stage, { ...ballot, commits: set(ballot.commits, event.seat, event.commit) });
    if (event.type === "opening")
      this.held.set(place.stage, { ...ballot, openings: set(ballot.openings, event.seat, event.opening) });
  }

  completeEarlier({ stage, round }: { readonly stage: number; readonly round: number }): void {
    const seat = this.#state.seat;
    if (seat === null) return;
    if (seat.stage === stage && seat.round === round) {
      const set = seat.commitSet === null ? completeSet(seat) : null;
      if (set !== null) this.#state.advance({ type: "set-complete", commitSet: set });
      return;
    }
    const ballot = this.held.get(stage);
    if (ballot !== undefined && ballot.commitSet === null)
      this.held.set(stage, { ...ballot, commitSet: completeSet(ballot) });
  }
}
