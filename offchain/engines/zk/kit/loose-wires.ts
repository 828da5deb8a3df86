// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, mod } from "../../../core/poseidon-constants.ts";
import { inverse } from "../circuit/field.ts";
import { centred } from "../r1cs/check-witness.ts";
import type { R1cs, WireGroups } from "../r1cs/r1cs.ts";
import { valuesToBigints, type WitnessValues } from "../r1cs/witness-values.ts";
import { KitError } from "./errors.ts";
import { exactEquations, restricted, unknownWires, type UniquenessOptions } from "./check-uniqueness.ts";
import { EMPTY, type Form } from "./form.ts";
import { bounds, max, onlyZero, size, type Condition } from "./only-zero.ts";
import type { LookupCheck, Rounds } from "./rounds.ts";

/** A looked-up column: the change of `form` stays in [least, most]. */
interface Column {
  readonly form: Form;
  least: bigint;
  most: bigint;
  /** Width of the table, whatever the witness. */
  readonly width: bigint;
  readonly limbs: { readonly wire: number; readonly by: bigint; readonly width: bigint }[];
}

/** A query of a step table: the change of each column if it were another row. */
interface Step {
  readonly forms: readonly Form[];
  readonly changes: readonly (readonly bigint[])[];
}

interface Watched {
  readonly form: Form;
  open: number;
  readonly done: (wire: number | undefined) => void;
}

const LIMB_LIMIT = 1n << 64n;

/**
 * Goes beyond the Jacobian, which takes whatever is looked up as fixed: follows the inputs through the circuit and asks of every wire
 * whether another value fits the *widths* of its lookups, the rest being fixed. So a remainder without a range, one bit too wide, or an
 * output that may be a fraction is found in the instance itself. Returns the wires that nothing settles at this witness, earliest
 * cause first. Ties (a maximum attained twice) can leave an honest wire open: look at several witnesses and intersect.
 */
export function looseWires(
  r1cs: R1cs,
  groups: WireGroups,
  rounds: Rounds,
  witness: WitnessValues | readonly bigint[],
  { inputs }: UniquenessOptions,
): number[] {
  const values = witness instanceof Uint8Array ? valuesToBigints(witness) : witness;
  const unknowns = unknownWires(groups, rounds, inputs);
  const exact = [...exactEquations(r1cs, rounds, values, unknowns)];
  const lookups = rounds.checks.filter((check) => check.kind === "lookup");
  const columns = columnsOf(lookups, values, unknowns);
  const limbs = foldLimbs(columns, exact, lookups, unknowns);
  return new Settling(unknowns, limbs).run(exact, columns, lookups, stepsOf(lookups, values, unknowns));
}

function valueOf(form: Form, values: readonly bigint[]): bigint {
  let sum = 0n;
  for (const [wire, coefficient] of form) sum += coefficient * (values[wire] ?? 0n);
  return centred(mod(sum));
}

function columnsOf(
  lookups: readonly LookupCheck[],
  values: readonly bigint[],
  unknowns: ReadonlySet<number>,
): Column[] {
  return lookups.flatMap(({ table, queries, columns }) =>
    Array.from({ length: columns }, (_, k) => {
      const cells = table.map((row) => centred(row.columns[k]?.get(0) ?? 0n));
      let [first, last] = [cells[0] ?? 0n, cells[0] ?? 0n];
      for (const cell of cells) {
        if (cell < first) first = cell;
        if (cell > last) last = cell;
      }
      return queries.map(({ columns: forms }): Column => {
        const form = forms[k] ?? EMPTY;
        const at = valueOf(form, values);
        const change = { least: first - at, most: last - at, width: last - first };
        return { form: restricted(form, unknowns), ...change, limbs: [] };
      });
    }).flat(),
  );
}

/** Queries of step tables, (value, first key, last key): the value alone does not name its row. */
function stepsOf(lookups: readonly LookupCheck[], values: readonly bigint[], unknowns: ReadonlySet<number>): Step[] {
  return lookups.flatMap(({ table, queries, columns }) =>
    columns < 3
      ? []
      : queries.map(({ columns: forms }) => ({
          forms: forms.map((form) => restricted(form, unknowns)),
          changes: table.map((row) =>
            forms.map((form, k) => centred(mod((row.columns[k]?.get(0) ?? 0n) - valueOf(form, values)))),
          ),
        })),
  );
}

/**
 * Limbs exist only to give another column a wide range: wires with a range of their own that occur in one more column and nowhere
 * else. They are folded into that column, whose range becomes theirs together.
 */
function foldLimbs(
  columns: readonly Column[],
  exact: readonly Form[],
  lookups: readonly LookupCheck[],
  unknowns: ReadonlySet<number>,
): Set<number> {
  const direct = new Map<number, Column[]>();
  const elsewhere = new Map<number, Column[]>();
  for (const column of columns)
    for (const [wire, by] of column.form) {
      const alone = column.form.size === 1 && (centred(by) === 1n || centred(by) === -1n);
      const list = alone ? direct : elsewhere;
      list.set(wire, [...(list.get(wire) ?? []), column]);
    }
  const used = new Set<number>(exact.flatMap((equation) => [...equation.keys()]));
  // What a table of several columns yields means something; only the key of a two-column table may be a limb's sum.
  for (const { columns: width, queries } of lookups)
    for (const { columns: forms } of width > 1 ? queries : [])
      for (const form of width === 2 ? forms.slice(1) : forms) for (const wire of form.keys()) used.add(wire);
  const limbs = new Set<number>();
  for (const [wire, own] of direct) {
    const [column, more] = elsewhere.get(wire) ?? [];
    const by = centred(column?.form.get(wire) ?? 0n);
    if (column === undefined || more !== undefined || used.has(wire) || !unknowns.has(wire)) continue;
    if (by > LIMB_LIMIT || by < -LIMB_LIMIT) continue;
    let [least, most] = [-LIMB_LIMIT, LIMB_LIMIT];
    for (const { form, least: low, most: high } of own) {
      const [from, to] = centred(form.get(wire) ?? 0n) === 1n ? [low, high] : [-high, -low];
      if (from > least) least = from;
      if (to < most) most = to;
    }
    limbs.add(wire);
    column.limbs.push({ wire, by, width: most - least });
    const [low, high] = by > 0n ? [by * least, by * most] : [by * most, by * least];
    column.least -= high;
    column.most -= low;
  }
  return limbs;
}

class Settling {
  readonly #open: Set<number>;
  readonly #limbs: ReadonlySet<number>;
  readonly #watching = new Map<number, Watched[]>();
  readonly #conditions = new Map<number, Condition[]>();
  readonly #settled: number[] = [];

  constructor(unknowns: ReadonlySet<number>, limbs: ReadonlySet<number>) {
    this.#open = new Set(unknowns);
    this.#limbs = limbs;
  }

  /** Calls `done` with the last open wire of a form, when one is left, or with none. */
  #watch(form: Form, done: Watched["done"]): void {
    const wires = [...form.keys()].filter((wire) => this.#open.has(wire) && !this.#limbs.has(wire));
    const watched = { form, open: wires.length, done };
    for (const wire of wires) {
      const list = this.#watching.get(wire);
      if (list === undefined) this.#watching.set(wire, [watched]);
      else list.push(watched);
    }
    if (watched.open < 2) this.#ready(watched);
  }

  #ready({ form, open, done }: Watched): void {
    if (open === 0) done(undefined);
    else done([...form.keys()].find((wire) => this.#open.has(wire) && !this.#limbs.has(wire)));
  }

  #settle(wire: number | undefined): void {
    if (wire !== undefined && this.#open.delete(wire)) this.#settled.push(wire);
  }

  #drain(): void {
    for (let wire = this.#settled.pop(); wire !== undefined; wire = this.#settled.pop())
      for (const watched of this.#watching.get(wire) ?? []) {
        watched.open--;
        if (watched.open < 2) this.#ready(watched);
      }
  }

  run(
    exact: readonly Form[],
    columns: readonly Column[],
    lookups: readonly LookupCheck[],
    steps: readonly Step[],
  ): number[] {
    const settle = (wire: number | undefined): void => {
      this.#settle(wire);
    };
    for (const equation of exact) this.#watch(new Map([...equation].filter(([, by]) => by !== 0n)), settle);
    for (const { form, least, most } of columns)
      this.#watch(form, (wire) => {
        if (wire === undefined || !this.#open.has(wire)) return;
        const conditions = [...(this.#conditions.get(wire) ?? []), { by: form.get(wire) ?? 0n, least, most }];
        this.#conditions.set(wire, conditions);
        if (onlyZero(conditions)) this.#settle(wire);
      });
    // A second column is a function of the first: it is settled with it.
    for (const { queries, columns: width } of lookups)
      if (width === 2)
        for (const {
          columns: [x = EMPTY, y = EMPTY],
        } of queries)
          if (y.size > 0) this.#watch(x, (wire) => wire === undefined && this.#watch(y, settle));
    this.#drain();

    const columnsAt = indexed(columns, ({ form }) => form.keys());
    const stepsAt = indexed(steps, ({ forms }) => forms.flatMap((form) => [...form.keys()]));
    const loose: number[] = [];
    for (const wire of [...this.#open].toSorted((x, y) => x - y)) {
      if (this.#limbs.has(wire)) continue;
      for (const column of columnsAt.get(wire) ?? []) {
        if (this.#open.has(wire)) this.#tryDigits(column);
        this.#drain();
      }
      for (const step of stepsAt.get(wire) ?? []) {
        if (this.#open.has(wire)) this.#trySteps(step, columnsAt);
        this.#drain();
      }
      if (!this.#open.has(wire)) continue;
      loose.push(wire);
      this.#settle(wire);
      this.#drain();
    }
    for (const column of columns) loose.push(...looseLimbs(column));
    return loose;
  }

  /** Settles all open wires of a column if each has a range of its own and they are digits of one mixed-radix number. */
  #tryDigits({ form, least, most }: Column): void {
    const wires = [...form.keys()].filter((wire) => this.#open.has(wire) && !this.#limbs.has(wire));
    const sizes = wires.map((wire) => bounds(this.#conditions.get(wire) ?? []));
    if (sizes.includes(null)) return;
    for (const unit of wires) {
      const scale = inverse(form.get(unit) ?? 0n);
      const digits = wires.map((wire, i) => {
        const [low, high] = sizes[i] ?? [0n, 0n];
        return { weight: size(centred(mod((form.get(wire) ?? 0n) * scale))), width: max(-low, high) };
      });
      digits.push({ weight: size(centred(scale)), width: max(-least, most) });
      if (areDigits(digits)) for (const wire of wires) this.#settle(wire);
    }
  }

  /** Settles the columns of a step if no other row of its table fits the ranges that tie them to the key. */
  #trySteps({ forms, changes }: Step, columnsAt: ReadonlyMap<number, readonly Column[]>): void {
    const wires = forms.map((form) =>
      [...form.keys()].filter((wire) => this.#open.has(wire) && !this.#limbs.has(wire)),
    );
    const open = new Set(wires.flat());
    if (wires.some((list) => list.length > 1) || open.size < wires.flat().length) return;
    const held = new Set([...open].flatMap((wire) => columnsAt.get(wire) ?? []));
    const closed = [...held].filter(({ form }) =>
      [...form.keys()].every((wire) => open.has(wire) || !this.#open.has(wire) || this.#limbs.has(wire)),
    );
    const fitting = changes.filter((change) => {
      const moved = new Map<number, bigint>();
      for (const [k, [wire]] of wires.entries())
        if (wire !== undefined) moved.set(wire, (change[k] ?? 0n) * inverse(forms[k]?.get(wire) ?? 0n));
        else if (change[k] !== 0n) return false;
      return closed.every(({ form, least, most }) => {
        let sum = 0n;
        for (const [wire, by] of form) sum += by * (moved.get(wire) ?? 0n);
        const value = centred(mod(sum));
        return value >= least && value <= most;
      });
    });
    if (fitting.length === 1) for (const wire of open) this.#settle(wire);
  }
}

function indexed<T>(items: readonly T[], wiresOf: (item: T) => Iterable<number>): Map<number, T[]> {
  const index = new Map<number, T[]>();
  for (const item of items)
    for (const wire of wiresOf(item)) {
      const list = index.get(wire);
      if (list === undefined) index.set(wire, [item]);
      else list.push(item);
    }
  return index;
}

interface Digit {
  readonly weight: bigint;
  readonly width: bigint;
}

/** Whether a sum of weight · d is 0 only for d = 0: each weight exceeds all that the lower digits can make up, without wrapping. */
function areDigits(digits: readonly Digit[]): boolean {
  let below = 0n;
  for (const { weight, width } of digits.toSorted((x, y) => Number(x.weight - y.weight))) {
    if (below >= weight) return false;
    below += weight * width;
  }
  return below < FIELD / 2n;
}

/** A folded column's limbs, if they are not its digits. */
function looseLimbs({ limbs, width }: Column): number[] {
  const digits = limbs.map((limb) => ({ weight: size(limb.by), width: limb.width }));
  return areDigits([{ weight: 1n, width }, ...digits]) ? [] : limbs.map(({ wire }) => wire);
}

/** Error: WITNESS_NOT_UNIQUE naming the first wire that is loose at every one of the witnesses. */
export function checkNoLooseWires(
  r1cs: R1cs,
  groups: WireGroups,
  rounds: Rounds,
  witnesses: readonly (WitnessValues | readonly bigint[])[],
  options: UniquenessOptions,
): void {
  let loose: number[] | undefined;
  for (const witness of witnesses) {
    const here = looseWires(r1cs, groups, rounds, witness, options);
    loose = loose === undefined ? here : loose.filter((wire) => here.includes(wire));
    if (loose.length === 0) return;
  }
  if (loose?.[0] !== undefined) throw new KitError("WITNESS_NOT_UNIQUE", { wire: loose[0] });
}
