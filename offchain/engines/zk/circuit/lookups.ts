// SPDX-License-Identifier: GPL-3.0-or-later
import type { Interval } from "../../../core/program/bounds.ts";
import { BALANCE, LOOKUP, LOOKUP_PAIR, LOOKUP_TRIPLE, range, requantise, RHO_SQUARE, TABLE_ROW } from "./gadgets.ts";
import type { Form } from "./forms.ts";
import { STEP_LIMB, STEP_MULTIPLICITY, type Netlist, type TableUse } from "./netlist.ts";
import type { RangeShape } from "./plan/range-shapes.ts";
import { functionSteps, functionValue, type TableFunction } from "./plan/sites.ts";

/** Names in reports are cut: a function's key spells its whole table. */
const PART_NAME = 48;

interface OpenTable {
  readonly index: number;
  readonly name: string;
  /** LogUp terms of the queries so far. */
  readonly sum: Form[];
}

interface StepTable extends OpenTable {
  readonly function: TableFunction;
  /** Keys that the steps cover: the first and the last one are stretched to its ends. */
  readonly hull: Interval;
}

interface FunctionTable extends OpenTable {
  readonly function: TableFunction;
  first: bigint;
  last: bigint;
}

/** How one backend proves ranges and functions. */
export interface Lookups {
  /** x is in the range that the shape proves. */
  range(x: Form, shape: RangeShape): void;
  /** y = f(x), x in [first, last] at least: the table's rows may be more where others share it. */
  pair(fn: TableFunction, rows: readonly [bigint, bigint], x: Form, y: Form): void;
  /** y = f(floor(t / 2^shift)); `rest` = t mod 2^shift, proved by the caller. */
  requantised(fn: TableFunction, rows: readonly [bigint, bigint], shift: number, t: Form, rest: Form, y: Form): void;
  /** (y, first, last) is a step of the function over `hull`; floor(t / 2^shift) is a key of that step, which the caller proves. */
  step(fn: TableFunction, columns: readonly [Form, Form, Form], t: Form, shift: number, hull: Interval): void;
  /** What is owed once, after the last use. */
  close(): void;
}

/** All LogUp tables of one circuit: collects queries, then closes each table with its rows and one sum. */
export class TableLookups implements Lookups {
  readonly #net: Netlist;
  readonly #c: Form;
  readonly #rho: Form;
  readonly #ranges = new Map<number, OpenTable>();
  readonly #functions = new Map<string, FunctionTable>();
  readonly #steps = new Map<string, StepTable>();

  constructor(net: Netlist, c: Form, rho: Form) {
    this.#net = net;
    this.#c = c;
    this.#rho = rho;
  }

  #open(name: string): OpenTable {
    return { index: this.#net.tables.push({ first: 0, rows: 0 }) - 1, name, sum: [] };
  }

  #rangeTable(width: number): OpenTable {
    let table = this.#ranges.get(width);
    if (table === undefined) this.#ranges.set(width, (table = this.#open(`range ${width}`)));
    return table;
  }

  #query(table: OpenTable, g: Form, form: Form, shift = 0): void {
    table.sum.push(g);
    this.#net.queries.push({ table: table.index, form, shift });
  }

  #lookup(x: Form, width: number): void {
    const { r2_g: [g = x] = [] } = this.#net.stamp(LOOKUP, { c: this.#c, x });
    this.#query(this.#rangeTable(width), g, x);
  }

  /** Looks x up limb by limb; the limbs above the lowest become round-1 wires. */
  range(x: Form, { widths, shift }: RangeShape): void {
    const { forms } = this.#net;
    const limbs: Form[] = [];
    const parts: [Form, bigint][] = [[x, 1n]];
    let offset = widths[0] ?? 0;
    for (const width of widths.slice(1)) {
      const limb = this.#net.advice(STEP_LIMB, x, offset, width);
      limbs.push(limb);
      parts.push([limb, -(1n << BigInt(offset))]);
      offset += width;
    }
    const columns = [limbs.length === 0 ? x : forms.combine(parts), ...limbs];
    if (widths.length === 1) {
      this.#lookup(x, widths[0] ?? 0);
      if (shift > 0) this.#lookup(forms.sum(x, forms.constant(shift)), widths[0] ?? 0);
      return;
    }
    const { r2_g = [] } = this.#net.stamp(range(widths, shift), { c: this.#c, x, limb: limbs });
    for (const [i, width] of widths.entries())
      this.#query(this.#rangeTable(width), r2_g[i] ?? forms.zero, columns[i] ?? forms.zero);
    if (shift === 0) return;
    const top = forms.sum(columns.at(-1) ?? forms.zero, forms.constant(shift));
    this.#query(this.#rangeTable(widths.at(-1) ?? 0), r2_g[widths.length] ?? forms.zero, top);
  }

  #function(fn: TableFunction, [first, last]: readonly [bigint, bigint]): FunctionTable {
    let table = this.#functions.get(fn.key);
    if (table === undefined)
      this.#functions.set(fn.key, (table = { ...this.#open(`function ${fn.key}`), function: fn, first, last }));
    if (first < table.first) table.first = first;
    if (last > table.last) table.last = last;
    return table;
  }

  pair(fn: TableFunction, rows: readonly [bigint, bigint], x: Form, y: Form): void {
    const { r2_g: [g = x] = [] } = this.#net.stamp(LOOKUP_PAIR, { c: this.#c, rho: this.#rho, x, y });
    this.#query(this.#function(fn, rows), g, x);
  }

  requantised(fn: TableFunction, rows: readonly [bigint, bigint], shift: number, t: Form, rest: Form, y: Form): void {
    const inputs = { c: this.#c, rho: this.#rho, t, rest, y };
    const { r2_g: [g = t] = [] } = this.#net.stamp(requantise(shift), inputs);
    this.#query(this.#function(fn, rows), g, t, shift);
  }

  step(fn: TableFunction, columns: readonly [Form, Form, Form], t: Form, shift: number, hull: Interval): void {
    let table = this.#steps.get(fn.key);
    if (table === undefined)
      this.#steps.set(fn.key, (table = { ...this.#open(`steps ${fn.key}`), function: fn, hull }));
    const [x, y, z] = columns;
    const { r2_g: [g = x] = [] } = this.#net.stamp(LOOKUP_TRIPLE, { c: this.#c, rho: this.#rho, x, y, z });
    this.#query(table, g, t, shift);
  }

  #closeSteps(table: StepTable, square: Form): void {
    const [first, last] = [Number(table.hull.lo), Number(table.hull.hi)];
    const steps = functionSteps(table.function, first, last);
    const rowOf = new Int32Array(last - first + 1);
    for (const [row, step] of steps.entries()) rowOf.fill(row, step.first - first, step.last - first + 1);
    const { forms } = this.#net;
    const poles = steps.map((step) =>
      forms.combine([
        [this.#c, 1n],
        [forms.one, -step.y],
        [this.#rho, -step.first],
        [square, -step.last],
      ]),
    );
    this.#close(table, { first, rows: steps.length, rowOf }, poles);
  }

  /** Rows and sums of every table that was used. Call once, last. */
  close(): void {
    const { forms } = this.#net;
    const pole = (key: number, y: number) =>
      forms.combine([
        [this.#c, 1n],
        [forms.one, -key],
        [this.#rho, -y],
      ]);
    for (const [width, table] of [...this.#ranges].toSorted(([x], [y]) => x - y)) {
      const poles = Array.from({ length: 2 ** width }, (_, row) => pole(row, 0));
      this.#close(table, { first: 0, rows: poles.length }, poles);
    }
    for (const table of this.#functions.values()) {
      const first = Number(table.first);
      const rows = Number(table.last - table.first) + 1;
      const value = functionValue(table.function);
      const poles = Array.from({ length: rows }, (_, row) => pole(first + row, value(first + row)));
      this.#close(table, { first, rows }, poles);
    }
    if (this.#steps.size === 0) return;
    this.#net.part("rho squared");
    const { r2_square: [square = forms.zero] = [] } = this.#net.stamp(RHO_SQUARE, { rho: this.#rho });
    for (const table of this.#steps.values()) this.#closeSteps(table, square);
  }

  #close(table: OpenTable, use: TableUse, poles: readonly Form[]): void {
    const net = this.#net;
    net.part(`table ${table.index}: ${table.name}`.slice(0, PART_NAME));
    net.tables[table.index] = use;
    const sums = poles.map((pole, row) => {
      const m = net.advice(STEP_MULTIPLICITY, null, table.index, row);
      return net.stamp(TABLE_ROW, { r2_pole: pole, m })["r2_h"]?.[0] ?? pole;
    });
    net.stamp(BALANCE, { queries: net.forms.sum(...table.sum), rows: net.forms.sum(...sums) });
  }
}
