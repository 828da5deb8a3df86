// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, inverse, mod } from "../../offchain/engines/zk/circuit/field.ts";
import type { R1cs, SparseMatrix } from "../../offchain/engines/zk/r1cs/r1cs.ts";

type Form = Map<number, bigint>;

function readRow({ offsets, wires, coefficients }: SparseMatrix, row: number, constants: readonly bigint[]): Form {
  const form: Form = new Map();
  for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i++)
    form.set(wires[i] ?? 0, constants[coefficients[i] ?? 0] ?? 0n);
  return form;
}

export interface Row {
  readonly a: Form;
  readonly b: Form;
  readonly c: Form;
}

export const rowsOf = (r1cs: R1cs): Row[] =>
  Array.from({ length: r1cs.a.offsets.length - 1 }, (_, row) => ({
    a: readRow(r1cs.a, row, r1cs.constants),
    b: readRow(r1cs.b, row, r1cs.constants),
    c: readRow(r1cs.c, row, r1cs.constants),
  }));

function add(form: Form, other: Form, by: bigint): Form {
  const sum: Form = new Map(form);
  for (const [wire, coefficient] of other) {
    const value = mod((sum.get(wire) ?? 0n) + by * coefficient);
    if (value === 0n) sum.delete(wire);
    else sum.set(wire, value);
  }
  return sum;
}

const constantOf = (form: Form): bigint | undefined =>
  form.size === 0 ? 0n : form.size === 1 ? form.get(0) : undefined;

/** Solves affine rows for wires that are not kept and puts their forms in place; the rows that are left speak of kept wires only. */
export function eliminate(rows: readonly Row[], keep: ReadonlySet<number>): Row[] {
  const solved = new Map<number, Form>();
  const resolve = (form: Form): Form => {
    let result: Form = new Map();
    for (const [wire, by] of form) result = add(result, solved.get(wire) ?? new Map([[wire, 1n]]), by);
    return result;
  };
  let open = [...rows];
  for (let before = Infinity; open.length < before;) {
    before = open.length;
    open = open.filter((raw) => {
      const [a, b] = [resolve(raw.a), resolve(raw.b)];
      const [x, y] = [constantOf(a), constantOf(b)];
      if (x === undefined && y === undefined) return true;
      const form = add(resolve(raw.c), x === undefined ? a : b, -(x ?? y ?? 0n));
      const unknown = [...form.keys()].filter((wire) => wire !== 0 && !keep.has(wire));
      const [wire, more] = unknown;
      if (wire === undefined || more !== undefined) return true;
      const own = form.get(wire) ?? 0n;
      form.delete(wire);
      solved.set(wire, add(new Map(), form, -inverse(own)));
      return false;
    });
  }
  return open.map(({ a, b, c }) => ({ a: resolve(a), b: resolve(b), c: resolve(c) }));
}

/** Leading coefficient (by name) to 1; returns the text and what it was scaled by. */
function leading(form: Form, nameOf: (wire: number) => string): { text: string; by: bigint } {
  const entries = [...form].map(([wire, by]) => [nameOf(wire), by] as const).toSorted(([x], [y]) => (x < y ? -1 : 1));
  const by = entries[0]?.[1] ?? 1n;
  const scale = inverse(by);
  return { text: entries.map(([name, value]) => `${(value * scale) % FIELD}·${name}`).join("+"), by };
}

/** One text a row, equal for equal constraints: named wires, A and B scaled to leading 1 and in order, affine rows on one side. */
export function canonicalRows(rows: readonly Row[], nameOf: (wire: number) => string): string[] {
  const texts: string[] = [];
  for (const { a, b, c } of rows) {
    const [x, y] = [constantOf(a), constantOf(b)];
    if (x !== undefined || y !== undefined) {
      const form = add(c, x === undefined ? a : b, -(x ?? y ?? 0n));
      if (form.size > 0) texts.push(`0 = ${leading(form, nameOf).text}`);
      continue;
    }
    const [left, right] = [leading(a, nameOf), leading(b, nameOf)];
    const scale = inverse((left.by * right.by) % FIELD);
    const result = [...c].map(([wire, by]) => `${(by * scale) % FIELD}·${nameOf(wire)}`).toSorted();
    texts.push(`${[left.text, right.text].toSorted().join(" * ")} = ${result.join("+")}`);
  }
  return texts.toSorted();
}
