// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import { inverse } from "../circuit/field.ts";

/** Linear equations over the field, appended one by one; coefficients are reduced and not 0. */
export class Equations {
  readonly #starts: number[] = [0];
  readonly #wires: number[] = [];
  readonly #coefficients: bigint[] = [];

  add(equation: ReadonlyMap<number, bigint>): void {
    for (const [wire, coefficient] of equation) {
      const value = mod(coefficient);
      if (value === 0n) continue;
      this.#wires.push(wire);
      this.#coefficients.push(value);
    }
    const last = this.#starts.at(-1) ?? 0;
    if (this.#wires.length > last) this.#starts.push(this.#wires.length);
  }

  /**
   * The unknowns that the equations (all = 0) do not force to 0: empty if the columns have full rank. An equation with one unknown
   * left forces it, which settles circuits almost alone; what remains is eliminated.
   */
  undetermined(unknowns: ReadonlySet<number>): number[] {
    const open = new Set(unknowns);
    const count = this.#starts.length - 1;
    const missing = new Int32Array(count);
    const occurs = new Map<number, number[]>();
    for (let row = 0; row < count; row++)
      for (let entry = this.#starts[row] ?? 0; entry < (this.#starts[row + 1] ?? 0); entry++) {
        const wire = this.#wires[entry] ?? 0;
        if (!open.has(wire)) continue;
        missing[row] = (missing[row] ?? 0) + 1;
        const rows = occurs.get(wire);
        if (rows === undefined) occurs.set(wire, [row]);
        else rows.push(row);
      }
    const ready: number[] = [];
    for (let row = 0; row < count; row++) if (missing[row] === 1) ready.push(row);
    for (let row = ready.pop(); row !== undefined; row = ready.pop()) {
      for (let entry = this.#starts[row] ?? 0; entry < (this.#starts[row + 1] ?? 0); entry++) {
        const wire = this.#wires[entry] ?? 0;
        if (!open.delete(wire)) continue;
        for (const other of occurs.get(wire) ?? []) {
          missing[other] = (missing[other] ?? 0) - 1;
          if (missing[other] === 1) ready.push(other);
        }
      }
    }
    if (open.size === 0) return [];
    const rest: Map<number, bigint>[] = [];
    for (let row = 0; row < count; row++) {
      if ((missing[row] ?? 0) === 0) continue;
      const equation = new Map<number, bigint>();
      for (let entry = this.#starts[row] ?? 0; entry < (this.#starts[row + 1] ?? 0); entry++) {
        const wire = this.#wires[entry] ?? 0;
        if (open.has(wire)) equation.set(wire, this.#coefficients[entry] ?? 0n);
      }
      rest.push(equation);
    }
    return eliminate(rest, open);
  }
}

/** Gauss, shortest equations first; a pivot's column is cleared from the others. Returns the columns that got no pivot. */
function eliminate(equations: readonly Map<number, bigint>[], columns: ReadonlySet<number>): number[] {
  const free = new Set(columns);
  const pivots = new Map<number, Map<number, bigint>>();
  for (const equation of equations.toSorted((x, y) => x.size - y.size)) {
    for (let reduced = true; reduced;) {
      reduced = false;
      for (const wire of equation.keys()) {
        const pivot = pivots.get(wire);
        if (pivot === undefined) continue;
        const by = equation.get(wire) ?? 0n;
        for (const [other, coefficient] of pivot) {
          const value = mod((equation.get(other) ?? 0n) - by * coefficient);
          if (value === 0n) equation.delete(other);
          else equation.set(other, value);
        }
        reduced = true;
        break;
      }
    }
    const [first] = equation;
    if (first === undefined) continue;
    const by = inverse(first[1]);
    for (const [wire, coefficient] of equation) equation.set(wire, mod(coefficient * by));
    pivots.set(first[0], equation);
    free.delete(first[0]);
  }
  return undeterminedOf(pivots, free);
}

/** With free columns left, a pivot whose equation reaches one of them is not determined either. */
function undeterminedOf(pivots: ReadonlyMap<number, ReadonlyMap<number, bigint>>, free: ReadonlySet<number>): number[] {
  const moving = new Set(free);
  for (let grown = true; grown;) {
    grown = false;
    for (const [wire, equation] of pivots) {
      if (moving.has(wire)) continue;
      for (const other of equation.keys())
        if (moving.has(other)) {
          moving.add(wire);
          grown = true;
          break;
        }
    }
  }
  return [...moving].toSorted((x, y) => x - y);
}
