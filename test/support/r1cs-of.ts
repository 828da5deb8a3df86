// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../offchain/core/poseidon-constants.ts";
import { ConstantPool } from "../../offchain/engines/zk/r1cs/constant-pool.ts";
import type { R1cs, SparseMatrix } from "../../offchain/engines/zk/r1cs/r1cs.ts";

/** Coefficient by wire; coefficients of 0 are left out. */
export type Combination = Readonly<Record<number, bigint>>;
export type Row = readonly [a: Combination, b: Combination, c: Combination];
export type R1csShape = Pick<R1cs, "wires" | "outputs" | "publicInputs" | "privateInputs">;

/** A small constraint system written out by hand. */
export function r1csOf(shape: R1csShape, rows: readonly Row[]): R1cs {
  const pool = new ConstantPool();
  const made: { offsets: number[]; wires: number[]; coefficients: number[] }[] = [0, 1, 2].map(() => ({
    offsets: [0],
    wires: [],
    coefficients: [],
  }));
  // Row by row, as a file lists them, so that ids come out as a reader's.
  for (const row of rows)
    for (const [side, matrix] of made.entries()) {
      for (const [wire, coefficient] of Object.entries(row[side] ?? {})) {
        if (mod(coefficient) === 0n) continue;
        matrix.wires.push(Number(wire));
        matrix.coefficients.push(pool.idOf(mod(coefficient)));
      }
      matrix.offsets.push(matrix.wires.length);
    }
  const [a, b, c] = made.map((m): SparseMatrix => ({
    offsets: Uint32Array.from(m.offsets),
    wires: Uint32Array.from(m.wires),
    coefficients: Uint32Array.from(m.coefficients),
  })) as [SparseMatrix, SparseMatrix, SparseMatrix];
  return { ...shape, constants: pool.constants, a, b, c };
}
