// SPDX-License-Identifier: GPL-3.0-or-later
import { BALANCE, LOOKUP, LOOKUP_PAIR, range, requantise, TABLE_ROW } from "./gadgets.ts";
import type { Form } from "./forms.ts";
import { STEP_LIMB, STEP_MULTIPLICITY, type Netlist } from "./netlist.ts";
import type { RangeShape } from "./plan/range-shapes.ts";
import type { TableFunction } from "./plan/sites.ts";

interface OpenTable {
  readonly index: number;
  readonly name: string;
  /** LogUp terms of the queries so far. */
  readonly sum: Form[];
}

interface FunctionTable extends OpenTable {
  readonly value: (key: number) => number;
  first: bigint;
  last: bigint;
}

/** Value of a clamped, tabulated function at any integer. */
export const functionValue =
  ({ lo, hi, table }: TableFunction) =>
  (key: number): number => {
    const clamped = Math.min(hi, Math.max(lo, key));
    return table === null ? clamped : (table[clamped - lo] ?? 0);
  };

/** All LogUp tables of one circuit: collects queries, then closes each table with its rows and one sum. */
export class Lookups {
  readonly #net: Netlist;
  readonly #c: Form;
  readonly #rho: Form;
  readonly #ranges = new Map<number, OpenTable>();
  readonly #functions = new Map<string, FunctionTable>();

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
    if (widths.length === 1 && shift === 0) {
      const { r2_g: [g = forms.zero] = [] } = this.#net.stamp(LOOKUP, { c: this.#c, x });
      this.#query(this.#rangeTable(widths[0] ?? 0), g, x);
      return;
    }
    const { r2_g = [] } = this.#net.stamp(range(widths, shift), { c: this.#c, x, limb: limbs });
    for (const [i, width] of widths.entries())
      this.#query(this.#rangeTable(width), r2_g[i] ?? forms.zero, columns[i] ?? forms.zero);
    if (shift === 0) return;
    const top = forms.sum(columns.at(-1) ?? forms.zero, forms.constant(shift));
    this.#query(this.#rangeTable(widths.at(-1) ?? 0), r2_g[widths.length] ?? forms.zero, top);
  }

  /** Rows [first, last] of a two-column table (key, value(key)), at least. */
  table(key: string, value: (key: number) => number, first: bigint, last: bigint): void {
    const known = this.#functions.get(key);
    if (known === undefined) this.#functions.set(key, { ...this.#open(`function ${key}`), value, first, last });
    else {
      if (first < known.first) known.first = first;
      if (last > known.last) known.last = last;
    }
  }

  #function(key: string): FunctionTable {
    const table = this.#functions.get(key);
    if (table !== undefined) return table;
    this.table(key, () => 0, 0n, 0n);
    return this.#function(key);
  }

  /** (x, y) is a row of a table that `table` has announced. */
  pair(key: string, x: Form, y: Form): void {
    const { r2_g: [g = this.#net.forms.zero] = [] } = this.#net.stamp(LOOKUP_PAIR, {
      c: this.#c,
      rho: this.#rho,
      x,
      y,
    });
    this.#query(this.#function(key), g, x);
  }

  /** (floor(t / 2^shift), y) is a row; `rest` = t mod 2^shift, proved by the caller. */
  requantised(key: string, shift: number, t: Form, rest: Form, y: Form): void {
    const { r2_g: [g = this.#net.forms.zero] = [] } = this.#net.stamp(requantise(shift), {
      c: this.#c,
      rho: this.#rho,
      t,
      rest,
      y,
    });
    this.#query(this.#function(key), g, t, shift);
  }

  /** Rows and sums of every table that was used. Call once, last. */
  close(): void {
    for (const [width, table] of [...this.#ranges].toSorted(([x], [y]) => x - y))
      this.#close(table, 0, 2 ** width, () => null);
    for (const table of this.#functions.values())
      this.#close(table, Number(table.first), Number(table.last - table.first) + 1, table.value);
  }

  #close(table: OpenTable, first: number, rows: number, value: (key: number) => number | null): void {
    const net = this.#net;
    const { forms } = net;
    net.part(`table ${table.name}`.slice(0, 60));
    net.tables[table.index] = { first, rows };
    const sums: Form[] = [];
    for (let row = 0; row < rows; row++) {
      const m = net.advice(STEP_MULTIPLICITY, null, table.index, row);
      const y = value(first + row);
      const pole = forms.combine([
        [this.#c, 1n],
        [forms.one, -(first + row)],
        [this.#rho, -(y ?? 0)],
      ]);
      sums.push(net.stamp(TABLE_ROW, { pole, m })["r2_h"]?.[0] ?? forms.zero);
    }
    net.stamp(BALANCE, { queries: forms.sum(...table.sum), rows: forms.sum(...sums) });
  }
}
