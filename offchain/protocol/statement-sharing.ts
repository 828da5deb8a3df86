// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, utf8 } from "../core/bytes.ts";
import { stageSeats } from "./committee.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import { SeatExchange } from "./seat-exchange.ts";
import { hasFastVotes } from "./seat-machine.ts";
import type { SeatMessage } from "./seat-wire.ts";
import type { SessionBallots } from "./session-ballots.ts";
import { NO_WORD, type SessionState } from "./session-state.ts";
import { commitStatement } from "./statements.ts";

/** Gives this worker's items to its committee, and complete votes to the seats of later stages. */
export class StatementSharing {
  readonly #state: SessionState;
  readonly #ballots: SessionBallots;
  readonly #modules: ProtocolModules;
  readonly #exchange: SeatExchange;
  readonly #forwarding: SeatExchange;

  constructor(state: SessionState, ballots: SessionBallots, onReply: (message: SeatMessage) => void) {
    this.#state = state;
    this.#ballots = ballots;
    this.#modules = state.modules;
    this.#exchange = new SeatExchange(state.modules, onReply);
    this.#forwarding = new SeatExchange(state.modules, () => undefined);
  }

  /** A changed set of own items is worth an immediate call. */
  wake(): void {
    this.#exchange.wake();
  }

  /** What this worker holds of a committee, as far as it was asked for. */
  items(stage: number, round: number, wantCommits: number, wantOpenings: number): SeatMessage {
    const ballot = this.#ballots.ballotOf({ stage, round });
    const wanted = (bits: number, seat: number) => ((bits >>> seat) & 1) === 1;
    const behaviour = this.#modules.behaviour();
    const isMuted = behaviour.isSilent;
    const own = this.#state.seat?.stage === stage && this.#state.seat.round === round ? this.#state.seat.own : -1;
    return {
      jobId: this.#state.jobId,
      stage,
      round,
      wantCommits: 0,
      wantOpenings: 0,
      commits: (ballot?.commits ?? []).flatMap((commit, seat) =>
        commit !== null && wanted(wantCommits, seat) && !isMuted ? [{ seat, commit }] : [],
      ),
      openings: (ballot?.openings ?? []).flatMap((opening, seat) =>
        opening !== null && wanted(wantOpenings, seat) && !isMuted && !(behaviour.withholdsReveal && seat === own)
          ? [{ seat, opening }]
          : [],
      ),
    };
  }

  /** Own items to all co-seats, asking for what is missing. */
  share(): void {
    const seat = this.#state.seat;
    if (seat === null) return;
    const own = 1 << seat.own;
    const missing = (list: readonly unknown[]) =>
      list.reduce<number>((bits, item, i) => (item === null ? bits | (1 << i) : bits), 0);
    const items = this.items(seat.stage, seat.round, own, own);
    // Openings exist only under a complete set (or after the phase closed): before that nobody has any to give.
    const wantOpenings = seat.openings[seat.own] === null ? 0 : missing(seat.openings);
    const wantCommits = this.#state.doubtsSet ? (1 << seat.seats.length) - 1 : missing(seat.commits);
    const message = { ...items, wantCommits, wantOpenings };
    const fingerprint = `${message.commits.length}/${message.openings.length}`;
    for (const [i, id] of seat.seats.entries()) {
      const addresses = this.#state.profiles.get(id)?.addresses ?? [];
      if (i === seat.own || addresses.length === 0) continue;
      this.#exchange.offer(String(id), addresses, this.#bend(message, i), fingerprint);
    }
  }

  /** Development faults in what leaves: see node/dev-faults. Honest behaviour changes nothing. */
  #bend(message: SeatMessage, to: number): SeatMessage {
    const { equivocates, sendsGarbage } = this.#modules.behaviour();
    const seat = this.#state.seat;
    if (seat === null || (!equivocates && !sendsGarbage)) return message;
    if (sendsGarbage)
      return {
        ...message,
        commits: message.commits.map(({ seat: at }) => ({
          seat: at,
          commit: { commitment: NO_WORD as Hex, signature: toHex(new Uint8Array(64).fill(9)) },
        })),
      };
    if (((to - seat.own + seat.seats.length) % seat.seats.length) % 2 === 0) return message;
    const commitment = toHex(this.#modules.keys.prf("dev.equivocation", utf8(this.#state.jobId)));
    const signature = toHex(
      this.#modules.keys.operator.signDigest(commitStatement(this.#state.context(seat), commitment)),
    );
    return { ...message, openings: [], commits: [{ seat: seat.own, commit: { commitment, signature } }] };
  }

  /** Complete votes of this stage to the seats of later ones: they need them to start, and to submit. */
  forwardVotes(): void {
    const seat = this.#state.seat;
    const committee = this.#state.committee;
    if (
      seat === null ||
      committee === null ||
      this.#state.isTolerant ||
      seat.round > 0 ||
      !hasFastVotes(seat) ||
      this.#modules.behaviour().isSilent
    )
      return;
    const all = 0xffffffff;
    for (let stage = seat.stage + 1; stage < this.#state.job.spec.stages; stage += 1)
      for (let earlier = 0; earlier <= seat.stage; earlier += 1) {
        const message = this.items(earlier, 0, all, all);
        if (message.openings.length < seat.seats.length) continue;
        for (const id of stageSeats(committee, this.#state.job, stage).seats)
          this.#forwarding.offer(`${id}/${earlier}`, this.#state.profiles.get(id)?.addresses ?? [], message, "votes");
      }
  }
}
