// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import { FIELD_BYTES, FIELD_WORDS, asWords, bigintOfWords, wordsOfBigint } from "./field-words.ts";

/** A witness: wires × 32 bytes, little-endian, reduced; what provers take. */
export type WitnessValues = Uint8Array;

export function valuesToBigints(values: WitnessValues): bigint[] {
  const words = asWords(values);
  return Array.from({ length: values.length / FIELD_BYTES }, (_, wire) => bigintOfWords(words, wire * FIELD_WORDS));
}

/** Reduces each value first. */
export function bigintsToValues(wires: readonly bigint[]): WitnessValues {
  const words = new Uint32Array(wires.length * FIELD_WORDS);
  for (const [wire, value] of wires.entries()) wordsOfBigint(mod(value), words, wire * FIELD_WORDS);
  return new Uint8Array(words.buffer);
}
