// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import type { R1cs, SparseMatrix } from "../r1cs/r1cs.ts";

/** An affine form: reduced coefficient, not 0, by wire. Wire 0 is 1. */
export type Form = ReadonlyMap<number, bigint>;

export const EMPTY: Form = new Map();

export function addScaled(into: Map<number, bigint>, form: Form, by: bigint): Map<number, bigint> {
  for (const [wire, coefficient] of form) {
    const sum = mod((into.get(wire) ?? 0n) + coefficient * by);
    if (sum === 0n) into.delete(wire);
    else into.set(wire, sum);
  }
  return into;
}

export const scaled = (form: Form, by: bigint): Form => addScaled(new Map(), form, by);

export function without(form: Form, wire: number): Form {
  const rest = new Map(form);
  rest.delete(wire);
  return rest;
}

/** The value of a form over wire 0 alone, else undefined. */
export function constantOf(form: Form): bigint | undefined {
  if (form.size === 0) return 0n;
  return form.size === 1 ? form.get(0) : undefined;
}

export interface RowForms {
  readonly row: number;
  /** The product; both empty in a linear row. */
  readonly a: Form;
  readonly b: Form;
  /** a · b = c */
  readonly c: Form;
}

function formOf({ offsets, wires, coefficients }: SparseMatrix, row: number, constants: readonly bigint[]): Form {
  const form = new Map<number, bigint>();
  for (let entry = offsets[row] ?? 0, end = offsets[row + 1] ?? 0; entry < end; entry++)
    form.set(wires[entry] ?? 0, constants[coefficients[entry] ?? 0] ?? 0n);
  return form;
}

/** A row as what it says: a product with a constant is linear, a product with nothing is nothing. */
export function rowForms(r1cs: R1cs, row: number): RowForms {
  const [a, b, c] = [r1cs.a, r1cs.b, r1cs.c].map((side) => formOf(side, row, r1cs.constants)) as [Form, Form, Form];
  for (const [side, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const constant = constantOf(side);
    if (constant !== undefined) return { row, a: EMPTY, b: EMPTY, c: addScaled(new Map(c), other, -constant) };
  }
  return { row, a, b, c };
}
