// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD_Q } from "../../../core/zk/field.ts";
import { asWords, FIELD_BYTES, FIELD_WORDS, wordsOfBigint } from "../r1cs/field-words.ts";
import { pointBytes, type GroupName } from "../setup/fixed-base.ts";
import type { WasmKernel } from "../setup/wasm-kernel.ts";

const MODULUS = new Uint32Array(FIELD_WORDS);
wordsOfBigint(FIELD_Q, MODULUS, 0);

function isReduced(words: Uint32Array, at: number): boolean {
  for (let i = FIELD_WORDS - 1; i >= 0; i--) {
    const [have = 0, limit = 0] = [words[at + i], MODULUS[i]];
    if (have !== limit) return have < limit;
  }
  return false;
}

/**
 * Index of the first point that is not canonical or not on the curve; -1 if all are. Infinity (all zero) passes. Points of G2 are not
 * checked for their subgroup here: a proof made with a wrong one fails the verification that every proof goes through.
 */
export function firstBadPoint(kernel: WasmKernel, group: GroupName, points: Uint8Array): number {
  const size = pointBytes(group);
  const onCurve = kernel.call(`${group}m_inCurveAffine`);
  const words = asWords(points);
  const mark = kernel.mark();
  const at = kernel.alloc(points.length);
  kernel.reserve(4096);
  kernel.write(at, points);
  try {
    const wordsEach = size / 4;
    for (let i = 0; i * size < points.length; i++) {
      let any = 0;
      for (let word = 0; word < wordsEach; word++) any |= words[i * wordsEach + word] ?? 0;
      if (any === 0) continue;
      for (let word = 0; word < wordsEach; word += FIELD_BYTES / 4)
        if (!isReduced(words, i * wordsEach + word)) return i;
      if (onCurve(at + i * size) === 0) return i;
    }
    return -1;
  } finally {
    kernel.release(mark);
  }
}
