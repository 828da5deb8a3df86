// SPDX-License-Identifier: GPL-3.0-or-later
import { SKETCH_COORDINATES, sketchSigns } from "../../offchain/core/sketch.ts";
import type { Word } from "../../offchain/core/tagged-hash.ts";

/** Orthonormal rows that span what sketch A sees. */
function seenBySketchA(seed: Word, n: number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let c = 0; c < SKETCH_COORDINATES; c++) {
    const row = Float64Array.from(sketchSigns(seed, c, n), (bit) => 2 * bit - 1);
    for (const other of [...rows, ...rows]) {
      const overlap = row.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0);
      row.forEach((value, i) => (row[i] = value - overlap * (other[i] ?? 0)));
    }
    const length = Math.hypot(...row);
    if (length > 1e-6) rows.push(row.map((value) => value / length));
  }
  return rows;
}

/**
 * The strongest lie that knows A's signs before it commits: the smallest change in A's kernel that makes the second-best
 * answer win by `margin`.
 */
export function hideFromSketchA(output: Float32Array, seed: Word, margin: number): Float32Array {
  const ranked = Array.from(output.keys()).toSorted((a, b) => (output[b] ?? 0) - (output[a] ?? 0));
  const [best = 0, second = 1] = ranked;
  const direction = new Float64Array(output.length);
  direction[second] = 1;
  direction[best] = -1;
  for (const row of seenBySketchA(seed, output.length)) {
    const overlap = direction.reduce((sum, value, i) => sum + value * (row[i] ?? 0), 0);
    direction.forEach((value, i) => (direction[i] = value - overlap * (row[i] ?? 0)));
  }
  const gained = (direction[second] ?? 0) - (direction[best] ?? 0);
  const needed = (output[best] ?? 0) - (output[second] ?? 0) + margin;
  return output.map((value, i) => value + (needed / gained) * (direction[i] ?? 0));
}
