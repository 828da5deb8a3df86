// SPDX-License-Identifier: MIT
import { FIELD_R } from "./field.ts";

/** Horner: v ← v·ρ + word from 0. Leading zeros leave v as it is, so every length here is fixed by the key. */
export function fingerprint(words: readonly bigint[], rho: bigint): bigint {
  let v = 0n;
  for (const word of words) v = (v * rho + word) % FIELD_R;
  return v;
}
