// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import { EMPTY, constantOf, without, type Form, type RowForms } from "./form.ts";
import { centred } from "../r1cs/check-witness.ts";
import { broken, isConstant } from "./round-types.ts";
import type { LookupCheck, Pole } from "./rounds.ts";

/** Columns of a pole that are not 0. */
const widthOf = ({ columns }: Pole): number => Math.max(1, columns.findLastIndex((column) => column.size > 0) + 1);

/** Poles of a row of sums, each with its coefficient; sums of sums are opened. Every inverse must arrive exactly once. */
export function openSums(
  { row, c }: RowForms,
  poles: ReadonlyMap<number, Pole>,
  sums: ReadonlyMap<number, Form>,
  arrived: Map<number, number>,
): [Pole, bigint][] {
  const found: [Pole, bigint][] = [];
  const open = (form: Form, by: bigint): void => {
    for (const [wire, coefficient] of form) {
      const before = arrived.get(wire);
      if (before !== undefined) throw broken(4, row, wire, `it is summed in constraint ${before} already`);
      arrived.set(wire, row);
      const pole = poles.get(wire);
      const sum = sums.get(wire);
      if (pole !== undefined) found.push([pole, mod(coefficient * by)]);
      else if (sum !== undefined) open(sum, mod(coefficient * by));
      else throw broken(4, row, wire, "a lookup sum holds inverses only");
    }
  };
  open(c, 1n);
  return found;
}

/**
 * Proves that a sum of poles is a LogUp identity of one table: rows are constants, keys distinct; queries all count the same and so
 * cannot cancel; multiplicities are wires of their own. Then, as functions of (c, rho), equal sums force every query to be a row.
 */
export function lookupCheck(row: number, terms: readonly (readonly [Pole, bigint])[], uses: Uint32Array): LookupCheck {
  const table: Pole[] = [];
  const queries: Pole[] = [];
  let weight: bigint | undefined;
  for (const [pole, coefficient] of terms) {
    const constant = pole.columns.every(isConstant);
    const n = constantOf(pole.n);
    if (!constant && n === undefined) throw broken(3, pole.row, pole.wire, "a query has no multiplicity of its own");
    if (n === undefined) {
      const free = without(pole.n, 0);
      const [m = -1] = free.keys();
      if (free.size !== 1 || pole.n.size !== 1) throw broken(3, pole.row, pole.wire, "a multiplicity is one wire");
      if (uses[m] !== 1) throw broken(3, pole.row, m, "a multiplicity serves one row of one table and nothing else");
      table.push(pole);
      continue;
    }
    // A query whose column happens to be constant is still a query: its numerator is one.
    const counts = mod(n * coefficient);
    if (counts === 0n) throw broken(4, pole.row, pole.wire, "it counts for nothing");
    weight ??= counts;
    if (counts !== weight)
      throw broken(4, pole.row, pole.wire, "queries of one table must count alike, or they cancel");
    queries.push(pole);
  }
  if (table.length === 0) throw broken(4, row, queries[0]?.wire ?? 0, "queries without a table");
  if (queries.length === 0) throw broken(4, row, table[0]?.wire ?? 0, "a table without queries");
  const columns = Math.max(...table.map(widthOf));
  const keys = new Set<string>();
  for (const { columns: cells, row: at, wire } of table) {
    // With two columns the second is a function of the first. With three the rows are steps: what is distinct is the whole.
    const key = (columns === 3 ? cells : cells.slice(0, 1)).map((cell) => String(constantOf(cell) ?? 0n)).join();
    if (keys.has(key)) throw broken(4, at, wire, "its table has this key twice");
    keys.add(key);
  }
  if (columns === 3) checkSteps(table);
  for (const pole of queries)
    if (widthOf(pole) > columns) throw broken(4, pole.row, pole.wire, "a query has more columns than its table");
  return { kind: "lookup", row, columns, queries, table, degree: queries.length + table.length };
}

/** Rows of three columns are steps of a function, (value, first key, last key): a key in two of them would have two values. */
function checkSteps(table: readonly Pole[]): void {
  const cell = (pole: Pole, k: number): bigint => centred(constantOf(pole.columns[k] ?? EMPTY) ?? 0n);
  const steps = table
    .map((pole) => ({ pole, first: cell(pole, 1), last: cell(pole, 2) }))
    .toSorted((x, y) => (x.first < y.first ? -1 : x.first > y.first ? 1 : 0));
  for (const [i, { pole, first, last }] of steps.entries()) {
    if (last < first) throw broken(4, pole.row, pole.wire, "its step ends before it begins");
    const before = steps[i - 1];
    if (before !== undefined && first <= before.last) throw broken(4, pole.row, pole.wire, "its step overlaps another");
  }
}
