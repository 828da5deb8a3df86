// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { FIELD_Q } from "../../../core/zk/field.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { asWords, FIELD_BYTES, FIELD_WORDS, wordsOfBigint } from "../r1cs/field-words.ts";

/** Points and scalars of one width: Σ scalar·point over all classes is the sum over the whole. */
export interface WidthClass {
  /** Bytes a scalar. */
  readonly width: number;
  readonly points: Uint8Array;
  readonly scalars: Uint8Array;
}

const WIDTHS = [1, 2, 4, 8, FIELD_BYTES] as const;
const POINT_WORDS = G1_BYTES / 4;
const wordsOf = (value: bigint): Uint32Array => {
  const words = new Uint32Array(FIELD_WORDS);
  wordsOfBigint(value, words, 0);
  return words;
};
const ORDER = wordsOf(FIELD);
const BASE = wordsOf(FIELD_Q);

/** into = limit − from, eight words each; from ≤ limit. */
function subtractFrom(limit: Uint32Array, from: Uint32Array, at: number, into: Uint32Array, intoAt: number): void {
  let borrow = 0;
  for (let i = 0; i < FIELD_WORDS; i++) {
    const difference = (limit[i] ?? 0) - (from[at + i] ?? 0) - borrow;
    borrow = difference < 0 ? 1 : 0;
    into[intoAt + i] = difference;
  }
}

/** Index into WIDTHS of the narrowest class that holds the element; -1 for 0. */
function classOf(words: Uint32Array, at: number): number {
  for (let i = FIELD_WORDS - 1; i >= 2; i--) if ((words[at + i] ?? 0) !== 0) return 4;
  const [low = 0, high = 0] = [words[at], words[at + 1]];
  if (high !== 0) return 3;
  return low === 0 ? -1 : low < 0x100 ? 0 : low < 0x10000 ? 1 : 2;
}

/**
 * Sorts a sum's terms by the width of their scalars, because a multi-exponentiation costs what its widest scalar does, and most wires of a
 * network are bytes. Zeros are dropped; r − s for a short s becomes s with the negated point. `scalars` are little-endian, reduced;
 * `points` affine in the key's form, infinity allowed.
 */
export function widthClasses(points: Uint8Array, scalars: Uint8Array): WidthClass[] {
  const [pointWords, scalarWords] = [asWords(points), asWords(scalars)];
  const count = scalars.length / FIELD_BYTES;
  const negated = new Uint32Array(FIELD_WORDS);
  const classes = new Int8Array(count).fill(-1);
  const signs = new Uint8Array(count);
  const sizes = WIDTHS.map(() => 0);
  for (let i = 0; i < count; i++) {
    let found = classOf(scalarWords, i * FIELD_WORDS);
    if (found < 0) continue;
    if (found === 4) {
      subtractFrom(ORDER, scalarWords, i * FIELD_WORDS, negated, 0);
      const short = classOf(negated, 0);
      if (short >= 0 && short < 4) [found, signs[i]] = [short, 1];
    }
    classes[i] = found;
    sizes[found] = (sizes[found] ?? 0) + 1;
  }
  const filled = sizes.map(() => 0);
  const sorted = WIDTHS.map((width, n) => ({
    width,
    points: new Uint32Array((sizes[n] ?? 0) * POINT_WORDS),
    scalars: new Uint8Array((sizes[n] ?? 0) * width),
  }));
  const scalarBytes = new Uint8Array(negated.buffer);
  for (let i = 0; i < count; i++) {
    const chosen = classes[i] ?? -1;
    const target = sorted[chosen];
    if (target === undefined) continue;
    const n = filled[chosen] ?? 0;
    filled[chosen] = n + 1;
    const from = i * POINT_WORDS;
    target.points.set(pointWords.subarray(from, from + POINT_WORDS), n * POINT_WORDS);
    if (signs[i] === 0) {
      target.scalars.set(scalars.subarray(i * FIELD_BYTES, i * FIELD_BYTES + target.width), n * target.width);
      continue;
    }
    subtractFrom(ORDER, scalarWords, i * FIELD_WORDS, negated, 0);
    target.scalars.set(scalarBytes.subarray(0, target.width), n * target.width);
    const y = n * POINT_WORDS + FIELD_WORDS;
    // −(x, y) = (x, q − y); no point has y = 0 but infinity, which stays as it is.
    if (target.points.subarray(y, y + FIELD_WORDS).some((word) => word !== 0))
      subtractFrom(BASE, target.points, y, target.points, y);
  }
  negated.fill(0);
  return sorted
    .filter(({ scalars: chosen }) => chosen.length > 0)
    .map((chosen) => ({ ...chosen, points: new Uint8Array(chosen.points.buffer) }));
}
