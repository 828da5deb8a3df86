// SPDX-License-Identifier: GPL-3.0-or-later
import type { R1cs, SparseMatrix } from "./r1cs.ts";

/** The transposed matrix: wire w occurs in entries offsets[w]..offsets[w+1], each a row and the id of its coefficient there. */
export interface Columns {
  readonly offsets: Uint32Array;
  readonly rows: Uint32Array;
  readonly coefficients: Uint32Array;
}

export function columnsOf({ offsets, wires, coefficients }: SparseMatrix, { wires: count }: R1cs): Columns {
  const starts = new Uint32Array(count + 1);
  for (const wire of wires) starts[wire + 1] = (starts[wire + 1] ?? 0) + 1;
  for (let wire = 0; wire < count; wire++) starts[wire + 1] = (starts[wire + 1] ?? 0) + (starts[wire] ?? 0);
  const next = starts.slice(0, count);
  const rows = new Uint32Array(wires.length);
  const ids = new Uint32Array(wires.length);
  for (let row = 0; row + 1 < offsets.length; row++)
    for (let entry = offsets[row] ?? 0, end = offsets[row + 1] ?? 0; entry < end; entry++) {
      const wire = wires[entry] ?? 0;
      const at = next[wire] ?? 0;
      next[wire] = at + 1;
      rows[at] = row;
      ids[at] = coefficients[entry] ?? 0;
    }
  return { offsets: starts, rows, coefficients: ids };
}
