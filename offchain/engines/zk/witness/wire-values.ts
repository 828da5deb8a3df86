// SPDX-License-Identifier: GPL-3.0-or-later
import { centred, mod } from "../circuit/field.ts";
import { FIELD_WORDS, SAFE, wordsOfBigint, wordsOfNumber } from "../r1cs/field-words.ts";

/**
 * Values of wires as integers nearest to zero: numbers where they are below 2^53, which most are, else BigInts. NaN in `numbers` says:
 * look in `bigs`.
 */
export class WireValues {
  readonly numbers: Float64Array;
  readonly #bigs: bigint[] = [];
  /** Place of a wire's value in `bigs`. */
  readonly #places: Uint32Array;

  constructor(wires: number) {
    this.numbers = new Float64Array(wires);
    this.numbers[0] = 1;
    this.#places = new Uint32Array(wires);
  }

  big(wire: number): bigint {
    const small = this.numbers[wire] as number;
    return Number.isNaN(small) ? (this.#bigs[this.#places[wire] as number] as bigint) : BigInt(small);
  }

  set(wire: number, value: bigint): void {
    const nearest = centred(mod(value));
    if (nearest < BigInt(SAFE) && nearest > -BigInt(SAFE)) this.numbers[wire] = Number(nearest);
    else {
      this.numbers[wire] = Number.NaN;
      this.#places[wire] = this.#bigs.push(nearest) - 1;
    }
  }

  /** Wires × 32 bytes, little-endian, reduced. */
  toBytes(): Uint8Array {
    const { numbers } = this;
    const words = new Uint32Array(numbers.length * FIELD_WORDS);
    for (let wire = 0; wire < numbers.length; wire++) {
      const value = numbers[wire] as number;
      // A fresh array holds zeros.
      if (value === 0) continue;
      if (Number.isNaN(value)) wordsOfBigint(mod(this.big(wire)), words, wire * FIELD_WORDS);
      else wordsOfNumber(value, words, wire * FIELD_WORDS);
    }
    return new Uint8Array(words.buffer);
  }

  /** The bytes are the caller's to wipe. */
  wipe(): void {
    this.numbers.fill(0);
    this.#bigs.length = 0;
  }
}
