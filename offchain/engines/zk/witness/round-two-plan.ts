// SPDX-License-Identifier: GPL-3.0-or-later
import { CircuitError } from "../circuit/errors.ts";
import { inverse, mod } from "../circuit/field.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import { entryOf, FIRST_GROUPED_WIRE, type SparseMatrix } from "../r1cs/r1cs.ts";
import { NOT_SHORT, shortConstants, type ShortConstants } from "./short-constants.ts";

/** Coefficients of field values: 1, -1, or the number of a factor. */
export const PLUS = -1;
export const MINUS = -2;

/**
 * One side of all definitions. Its row's committed wires are summed up as doubles at the row's scale; what cannot be, because it depends
 * on a challenge, is listed apart: elements offsets[i]..offsets[i+1] of definition i.
 */
export interface DefinitionSide {
  readonly matrix: SparseMatrix;
  /** NOT_SHORT: the row takes big integers. */
  readonly scales: Uint8Array;
  readonly offsets: Uint32Array;
  /** Wires: public, or of round 2. */
  readonly wires: Uint32Array;
  readonly factors: Int32Array;
}

/** What solving round 2 needs to know of a circuit, whatever the witness. */
export interface RoundTwoPlan {
  readonly constants: ShortConstants;
  /** Coefficients of field values other than ±1, reduced. */
  readonly factors: readonly bigint[];
  readonly rows: Uint32Array;
  readonly wires: Uint32Array;
  /** 1: its row is wire · B = C; else A · B − C without the wire, times `owns`. */
  readonly quotient: Uint8Array;
  readonly owns: Int32Array;
  readonly a: DefinitionSide;
  readonly b: DefinitionSide;
  readonly c: DefinitionSide;
  /** The most quotients that one level has. */
  readonly mostQuotients: number;
}

const UNKNOWN = -3;

/** Numbers the constants that are factors, in order of first use. */
class Factors {
  readonly values: bigint[] = [];
  readonly #constants: ShortConstants;
  readonly #known: Int32Array;

  constructor(constants: ShortConstants) {
    this.#constants = constants;
    this.#known = new Int32Array(constants.scales.length).fill(UNKNOWN);
  }

  ofConstant(id: number): number {
    const known = this.#known[id] as number;
    return known === UNKNOWN ? (this.#known[id] = this.#of(this.#constants.big(id))) : known;
  }

  /** 1 over a constant. */
  ofInverse(id: number): number {
    const value = this.#constants.big(id);
    return value === 1n || value === -1n ? this.ofConstant(id) : this.#of(inverse(value));
  }

  #of(value: bigint): number {
    return value === 1n ? PLUS : value === -1n ? MINUS : this.values.push(mod(value)) - 1;
  }
}

/** Entries of one side that lie apart from the sums, definition by definition. */
class SideBuilder {
  readonly #matrix: SparseMatrix;
  readonly #constants: ShortConstants;
  readonly #factors: Factors;
  readonly #firstRound2: number;
  readonly #scales: Uint8Array;
  readonly #offsets: Uint32Array;
  readonly #wires: number[] = [];
  readonly #ids: number[] = [];

  constructor(matrix: SparseMatrix, { r1cs, plan, groups }: CompiledCircuit, factors: Factors) {
    this.#matrix = matrix;
    this.#constants = shortConstants(r1cs);
    this.#factors = factors;
    this.#firstRound2 = groups.round2.from;
    this.#scales = new Uint8Array(plan.round2.length / 2);
    this.#offsets = new Uint32Array(plan.round2.length / 2 + 1);
  }

  /** Row of definition i, without the wire that it defines. */
  add(i: number, row: number, defined: number): void {
    const { offsets, wires, coefficients } = this.#matrix;
    const { scales } = this.#constants;
    const firstRound2 = this.#firstRound2;
    let scale = 0;
    for (let entry = offsets[row] as number, end = offsets[row + 1] as number; entry < end; entry++) {
      const wire = wires[entry] as number;
      const own = scales[coefficients[entry] as number] as number;
      if (wire === 0 || (wire >= FIRST_GROUPED_WIRE && wire < firstRound2)) scale = own > scale ? own : scale;
      else if (wire !== defined) {
        this.#wires.push(wire);
        this.#ids.push(this.#factors.ofConstant(coefficients[entry] as number));
        // The sum passes over field values as over zeros, but NaN · 0 is not one.
        if (own > 0) scale = NOT_SHORT;
      }
    }
    this.#scales[i] = scale;
    this.skip(i);
  }

  /** Nobody asks for this side of definition i. */
  skip(i: number): void {
    this.#offsets[i + 1] = this.#wires.length;
  }

  finish(): DefinitionSide {
    return {
      matrix: this.#matrix,
      scales: this.#scales,
      offsets: this.#offsets,
      wires: Uint32Array.from(this.#wires),
      factors: Int32Array.from(this.#ids),
    };
  }
}

function build(circuit: CompiledCircuit): RoundTwoPlan {
  const { r1cs, plan } = circuit;
  const constants = shortConstants(r1cs);
  const factors = new Factors(constants);
  const [a, b, c] = [r1cs.a, r1cs.b, r1cs.c].map((matrix) => new SideBuilder(matrix, circuit, factors)) as [
    SideBuilder,
    SideBuilder,
    SideBuilder,
  ];
  const count = plan.round2.length / 2;
  const [rows, wires, quotient] = [new Uint32Array(count), new Uint32Array(count), new Uint8Array(count)];
  const owns = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const [row, wire] = [plan.round2[2 * i] as number, plan.round2[2 * i + 1] as number];
    rows[i] = row;
    wires[i] = wire;
    b.add(i, row, wire);
    c.add(i, row, wire);
    const own = entryOf(r1cs.c, row, wire);
    if (own >= 0) {
      a.add(i, row, wire);
      owns[i] = factors.ofInverse(r1cs.c.coefficients[own] as number);
      continue;
    }
    quotient[i] = 1;
    a.skip(i);
    const { offsets, coefficients } = r1cs.a;
    const [first, end] = [offsets[row] as number, offsets[row + 1] as number];
    if (end !== first + 1 || constants.big(coefficients[first] as number) !== 1n)
      throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "its quotient is scaled" });
  }
  const sides = { a: a.finish(), b: b.finish(), c: c.finish() };
  return {
    constants,
    factors: factors.values,
    rows,
    wires,
    quotient,
    owns,
    ...sides,
    mostQuotients: mostQuotients(plan.levels, quotient),
  };
}

function mostQuotients(levels: Int32Array, quotient: Uint8Array): number {
  let [most, count, at] = [0, 0, 0];
  for (const end of levels) {
    for (count = 0; at < end; at++) count += quotient[at] as number;
    most = Math.max(most, count);
  }
  return most;
}

const plans = new WeakMap<CompiledCircuit["plan"], RoundTwoPlan>();

/** The circuit's plan, made once; asking for it early takes it out of the first proof. Error: WITNESS_UNSOLVED for a definition of another form. */
export function roundTwoPlan(circuit: CompiledCircuit): RoundTwoPlan {
  let plan = plans.get(circuit.plan);
  if (plan === undefined) plans.set(circuit.plan, (plan = build(circuit)));
  return plan;
}
