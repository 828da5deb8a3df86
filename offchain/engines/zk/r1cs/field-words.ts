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
    const [have = 0, limit = 0] = [words[at + i], MODULUS[i]];
    if (have !== limit) return have < limit;
  }
  return false;
}

/** Little-endian words of a byte string whose length is a multiple of 4: a view where alignment allows, else a copy. */
export function asWords(bytes: Uint8Array): Uint32Array {
  // Not slice(): a Buffer's is a view.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
