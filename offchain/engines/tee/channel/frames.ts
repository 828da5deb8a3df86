// SPDX-License-Identifier: GPL-3.0-or-later
import { ChannelError } from "./errors.ts";
import { open, rekey, sealPieces, TAG_BYTES } from "./primitives.ts";

// Frame: u32le length || AEAD(type u8 || data), nonce 0^4 || u64le counter, additional data length || counter.

export const FRAME = { confirm: 1, data: 2, end: 3, abort: 4 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];
export const MAX_FRAME_DATA = 65_536;
const TYPES: ReadonlySet<number> = new Set(Object.values(FRAME));
const HEAD = 4;
const MAX_SEALED = 1 + MAX_FRAME_DATA + TAG_BYTES;

/** Noise REKEY after so much in one direction. Both ends count the same frames, so nothing is exchanged. */
export interface RekeyLimits {
  readonly frames: number;
  readonly bytes: number;
}
export const REKEY_LIMITS: RekeyLimits = { frames: 2 ** 20, bytes: 2 ** 30 };

export interface Frame {
  readonly type: FrameType;
  readonly data: Uint8Array;
  /** 16 bytes of the AEAD: what a transfer's digest is made of. */
  readonly tag: Uint8Array;
}

const refuse = (detail: string): never => {
  throw new ChannelError("CHANNEL_FRAME", { detail });
};

/** Key and counter of one direction. */
class Direction {
  #key: Uint8Array;
  #counter = 0n;
  #frames = 0;
  #bytes = 0;
  readonly #limits: RekeyLimits;

  constructor(key: Uint8Array, limits: RekeyLimits) {
    this.#key = key;
    this.#limits = limits;
  }

  get key(): Uint8Array {
    return this.#key;
  }
  get counter(): bigint {
    return this.#counter;
  }

  additional(head: Uint8Array): Uint8Array {
    const out = Buffer.alloc(HEAD + 8);
    out.set(head);
    out.writeBigUInt64LE(this.#counter, HEAD);
    return out;
  }

  advance(length: number): void {
    this.#counter++;
    this.#frames++;
    this.#bytes += length;
    if (this.#frames < this.#limits.frames && this.#bytes < this.#limits.bytes) return;
    this.#key = rekey(this.#key);
    this.#frames = 0;
    this.#bytes = 0;
  }
}

export class FrameWriter {
  readonly #direction: Direction;

  constructor(key: Uint8Array, limits: RekeyLimits = REKEY_LIMITS) {
    this.#direction = new Direction(key, limits);
  }

  /** Pieces of the frame's bytes, to be sent in order; the last one ends with the tag. */
  write(type: FrameType, data: Uint8Array): readonly Uint8Array[] {
    if (data.length > MAX_FRAME_DATA) return refuse("its data is too long");
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(1 + data.length + TAG_BYTES);
    const { key, counter } = this.#direction;
    const sealed = sealPieces(key, counter, this.#direction.additional(head), Uint8Array.of(type), data);
    this.#direction.advance(1 + data.length + TAG_BYTES);
    // One piece, so that the reader finds it whole.
    return [Buffer.concat([head, ...sealed])];
  }
}

/** Takes the stream's bytes in whatever pieces they come, and never holds more than a frame and a piece. */
export class FrameReader {
  readonly #direction: Direction;
  #pieces: Uint8Array[] = [];
  #have = 0;
  #isDead = false;

  constructor(key: Uint8Array, limits: RekeyLimits = REKEY_LIMITS) {
    this.#direction = new Direction(key, limits);
  }

  /** Whether bytes of an unfinished frame are waiting. */
  get isMidFrame(): boolean {
    return this.#have > 0;
  }

  /** The frames that `bytes` completes, one after the other. Error: CHANNEL_FRAME, after which the reader is dead. */
  *push(bytes: Uint8Array): Generator<Frame, void> {
    if (bytes.length > 0) this.#pieces.push(bytes);
    this.#have += bytes.length;
    for (;;) {
      if (this.#isDead) return refuse("an earlier frame was refused");
      const head = this.#peek(HEAD);
      if (head === undefined) return;
      const length = Buffer.from(head).readUInt32LE();
      if (length < 1 + TAG_BYTES || length > MAX_SEALED) return this.#die("its length");
      const whole = this.#peek(HEAD + length);
      if (whole === undefined) return;
      this.#drop(HEAD + length);
      const { key, counter } = this.#direction;
      const plain = open(key, counter, this.#direction.additional(whole.subarray(0, HEAD)), whole.subarray(HEAD));
      if (plain === undefined) return this.#die("it does not authenticate");
      this.#direction.advance(length);
      const type = plain[0] ?? 0;
      if (!TYPES.has(type)) return this.#die(`its type ${type}`);
      yield { type: type as FrameType, data: plain.subarray(1), tag: whole.subarray(whole.length - TAG_BYTES) };
    }
  }

  #die(detail: string): never {
    this.#isDead = true;
    return refuse(detail);
  }

  #peek(length: number): Uint8Array | undefined {
    if (this.#have < length) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined.subarray(0, length);
  }

  #drop(length: number): void {
    const [first] = this.#pieces;
    this.#have -= length;
    if (first === undefined || first.length === length) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(length);
  }
}
