// SPDX-License-Identifier: GPL-3.0-or-later

// Request: u32be length ‖ bytes. Reply: u8 status; after OK frames of u32be length ‖ bytes, closed by a frame of length 0, so that a
// reply that broke off is known from a whole one; after FAILED u8 length ‖ code.
export const REPLY = { ok: 0, failed: 1, busy: 2, tooLarge: 3 } as const;

const MAX_CODE_BYTES = 48;
/** Larger chunks of a handler are sent in several frames. */
export const MAX_FRAME_BYTES = 1 << 20;

/** u32be. */
export function lengthHead(length: number): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, length);
  return head;
}

export function failureReply(code: string): Uint8Array {
  const text = new TextEncoder().encode(code).subarray(0, MAX_CODE_BYTES);
  return new Uint8Array([REPLY.failed, text.length, ...text]);
}

/** Takes an exact number of bytes at a time out of a stream's chunks. */
export class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Between 1 and `most` bytes, a view of what arrived; null at the end. */
  async some(most: number): Promise<Uint8Array | null> {
    while (this.#rest.length === 0) {
      const step = await this.#source.next();
      if (step.done === true) return null;
      this.#rest = step.value as Uint8Array<ArrayBuffer>;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** Exactly `length` bytes, null when the stream ends before them. */
  async exactly(length: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const part = await this.some(length - filled);
      if (part === null) return null;
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  async length(): Promise<number | null> {
    const head = await this.exactly(4);
    return head === null ? null : new DataView(head.buffer).getUint32(0);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
