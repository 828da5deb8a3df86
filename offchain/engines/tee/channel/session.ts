// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, type Hash } from "node:crypto";
import { bigToBytes, bytesToBig, concatBytes, equalBytes, fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { encodePrologue, type ChannelPurpose } from "../../../core/channel-hash.ts";
import { taggedHash, toWord, type Word } from "../../../core/tagged-hash.ts";
import { ChannelError } from "./errors.ts";
import { FRAME, FrameReader, FrameWriter, MAX_FRAME_DATA, type Frame, type RekeyLimits } from "./frames.ts";
import { NoiseHandshake, type NoisePattern } from "./noise.ts";
import { TAG_BYTES, type DhKeyPair } from "./primitives.ts";

export interface ScheduledPeer {
  /** X25519 key that the client's schedule names and the registry has for the peer's signing key. */
  readonly channelKey: Word;
  /** Unix seconds: the end of its registration. */
  readonly expiry: bigint;
}

export interface ChannelOptions {
  readonly pattern: NoisePattern;
  readonly isInitiator: boolean;
  readonly purpose: ChannelPurpose;
  readonly staticKey: DhKeyPair;
  readonly peer: ScheduledPeer;
  /** Unix seconds, the enclave's own idea of time. */
  readonly now: bigint;
  /** Registry pointer or inline evidence for the peer: never in a message that can be replayed. */
  readonly payload: Uint8Array;
  /** Judges the peer's payload: live, image, status and vendor per policy; evidence must bind its static key. Throws. */
  readonly admitPeer: (payload: Uint8Array, channelKey: Word) => void;
  /** The enclave's signature over a digest, 64 bytes (EIP-2098). */
  readonly sign: (digest: Word) => Uint8Array;
  /** Address that signed, or undefined. */
  readonly recover: (digest: Word, signature: Uint8Array) => Hex | undefined;
  /**
   * Critical jobs: both ends send a fresh quote over this very handshake with their confirmation (`sessionReportData`), by
   * `confirm`, and this judges the peer's. Throws. Undefined for both ends or for none.
   */
  readonly admitSession?: (quote: Uint8Array, handshakeHash: Word) => void;
  /** The largest tensor that this end takes. */
  readonly maxBytes: number;
  /** Hide lengths: pad data to a power of two. Both ends read either. */
  readonly isPadded?: boolean;
  readonly rekey?: RekeyLimits;
}

const SIGNATURE = 64;
const LENGTH = 4;
/** Length, and SHA-256 of the tags of the transfer's frames: as binding as one of the data, and free. */
const END_BYTES = 8 + 32;

/** Role-bound, so that a signature cannot be reflected. */
const confirmDigest = (handshakeHash: Uint8Array, isInitiator: boolean): Word =>
  taggedHash("assay.v1.channel-confirm", [toHex(handshakeHash), toWord(isInitiator ? 0 : 1)]);

/**
 * One end of a channel between two enclaves, without I/O: bytes come in by `receive`, what must be sent comes out. The state
 * machine lets data through only when the handshake is over, the peer's static key is the scheduled one, its evidence was
 * admitted and its enclave signed this very handshake. Every error is final. Errors: CHANNEL_HANDSHAKE, CHANNEL_PEER,
 * CHANNEL_FRAME, CHANNEL_TRUNCATED, CHANNEL_ORDER, and what `admitPeer` throws.
 */
export class ChannelSession {
  readonly #options: ChannelOptions;
  readonly #noise: NoiseHandshake;
  #inbox: Uint8Array = new Uint8Array();
  #writer: FrameWriter | undefined;
  #reader: FrameReader | undefined;
  #state: "handshake" | "confirming" | "open" | "failed" = "handshake";
  #parts: Uint8Array[] = [];
  #received = 0;
  #digest: Hash = createHash("sha256");
  #isTransferring = false;
  #isConfirmed = false;
  #isPeerConfirmed = false;
  readonly #handshake: Uint8Array[] = [];

  constructor(options: ChannelOptions) {
    const { pattern, isInitiator, purpose, staticKey, peer, now } = options;
    this.#options = options;
    if (now > peer.expiry) throw new ChannelError("CHANNEL_PEER", { detail: "its registration expired" });
    this.#noise = new NoiseHandshake({
      pattern,
      isInitiator,
      prologue: encodePrologue(purpose),
      staticKey,
      remoteStatic: fromHex(peer.channelKey, 32),
    });
  }

  /** Data may be sent and is taken. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Channel hash of results whose input came this way. Error: CHANNEL_ORDER before the channel is open. */
  get channelHash(): Word {
    if (!this.isOpen) throw new ChannelError("CHANNEL_ORDER", { detail: "it has no hash yet" });
    return toHex(this.#noise.handshakeHash);
  }

  /** The handshake's messages, as they went over the wire: with the purpose all that an auditor needs for `channelHash`. */
  get handshake(): Uint8Array {
    return concatBytes(...this.#handshake);
  }

  /** The initiator's first bytes. */
  start(): readonly Uint8Array[] {
    return this.#guard(() => (this.#noise.isMyTurn ? this.#speak() : []));
  }

  /** Takes stream bytes: finished tensors and bytes to send back. */
  receive(bytes: Uint8Array): { readonly reply: readonly Uint8Array[]; readonly tensors: readonly Uint8Array[] } {
    return this.#guard(() => {
      const reply: Uint8Array[] = [];
      const rest = this.#reader === undefined ? this.#shake(bytes, reply) : bytes;
      return { reply, tensors: rest === undefined ? [] : this.#frames(rest) };
    });
  }

  /** Sealed frames of one tensor, made as they are taken. Error: CHANNEL_ORDER before the channel is open. */
  *send(tensor: Uint8Array): Generator<readonly Uint8Array[], void> {
    const writer = this.#writer;
    if (!this.isOpen || writer === undefined) throw new ChannelError("CHANNEL_ORDER", { detail: "it is not open" });
    const size =
      this.#options.isPadded === true && tensor.length > 0 ? 2 ** Math.ceil(Math.log2(tensor.length)) : tensor.length;
    const digest = createHash("sha256");
    for (let at = 0; at < size; at += MAX_FRAME_DATA) {
      const end = Math.min(at + MAX_FRAME_DATA, size);
      const data = end <= tensor.length ? tensor.subarray(at, end) : new Uint8Array(end - at);
      if (end > tensor.length && at < tensor.length) data.set(tensor.subarray(at));
      const pieces = writer.write(FRAME.data, data);
      digest.update(pieces.at(-1)?.subarray(-TAG_BYTES) ?? new Uint8Array());
      yield pieces;
    }
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(tensor.length));
    yield writer.write(FRAME.end, concatBytes(length, new Uint8Array(digest.digest())));
  }

  /** Tells the peer that nothing more comes, and closes this end. */
  abort(): readonly Uint8Array[] {
    const writer = this.#state === "failed" ? undefined : this.#writer;
    this.#state = "failed";
    return writer?.write(FRAME.abort, new Uint8Array()) ?? [];
  }

  /** The stream ended. Error: CHANNEL_TRUNCATED unless every transfer was finished by its END. */
  ended(): void {
    const isOpen = this.#state === "open";
    this.#state = "failed";
    const detail = !isOpen ? "before it was open" : this.#isTransferring ? "inside a tensor" : "inside a frame";
    if (!isOpen || this.#isTransferring || this.#reader?.isMidFrame === true)
      throw new ChannelError("CHANNEL_TRUNCATED", { detail });
  }

  #guard<T>(action: () => T): T {
    if (this.#state === "failed") throw new ChannelError("CHANNEL_ORDER", { detail: "it failed or was closed" });
    try {
      return action();
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
  }

  /** Writes the handshake message whose turn it is, and the confirmation behind the last one. */
  #speak(): Uint8Array[] {
    const { isInitiator, payload } = this.#options;
    // First messages can be replayed, so they carry nothing.
    const isFirst = isInitiator && this.#noise.remoteStatic === undefined;
    const carries = this.#options.pattern === "IK" ? !isInitiator : !isFirst;
    const message = this.#noise.write(carries ? payload : new Uint8Array());
    this.#handshake.push(message);
    return [Uint8Array.of(message.length >> 8, message.length & 255), message, ...this.#finish()];
  }

  /** The handshake is over and `confirm` must be called with a quote over it. */
  get awaitsQuote(): boolean {
    return this.#options.admitSession !== undefined && this.#reader !== undefined && !this.#isConfirmed;
  }

  /** What the session quote must bind. Error: CHANNEL_ORDER before the handshake is over. */
  get handshakeHash(): Word {
    if (this.#reader === undefined) throw new ChannelError("CHANNEL_ORDER", { detail: "its handshake is not over" });
    return toHex(this.#noise.handshakeHash);
  }

  /** Sends the session quote. Error: CHANNEL_ORDER unless `awaitsQuote`. */
  confirm(quote: Uint8Array): readonly Uint8Array[] {
    return this.#guard(() => {
      if (!this.awaitsQuote) throw new ChannelError("CHANNEL_ORDER", { detail: "it awaits no quote" });
      return this.#sendConfirm(quote);
    });
  }

  #finish(): Uint8Array[] {
    if (!this.#noise.isDone) return [];
    const { rekey, admitSession } = this.#options;
    const { send, receive } = this.#noise.split();
    this.#writer = new FrameWriter(send, rekey);
    this.#reader = new FrameReader(receive, rekey);
    this.#state = "confirming";
    return admitSession === undefined ? this.#sendConfirm(new Uint8Array()) : [];
  }

  /** signature || u32be length || the payload that IK's first message could not carry || session quote. */
  #sendConfirm(quote: Uint8Array): Uint8Array[] {
    const { isInitiator, pattern, sign, payload } = this.#options;
    const late = pattern === "IK" && isInitiator ? payload : new Uint8Array();
    const length = bigToBytes(BigInt(late.length), LENGTH);
    const data = concatBytes(sign(confirmDigest(this.#noise.handshakeHash, isInitiator)), length, late, quote);
    this.#isConfirmed = true;
    this.#openIfBoth();
    return [...(this.#writer?.write(FRAME.confirm, data) ?? [])];
  }

  #openIfBoth(): void {
    if (this.#isConfirmed && this.#isPeerConfirmed) this.#state = "open";
  }

  /** Handshake messages, each behind its u16be length. Returns what lies behind the last one. */
  #shake(bytes: Uint8Array, reply: Uint8Array[]): Uint8Array | undefined {
    this.#inbox = concatBytes(this.#inbox, bytes);
    while (!this.#noise.isDone) {
      const [high, low] = this.#inbox;
      const length = (high ?? 0) * 256 + (low ?? 0);
      if (low === undefined || this.#inbox.length < 2 + length) return undefined;
      const message = this.#inbox.subarray(2, 2 + length);
      this.#inbox = this.#inbox.subarray(2 + length);
      this.#hear(this.#noise.read(message));
      this.#handshake.push(message.slice());
      reply.push(...(this.#noise.isMyTurn ? this.#speak() : this.#finish()));
    }
    const rest = this.#inbox;
    this.#inbox = new Uint8Array();
    return rest;
  }

  #hear(payload: Uint8Array): void {
    const { isInitiator, pattern } = this.#options;
    const isFirst = !isInitiator && !this.#noise.isDone && this.#noise.isMyTurn;
    if (isFirst && payload.length > 0)
      throw new ChannelError("CHANNEL_HANDSHAKE", { detail: "a first message carries something" });
    const remote = this.#noise.remoteStatic;
    if (remote !== undefined && !equalBytes(remote, fromHex(this.#options.peer.channelKey, 32)))
      throw new ChannelError("CHANNEL_PEER", { detail: "its static key is not the scheduled one" });
    const isJudged = pattern === "IK" ? isInitiator : !isFirst;
    if (isJudged) this.#options.admitPeer(payload, this.#options.peer.channelKey);
  }

  #frames(bytes: Uint8Array): Uint8Array[] {
    const tensors: Uint8Array[] = [];
    for (const frame of this.#reader?.push(bytes) ?? []) {
      if (frame.type === FRAME.abort) throw new ChannelError("CHANNEL_TRUNCATED", { detail: "the peer aborted" });
      if (frame.type === FRAME.confirm ? this.#isPeerConfirmed : this.#state !== "open")
        throw new ChannelError("CHANNEL_ORDER", { detail: "data before, or confirmation after, the confirmation" });
      if (frame.type === FRAME.confirm) this.#confirmed(frame);
      else if (frame.type === FRAME.data) this.#data(frame);
      else tensors.push(this.#end(frame.data));
    }
    return tensors;
  }

  #confirmed({ data }: Frame): void {
    const { isInitiator, pattern, purpose, recover, admitPeer, admitSession, peer } = this.#options;
    const digest = confirmDigest(this.#noise.handshakeHash, !isInitiator);
    const want = isInitiator ? purpose.responderKey : purpose.initiatorKey;
    const signer = recover(digest, data.subarray(0, SIGNATURE));
    if (data.length < SIGNATURE || signer?.toLowerCase() !== want.toLowerCase())
      throw new ChannelError("CHANNEL_PEER", { detail: "another key signed the handshake" });
    const start = SIGNATURE + LENGTH;
    const size = Number(bytesToBig(data.subarray(SIGNATURE, start)));
    if (data.length < start + size) throw new ChannelError("CHANNEL_FRAME", { detail: "a confirmation is truncated" });
    const [late, quote] = [data.slice(start, start + size), data.slice(start + size)];
    if (pattern === "IK" && !isInitiator) admitPeer(late, peer.channelKey);
    else if (size > 0) throw new ChannelError("CHANNEL_FRAME", { detail: "a payload in the confirmation" });
    if (admitSession !== undefined) admitSession(quote, this.handshakeHash);
    else if (quote.length > 0)
      throw new ChannelError("CHANNEL_FRAME", { detail: "a session quote that nobody judges" });
    this.#isPeerConfirmed = true;
    this.#openIfBoth();
  }

  #data({ data, tag }: Frame): void {
    if (data.length === 0) throw new ChannelError("CHANNEL_FRAME", { detail: "empty data" });
    // Padding may double a tensor, never more.
    if (this.#received + data.length > 2 * this.#options.maxBytes)
      throw new ChannelError("CHANNEL_FRAME", { detail: "the tensor is too large" });
    this.#isTransferring = true;
    this.#received += data.length;
    this.#parts.push(data);
    this.#digest.update(tag);
  }

  #end(data: Uint8Array): Uint8Array {
    const refuse = (detail: string): never => {
      throw new ChannelError("CHANNEL_TRUNCATED", { detail });
    };
    if (data.length !== END_BYTES) return refuse("END has another length");
    const length = new DataView(data.buffer, data.byteOffset).getBigUint64(0);
    const digest = new Uint8Array(this.#digest.digest());
    if (!equalBytes(digest, data.subarray(8))) return refuse("END names another digest");
    if (length > BigInt(this.#received) || length > BigInt(this.#options.maxBytes))
      return refuse("END names another length");
    const size = Number(length);
    const isPadded = size > 0 && this.#received === 2 ** Math.ceil(Math.log2(size));
    if (this.#received !== size && !isPadded) return refuse("padding of another length");
    const whole = concatBytes(...this.#parts);
    if (whole.subarray(size).some((byte) => byte !== 0)) return refuse("padding that is not zero");
    this.#parts = [];
    this.#received = 0;
    this.#digest = createHash("sha256");
    this.#isTransferring = false;
    return whole.subarray(0, size);
  }
}
