// SPDX-License-Identifier: GPL-3.0-or-later
import { inverse } from "../circuit/field.ts";
import { WIRE_RHO } from "../r1cs/r1cs.ts";
import { KitError } from "./errors.ts";
import { EMPTY, addScaled, constantOf, scaled, without, type Form, type RowForms } from "./form.ts";
import { C, COMMITTED, ONE, RHO, ROUND2, V } from "./wire-kinds.ts";

export const broken = (rule: number, row: number, wire: number, reason: string) =>
  new KitError("ROUND_RULE", { rule, row, wire, reason });

/** What is known of a value as a function of the challenges: an upper bound of its degrees, or that it is a sum of inverses. */
export interface Shape {
  /** In (c, rho) together. */
  readonly degree: number;
  readonly degreeC: number;
  /** In committed wires. */
  readonly committed: number;
  readonly fraction: boolean;
}

const CONSTANT: Shape = { degree: 0, degreeC: 0, committed: 0, fraction: false };
const BY_KIND: Readonly<Record<number, Shape>> = {
  [ONE]: CONSTANT,
  [C]: { ...CONSTANT, degree: 1, degreeC: 1 },
  [RHO]: { ...CONSTANT, degree: 1 },
  [COMMITTED]: { ...CONSTANT, committed: 1 },
};

const larger = (x: Shape, y: Shape): Shape => ({
  degree: Math.max(x.degree, y.degree),
  degreeC: Math.max(x.degreeC, y.degreeC),
  committed: Math.max(x.committed, y.committed),
  fraction: x.fraction || y.fraction,
});

/** A value Σ rho^k · columns[k] with columns affine over committed wires: what the columns of a lookup are joined by. */
export type Columns = readonly Form[];

/** Tables have up to three columns. */
const MOST_COLUMNS = 3;

/** Shapes and columns of the round-2 wires defined so far. */
export class RoundTypes {
  readonly kinds: Uint8Array;
  readonly shapes = new Map<number, Shape>();
  readonly columns = new Map<number, Columns>();

  constructor(kinds: Uint8Array) {
    this.kinds = kinds;
  }

  shapeOf(form: Form): Shape {
    let shape = CONSTANT;
    for (const wire of form.keys()) {
      const kind = this.kinds[wire] ?? V;
      shape = larger(shape, (kind === ROUND2 ? this.shapes.get(wire) : BY_KIND[kind]) ?? CONSTANT);
    }
    return shape;
  }

  /** Whether a form is over {1, weights, round 1} alone. */
  isCommitted(form: Form): boolean {
    for (const wire of form.keys()) if (this.kinds[wire] !== ONE && this.kinds[wire] !== COMMITTED) return false;
    return true;
  }

  /** Shape of a · b - c, with the parts of rule 3 that concern every row but a pole's. */
  shapeOfRow({ row, a, b, c }: RowForms): Shape {
    const [left, right, rest] = [this.shapeOf(a), this.shapeOf(b), this.shapeOf(c)];
    if (a.size === 0) return rest;
    if (left.fraction || right.fraction || rest.fraction)
      throw broken(3, row, this.#first(a, b, c), "an inverse may enter sums only");
    if (this.isCommitted(a) && this.isCommitted(b))
      throw broken(3, row, this.#first(a, b), "a product of committed wires is no affine form: it belongs in round 1");
    const product = {
      degree: left.degree + right.degree,
      degreeC: left.degreeC + right.degreeC,
      committed: left.committed + right.committed,
      fraction: false,
    };
    const shape = larger(product, rest);
    if (shape.committed > 2)
      throw broken(
        3,
        row,
        this.#first(a, b),
        "it multiplies more than two committed values: no matrix or polynomial product does",
      );
    return shape;
  }

  #first(...forms: readonly Form[]): number {
    for (const form of forms) for (const wire of form.keys()) if (wire !== 0) return wire;
    return 0;
  }

  /** Records a polynomial or sum definition of `wire`, whose coefficient stands in c. */
  define(wire: number, forms: RowForms): void {
    const rest = without(forms.c, wire);
    const { row, a, b } = forms;
    if (a.size === 0 && this.isCommitted(rest))
      throw broken(2, row, wire, "its definition involves no challenge: it belongs in round 1");
    this.shapes.set(wire, this.shapeOfRow({ row, a, b, c: rest }));
    const columns = this.#columnsOfRow(a, b, rest, inverse(forms.c.get(wire) ?? 0n));
    if (columns !== null) this.columns.set(wire, columns);
  }

  /** A form by powers of rho; null if it is no such sum of up to three columns. */
  columnsOf(form: Form): Columns | null {
    const columns: Map<number, bigint>[] = [new Map()];
    for (const [wire, coefficient] of form) {
      const kind = this.kinds[wire];
      const parts: Columns | undefined =
        kind === RHO
          ? [EMPTY, ONCE]
          : kind === ONE || kind === COMMITTED
            ? [new Map([[wire, 1n]])]
            : this.columns.get(wire);
      if (parts === undefined) return null;
      for (const [power, part] of parts.entries()) addScaled((columns[power] ??= new Map()), part, coefficient);
    }
    return columns;
  }

  #columnsOfRow(a: Form, b: Form, rest: Form, by: bigint): Columns | null {
    const sum = this.columnsOf(rest)?.map((form) => new Map(scaled(form, -by)));
    if (sum === undefined) return null;
    if (a.size === 0) return sum;
    const [left, right] = [this.columnsOf(a), this.columnsOf(b)];
    if (left === null || right === null) return null;
    const [constants, others] = left.every(isConstant) ? [left, right] : [right, left];
    if (!constants.every(isConstant) || constants.length + others.length - 1 > MOST_COLUMNS) return null;
    for (const [i, constant] of constants.entries())
      for (const [j, other] of others.entries())
        addScaled((sum[i + j] ??= new Map()), other, (constantOf(constant) ?? 0n) * by);
    return sum;
  }
}

/** The constant 1. */
const ONCE: Form = new Map([[0, 1n]]);

/** Coefficient of rho in a form of rho alone. */
export const onlyRho = (form: Form): bigint | undefined => (form.size === 1 ? form.get(WIRE_RHO) : undefined);

export const isConstant = (form: Form): boolean => constantOf(form) !== undefined;
