// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
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

/** A value alpha + rho · beta with alpha, beta affine over committed wires: what a second lookup column is multiplied into. */
export interface Column {
  readonly alpha: Form;
  readonly beta: Form;
}

/** Shapes and columns of the round-2 wires defined so far. */
export class RoundTypes {
  readonly kinds: Uint8Array;
  readonly shapes = new Map<number, Shape>();
  readonly columns = new Map<number, Column>();

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
    const column = this.#columnOf(a, b, rest, inverse(forms.c.get(wire) ?? 0n));
    if (column !== null) this.columns.set(wire, column);
  }

  #columnOf(a: Form, b: Form, rest: Form, by: bigint): Column | null {
    const rho = rest.get(WIRE_RHO) ?? 0n;
    const alpha = without(rest, WIRE_RHO);
    if (!this.isCommitted(alpha)) return null;
    let beta: Form = EMPTY;
    if (a.size > 0) {
      const [factor, other] = onlyRho(a) === undefined ? [onlyRho(b), a] : [onlyRho(a), b];
      if (factor === undefined || !this.isCommitted(other)) return null;
      beta = scaled(other, factor * by);
    }
    return { alpha: scaled(alpha, -by), beta: addScaled(new Map(beta), new Map([[0, 1n]]), mod(-rho * by)) };
  }
}

/** Coefficient of rho in a form of rho alone. */
export const onlyRho = (form: Form): bigint | undefined => (form.size === 1 ? form.get(WIRE_RHO) : undefined);

export const isConstant = (form: Form): boolean => constantOf(form) !== undefined;
