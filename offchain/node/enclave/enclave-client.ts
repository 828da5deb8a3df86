// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duplex } from "node:stream";
import { isAssayError } from "../../core/errors.ts";
import { NodeError } from "../errors.ts";
import { decodeReply, encodeAsk, FrameReader, type Ask, type MessageName, type Replied, type Reply } from "./wire.ts";

interface Waiting {
  readonly name: MessageName;
  readonly resolve: (reply: Extract<Replied, { readonly tail: Uint8Array }>) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** Slower than any stage: an enclave that says nothing for so long is broken. */
const CALL_MS = 300_000;

/** The host's end of an enclave's wire. One stream is one enclave: when it ends, for whatever reason, its keys are gone. */
export class EnclaveClient {
  readonly #stream: Duplex;
  readonly #frames = new FrameReader("reply");
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #lost: unknown = null;
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => this.#take(chunk));
    stream.on("error", (error) => this.#lose(error));
    stream.on("end", () => this.#lose(null));
    this.ended = new Promise((resolve) => {
      stream.on("close", () => {
        this.#lose(null);
        resolve();
      });
    });
  }

  /** Errors: ENCLAVE_REFUSED, ENCLAVE_LOST; ENCLAVE_WIRE after which the stream is closed. */
  async ask<N extends MessageName>(
    name: N,
    body: Ask<N>,
    tail?: Uint8Array,
    timeoutMs = CALL_MS,
  ): Promise<{ readonly body: Reply<N>; readonly tail: Uint8Array }> {
    if (this.#lost !== null) throw this.#lost;
    const id = this.#next;
    this.#next = (this.#next % 0xffff_ffff) + 1;
    const bytes = encodeAsk(id, name, body, tail);
    const reply = await new Promise<Extract<Replied, { readonly tail: Uint8Array }>>((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(new NodeError("ENCLAVE_LOST", { reason: `no answer to ${name}` })), timeoutMs); // prettier-ignore
      timer.unref();
      this.#waiting.set(id, { name, resolve, reject, timer });
      this.#stream.write(bytes);
    });
    return reply as unknown as { readonly body: Reply<N>; readonly tail: Uint8Array };
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(chunk: Uint8Array): void {
    try {
      for (const bytes of this.#frames.push(chunk)) this.#settle(decodeReply(bytes));
    } catch (error) {
      this.#lose(
        isAssayError(error) ? error : new NodeError("ENCLAVE_WIRE", { reason: "unreadable" }, { cause: error }),
      );
    }
  }

  #settle(reply: Replied): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) throw new NodeError("ENCLAVE_WIRE", { reason: "an answer to nothing" });
    const { name, resolve, reject, timer } = waiting;
    if (reply.name !== "refused" && reply.name !== name)
      throw new NodeError("ENCLAVE_WIRE", { reason: `${reply.name} for ${name}` });
    this.#waiting.delete(reply.id);
    clearTimeout(timer);
    if (reply.name === "refused") reject(new NodeError("ENCLAVE_REFUSED", { what: name, refusal: reply.refusal }));
    else resolve(reply);
  }

  #lose(cause: unknown): void {
    if (this.#lost !== null) return;
    const reason = cause instanceof Error ? cause.message : "its stream ended";
    this.#lost = isAssayError(cause) ? cause : new NodeError("ENCLAVE_LOST", { reason }, { cause });
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(this.#lost);
    }
    this.#waiting.clear();
    this.#stream.destroy();
  }
}
