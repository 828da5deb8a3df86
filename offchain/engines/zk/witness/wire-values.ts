// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, centred, mod } from "../circuit/field.ts";

const SAFE = 2 ** 53;
const MASK = (1n << 64n) - 1n;
const MODULUS = [0, 1, 2, 3].map((i) => (FIELD >> BigInt(64 * i)) & MASK) as [bigint, bigint, bigint, bigint];

/**
 * Values of wires as integers nearest to zero: numbers where they are below 2^53, which most are, else BigInts. NaN in `numbers` says:
 * look in `bigs`.
 */
export class WireValues {
  readonly numbers: Float64Array;
  readonly #bigs = new Map<number, bigint>();

  constructor(wires: number) {
    this.numbers = new Float64Array(wires);
    this.numbers[0] = 1;
  }

  big(wire: number): bigint {
    const small = this.numbers[wire] as number;
    return Number.isNaN(small) ? (this.#bigs.get(wire) ?? 0n) : BigInt(small);
  }

  set(wire: number, value: bigint): void {
    const nearest = centred(mod(value));
    if (nearest < BigInt(SAFE) && nearest > -BigInt(SAFE)) this.numbers[wire] = Number(nearest);
    else {
      this.numbers[wire] = Number.NaN;
      this.#bigs.set(wire, nearest);
    }
  }

  /** Wires × 32 bytes, little-endian, reduced. */
  toBytes(): Uint8Array {
    const words = new BigUint64Array(this.numbers.length * 4);
    for (let wire = 0; wire < this.numbers.length; wire++) {
      const value = this.numbers[wire] as number;
      if (Number.isNaN(value)) writeWords(words, wire, mod(this.#bigs.get(wire) ?? 0n));
      else if (value >= 0) words[wire * 4] = BigInt(value);
      else {
        // r's lowest word is above 2^53: no borrow.
        words[wire * 4] = MODULUS[0] + BigInt(value);
        for (let i = 1; i < 4; i++) words[wire * 4 + i] = MODULUS[i] as bigint;
      }
    }
    return new Uint8Array(words.buffer);
  }
}

/** `value` must be reduced. */
export function writeWords(words: BigUint64Array, wire: number, value: bigint): void {
  words[wire * 4] = value & MASK;
  words[wire * 4 + 1] = (value >> 64n) & MASK;
  words[wire * 4 + 2] = (value >> 128n) & MASK;
  words[wire * 4 + 3] = value >> 192n;
}

export function readWords(words: BigUint64Array, wire: number): bigint {
  const at = wire * 4;
  const [w0 = 0n, w1 = 0n, w2 = 0n, w3 = 0n] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  if (w3 === 0n && w2 === 0n) return w1 === 0n ? w0 : (w1 << 64n) | w0;
  return (((((w3 << 64n) | w2) << 64n) | w1) << 64n) | w0;
}
