// SPDX-License-Identifier: GPL-3.0-or-later
import { hasCode } from "../core/errors.ts";
import { isCommitValid, judgeOpening } from "./ballot.ts";
import { stageSeats } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import type { SeatMessage } from "./seat-wire.ts";
import type { SessionBallots } from "./session-ballots.ts";
import type { SessionState } from "./session-state.ts";
import type { StatementSharing } from "./statement-sharing.ts";

/** Takes what other holders say: verifies each statement, keeps what is new, and proves equivocation on chain. */
export class StatementIntake {
  readonly #state: SessionState;
  readonly #ballots: SessionBallots;
  readonly #sharing: StatementSharing;
  readonly #modules: ProtocolModules;
  readonly #punished = new Set<number>();

  constructor(state: SessionState, ballots: SessionBallots, sharing: StatementSharing) {
    this.#state = state;
    this.#ballots = ballots;
    this.#sharing = sharing;
    this.#modules = state.modules;
  }

  /** A message of another holder; the reply holds what it asked for. Errors: JOB_UNKNOWN, SEAT_UNKNOWN, STATEMENT_INVALID. */
  receive(message: SeatMessage): SeatMessage {
    const seat = this.#state.seat;
    if (seat === null) throw new ProtocolError("JOB_UNKNOWN", { job: this.#state.jobId });
    if (this.#ballots.ballotOf(message) === null)
      throw new ProtocolError("SEAT_UNKNOWN", { job: this.#state.jobId, stage: message.stage, round: message.round });
    this.merge(message);
    return this.#sharing.items(message.stage, message.round, message.wantCommits, message.wantOpenings);
  }

  /** Takes valid statements that are new. Error: STATEMENT_INVALID for the first bad one; what came before it is kept. */
  merge(message: SeatMessage): void {
    const refuse = (seat: number, reason: string) => {
      this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason: "signature" });
      return new ProtocolError("STATEMENT_INVALID", { job: this.#state.jobId, seat, reason });
    };
    const context = this.#state.context(message);
    for (const { seat, commit } of message.commits) {
      const ballot = this.#ballots.ballotOf(message);
      if (ballot === null || seat >= ballot.signers.length) throw refuse(seat, "no such seat");
      const held = ballot.commits[seat] ?? null;
      const posted = this.#postedBy(message, seat);
      if (held?.commitment === commit.commitment) continue;
      if (!isCommitValid(context, ballot, seat, commit)) throw refuse(seat, "commit");
      // Bound on chain to something else: a set with this Commit could never be counted.
      if (posted !== undefined && posted !== commit.commitment) this.#punish(message, seat, commit, null);
      else if (held !== null) this.#punish(message, seat, held, commit);
      else this.#ballots.put(message, { type: "commit", seat, commit });
    }
    this.#ballots.completeEarlier(message);
    for (const { seat, opening } of message.openings) {
      const ballot = this.#ballots.ballotOf(message);
      if (ballot === null || seat >= ballot.signers.length) throw refuse(seat, "no such seat");
      if ((ballot.openings[seat] ?? null) !== null) continue;
      // An opening can be ahead of the commits it belongs to: it is asked for again once they are here.
      if (ballot.commits[seat] === null || ballot.inDigest === null) continue;
      if (opening.signature !== null && ballot.commitSet === null) continue;
      const judgement = judgeOpening(context, ballot, seat, opening);
      if (judgement === "other-set" || (judgement === "invalid" && opening.signature !== null)) {
        // Somebody signed two Commits, or this is nonsense: comparing all commits shows which, and whose.
        this.#state.doubtsSet = true;
        // The commitment binds all the same: the slow path counts it without a signature.
        if (judgement === "other-set")
          this.#ballots.put(message, {
            type: "opening",
            seat,
            opening: { ...opening, signature: null },
            at: this.#modules.chain.now(),
          });
        continue;
      }
      if (judgement === "invalid") throw refuse(seat, "opening");
      this.#ballots.put(message, { type: "opening", seat, opening, at: this.#modules.chain.now() });
    }
  }

  /** What a seat is bound to by its own transaction: its commitment, or the proposal that was audited. */
  #postedBy({ stage, round }: { readonly stage: number; readonly round: number }, seat: number): Hex | undefined {
    return this.#state.memory.posted[`${stage}/${round}`]?.[seat];
  }

  #punish(
    place: { readonly stage: number; readonly round: number },
    seat: number,
    held: { commitment: Hex; signature: Hex },
    other: { commitment: Hex; signature: Hex } | null,
  ): void {
    const committee = this.#state.committee;
    if (committee === null || this.#punished.has(seat)) return;
    const { seats } = place.round > 0 ? { seats: committee.ids } : stageSeats(committee, this.#state.job, place.stage);
    const workerId = seats[seat];
    if (workerId === undefined) return;
    this.#punished.add(seat);
    this.#modules.logger.warn("seat.equivocation", { stage: place.stage, round: place.round, seat, worker: workerId });
    const { chain, logger } = this.#modules;
    const { jobId } = this.#state;
    const { stage, round } = place;
    this.#state.effects.once(`punish-${seat}`, async () => {
      try {
        await chain.proveEquivocation({ workerId, jobId, stage, round, a: held, b: other });
      } catch (error) {
        // One report is enough, and another seat's may have been first.
        if (!hasCode(error, "REVERTED") && !hasCode(error, "TRANSACTION_REVERTED")) throw error;
        logger.debug("seat.overtaken", { step: "punish", seat, code: error.code });
      }
    });
  }
}
