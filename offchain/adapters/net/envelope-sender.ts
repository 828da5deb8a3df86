// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest } from "../../core/envelope.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Signer } from "../../core/ports/keys.ts";
import { unpackSignature } from "../../core/signature.ts";

/** A sequence number is milliseconds times this, plus a count: it ascends across restarts, and a receiver can tell its age. */
export const SEQ_PER_MS = 1024n;

/** Signs what this worker says. */
export class EnvelopeSender {
  readonly #domain: Hex;
  readonly #signer: Signer;
  readonly #clock: Pick<Clock, "nowMs">;
  #last = 0n;

  constructor(
    options: { readonly domain: Hex },
    modules: { readonly signer: Signer; readonly clock: Pick<Clock, "nowMs"> },
  ) {
    this.#domain = options.domain;
    this.#signer = modules.signer;
    this.#clock = modules.clock;
  }

  /** Each call gives a new envelope: to try again after an answer, wrap again. `lifeMs` is how long it may travel. */
  wrap(message: {
    readonly protocol: string;
    readonly to: Hex;
    readonly jobId: Hex;
    readonly body: Uint8Array;
    readonly lifeMs?: number;
  }): Uint8Array {
    const { protocol, to, jobId, body, lifeMs = 60_000 } = message;
    const nowMs = this.#clock.nowMs();
    const byTime = BigInt(nowMs) * SEQ_PER_MS;
    this.#last = byTime > this.#last ? byTime : this.#last + 1n;
    const deadline = BigInt(Math.ceil((nowMs + lifeMs) / 1000));
    const from = this.#signer.address;
    const envelope = { protocol, from, to, jobId, seq: this.#last, deadline, bodyHash: bodyHashOf(body) };
    const signature = unpackSignature(this.#signer.signDigest(envelopeDigest(this.#domain, envelope)));
    return encodeEnvelope({ envelope, signature, body });
  }
}
