// SPDX-License-Identifier: GPL-3.0-or-later
import { readR1cs } from "../../r1cs/read-r1cs.ts";
import type { R1cs, SparseMatrix } from "../../r1cs/r1cs.ts";
import { readSym } from "../../r1cs/sym.ts";
import { CircuitError } from "../errors.ts";
import { centred, inverse, mod } from "../field.ts";
import { cellKey, inputCount, type Cell, type CellForm, type CellRow, type CellSpec } from "./cell.ts";

/** wire → coefficient, not 0 */
type Sparse = Map<number, bigint>;

interface Row {
  readonly a: Sparse;
  readonly b: Sparse;
  readonly c: Sparse;
}

function sparseRow({ offsets, wires, coefficients }: SparseMatrix, row: number, constants: readonly bigint[]): Sparse {
  const form: Sparse = new Map();
  for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i++)
    form.set(wires[i] ?? 0, constants[coefficients[i] ?? 0] ?? 0n);
  return form;
}

/** form += by · other */
function addScaled(form: Sparse, other: Sparse, by: bigint): void {
  for (const [wire, coefficient] of other) {
    const sum = mod((form.get(wire) ?? 0n) + by * coefficient);
    if (sum === 0n) form.delete(wire);
    else form.set(wire, sum);
  }
}

interface ReadyRow {
  readonly row: Row;
  /** The one unknown wire; undefined in a check. */
  readonly wire: number | undefined;
  readonly kind: "linear" | "product" | "quotient";
}

const constantOf = (form: Sparse): bigint | undefined =>
  form.size === 0 ? 0n : form.size === 1 ? form.get(0) : undefined;

/** An input that depends on the challenges by its meaning: the challenges, and what its name declares. */
const isChallenge = (name: string): boolean => name === "c" || name === "rho" || name.startsWith("r2_");

const isRound2 = (name: string): boolean => (name.split(".").at(-1) ?? "").startsWith("r2");

/** Everything about one instance while its rows are put in order. */
class CellLinker {
  readonly #spec: CellSpec;
  readonly #nameOf: (wire: number) => string;
  /** Input wires of the cell and the constant. */
  readonly #known: Set<number>;
  /** Wires that are affine forms of others. */
  readonly #affine = new Map<number, Sparse>();
  /** Wires with a row of their own, and whether they depend on a challenge. */
  readonly #defined = new Map<number, boolean>();
  readonly #challenges: ReadonlySet<number>;
  readonly rows: { row: Row; defines: number; quotient: boolean }[] = [];

  constructor(
    spec: CellSpec,
    inputs: readonly number[],
    challenges: readonly number[],
    nameOf: (wire: number) => string,
  ) {
    this.#spec = spec;
    this.#nameOf = nameOf;
    this.#known = new Set([0, ...inputs]);
    this.#challenges = new Set(challenges);
  }

  #fail(reason: string): Error {
    return new CircuitError("CELL_INVALID", { gadget: cellKey(this.#spec), reason });
  }

  #resolve(form: Sparse): Sparse {
    if (![...form.keys()].some((wire) => this.#affine.has(wire))) return form;
    const result: Sparse = new Map();
    for (const [wire, coefficient] of form)
      addScaled(result, this.#affine.get(wire) ?? new Map([[wire, 1n]]), coefficient);
    return result;
  }

  resolved(wire: number): Sparse {
    return this.#resolve(new Map([[wire, 1n]]));
  }

  #unknown(form: Sparse, into: Set<number>): void {
    for (const wire of form.keys()) if (!this.#known.has(wire) && !this.#defined.has(wire)) into.add(wire);
  }

  #challenged(form: Sparse): boolean {
    return [...form.keys()].some((wire) => this.#challenges.has(wire) || this.#defined.get(wire) === true);
  }

  /** The wire that a row would define: the one unknown among its wires, if any. */
  #ready(raw: Row): ReadyRow {
    const row = { a: this.#resolve(raw.a), b: this.#resolve(raw.b), c: this.#resolve(raw.c) };
    const unknown = new Set<number>();
    for (const form of [row.a, row.b, row.c]) this.#unknown(form, unknown);
    const [wire] = unknown;
    const linear = constantOf(row.a) !== undefined || constantOf(row.b) !== undefined;
    const quotient = !linear && wire !== undefined && (row.a.has(wire) || row.b.has(wire));
    return { row, wire, kind: linear ? "linear" : quotient ? "quotient" : "product" };
  }

  #take({ row, wire, kind }: ReadyRow): void {
    if (kind === "linear") this.#takeLinear(row, wire, constantOf(row.a), constantOf(row.b));
    else this.#takeProduct(row, wire);
  }

  #takeLinear(row: Row, wire: number | undefined, a: bigint | undefined, b: bigint | undefined): void {
    const form: Sparse = new Map(row.c);
    if (a !== undefined) addScaled(form, row.b, -a);
    else addScaled(form, row.a, -(b ?? 0n));
    if (wire === undefined) {
      // A check of inputs alone may also be empty: 0 = 0 says nothing.
      if (form.size > 0) this.rows.push({ row: { a: new Map(), b: new Map(), c: form }, defines: -1, quotient: false });
      return;
    }
    const by = -inverse(form.get(wire) ?? 0n);
    form.delete(wire);
    const value: Sparse = new Map();
    addScaled(value, form, by);
    // What depends on a challenge must be visible as such: an affine form of round-2 wires is no wire, so no label can lie about it.
    this.#affine.set(wire, value);
  }

  #takeProduct(row: Row, wire: number | undefined): void {
    if (wire === undefined) {
      this.rows.push({ row: this.#sided(row), defines: -1, quotient: false });
      return;
    }
    const [inA, inB, inC] = [row.a.has(wire), row.b.has(wire), row.c.has(wire)];
    const challenged = this.#challenged(row.a) || this.#challenged(row.b) || this.#challenged(row.c);
    if (challenged !== isRound2(this.#nameOf(wire)))
      throw this.#fail(`${this.#nameOf(wire)} must be named r2… if and only if it depends on a challenge`);
    if (inC && !inA && !inB) {
      this.rows.push({ row: this.#sided(row), defines: wire, quotient: false });
    } else if (!inC && inA !== inB) {
      const divisor = inA ? row.b : row.a;
      // w·D = N leaves w free where D = 0: only a challenge makes that improbable.
      if (!this.#challenged(divisor)) throw this.#fail(`${this.#nameOf(wire)} is a quotient by committed values`);
      this.rows.push({ row: inA ? row : { a: row.b, b: row.a, c: row.c }, defines: wire, quotient: true });
    } else throw this.#fail(`${this.#nameOf(wire)} is defined by itself`);
    this.#defined.set(wire, challenged);
  }

  /** Round-2 wires on side A: only side B costs work in G2, and short scalars are cheap there. */
  #sided(row: Row): Row {
    const own = (form: Sparse) => [...form.keys()].some((wire) => this.#defined.get(wire) === true);
    return own(row.b) && !own(row.a) ? { a: row.b, b: row.a, c: row.c } : row;
  }

  /**
   * Takes rows whose wires but one are known, in rounds: affine rows first, then products, and quotients only when nothing else is
   * left, for a row that checks a product must not pass for its definition.
   */
  link(rows: readonly Row[]): void {
    const rowsOf = new Map<number, number[]>();
    const open = rows.map(({ a, b, c }, i) => {
      const wires = new Set([...a.keys(), ...b.keys(), ...c.keys()].filter((wire) => !this.#known.has(wire)));
      for (const wire of wires) {
        const list = rowsOf.get(wire);
        if (list === undefined) rowsOf.set(wire, [i]);
        else list.push(i);
      }
      return wires.size;
    });
    let ready = [...open.keys()].filter((i) => (open[i] ?? 0) <= 1);
    const taken = new Uint8Array(rows.length);
    let left = rows.length;
    while (left > 0) {
      const round = new Map(ready.map((i) => [i, this.#ready(rows[i] as Row)] as const));
      const kind = (["linear", "product", "quotient"] as const).find((k) =>
        [...round.values()].some((r) => r.kind === k),
      );
      if (kind === undefined) throw this.#fail("a signal has no definition, or two wait for each other");
      const next = new Set<number>();
      for (const i of ready.toSorted((x, y) => x - y)) {
        if (round.get(i)?.kind !== kind) {
          next.add(i);
          continue;
        }
        // An earlier row of this round may have defined the same wire: what is left then is a check.
        const row = this.#ready(rows[i] as Row);
        taken[i] = 1;
        left--;
        this.#take(row);
        for (const other of row.wire === undefined ? [] : (rowsOf.get(row.wire) ?? [])) {
          open[other] = (open[other] ?? 0) - 1;
          if ((open[other] ?? 0) <= 1 && taken[other] === 0) next.add(other);
        }
      }
      ready = [...next].filter((i) => taken[i] === 0);
    }
  }
}

const key = (form: Sparse): string =>
  [...form]
    .toSorted(([x], [y]) => x - y)
    .map(([wire, coefficient]) => `${wire}:${coefficient}`)
    .join();

/** Every wire's cell, -1 for the constant. */
function owners(specs: readonly CellSpec[], r1cs: R1cs, nameOf: ReadonlyMap<number, string>): Int32Array {
  const owner = new Int32Array(r1cs.wires).fill(-1);
  for (const [wire, name] of nameOf) owner[wire] = Number(/^main\.k(\d+)[_.]/.exec(name)?.[1] ?? -1);
  if (owner.some((cell, wire) => wire > 0 && (cell < 0 || cell >= specs.length)))
    throw new CircuitError("CELL_INVALID", { gadget: "main", reason: "a wire belongs to no gadget" });
  return owner;
}

/**
 * Splits the compiled gadgets into cells. circom keeps every signal (O0); here each affine one becomes the form it is, each other one
 * must have exactly one definition over earlier ones, and what defines nothing is a check. The result does not depend on the order
 * in which circom writes constraints. Error: CELL_INVALID.
 */
export function linkCells(specs: readonly CellSpec[], r1csBytes: Uint8Array, symBytes: Uint8Array): Cell[] {
  const r1cs = readR1cs(r1csBytes);
  const { wireOf, nameOf } = readSym(symBytes);
  const owner = owners(specs, r1cs, nameOf);
  const rows: Row[][] = specs.map(() => []);
  for (let i = 0; i + 1 < r1cs.a.offsets.length; i++) {
    const row: Row = {
      a: sparseRow(r1cs.a, i, r1cs.constants),
      b: sparseRow(r1cs.b, i, r1cs.constants),
      c: sparseRow(r1cs.c, i, r1cs.constants),
    };
    const cells = new Set([row.a, row.b, row.c].flatMap((form) => [...form.keys()].map((wire) => owner[wire] ?? -1)));
    cells.delete(-1);
    const [cell] = cells;
    if (cell === undefined || cells.size !== 1)
      throw new CircuitError("CELL_INVALID", { gadget: "main", reason: "a constraint belongs to no one gadget" });
    rows[cell]?.push(row);
  }
  return specs.map((spec, k) => {
    const wire = (name: string): number => {
      const found = wireOf.get(name);
      if (found === undefined)
        throw new CircuitError("CELL_INVALID", { gadget: cellKey(spec), reason: `it has no signal ${name}` });
      return found;
    };
    return linkCell(spec, k, rows[k] ?? [], wire, (at) => nameOf.get(at) ?? "");
  });
}

const names = (name: string, length: number | null): string[] =>
  length === null ? [name] : Array.from({ length }, (_, i) => `${name}[${i}]`);

function linkCell(
  spec: CellSpec,
  k: number,
  rows: readonly Row[],
  wireOf: (name: string) => number,
  nameOf: (wire: number) => string,
): Cell {
  const inputs = Object.entries(spec.inputs).flatMap(([name, length]) =>
    names(`main.k${k}_${name}`, length).map((full) => wireOf(full)),
  );
  const challenges = Object.entries(spec.inputs)
    .filter(([name]) => isChallenge(name))
    .flatMap(([name, length]) => names(`main.k${k}_${name}`, length).map((full) => wireOf(full)));
  const linker = new CellLinker(spec, inputs, challenges, nameOf);
  const keyed = rows.map((row) => ({ row, key: `${key(row.c)}|${[key(row.a), key(row.b)].toSorted().join("|")}` }));
  linker.link(keyed.toSorted((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0)).map(({ row }) => row));

  // Own wires in the order in which the template declares their signals.
  const own = linker.rows
    .map(({ defines }) => defines)
    .filter((wire) => wire >= 0)
    .toSorted((x, y) => x - y);
  const slots = new Map([0, ...inputs, ...own].map((wire, slot) => [wire, slot]));
  const cellForm = (form: Sparse): CellForm => {
    const entries = [...form].map(([wire, coefficient]) => {
      const slot = slots.get(wire);
      if (slot === undefined)
        throw new CircuitError("CELL_INVALID", { gadget: cellKey(spec), reason: `${nameOf(wire)} has no definition` });
      return [slot, centred(coefficient)] as const;
    });
    entries.sort(([x], [y]) => x - y);
    return { slots: entries.map(([slot]) => slot), coefficients: entries.map(([, coefficient]) => coefficient) };
  };
  const cellRow = ({ row, defines, quotient }: (typeof linker.rows)[number]): CellRow => ({
    a: cellForm(row.a),
    b: cellForm(row.b),
    c: cellForm(row.c),
    defines: defines < 0 ? -1 : (slots.get(defines) ?? -1),
    quotient,
  });
  const outputs = Object.entries(spec.outputs).map(
    ([name, length]) =>
      [name, names(`main.k${k}.${name}`, length).map((full) => cellForm(linker.resolved(wireOf(full))))] as const,
  );
  const prefix = `main.k${k}.`;
  return {
    spec,
    inputCount: inputCount(spec),
    wires: own.map((wire) => ({ name: nameOf(wire).slice(prefix.length), round2: isRound2(nameOf(wire)) })),
    rows: linker.rows.map(cellRow),
    outputs: Object.fromEntries(outputs),
  };
}
