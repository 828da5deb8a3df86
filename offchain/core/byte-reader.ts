// SPDX-License-Identifier: MIT
import { bytesToBig, fromUtf8, toHex, type Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";

/** Reads canonical fields of bytes that a stranger sent. Every shortage, surplus or excess is a typed error. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** A view, not a copy, of the next `length` bytes. Error: BYTES_TRUNCATED. */
  raw(length: number): Uint8Array {
    if (length > this.remaining)
      throw new CoreError("BYTES_TRUNCATED", { what: this.#what, missing: length - this.remaining });
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  /** A copy, as hex. */
  hex(length: number): Hex {
    return toHex(this.raw(length));
  }

  u8(): number {
    return this.raw(1)[0] ?? 0;
  }

  /** 0 or 1; anything else would be a second encoding of true. Error: NOT_CANONICAL. */
  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw this.refuse(`byte ${this.#at - 1} is ${value}, not 0 or 1`);
    return value === 1;
  }

  u16le(): number {
    const [a = 0, b = 0] = this.raw(2);
    return a + b * 0x100;
  }

  u16be(): number {
    const [a = 0, b = 0] = this.raw(2);
    return a * 0x100 + b;
  }

  u32le(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.raw(4);
    return a + b * 0x100 + c * 0x10000 + d * 0x1000000;
  }

  u32be(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.raw(4);
    return a * 0x1000000 + b * 0x10000 + c * 0x100 + d;
  }

  u64le(): bigint {
    return bytesToBig(this.raw(8).toReversed());
  }

  u64be(): bigint {
    return bytesToBig(this.raw(8));
  }

  /** Length-prefixed bytes (a copy). Errors: BYTES_TRUNCATED, TOO_LARGE above `limit`. */
  bytes(limit: number): Uint8Array {
    const length = this.u32le();
    if (length > limit)
      throw new CoreError("TOO_LARGE", { what: `A field of ${this.#what}`, actual: `${length} bytes`, limit });
    return this.raw(length).slice();
  }

  string(limit: number): string {
    return fromUtf8(this.bytes(limit), `A text of ${this.#what}`);
  }

  /** A count of things that take at least `least` bytes each: refuses what cannot fit, before anything is allocated. */
  count(value: number, limit: number, least: number): number {
    if (value > limit)
      throw new CoreError("TOO_LARGE", { what: `A list of ${this.#what}`, actual: `${value} items`, limit });
    if (value * least > this.remaining)
      throw new CoreError("BYTES_TRUNCATED", { what: this.#what, missing: value * least - this.remaining });
    return value;
  }

  /** Error: BYTES_TRAILING if anything is left. */
  end(): void {
    if (this.remaining > 0) throw new CoreError("BYTES_TRAILING", { what: this.#what, extra: this.remaining });
  }

  /** A NOT_CANONICAL error about these bytes, for the caller to throw. */
  refuse(why: string) {
    return new CoreError("NOT_CANONICAL", { what: this.#what, why });
  }
}
