// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "../../offchain/core/bytes.ts";
import type { Word } from "../../offchain/core/tagged-hash.ts";

/** Elements as they stand in a tensor, little-endian f32, eight a word; the last word is filled with zeros. */
export function dataWords(values: Float32Array): Word[] {
  const bytes = new Uint8Array(32 * Math.ceil(values.length / 8));
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setFloat32(4 * i, value, true));
  return Array.from({ length: bytes.length / 32 }, (_, i) => toHex(bytes.subarray(32 * i, 32 * (i + 1))));
}

/** The reverse of `dataWords`. */
export function dataOf(words: readonly Word[], length: number): Float32Array {
  const digits = words.map((word) => word.slice(2)).join("");
  const view = new DataView(Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer);
  return Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i, true));
}
