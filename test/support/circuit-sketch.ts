// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, mod } from "../../offchain/core/poseidon-constants.ts";
import { inverse } from "../../offchain/engines/zk/circuit/field.ts";
import type { R1cs, WireGroups } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import { r1csOf, type Combination, type Row } from "./r1cs-of.ts";

export type SketchGroup = "public" | "weights" | "round1" | "round2";
/** Coefficient by wire name; "one" is the constant. */
export type Affine = Readonly<Record<string, bigint | number>>;
export type Values = (name: string) => bigint;

export interface Sketched {
  readonly r1cs: R1cs;
  readonly groups: WireGroups;
  readonly wire: (name: string) => number;
  /** The honest witness for these challenges; `forced` replaces single values before what follows from them is computed. */
  readonly witness: (c: bigint, rho: bigint, forced?: Readonly<Record<string, bigint>>) => bigint[];
}

/** A small two-round circuit written by hand: wires by name, rows, and how each wire gets its value. */
export class CircuitSketch {
  readonly #wires = new Map<string, { group: SketchGroup; value: (of: Values) => bigint }>();
  readonly #rows: [Affine, Affine, Affine][] = [];

  constructor() {
    for (const name of ["one", "v", "c", "rho"]) this.#wires.set(name, { group: "public", value: () => 1n });
  }

  wire(group: SketchGroup, name: string, value: (of: Values) => bigint): Affine {
    this.#wires.set(name, { group, value });
    return { [name]: 1 };
  }

  row(a: Affine, b: Affine, c: Affine): void {
    this.#rows.push([a, b, c]);
  }

  /** v's value; its row is the caller's. */
  fingerprint(value: (of: Values) => bigint): void {
    this.#wires.set("v", { group: "public", value });
  }

  /** wire · denominator = numerator. */
  pole(name: string, denominator: Affine, numerator: Affine, group: SketchGroup = "round2"): Affine {
    const pole = this.wire(group, name, (of) => mod(evaluate(numerator, of) * inverse(evaluate(denominator, of))));
    this.row(pole, denominator, numerator);
    return pole;
  }

  /** wire = a · b + rest */
  product(group: SketchGroup, name: string, a: Affine, b: Affine, rest: Affine = {}): Affine {
    const product = this.wire(group, name, (of) => mod(evaluate(a, of) * evaluate(b, of) + evaluate(rest, of)));
    this.row(a, b, plus(product, times(rest, -1)));
    return product;
  }

  build(): Sketched {
    const order = (["public", "weights", "round1", "round2"] as const).map((group) =>
      [...this.#wires].filter(([, wire]) => wire.group === group).map(([name]) => name),
    );
    const names = order.flat();
    const index = new Map(names.map((name, i) => [name, i]));
    const wire = (name: string): number => index.get(name) ?? -1;
    const combination = (affine: Affine): Combination =>
      Object.fromEntries(Object.entries(affine).map(([name, by]) => [wire(name), BigInt(by)]));
    const rows = this.#rows.map((row): Row => row.map(combination) as unknown as Row);
    const shape = { wires: names.length, outputs: 1, publicInputs: 2, privateInputs: 0 };
    const [, weights = [], round1 = [], round2 = []] = order;
    const groups = {
      weights: { from: 4, count: weights.length },
      round1: { from: 4 + weights.length, count: round1.length },
      round2: { from: 4 + weights.length + round1.length, count: round2.length },
    };
    const witness: Sketched["witness"] = (c, rho, forced = {}) => {
      const known = new Map<string, bigint>([["one", 1n], ["c", c], ["rho", rho], ...Object.entries(forced)]);
      const value: Values = (name) => {
        let result = known.get(name);
        if (result === undefined) known.set(name, (result = mod(this.#wires.get(name)?.value(value) ?? 0n)));
        return result;
      };
      return names.map(value);
    };
    return { r1cs: r1csOf(shape, rows), groups, wire, witness };
  }
}

export function plus(...forms: readonly Affine[]): Affine {
  const sum: Record<string, bigint> = {};
  for (const form of forms) for (const [name, by] of Object.entries(form)) sum[name] = (sum[name] ?? 0n) + BigInt(by);
  return sum;
}

export const times = (form: Affine, by: bigint | number): Affine =>
  Object.fromEntries(Object.entries(form).map(([name, coefficient]) => [name, mod(BigInt(coefficient) * BigInt(by))]));

export const evaluate = (form: Affine, of: Values): bigint =>
  mod(Object.entries(form).reduce((sum, [name, by]) => sum + BigInt(by) * of(name), 0n));

/** floor(x / 2^s) of a small signed value given mod r. */
export const floorShift = (x: bigint, shift: number): bigint => signed(x) >> BigInt(shift);
export const signed = (x: bigint): bigint => (mod(x) > FIELD / 2n ? mod(x) - FIELD : mod(x));
