// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD_Q } from "../../../core/zk/field.ts";
import type { G1Point, G2Point } from "../../../core/zk/points.ts";
import { asWords, bigintOfWords, FIELD_BYTES, wordsOfBigint } from "../r1cs/field-words.ts";
import { G1_BYTES, G2_BYTES } from "./zkey-file.ts";

// Points of key files: coordinates times R = 2^256, little-endian. (0, 0) is infinity in both worlds.
const R = (1n << 256n) % FIELD_Q;

function inverse(value: bigint): bigint {
  let result = 1n;
  let factor = value;
  for (let rest = FIELD_Q - 2n; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * factor) % FIELD_Q;
    factor = (factor * factor) % FIELD_Q;
  }
  return result;
}
const R_INVERSE = inverse(R);

/** The coordinate must be below q: `checkKey` has seen to it. */
const coordinate = (bytes: Uint8Array, n: number): bigint =>
  (bigintOfWords(asWords(bytes.slice(n * FIELD_BYTES, (n + 1) * FIELD_BYTES)), 0) * R_INVERSE) % FIELD_Q;

export const g1OfLem = (bytes: Uint8Array): G1Point => ({ x: coordinate(bytes, 0), y: coordinate(bytes, 1) });

export const g2OfLem = (bytes: Uint8Array): G2Point => ({
  x: [coordinate(bytes, 0), coordinate(bytes, 1)],
  y: [coordinate(bytes, 2), coordinate(bytes, 3)],
});

function lem(values: readonly bigint[], length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  for (const [i, value] of values.entries()) wordsOfBigint((value * R) % FIELD_Q, words, i * 8);
  return new Uint8Array(words.buffer);
}

export const lemOfG1 = ({ x, y }: G1Point): Uint8Array => lem([x, y], G1_BYTES);
export const lemOfG2 = ({ x, y }: G2Point): Uint8Array => lem([...x, ...y], G2_BYTES);
