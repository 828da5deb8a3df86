// SPDX-License-Identifier: MIT
import type { Finish } from "../../../core/program/types.ts";

/**
 * The last operator's rounding, on decrypted accumulators: clamp(floor(y / 2^shift + 1/2)). A shift an output, or one for all.
 * Where an accumulator is within the tolerance of a rounding boundary the result may be one off the exact program's.
 */
export function finishValues(accumulators: readonly number[], finish: Finish): number[] {
  if (finish.kind === "exact") return accumulators.map((y) => Math.round(y) + 0);
  const { shifts, lo, hi, table } = finish;
  return accumulators.map((y, i) => {
    const shift = shifts[shifts.length === 1 ? 0 : i] ?? 0;
    const value = Math.min(hi, Math.max(lo, Math.floor(y / 2 ** shift + 0.5)));
    return (table === null ? value : (table[value - lo] ?? 0)) + 0;
  });
}
