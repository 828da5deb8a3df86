// SPDX-License-Identifier: GPL-3.0-or-later
import { sketchA, toleranceOf, unpackSketch } from "../../offchain/core/sketch.ts";
import type { Word } from "../../offchain/core/tagged-hash.ts";

/** A vector of largest element 1 that every ±1 row of sketch A sends to zero. */
export function kernelOf(n: number, seed: Word): number[] {
  const steps = toleranceOf(1, 1);
  // Rows of A, read through the sketch itself: the image of each unit vector.
  const columns = Array.from({ length: n }, (_, i) => {
    const unit = new Float32Array(n);
    unit[i] = 1;
    return unpackSketch(sketchA(unit, steps, seed));
  });
  const rows = Array.from({ length: 16 }, (_, c) => columns.map((column) => column[c] ?? 0));
  const pivots: number[] = [];
  let rank = 0;
  for (let column = 0; column < n && rank < rows.length; column++) {
    const found = rows.findIndex((row, r) => r >= rank && Math.abs(row[column] ?? 0) > 1e-9);
    if (found === -1) continue;
    [rows[rank], rows[found]] = [rows[found] ?? [], rows[rank] ?? []];
    const pivot = rows[rank] ?? [];
    const head = pivot[column] ?? 1;
    for (let j = 0; j < n; j++) pivot[j] = (pivot[j] ?? 0) / head;
    rows.forEach((row, r) => {
      const factor = row[column] ?? 0;
      if (r === rank || factor === 0) return;
      for (let j = 0; j < n; j++) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0);
    });
    pivots.push(column);
    rank++;
  }
  const free = Array.from({ length: n }, (_, i) => i).filter((i) => !pivots.includes(i));
  const vector = Array.from({ length: n }, () => 0);
  vector[free[0] ?? 0] = 1;
  pivots.forEach((column, r) => (vector[column] = -(rows[r]?.[free[0] ?? 0] ?? 0)));
  const most = Math.max(...vector.map(Math.abs));
  return vector.map((value) => value / most);
}
