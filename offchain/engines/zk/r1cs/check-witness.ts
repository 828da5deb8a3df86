// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { KitError } from "../kit/errors.ts";
import { constraintCount, type R1cs, type SparseMatrix } from "./r1cs.ts";
import { valuesToBigints, type WitnessValues } from "./witness-values.ts";

const HALF = FIELD / 2n;
/** Small negatives as such: products of short numbers are several times faster than products with r - 1. */
export const centred = (value: bigint): bigint => (value > HALF ? value - FIELD : value);

/** One side of one row, unreduced. */
export function rowValue(
  { offsets, wires, coefficients }: SparseMatrix,
  row: number,
  constants: readonly bigint[],
  values: readonly bigint[],
): bigint {
  let sum = 0n;
  for (let entry = offsets[row] ?? 0, end = offsets[row + 1] ?? 0; entry < end; entry++)
    sum += (constants[coefficients[entry] ?? 0] ?? 0n) * (values[wires[entry] ?? 0] ?? 0n);
  return sum;
}

/** Index of the first violated constraint, or -1. `values` may be the witness's bytes or its numbers (any representatives). */
export function firstViolation(r1cs: R1cs, values: WitnessValues | readonly bigint[]): number {
  const numbers = (values instanceof Uint8Array ? valuesToBigints(values) : values).map(centred);
  const constants = r1cs.constants.map(centred);
  for (let row = 0, rows = constraintCount(r1cs); row < rows; row++) {
    const a = rowValue(r1cs.a, row, constants, numbers);
    const b = a === 0n ? 0n : rowValue(r1cs.b, row, constants, numbers);
    const c = rowValue(r1cs.c, row, constants, numbers);
    if (a * b !== c && (a * b - c) % FIELD !== 0n) return row;
  }
  return -1;
}

/** Errors: FILE_MALFORMED if the witness is not for this circuit, CONSTRAINT_VIOLATED naming the first violated row. */
export function checkWitness(r1cs: R1cs, values: WitnessValues | readonly bigint[]): void {
  const wires = values instanceof Uint8Array ? values.length / 32 : values.length;
  const numbers = values instanceof Uint8Array ? valuesToBigints(values) : values;
  if (wires !== r1cs.wires || numbers[0] !== 1n)
    throw new KitError("FILE_MALFORMED", {
      format: "witness",
      reason: `it is not one of ${r1cs.wires} wires, 1 first`,
    });
  const row = firstViolation(r1cs, numbers);
  if (row >= 0) throw new KitError("CONSTRAINT_VIOLATED", { row });
}
