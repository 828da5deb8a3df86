// SPDX-License-Identifier: GPL-3.0-or-later
import { cellKey, type Cell, type CellForm, type CellSpec } from "./cells/cell.ts";
import { CircuitError } from "./errors.ts";
import { Forms, type Form } from "./forms.ts";

export const GROUP_PUBLIC = 0;
export const GROUP_WEIGHTS = 1;
export const GROUP_ROUND1 = 2;
export const GROUP_ROUND2 = 3;
export type Group = 0 | 1 | 2 | 3;

/** How a round-1 wire gets its value; `form` is evaluated over the integers. */
export const STEP_VALUE = 0; // element q of the program's value p
export const STEP_LIMB = 1; // floor(form / 2^p) mod 2^q
export const STEP_EXCESS = 2; // max(0, floor(form / 2^p))
export const STEP_NEGATIVE = 3; // 1 if form < 0
export const STEP_SALT = 4; // salt p
export const STEP_DEFINE = 5; // row p, solved for the wire
export const STEP_FUNCTION = 6; // entry floor(form / 2^q) of function p
export const STEP_MULTIPLICITY = 7; // how often row q of table p is used
export const STEP_EQUALS = 8; // 1 if form = p
export const STEP_ADVICE = 9; // entry q of advice p: what a layer's own witness code computes
export const STEP_WEIGHT = 10; // weight q of operator p (−1 − q: bias q)
export const STEP_CLAMP = 11; // floor(form / 2^p) clamped to limits[q]
export const STEP_FORM = 12; // the form itself
export const STEP_CONTEXT = 13; // ctx of a one-round proof
export const STEP_FACTOR = 14; // element q of the linear checks' r, 0 in a job's proof

export interface Step {
  readonly kind: number;
  readonly wire: number;
  readonly form: Form | null;
  readonly p: number;
  readonly q: number;
}

/** A use of a table: row floor(form / 2^shift) − first. */
export interface Query {
  readonly table: number;
  readonly form: Form;
  readonly shift: number;
}

export interface TableUse {
  readonly first: number;
  readonly rows: number;
  /** Row of each key from `first` on, where keys share rows. */
  readonly rowOf?: Int32Array;
}

/** Where a wire's value comes from, without a form. */
export interface Source {
  readonly kind: typeof STEP_VALUE | typeof STEP_ADVICE;
  readonly p: number;
  readonly q: number;
}

/** One placed cell, kept where the circuit is to be printed as circom. */
export interface Stamp {
  readonly spec: CellSpec;
  readonly inputs: Readonly<Record<string, readonly (readonly (readonly [wire: number, coefficient: bigint])[])[]>>;
  /** Wires of the cell's own signals, in the cell's order; in a dry run, of its outputs. */
  readonly wires: readonly number[];
}

export interface NetRow {
  readonly a: Form;
  readonly b: Form;
  readonly c: Form;
  readonly defines: number;
  readonly quotient: boolean;
  /** Part of the circuit it is counted under. */
  readonly part: number;
}

/**
 * The circuit while it is being linked: wires by group, rows stamped from cells, and the steps that give committed wires their values.
 * Without cells it is a dry run, which only finds out which cells are needed: each output then is a wire of its own.
 */
export class Netlist {
  readonly forms = new Forms();
  readonly groups: Group[] = [GROUP_PUBLIC];
  readonly rows: NetRow[] = [];
  readonly steps: Step[] = [];
  readonly queries: Query[] = [];
  readonly tables: TableUse[] = [];
  readonly functions: { readonly first: number; readonly values: Int32Array }[] = [];
  readonly limits: (readonly [number, number])[] = [];
  readonly stamps: Stamp[] = [];
  readonly specs = new Map<string, CellSpec>();
  readonly parts: string[] = [];
  readonly publics: string[] = [];
  readonly #cells: ReadonlyMap<string, Cell> | null;
  readonly #record: boolean;
  #part = -1;

  constructor(cells: ReadonlyMap<string, Cell> | null, options: { readonly record?: boolean } = {}) {
    this.#cells = cells;
    this.#record = options.record ?? false;
  }

  get dry(): boolean {
    return this.#cells === null;
  }

  /** What follows is counted under this name in the report. */
  part(name: string): void {
    const known = this.parts.indexOf(name);
    this.#part = known >= 0 ? known : this.parts.push(name) - 1;
  }

  publicWire(name: string): Form {
    this.publics.push(name);
    return this.forms.wire(this.#wire(GROUP_PUBLIC));
  }

  /** Gives an existing wire, such as a public one, a value in round 1. */
  value(target: Form, kind: number, form: Form | null): void {
    this.steps.push({ kind, wire: target.wires[0] ?? 0, form, p: 0, q: 0 });
  }

  #wire(group: Group): number {
    return this.groups.push(group) - 1;
  }

  /** A committed wire with a value of its own. */
  advice(kind: number, form: Form | null, p: number, q: number, group: Group = GROUP_ROUND1): Form {
    const wire = this.#wire(group);
    this.steps.push({ kind, wire, form, p, q });
    return this.forms.wire(wire);
  }

  source({ kind, p, q }: Source): Form {
    return this.advice(kind, null, p, q);
  }

  /** Places a cell. Scalars are given and returned as arrays of one. */
  stamp(
    spec: CellSpec,
    inputs: Readonly<Record<string, Form | readonly Form[]>>,
  ): Readonly<Record<string, readonly Form[]>> {
    const lists: Record<string, readonly Form[]> = {};
    for (const [name, length] of Object.entries(spec.inputs)) {
      const given = inputs[name];
      const list = given === undefined ? [] : Array.isArray(given) ? (given as readonly Form[]) : [given as Form];
      if (list.length !== (length ?? 1))
        throw new CircuitError("LINK_INVALID", { reason: `${cellKey(spec)}: ${list.length} forms for ${name}` });
      lists[name] = list;
    }
    const key = cellKey(spec);
    if (this.#cells === null) {
      this.specs.set(key, spec);
      return this.#draw(spec, lists);
    }
    const cell = this.#cells.get(key);
    if (cell === undefined) throw new CircuitError("LINK_INVALID", { reason: `the gadget ${key} was not compiled` });
    return this.#place(cell, lists);
  }

  #draw(spec: CellSpec, lists: Readonly<Record<string, readonly Form[]>>): Readonly<Record<string, readonly Form[]>> {
    const outputs = Object.entries(spec.outputs).map(
      ([name, length]) =>
        [name, Array.from({ length: length ?? 1 }, () => this.forms.wire(this.#wire(GROUP_ROUND1)))] as const,
    );
    const wires = outputs.flatMap(([, list]) => list.map((form) => form.wires[0] ?? 0));
    if (this.#record) this.stamps.push({ spec, inputs: this.#valued(lists), wires });
    return Object.fromEntries(outputs);
  }

  /** Forms whose coefficients are values: they outlive this netlist's pool. */
  #valued(lists: Readonly<Record<string, readonly Form[]>>): Stamp["inputs"] {
    const valued = ({ wires, coefficients }: Form) =>
      wires.map((wire, i) => [wire, this.forms.value(coefficients[i] ?? 0)] as const);
    return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.map(valued)]));
  }

  #place(cell: Cell, lists: Readonly<Record<string, readonly Form[]>>): Readonly<Record<string, readonly Form[]>> {
    const slots: Form[] = [this.forms.one, ...Object.values(lists).flat()];
    const wires = cell.wires.map(({ round2 }) => this.#wire(round2 ? GROUP_ROUND2 : GROUP_ROUND1));
    for (const wire of wires) slots.push(this.forms.wire(wire));
    const expand = ({ slots: at, coefficients }: CellForm): Form =>
      this.forms.combine(at.map((slot, i) => [slots[slot] as Form, coefficients[i] as bigint] as const));
    for (const row of cell.rows) {
      const defines = row.defines < 0 ? -1 : (slots[row.defines]?.wires[0] ?? -1);
      this.#row(expand(row.a), expand(row.b), expand(row.c), defines, row.quotient);
    }
    if (this.#record) this.stamps.push({ spec: cell.spec, inputs: {}, wires });
    return Object.fromEntries(Object.entries(cell.outputs).map(([name, list]) => [name, list.map(expand)]));
  }

  #row(a: Form, b: Form, c: Form, defines: number, quotient: boolean): void {
    // A product with a constant 0, as of an absent `over`, says nothing.
    if ((a.wires.length === 0 || b.wires.length === 0) && c.wires.length === 0) return;
    const row = this.rows.push({ a, b, c, defines, quotient, part: this.#part }) - 1;
    if (defines < 0 || this.groups[defines] === GROUP_ROUND2) return;
    this.steps.push({ kind: STEP_DEFINE, wire: defines, form: null, p: row, q: 0 });
  }
}
