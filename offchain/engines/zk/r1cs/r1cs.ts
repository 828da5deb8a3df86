// SPDX-License-Identifier: GPL-3.0-or-later

/** Row-compressed: row i holds entries offsets[i]..offsets[i+1]; coefficient = constants[coefficients[j]]. */
export interface SparseMatrix {
  readonly offsets: Uint32Array;
  readonly wires: Uint32Array;
  readonly coefficients: Uint32Array;
}

/**
 * A rank-1 constraint system over BN254's scalar field: (A·w)(B·w) = C·w row by row. Wire 0 is 1, then the outputs, the public inputs
 * and the private inputs. In a row the wires ascend; constants are reduced, distinct and not 0.
 */
export interface R1cs {
  readonly wires: number;
  readonly outputs: number;
  readonly publicInputs: number;
  readonly privateInputs: number;
  readonly constants: readonly bigint[];
  readonly a: SparseMatrix;
  readonly b: SparseMatrix;
  readonly c: SparseMatrix;
}

export interface WireRange {
  readonly from: number;
  readonly count: number;
}

/** Wires: 0 is 1; 1..3 are v, c, rho; then the three groups, contiguous, in this order. */
export interface WireGroups {
  readonly weights: WireRange;
  readonly round1: WireRange;
  readonly round2: WireRange;
}

/** Public wires of a two-round circuit. */
export const WIRE_ONE = 0;
export const WIRE_V = 1;
export const WIRE_C = 2;
export const WIRE_RHO = 3;
export const FIRST_GROUPED_WIRE = 4;

export const constraintCount = (r1cs: R1cs): number => r1cs.a.offsets.length - 1;

/** Place of a wire's entry in a row, or -1. */
export function entryOf({ offsets, wires }: SparseMatrix, row: number, wire: number): number {
  for (let entry = offsets[row] as number, end = offsets[row + 1] as number; entry < end; entry++)
    if (wires[entry] === wire) return entry;
  return -1;
}
