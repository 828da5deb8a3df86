// SPDX-License-Identifier: GPL-3.0-or-later
import { randomFillSync } from "node:crypto";
import { asWords, FIELD_BYTES, isReduced } from "../r1cs/field-words.ts";

/** Bits of the top byte that r has: 254 = 31 · 8 + 6. Masking them only speeds the rejection up. */
const TOP_MASK = 0x3f;

/**
 * A uniform element from the operating system, 32 bytes little-endian: random 254-bit strings until one is below r. Masking to 253 bits or
 * reducing would not be uniform, and proofs would hide less than they claim. `fill` is for tests.
 */
export function uniformScalar(fill: (bytes: Uint8Array) => void = randomFillSync): Uint8Array {
  const bytes = new Uint8Array(FIELD_BYTES);
  for (;;) {
    fill(bytes);
    bytes[FIELD_BYTES - 1] = (bytes[FIELD_BYTES - 1] ?? 0) & TOP_MASK;
    if (isReduced(asWords(bytes), 0)) return bytes;
  }
}
