// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import type { PeerAddress, Transport } from "../../../core/ports/transport.ts";
import { MAX_SEALED_REPLY, TRAIN_PROTOCOL, type SealedChannel } from "./sealed-channel.ts";
import type { TrainPeer } from "./train-server.ts";

const ATTEMPTS = 3;

export interface RemoteTrainPeerOptions {
  readonly server: PeerAddress;
  readonly signal: AbortSignal;
  /** Of one message and its answer. */
  readonly deadlineMs: number;
}

/**
 * Upper layers that another machine holds, over any transport. A call that failed on its way is made again with the same bytes, which
 * the server answers once. Errors: TRAIN_MESSAGE for an answer that is not the one due; those of the transport.
 */
export class RemoteTrainPeer implements TrainPeer {
  readonly #options: RemoteTrainPeerOptions;
  readonly #transport: Pick<Transport, "call">;
  readonly #channel: SealedChannel;
  #next = 1n;

  constructor(
    options: RemoteTrainPeerOptions,
    modules: { readonly transport: Pick<Transport, "call">; readonly channel: SealedChannel },
  ) {
    this.#options = options;
    this.#transport = modules.transport;
    this.#channel = modules.channel;
  }

  async forward(message: Uint8Array): Promise<Uint8Array> {
    return this.#exchange(message);
  }

  async backward(message: Uint8Array): Promise<Uint8Array> {
    return this.#exchange(message);
  }

  async #exchange(message: Uint8Array): Promise<Uint8Array> {
    const request = this.#channel.pack(this.#next, message);
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#call(request);
        const plain = this.#channel.unpack(this.#next, answer);
        this.#next += 1n;
        return plain;
      } catch (error) {
        // What the server refused it refuses again.
        const isPassing =
          isAssayError(error) && error.module === "net" && error.retry !== "never" && error.code !== "REMOTE_FAILED";
        if (!isPassing || attempt === ATTEMPTS || this.#options.signal.aborted) throw error;
      }
    }
  }

  async #call(request: Uint8Array): Promise<Uint8Array> {
    const { server, signal, deadlineMs } = this.#options;
    const chunks: Uint8Array[] = [];
    const options = { signal, deadlineMs, maxReplyBytes: MAX_SEALED_REPLY };
    for await (const chunk of this.#transport.call(server, TRAIN_PROTOCOL, request, options)) chunks.push(chunk);
    return concatBytes(...chunks);
  }
}
