// SPDX-License-Identifier: GPL-3.0-or-later
import { bytesToBig, fromUtf8 } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";

// RFC 8949: definite and shortest lengths, no tags, no floats, no repeated keys. Keys may stand in any order, and the outermost
// map may be of indefinite length where the caller says so: AWS writes its documents that way.

const OPEN_MAP = 0xbf;
const BREAK = 0xff;
const MAX_DEPTH = 6;
const MAX_ITEMS = 1024;

export type CborValue = bigint | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;
/** Keys are integers or text. */
export type CborMap = ReadonlyMap<bigint | string, CborValue>;

const refuse = (detail: string): never => {
  throw new EvidenceError("CBOR", { detail });
};

class Reader {
  at = 0;
  #items = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) return refuse("truncated");
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #argument(info: number): bigint {
    if (info < 24) return BigInt(info);
    if (info > 27) return refuse("indefinite or reserved length");
    const size = 2 ** (info - 24);
    const value = bytesToBig(this.#take(size));
    if (value < (size === 1 ? 24n : 1n << BigInt(4 * size))) return refuse("argument is not shortest");
    return value;
  }

  #length(argument: bigint): number {
    return argument > BigInt(this.#bytes.length) ? refuse("length runs over the input") : Number(argument);
  }

  value(depth: number): CborValue {
    if (depth > MAX_DEPTH) return refuse("nested too deeply");
    if (++this.#items > MAX_ITEMS) return refuse("too many items");
    const head = this.#take(1)[0] ?? 0;
    const major = head >> 5;
    if (major === 7) {
      if (head === 0xf4 || head === 0xf5) return head === 0xf5;
      return head === 0xf6 ? null : refuse("simple value or float");
    }
    if (major === 6) return refuse("tag");
    const argument = this.#argument(head & 31);
    if (major === 0) return argument;
    if (major === 1) return -1n - argument;
    const length = this.#length(argument);
    if (major === 2) return this.#take(length);
    if (major === 3) return this.#text(length);
    return major === 4 ? this.#array(length, depth) : this.#map(length, depth);
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    try {
      return fromUtf8(bytes);
    } catch {
      return refuse("text is not UTF-8");
    }
  }

  #array(length: number, depth: number): CborValue[] {
    const out: CborValue[] = [];
    for (let i = 0; i < length; i++) out.push(this.value(depth + 1));
    return out;
  }

  /** A map of indefinite length, up to its break. */
  openMap(): CborMap {
    this.#take(1);
    const out = this.#map(Infinity, 0);
    this.#take(1);
    return out;
  }

  #map(length: number, depth: number): CborMap {
    const out = new Map<bigint | string, CborValue>();
    for (let i = 0; i < length; i++) {
      if (length === Infinity && this.#bytes[this.at] === BREAK) break;
      const key = this.value(depth + 1);
      if (typeof key !== "bigint" && typeof key !== "string") return refuse("key is neither integer nor text");
      if (out.has(key)) return refuse("repeated key");
      out.set(key, this.value(depth + 1));
    }
    return out;
  }
}

/** The first item of `bytes` and how many bytes it takes. Error: CBOR. */
export function readCborPrefix(bytes: Uint8Array): { readonly value: CborValue; readonly used: number } {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  return { value, used: reader.at };
}

/** The one item that fills `bytes`; with `openMap` a map of indefinite length too. Error: CBOR. */
export function readCbor(bytes: Uint8Array, openMap = false): CborValue {
  const reader = new Reader(bytes);
  const value = openMap && bytes[0] === OPEN_MAP ? reader.openMap() : reader.value(0);
  return reader.at === bytes.length ? value : refuse("bytes behind the item");
}
