// SPDX-License-Identifier: GPL-3.0-or-later
import { joinBytes } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import type { ProtocolModules } from "./ports.ts";
import {
  decodeSeatMessage,
  encodeSeatMessage,
  MAX_SEAT_MESSAGE,
  SEAT_PROTOCOL,
  type SeatMessage,
} from "./seat-wire.ts";

const CALL_MS = 5_000;
const FIRST_PAUSE_MS = 150;
const LAST_PAUSE_MS = 2_000;

interface PeerState {
  inFlight: boolean;
  nextMs: number;
  pauseMs: number;
  /** Items that the peer answered for: the message's fingerprint of what it then held. */
  acked: string;
}

/**
 * Sends one committee's items to its other holders and takes theirs from the replies. Each peer has at most one call open; failures
 * are repeated with growing pauses. Which items exist is the caller's business: it never offers an opening too early.
 */
export class SeatExchange {
  readonly #modules: Pick<ProtocolModules, "transport" | "clock" | "logger" | "signal" | "randomBytes">;
  readonly #onReply: (message: SeatMessage) => void;
  readonly #peers = new Map<string, PeerState>();

  constructor(
    modules: Pick<ProtocolModules, "transport" | "clock" | "logger" | "signal" | "randomBytes">,
    onReply: (message: SeatMessage) => void,
  ) {
    this.#modules = modules;
    this.#onReply = onReply;
  }

  /** Whether the peer answered after it was sent these items. */
  hasAcked(peer: string, fingerprint: string): boolean {
    return this.#peers.get(peer)?.acked === fingerprint;
  }

  /** Sends if nothing is on its way, the peer's pause is over, and there is something to give or to ask. */
  offer(peer: string, addresses: readonly PeerAddress[], message: SeatMessage, fingerprint: string): void {
    const state = this.#peers.get(peer) ?? { inFlight: false, nextMs: 0, pauseMs: FIRST_PAUSE_MS, acked: "" };
    this.#peers.set(peer, state);
    const isNews = state.acked !== fingerprint;
    const wantsAny = message.wantCommits !== 0 || message.wantOpenings !== 0;
    if (state.inFlight || (!isNews && !wantsAny)) return;
    // News go out at once the first time; asking again, and repeating what failed, waits.
    const now = this.#modules.clock.monotonicMs();
    if (now < state.nextMs) return;
    state.inFlight = true;
    void this.#send(addresses, encodeSeatMessage(message))
      .then((reply) => {
        state.acked = fingerprint;
        state.pauseMs = FIRST_PAUSE_MS;
        state.nextMs = this.#modules.clock.monotonicMs() + (reply.commits.length + reply.openings.length > 0 ? 0 : 100);
        this.#onReply(reply);
      })
      .catch((error: unknown) => {
        state.pauseMs = Math.min(state.pauseMs * 2, LAST_PAUSE_MS);
        const jitter = 0.5 + (this.#modules.randomBytes(1)[0] ?? 0) / 512;
        state.nextMs = this.#modules.clock.monotonicMs() + state.pauseMs * jitter;
        this.#modules.logger.debug("seat.call-failed", {
          peer,
          job: message.jobId,
          ...(isAssayError(error) ? { code: error.code } : { error }),
        });
      })
      .finally(() => {
        state.inFlight = false;
      });
  }

  /** A changed set of own items is worth an immediate call. */
  wake(): void {
    for (const state of this.#peers.values()) state.nextMs = 0;
  }

  async #send(addresses: readonly PeerAddress[], bytes: Uint8Array): Promise<SeatMessage> {
    const { transport, signal } = this.#modules;
    let failure: unknown;
    for (const address of addresses) {
      try {
        const chunks: Uint8Array[] = [];
        const call = transport.call(address, SEAT_PROTOCOL, bytes, {
          signal,
          deadlineMs: CALL_MS,
          maxReplyBytes: MAX_SEAT_MESSAGE,
        });
        for await (const chunk of call) chunks.push(chunk);
        return decodeSeatMessage(joinBytes(chunks));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
