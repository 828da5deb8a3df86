// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";

/** A field element in files: 32 bytes little-endian, here as eight words of 32 bits. */
export const FIELD_BYTES = 32;
export const FIELD_WORDS = 8;

/** One element; stores into 64-bit arrays truncate, which is several times faster than masking a BigInt word by word. */
const LONG = new BigUint64Array(FIELD_BYTES / 8);
const SHORT = new Uint32Array(LONG.buffer);

/** Of at least 0 and below 2^256. */
export function wordsOfBigint(value: bigint, into: Uint32Array, at: number): void {
  LONG[0] = value;
  LONG[1] = value >> 64n;
  LONG[2] = value >> 128n;
  LONG[3] = value >> 192n;
  for (let i = 0; i < FIELD_WORDS; i++) into[at + i] = SHORT[i] as number;
}

export function bigintOfWords(words: Uint32Array, at: number): bigint {
  for (let i = 0; i < FIELD_WORDS; i++) SHORT[i] = words[at + i] as number;
  // No destructuring: an iterator over an array of BigInts takes as long as the rest.
  const low = LONG[0] as bigint;
  const second = LONG[1] as bigint;
  const third = LONG[2] as bigint;
  const high = LONG[3] as bigint;
  if (high === 0n && third === 0n) return second === 0n ? low : (second << 64n) | low;
  return (((((high << 64n) | third) << 64n) | second) << 64n) | low;
}

const MODULUS = new Uint32Array(FIELD_WORDS);
wordsOfBigint(FIELD, MODULUS, 0);

/** Whether the eight words are below r: the only encoding of an element. */
export function isReduced(words: Uint32Array, at: number): boolean {
  for (let i = FIELD_WORDS - 1; i >= 0; i--) {
    const have = words[at + i] as number;
    const limit = MODULUS[i] as number;
    if (have !== limit) return have < limit;
  }
  return false;
}

const WORD = 2 ** 32;
const [LOW, HIGH] = [MODULUS[0] as number, MODULUS[1] as number];
/** Integers nearer to zero than this are exact in doubles, and so are their sums. */
export const SAFE = 2 ** 53;
const SAFE_HIGH = SAFE / WORD;

/** The element of an integer nearer to zero than 2^53. */
export function wordsOfNumber(value: number, into: Uint32Array, at: number): void {
  if (value >= 0) {
    const high = Math.floor(value / WORD);
    into[at] = value - high * WORD;
    into[at + 1] = high;
    for (let i = 2; i < FIELD_WORDS; i++) into[at + i] = 0;
    return;
  }
  // r − |value|: r's second word is above 2^21, so nothing is borrowed from the third.
  const high = Math.floor(-value / WORD);
  const low = LOW + value + high * WORD;
  into[at] = low;
  into[at + 1] = HIGH - high - (low < 0 ? 1 : 0);
  for (let i = 2; i < FIELD_WORDS; i++) into[at + i] = MODULUS[i] as number;
}

/** A reduced element's representative nearest to zero, if that is nearer than 2^53; else NaN. */
export function numberOfWords(words: Uint32Array, at: number): number {
  const low = words[at] as number;
  const high = words[at + 1] as number;
  if (words[at + FIELD_WORDS - 1] === 0) {
    for (let i = 2; i < FIELD_WORDS - 1; i++) if (words[at + i] !== 0) return Number.NaN;
    return high < SAFE_HIGH ? high * WORD + low : Number.NaN;
  }
  for (let i = 2; i < FIELD_WORDS; i++) if (words[at + i] !== MODULUS[i]) return Number.NaN;
  const value = (high - HIGH) * WORD + (low - LOW);
  return value > -SAFE ? value : Number.NaN;
}

/** Little-endian words of a byte string whose length is a multiple of 4: a view where alignment allows, else a copy. */
export function asWords(bytes: Uint8Array): Uint32Array {
  // Not slice(): a Buffer's is a view.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
