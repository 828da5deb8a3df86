// SPDX-License-Identifier: GPL-3.0-or-later
import { compileCells } from "../../offchain/engines/zk/circuit/cells/compile-cells.ts";
import type { BuildContext } from "../../offchain/engines/zk/circuit/context.ts";
import { centred, FIELD, inverse, mod } from "../../offchain/engines/zk/circuit/field.ts";
import type { Form } from "../../offchain/engines/zk/circuit/forms.ts";
import { BitLookups } from "../../offchain/engines/zk/circuit/bit-lookups.ts";
import { TableLookups } from "../../offchain/engines/zk/circuit/lookups.ts";
import {
  GROUP_ROUND2,
  Netlist,
  STEP_DEFINE,
  STEP_MULTIPLICITY,
  STEP_VALUE,
  type NetRow,
} from "../../offchain/engines/zk/circuit/netlist.ts";
import type { Plan } from "../../offchain/engines/zk/circuit/plan/choose.ts";
import { BitShapes, TableShapes } from "../../offchain/engines/zk/circuit/plan/range-shapes.ts";
import type { SiteForm } from "../../offchain/engines/zk/circuit/plan/sites.ts";

const C = (1n << 200n) + 12345n;
const RHO = (1n << 190n) + 777n;

export interface BenchOptions {
  /** Widths of the range tables; none: the one-round backend. */
  readonly tables: readonly number[];
  readonly forms?: readonly (readonly [site: string, form: SiteForm])[];
}

export interface Built {
  readonly outputs: readonly Form[];
}

type Action =
  | { readonly kind: "define"; readonly row: NetRow }
  | { readonly kind: "check"; readonly row: NetRow }
  | { readonly kind: "member"; readonly row: NetRow; readonly poles: ReadonlySet<bigint> };

/**
 * One gadget or site as the compiler places it, with every advice wire in the hands of a cheating prover. A lookup is taken as what it
 * proves: the query's pole is one of the table's, at fixed random challenges.
 */
export class GadgetBench {
  readonly inputs: readonly number[];
  readonly advice: readonly number[];
  readonly constraints: number;
  readonly #net: Netlist;
  readonly #outputs: readonly Form[];
  readonly #values: bigint[];
  /** What can be decided once the i-th input or advice wire has a value. */
  readonly #actions: Action[][];

  private constructor(net: Netlist, outputs: readonly Form[], inputs: number) {
    this.#net = net;
    this.#outputs = outputs;
    const given = net.steps.filter(({ kind }) => kind !== STEP_DEFINE && kind !== STEP_MULTIPLICITY);
    const free = given.map(({ wire }) => wire);
    this.inputs = free.slice(0, inputs);
    this.advice = free.slice(inputs);
    this.#values = net.groups.map(() => 0n);
    this.#values[0] = 1n;
    for (const [i, name] of net.publics.entries()) this.#values[i + 1] = name === "c" ? C : RHO;
    this.#actions = this.#schedule(free);
    this.constraints = net.rows.length;
  }

  /** `build` gets `count` input wires first, and places what it wants to test. */
  static async make(
    count: number,
    options: BenchOptions,
    build: (context: BuildContext, inputs: readonly Form[]) => readonly Form[],
  ): Promise<GadgetBench> {
    const run = (cells: ConstructorParameters<typeof Netlist>[0]) => {
      const net = new Netlist(cells);
      const challenges = options.tables.length > 0;
      const [c, rho] = challenges ? [net.publicWire("c"), net.publicWire("rho")] : [net.forms.zero, net.forms.zero];
      const lookups = challenges ? new TableLookups(net, c, rho) : new BitLookups(net);
      const shapes = challenges ? new TableShapes(options.tables) : new BitShapes();
      const none = { stepHulls: new Map(), signed: new Map(), constraints: 0 };
      const plan: Plan = { tables: options.tables, forms: new Map(options.forms ?? []), ...none };
      const inputs = Array.from({ length: count }, (_, i) => net.advice(STEP_VALUE, null, 0, i));
      const outputs = build({ net, lookups, shapes, plan, rho, challenges, checks: null }, inputs);
      lookups.close();
      return { net, outputs };
    };
    const cells = await compileCells(run(null).net.specs.values(), { cacheFolder: "build/cells" });
    const { net, outputs } = run(cells);
    return new GadgetBench(net, outputs, count);
  }

  #value(form: Form): bigint {
    let sum = 0n;
    for (let i = 0; i < form.wires.length; i++)
      sum += this.#net.forms.value(form.coefficients[i] as number) * (this.#values[form.wires[i] as number] as bigint);
    return mod(sum);
  }

  /** Poles of the table that each query's inverse is summed into, by the query's wire. */
  #tables(): Map<number, ReadonlySet<bigint>> {
    const { rows, groups } = this.#net;
    const inverses = new Map(rows.filter((row) => row.quotient).map((row) => [row.defines, row]));
    const tables = new Map<number, ReadonlySet<bigint>>();
    for (const row of rows) {
      if (row.defines >= 0 || row.a.wires.length > 0 || !row.c.wires.some((wire) => groups[wire] === GROUP_ROUND2))
        continue;
      const members = row.c.wires.flatMap((wire) => inverses.get(wire) ?? []);
      const isQuery = ({ c }: NetRow) => c.wires.length === 1 && c.wires[0] === 0;
      const poles = new Set(members.filter((member) => !isQuery(member)).map(({ b }) => this.#value(b)));
      for (const member of members) if (isQuery(member)) tables.set(member.defines, poles);
    }
    return tables;
  }

  #schedule(free: readonly number[]): Action[][] {
    const { rows, publics } = this.#net;
    const known = new Set<number>([0, ...publics.keys()].flatMap((wire, i) => (i === 0 ? [0] : [wire + 1])));
    const run = (row: NetRow) => (this.#values[row.defines] = this.#defined(row));
    // rho² first: the tables' poles need it.
    for (const row of rows)
      if (
        row.defines >= 0 &&
        !row.quotient &&
        [row.a, row.b, row.c].every((form) => form.wires.every((w) => w === row.defines || known.has(w)))
      ) {
        run(row);
        known.add(row.defines);
      }
    const tables = this.#tables();
    let open = rows.filter((row) => !known.has(row.defines) && (row.quotient ? tables.has(row.defines) : true));
    open = open.filter((row) => row.quotient || row.defines >= 0 || !isBalance(row, this.#net));
    const actions: Action[][] = [];
    for (const wire of [-1, ...free]) {
      if (wire >= 0) known.add(wire);
      const level: Action[] = [];
      for (let before = Infinity; open.length < before;) {
        before = open.length;
        open = open.filter((row) => {
          const wires = [row.a, row.b, row.c].flatMap((form) => form.wires).filter((w) => w !== row.defines);
          if (!wires.every((w) => known.has(w))) return true;
          if (row.quotient) level.push({ kind: "member", row, poles: tables.get(row.defines) ?? new Set() });
          else if (row.defines >= 0) {
            level.push({ kind: "define", row });
            known.add(row.defines);
          } else level.push({ kind: "check", row });
          return false;
        });
      }
      actions.push(level);
    }
    if (open.length > 0) throw new TypeError("a constraint never becomes decidable");
    return actions;
  }

  #defined(row: NetRow): bigint {
    const at = row.c.wires.indexOf(row.defines);
    const own = this.#net.forms.value(row.c.coefficients[at] as number);
    this.#values[row.defines] = 0n;
    return mod((this.#value(row.a) * this.#value(row.b) - this.#value(row.c)) * inverse(mod(own)));
  }

  #holds(level: number): boolean {
    for (const action of this.#actions[level] ?? []) {
      const { row } = action;
      if (action.kind === "define") this.#values[row.defines] = this.#defined(row);
      else if (action.kind === "member") {
        if (!action.poles.has(this.#value(row.b))) return false;
      } else if ((this.#value(row.a) * this.#value(row.b) - this.#value(row.c)) % FIELD !== 0n) return false;
    }
    return true;
  }

  /** Every assignment of advice, from `candidates` a wire, that all constraints accept: the outputs it leads to, as texts. */
  survivors(inputs: readonly bigint[], candidates: readonly (readonly bigint[])[]): Set<string> {
    const found = new Set<string>();
    if (!this.#holds(0)) return found;
    for (const [i, wire] of this.inputs.entries()) {
      this.#values[wire] = mod(inputs[i] ?? 0n);
      if (!this.#holds(i + 1)) return found;
    }
    const search = (i: number): void => {
      const wire = this.advice[i];
      if (wire === undefined) {
        found.add(this.#outputs.map((form) => centred(this.#value(form))).join());
        return;
      }
      for (const candidate of candidates[i] ?? candidates.at(-1) ?? []) {
        this.#values[wire] = candidate;
        if (this.#holds(this.inputs.length + i + 1)) search(i + 1);
      }
    };
    search(0);
    return found;
  }
}

/** The sum of a table, which the members' own checks stand for. */
function isBalance(row: NetRow, net: Netlist): boolean {
  return row.a.wires.length === 0 && row.c.wires.some((wire) => net.groups[wire] === GROUP_ROUND2);
}

/** What a cheating prover may try: all small integers, fractions j / 2^shift, and aliases around r. */
export function liesUpTo(most: number, shift = 0): bigint[] {
  const values = new Set<bigint>();
  for (let i = -most; i <= most; i++) values.add(mod(BigInt(i)));
  const half = inverse(2n ** BigInt(shift));
  for (let j = 1; j < 2 ** shift; j++) {
    values.add(mod(BigInt(j) * half));
    values.add(mod(-BigInt(j) * half));
  }
  for (const alias of [(FIELD - 1n) / 2n, (FIELD + 1n) / 2n, mod(2n ** 254n), mod(2n ** 253n)]) values.add(alias);
  return [...values];
}
