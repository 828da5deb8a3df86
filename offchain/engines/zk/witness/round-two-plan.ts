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

class Factors {
  readonly values: bigint[] = [];
  readonly #ids = new Map<bigint, number>();

  id(value: bigint): number {
    if (value === 1n) return PLUS;
    if (value === -1n) return MINUS;
    let id = this.#ids.get(value);
    if (id === undefined) this.#ids.set(value, (id = this.values.push(mod(value)) - 1));
    return id;
  }
}

class SideBuilder {
  readonly #matrix: SparseMatrix;
  readonly #constants: ShortConstants;
  readonly #factors: Factors;
  readonly #firstRound2: number;
  readonly #scales: number[] = [];
  readonly #offsets: number[] = [0];
  readonly #wires: number[] = [];
  readonly #ids: number[] = [];

  constructor(matrix: SparseMatrix, constants: ShortConstants, factors: Factors, firstRound2: number) {
    this.#matrix = matrix;
    this.#constants = constants;
    this.#factors = factors;
    this.#firstRound2 = firstRound2;
  }

  /** The side of the next definition, without the wire that it defines. */
  add(row: number, defined: number): void {
    const { offsets, wires, coefficients } = this.#matrix;
    let scale = 0;
    for (let entry = offsets[row] as number, end = offsets[row + 1] as number; entry < end; entry++) {
      const wire = wires[entry] as number;
      if (wire === defined) continue;
      const id = coefficients[entry] as number;
      if (wire === 0 || (wire >= FIRST_GROUPED_WIRE && wire < this.#firstRound2)) {
        scale = Math.max(scale, this.#constants.scaleOf(id));
        continue;
      }
      this.#wires.push(wire);
      this.#ids.push(this.#factors.id(this.#constants.big(id)));
      // The sum passes over field values as over zeros, but NaN · 0 is not one.
      if (this.#constants.scaleOf(id) > 0) scale = NOT_SHORT;
    }
    this.#scales.push(scale);
    this.#offsets.push(this.#wires.length);
  }

  finish(): DefinitionSide {
    return {
      matrix: this.#matrix,
      scales: Uint8Array.from(this.#scales),
      offsets: Uint32Array.from(this.#offsets),
      wires: Uint32Array.from(this.#wires),
      factors: Int32Array.from(this.#ids),
    };
  }
}

function build({ r1cs, plan, groups }: CompiledCircuit): RoundTwoPlan {
  const constants = shortConstants(r1cs);
  const factors = new Factors();
  const side = (matrix: SparseMatrix) => new SideBuilder(matrix, constants, factors, groups.round2.from);
  const [a, b, c] = [side(r1cs.a), side(r1cs.b), side(r1cs.c)];
  const count = plan.round2.length / 2;
  const [rows, wires, quotient] = [new Uint32Array(count), new Uint32Array(count), new Uint8Array(count)];
  const owns = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const [row, wire] = [plan.round2[2 * i] as number, plan.round2[2 * i + 1] as number];
    rows[i] = row;
    wires[i] = wire;
    const own = entryOf(r1cs.c, row, wire);
    if (own >= 0) owns[i] = factors.id(ownFactor(constants.big(r1cs.c.coefficients[own] as number)));
    else {
      quotient[i] = 1;
      const { offsets, coefficients } = r1cs.a;
      const [first, end] = [offsets[row] as number, offsets[row + 1] as number];
      if (end !== first + 1 || constants.big(coefficients[first] as number) !== 1n)
        throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "its quotient is scaled" });
    }
    a.add(row, wire);
    b.add(row, wire);
    c.add(row, wire);
  }
  let [mostQuotients, from] = [0, 0];
  for (const end of plan.levels) {
    mostQuotients = Math.max(
      mostQuotients,
      quotient.subarray(from, end).reduce((sum, one) => sum + one, 0),
    );
    from = end;
  }
  return {
    constants,
    factors: factors.values,
    rows,
    wires,
    quotient,
    owns,
    a: a.finish(),
    b: b.finish(),
    c: c.finish(),
    mostQuotients,
  };
}

/** 1 over the coefficient of a defined wire. */
const ownFactor = (own: bigint): bigint => (own === 1n || own === -1n ? own : inverse(own));

const plans = new WeakMap<CompiledCircuit["plan"], RoundTwoPlan>();

/** The circuit's plan, made once. Error: WITNESS_UNSOLVED for a definition of another form. */
export function roundTwoPlan(circuit: CompiledCircuit): RoundTwoPlan {
  let plan = plans.get(circuit.plan);
  if (plan === undefined) plans.set(circuit.plan, (plan = build(circuit)));
  return plan;
}
