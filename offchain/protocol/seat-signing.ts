// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, utf8 } from "../core/bytes.ts";
import { hasCode } from "../core/errors.ts";
import { ZERO_BYTES32 } from "../core/types.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import { isAbstention } from "./said.ts";
import { sketchBOf } from "./seat-sketches.ts";
import type { SeatState, Vote } from "./seat-machine.ts";
import type { SessionBallots } from "./session-ballots.ts";
import type { SessionState } from "./session-state.ts";
import { commitmentOf, commitStatement, revealStatement } from "./statements.ts";

/** Fixes the seat's vote and signs its one Commit and its one Reveal. The journal holds each before the key is used. */
export class SeatSigning {
  readonly #state: SessionState;
  readonly #ballots: SessionBallots;
  readonly #modules: ProtocolModules;

  constructor(state: SessionState, ballots: SessionBallots) {
    this.#state = state;
    this.#ballots = ballots;
    this.#modules = state.modules;
  }

  /** `output`: class T, what sketch B will be taken of. */
  vote(seat: SeatState, vote: Vote, output: Hex | null = null): void {
    const inDigest = seat.inDigest ?? this.#ballots.inDigestOf(seat.stage);
    if (inDigest === null) return;
    const place = utf8(`${this.#state.jobId}/${seat.stage}/${seat.round}`);
    const salt = toHex(this.#modules.keys.prf("assay.v1.commit-salt", place));
    this.#state.advance({ type: "computed", vote, salt, inDigest, output });
    const kind = isAbstention(vote.outDigest) ? "abstained" : "voted";
    this.#modules.logger.info("seat.voted", { stage: seat.stage, round: seat.round, seat: seat.own, kind });
  }

  opened(seat: SeatState) {
    if (seat.vote === null || seat.salt === null || seat.inDigest === null) return null;
    return { ...seat.vote, salt: seat.salt, inDigest: seat.inDigest, worker: this.#modules.keys.operator.address };
  }

  /** Signs the one Commit of this place; the journal holds it before the key is used. Error: ALREADY_SIGNED. */
  signCommit(seat: SeatState): void {
    const opened = this.opened(seat);
    if (opened === null || seat.commits[seat.own] !== null) return;
    const commitment = commitmentOf(this.#state.context(seat), opened);
    const signature = this.#sign(seat, "commit", commitStatement(this.#state.context(seat), commitment));
    this.#state.advance({ type: "commit", seat: seat.own, commit: { commitment, signature } });
    this.#modules.checkpoint("commit-stored");
  }

  /** Signs the one Reveal of this place, over a complete set; on the slow path an opening needs no signature. */
  signOpening(seat: SeatState): void {
    const opened = this.opened(seat);
    if (opened === null || seat.openings[seat.own] !== null) return;
    // Without a complete set there is no sketch B to sign: the chain's set draws another, which the seat shows there itself.
    if (this.#state.isTolerant && seat.commitSet === null) return;
    const { outDigest, payload, salt } = opened;
    const extra = seat.commitSet === null ? ZERO_BYTES32 : sketchBOf(this.#state, seat, seat.commitSet);
    const signature =
      seat.commitSet === null
        ? null
        : this.#sign(seat, "reveal", revealStatement(this.#state.context(seat), { ...opened, extra }, seat.commitSet));
    const opening = { outDigest, payload, salt, extra, signature };
    this.#state.advance({ type: "opening", seat: seat.own, opening, at: this.#modules.chain.now() });
    this.#modules.checkpoint("reveal-stored");
  }

  #sign(seat: SeatState, kind: "commit" | "reveal", digest: Uint8Array): Hex {
    const { journal, keys, metrics, checkpoint } = this.#modules;
    const action = { jobId: this.#state.jobId, stage: seat.stage, round: seat.round, kind, digest: toHex(digest) };
    checkpoint(`${kind}-unsigned`);
    try {
      journal.writeBeforeSign(action);
    } catch (error) {
      if (hasCode(error, "ALREADY_SIGNED")) metrics.count("assay_jobs_signing_refused_total", {});
      throw error;
    }
    checkpoint(`${kind}-journalled`);
    const signature = toHex(keys.operator.signDigest(digest));
    metrics.count("assay_jobs_signatures_total", { kind });
    checkpoint(`${kind}-signed`);
    return signature;
  }
}
