// SPDX-License-Identifier: MIT
import { assertInteger, assertLength, bigToBytes, fromHex, utf8, type Hex } from "./bytes.ts";

/** Appends canonical fields; numbers are range-checked. `le` and `be` name the byte order. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  raw(bytes: Uint8Array): this {
    const end = this.#length + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
    return this;
  }

  /** Exactly `length` bytes, without a length prefix. */
  fixed(value: Uint8Array | Hex, length: number, what = "A field"): this {
    return this.raw(typeof value === "string" ? fromHex(value, length, what) : assertLength(value, length, what));
  }

  u8(value: number): this {
    return this.raw(Uint8Array.of(assertInteger(value, 0, 0xff, "A u8")));
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  u16le(value: number): this {
    assertInteger(value, 0, 0xffff, "A u16");
    return this.raw(Uint8Array.of(value & 255, value >>> 8));
  }

  u16be(value: number): this {
    assertInteger(value, 0, 0xffff, "A u16");
    return this.raw(Uint8Array.of(value >>> 8, value & 255));
  }

  u32le(value: number): this {
    assertInteger(value, 0, 0xffffffff, "A u32");
    return this.raw(Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24));
  }

  u32be(value: number): this {
    return this.raw(bigToBytes(BigInt(assertInteger(value, 0, 0xffffffff, "A u32")), 4));
  }

  u64le(value: bigint): this {
    return this.raw(bigToBytes(value, 8, "A u64").toReversed());
  }

  u64be(value: bigint): this {
    return this.raw(bigToBytes(value, 8, "A u64"));
  }

  /** u32le length, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.u32le(value.length).raw(value);
  }

  /** u32le length in bytes, then UTF-8. */
  string(value: string): this {
    return this.bytes(utf8(value));
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
