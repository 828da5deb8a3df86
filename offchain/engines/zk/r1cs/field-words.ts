// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";

/** A field element in files: 32 bytes little-endian, here as eight words of 32 bits. */
export const FIELD_BYTES = 32;
export const FIELD_WORDS = 8;

export function wordsOfBigint(value: bigint, into: Uint32Array, at: number): void {
  let rest = value;
  for (let i = 0; i < FIELD_WORDS; i++) {
    into[at + i] = Number(rest & 0xffffffffn);
    rest >>= 32n;
  }
}

export function bigintOfWords(words: Uint32Array, at: number): bigint {
  let top = FIELD_WORDS - 1;
  while (top > 0 && (words[at + top] ?? 0) === 0) top--;
  let value = BigInt(words[at + top] ?? 0);
  for (let i = top - 1; i >= 0; i--) value = (value << 32n) | BigInt(words[at + i] ?? 0);
  return value;
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
