// SPDX-License-Identifier: GPL-3.0-or-later
import type { R1cs, SparseMatrix, WireGroups } from "../r1cs/r1cs.ts";
import { CircuitError } from "./errors.ts";
import { mod } from "./field.ts";
import type { Form } from "./forms.ts";
import { GROUP_PUBLIC, GROUP_ROUND1, GROUP_ROUND2, GROUP_WEIGHTS, type Netlist, type NetRow } from "./netlist.ts";
import type { WitnessPlan } from "./types.ts";

/** Final number of each wire: 1 and the publics keep theirs, then the groups, each in order of creation. */
function renumber(net: Netlist): { numbers: Uint32Array; groups: WireGroups } {
  const numbers = new Uint32Array(net.groups.length);
  let next = 0;
  const place = (group: number) => {
    const from = next;
    for (const [wire, at] of net.groups.entries()) if (at === group) numbers[wire] = next++;
    return { from, count: next - from };
  };
  place(GROUP_PUBLIC);
  return {
    numbers,
    groups: { weights: place(GROUP_WEIGHTS), round1: place(GROUP_ROUND1), round2: place(GROUP_ROUND2) },
  };
}

/** Constants in order of first use, reduced. */
class Constants {
  readonly values: bigint[] = [];
  readonly #ids: Int32Array;
  readonly #pool: readonly bigint[];

  constructor(pool: readonly bigint[]) {
    this.#pool = pool;
    this.#ids = new Int32Array(pool.length).fill(-1);
  }

  id(pooled: number): number {
    const id = this.#ids[pooled] ?? -1;
    return id >= 0 ? id : (this.#ids[pooled] = this.values.push(mod(this.#pool[pooled] as bigint)) - 1);
  }
}

function matrix(forms: readonly Form[], numbers: Uint32Array, constants: Constants): SparseMatrix {
  const entries = forms.reduce((sum, form) => sum + form.wires.length, 0);
  const [wires, coefficients] = [new Uint32Array(entries), new Uint32Array(entries)];
  const offsets = new Uint32Array(forms.length + 1);
  let at = 0;
  for (const [row, form] of forms.entries()) {
    const from = at;
    const order = form.wires.map((wire, i) => (numbers[wire] ?? 0) * 0x4000000 + i).toSorted((x, y) => x - y);
    for (const packed of order) {
      const i = packed % 0x4000000;
      wires[at] = (packed - i) / 0x4000000;
      coefficients[at++] = constants.id(form.coefficients[i] ?? 0);
    }
    for (let i = from + 1; i < at; i++)
      if (wires[i] === wires[i - 1])
        throw new CircuitError("LINK_INVALID", { reason: `a wire occurs twice in row ${row}` });
    offsets[row + 1] = at;
  }
  return { offsets, wires, coefficients };
}

/** Round-2 definitions by level: even levels hold products, odd ones quotients, so that each level needs one inversion at most. */
function schedule(net: Netlist, numbers: Uint32Array): { round2: Int32Array; levels: Int32Array } {
  const level = new Int32Array(net.groups.length);
  const byLevel: number[][] = [];
  const depth = (row: NetRow): number => {
    let deepest = 0;
    for (const { wires } of [row.a, row.b, row.c])
      for (const wire of wires)
        if (wire !== row.defines && (level[wire] as number) > deepest) deepest = level[wire] as number;
    return deepest;
  };
  for (const [at, row] of net.rows.entries()) {
    if (row.defines < 0 || net.groups[row.defines] !== GROUP_ROUND2) continue;
    // Level 0 is "known before"; products live on odd numbers, quotients on even ones.
    let own = depth(row);
    if (row.quotient) own += own % 2 === 0 ? 2 : 1;
    else if (own % 2 === 0) own += 1;
    level[row.defines] = own;
    (byLevel[own - 1] ??= []).push(at, numbers[row.defines] as number);
  }
  const levels: number[] = [];
  let count = 0;
  for (let i = 0; i < byLevel.length; i++) {
    count += (byLevel[i]?.length ?? 0) / 2;
    levels.push(count);
  }
  return { round2: Int32Array.from(Array.from(byLevel, (list) => list ?? []).flat()), levels: Int32Array.from(levels) };
}

function witnessPlan(net: Netlist, numbers: Uint32Array, constants: Constants): WitnessPlan {
  const ids = new Map<Form, number>();
  const forms: Form[] = [];
  const formId = (form: Form): number => {
    let id = ids.get(form);
    if (id === undefined) ids.set(form, (id = forms.push(form) - 1));
    return id;
  };
  const steps = new Int32Array(net.steps.length * 5);
  for (const [i, { kind, wire, form, p, q }] of net.steps.entries())
    steps.set([kind, numbers[wire] ?? 0, form === null ? -1 : formId(form), p, q], i * 5);
  const queries = new Int32Array(net.queries.length * 3);
  for (const [i, { table, form, shift }] of net.queries.entries()) queries.set([table, formId(form), shift], i * 3);
  return {
    forms: matrix(forms, numbers, constants),
    steps,
    functions: net.functions,
    limits: net.limits,
    queries,
    tables: net.tables,
    ...schedule(net, numbers),
  };
}

export interface Assembled {
  readonly r1cs: R1cs;
  readonly groups: WireGroups;
  readonly plan: WitnessPlan;
  readonly numbers: Uint32Array;
}

/** Numbers the wires by group and writes down rows and witness plan. Error: LINK_INVALID for a wire that no row holds. */
export function assemble(net: Netlist, outputs: number): Assembled {
  const { numbers, groups } = renumber(net);
  const constants = new Constants(net.forms.pool);
  const side = (of: (row: NetRow) => Form) => matrix(net.rows.map(of), numbers, constants);
  const [a, b, c] = [side((row) => row.a), side((row) => row.b), side((row) => row.c)];
  const used = new Uint8Array(numbers.length);
  for (const { wires } of [a, b, c]) for (const wire of wires) used[wire] = 1;
  const unused = used.indexOf(0, 1);
  // A committed wire without a row is advice that nothing checks, or waste.
  if (unused > 0) throw new CircuitError("LINK_INVALID", { reason: `wire ${unused} stands in no constraint` });
  const plan = witnessPlan(net, numbers, constants);
  const r1cs: R1cs = {
    wires: numbers.length,
    outputs,
    publicInputs: net.publics.length - outputs,
    privateInputs: groups.weights.count + groups.round1.count,
    constants: constants.values,
    a,
    b,
    c,
  };
  return { r1cs, groups, plan, numbers };
}
