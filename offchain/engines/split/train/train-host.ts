// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import type { Transport } from "../../../core/ports/transport.ts";
import { SplitError } from "../errors.ts";
import { TRAIN_PROTOCOL, type SealedChannel } from "./sealed-channel.ts";
import type { TrainPeer } from "./train-server.ts";

/**
 * The server's end of one training: opens messages in their order and no other, lets `peer` work, seals its answers. The last message,
 * sent again byte by byte, gets the last answer again: a client whose answer was lost goes on, and nothing moves twice.
 */
export class TrainHost {
  readonly #channel: SealedChannel;
  readonly #peer: TrainPeer;
  #next = 1n;
  #last: { readonly request: Uint8Array; readonly answer: Uint8Array } | null = null;
  #isBusy = false;

  constructor(modules: { readonly channel: SealedChannel; readonly peer: TrainPeer }) {
    this.#channel = modules.channel;
    this.#peer = modules.peer;
  }

  serve(transport: Pick<Transport, "serve">): void {
    const answer = async (request: Uint8Array) => this.#answer(request);
    transport.serve(TRAIN_PROTOCOL, async function* (_from, request) {
      yield await answer(request);
    });
  }

  /** Error: TRAIN_MESSAGE. */
  async #answer(request: Uint8Array): Promise<Uint8Array> {
    if (this.#last !== null && equalBytes(request, this.#last.request)) return this.#last.answer;
    if (this.#isBusy) throw new SplitError("TRAIN_MESSAGE", { reason: "the one before it is being answered" });
    const plain = this.#channel.unpack(this.#next, request);
    this.#isBusy = true;
    try {
      // Activations have odd numbers, gradients even ones.
      const reply = this.#next % 2n === 1n ? await this.#peer.forward(plain) : await this.#peer.backward(plain);
      const answer = this.#channel.pack(this.#next, reply);
      this.#last = { request: request.slice(), answer };
      this.#next += 1n;
      return answer;
    } finally {
      this.#isBusy = false;
    }
  }
}
