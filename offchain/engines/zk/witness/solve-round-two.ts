// SPDX-License-Identifier: GPL-3.0-or-later
import { CircuitError } from "../circuit/errors.ts";
import { centred, inverse, mod } from "../circuit/field.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import { asWords, bigintOfWords, FIELD_BYTES, FIELD_WORDS, numberOfWords, SAFE } from "../r1cs/field-words.ts";
import { entryOf, WIRE_C, WIRE_RHO, WIRE_V, type SparseMatrix } from "../r1cs/r1cs.ts";
import { FIRST_ELEMENT, scalarKernel, type ScalarKernel } from "../scalar/scalar-kernel.ts";
import { DistinctInverses } from "./distinct-inverses.ts";
import { MINUS, PLUS, roundTwoPlan, type DefinitionSide, type RoundTwoPlan } from "./round-two-plan.ts";
import { NOT_SHORT } from "./short-constants.ts";

export interface Challenges {
  readonly c: bigint;
  readonly rho: bigint;
  /** Fingerprint as the verifier computes it; without it the circuit's own value is taken. */
  readonly v?: bigint;
}

/** Elements of the kernel: the public wires have their own numbers, and after these come temporaries, factors and round-2 wires. */
const PUBLICS_END = 4;
const RHO_MONTGOMERY = 4;
const LEFT = 5;
const RIGHT = 6;
const TERM = 7;
const ZERO = 8;
const FACTORS = 9;

class RoundTwoSolver {
  readonly #circuit: CompiledCircuit;
  readonly #plan: RoundTwoPlan;
  readonly #kernel: ScalarKernel;
  readonly #words: Uint32Array;
  /** Committed wires as integers nearest to zero, NaN where that is not short; 0 for public and round-2 wires. */
  readonly #numbers: Float64Array;
  /** Element of round-2 wire w: w + #shift. */
  readonly #shift: number;
  readonly #end: number;
  readonly #inverses: DistinctInverses;
  /** Of the quotients of one level: definition and inverse, or -1 - inverse where the numerator is 1. */
  readonly #waiting: Int32Array;

  constructor(circuit: CompiledCircuit, values: Uint8Array) {
    this.#circuit = circuit;
    this.#plan = roundTwoPlan(circuit);
    this.#kernel = scalarKernel();
    this.#words = asWords(values);
    const { factors, mostQuotients } = this.#plan;
    const { from, count } = circuit.groups.round2;
    const base = FACTORS + factors.length;
    this.#shift = base - from;
    const first = base + count;
    this.#end = first + DistinctInverses.elements(mostQuotients);
    this.#kernel.reserve(this.#end);
    this.#inverses = new DistinctInverses(this.#kernel, first, mostQuotients);
    this.#waiting = new Int32Array(2 * mostQuotients);
    this.#numbers = this.#committed();
  }

  #committed(): Float64Array {
    const numbers = new Float64Array(this.#circuit.r1cs.wires);
    numbers[0] = 1;
    const { weights, round2 } = this.#circuit.groups;
    for (let wire = weights.from; wire < round2.from; wire++)
      numbers[wire] = numberOfWords(this.#words, wire * FIELD_WORDS);
    return numbers;
  }

  /** Fills the public and round-2 wires of `values`. */
  solve({ c, rho, v }: Challenges, values: Uint8Array): void {
    const kernel = this.#kernel;
    kernel.setBig(WIRE_C, mod(c));
    kernel.setBig(WIRE_RHO, mod(rho));
    kernel.toMontgomery(WIRE_RHO, RHO_MONTGOMERY);
    for (const [i, factor] of this.#plan.factors.entries()) {
      kernel.setBig(FACTORS + i, factor);
      kernel.toMontgomery(FACTORS + i, FACTORS + i);
    }
    let from = 0;
    for (const end of this.#circuit.plan.levels) {
      this.#level(from, end);
      from = end;
    }
    kernel.setBig(WIRE_V, v === undefined ? this.#fingerprint() : mod(v));
    const { round2 } = this.#circuit.groups;
    const base = round2.from + this.#shift;
    values.set(kernel.bytes(FIRST_ELEMENT, PUBLICS_END), FIELD_BYTES);
    values.set(kernel.bytes(base, base + round2.count), round2.from * FIELD_BYTES);
  }

  wipe(): void {
    this.#kernel.clear(FIRST_ELEMENT, this.#end);
    this.#numbers.fill(0);
  }

  #level(from: number, end: number): void {
    const { quotient, wires } = this.#plan;
    const [inverses, waiting, kernel] = [this.#inverses, this.#waiting, this.#kernel];
    inverses.clear();
    let count = 0;
    for (let i = from; i < end; i++) {
      if (quotient[i] === 0) this.#product(i);
      else {
        const index = this.#quotient(i);
        if (index === undefined) continue;
        waiting[count++] = i;
        waiting[count++] = index;
      }
    }
    inverses.invert();
    for (let at = 0; at < count; at += 2) {
      const into = (wires[waiting[at] as number] as number) + this.#shift;
      const index = waiting[at + 1] as number;
      if (index < 0) kernel.copy(inverses.at(-1 - index), into);
      else kernel.multiply(into, inverses.at(index), into);
    }
  }

  /** wire = (A·B − C) · own */
  #product(i: number): void {
    const { a, b, c, owns, wires } = this.#plan;
    const kernel = this.#kernel;
    const into = (wires[i] as number) + this.#shift;
    const left = this.#element(a, i, LEFT);
    const right = this.#element(b, i, RIGHT);
    if (left === WIRE_RHO) kernel.montgomery(right, RHO_MONTGOMERY, into);
    else if (right === WIRE_RHO) kernel.montgomery(left, RHO_MONTGOMERY, into);
    else kernel.multiply(left, right, into);
    const rest = this.#element(c, i, LEFT);
    if (rest !== ZERO) kernel.subtract(into, rest, into);
    const own = owns[i] as number;
    if (own === MINUS) kernel.subtract(ZERO, into, into);
    else if (own !== PLUS) kernel.montgomery(into, FACTORS + own, into);
  }

  /** Notes the divisor and leaves the numerator in the wire's place; returns what to wait for, nothing if the wire is 0. */
  #quotient(i: number): number | undefined {
    const { b, c, wires } = this.#plan;
    const [kernel, inverses] = [this.#kernel, this.#inverses];
    const wire = wires[i] as number;
    const into = wire + this.#shift;
    const divisor = this.#element(b, i, inverses.next);
    if (kernel.isZero(divisor))
      throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "a challenge meets a pole" });
    const numerator = this.#integer(c, i);
    const plain = c.offsets[i] === c.offsets[i + 1];
    // Most rows of a table are not used: no need to invert for them.
    if (plain && numerator === 0) return undefined;
    if (divisor !== inverses.next) kernel.copy(divisor, inverses.next);
    const index = inverses.add();
    if (plain && numerator === 1) return -1 - index;
    const element = this.#element(c, i, into);
    if (element !== into) kernel.copy(element, into);
    return index;
  }

  /** Element that holds one side's value: `into`, unless it lies somewhere already. */
  #element(side: DefinitionSide, i: number, into: number): number {
    const kernel = this.#kernel;
    const [first, end] = [side.offsets[i] as number, side.offsets[i + 1] as number];
    const integer = this.#integer(side, i);
    if (Number.isNaN(integer)) {
      const { rows, wires } = this.#plan;
      kernel.setBig(into, mod(this.#big(side.matrix, rows[i] as number, wires[i] as number)));
      return into;
    }
    if (integer === 0) {
      if (first === end) return ZERO;
      if (end === first + 1 && side.factors[first] === PLUS) return this.#place(side.wires[first] as number);
    }
    kernel.setNumber(into, integer);
    for (let at = first; at < end; at++) {
      const from = this.#place(side.wires[at] as number);
      const factor = side.factors[at] as number;
      if (factor === PLUS) kernel.add(into, from, into);
      else if (factor === MINUS) kernel.subtract(into, from, into);
      else {
        kernel.montgomery(from, FACTORS + factor, TERM);
        kernel.add(into, TERM, into);
      }
    }
    return into;
  }

  /** Element of a public or round-2 wire. */
  #place(wire: number): number {
    return wire < PUBLICS_END ? wire : wire + this.#shift;
  }

  /** What the committed wires of a side add up to, or NaN if that has to be asked for with `#big`. */
  #integer({ matrix, scales }: DefinitionSide, i: number): number {
    const scale = scales[i] as number;
    if (scale === NOT_SHORT) return Number.NaN;
    const { offsets, wires, coefficients } = matrix;
    const row = this.#plan.rows[i] as number;
    const constants = this.#plan.constants.scaled(scale);
    const numbers = this.#numbers;
    let [sum, reach] = [0, 0];
    for (let at = offsets[row] as number, end = offsets[row + 1] as number; at < end; at++) {
      const term = (constants[coefficients[at] as number] as number) * (numbers[wires[at] as number] as number);
      sum += term;
      reach += Math.abs(term);
    }
    if (!(reach < SAFE)) return Number.NaN;
    if (scale === 0) return sum;
    // A fraction, as of a witness that breaks its constraints, is a large number of the field.
    const value = sum / 2 ** scale;
    return Number.isInteger(value) ? value : Number.NaN;
  }

  /** A row of one side without a wire, unreduced. */
  #big({ offsets, wires, coefficients }: SparseMatrix, row: number, without: number): bigint {
    let sum = 0n;
    for (let at = offsets[row] as number, end = offsets[row + 1] as number; at < end; at++) {
      const wire = wires[at] as number;
      if (wire !== without) sum += this.#plan.constants.big(coefficients[at] as number) * this.#value(wire);
    }
    return sum;
  }

  #value(wire: number): bigint {
    const { round2 } = this.#circuit.groups;
    if ((wire > 0 && wire < PUBLICS_END) || wire >= round2.from) return this.#kernel.big(this.#place(wire));
    const number = this.#numbers[wire] as number;
    return Number.isNaN(number) ? centred(bigintOfWords(this.#words, wire * FIELD_WORDS)) : BigInt(number);
  }

  /** v from the one row that holds it, on side C. */
  #fingerprint(): bigint {
    const { a, b, c } = this.#circuit.r1cs;
    for (let row = c.offsets.length - 2; row >= 0; row--) {
      const own = entryOf(c, row, WIRE_V);
      if (own < 0) continue;
      const [left, right, rest] = [a, b, c].map((side) => this.#big(side, row, WIRE_V)) as [bigint, bigint, bigint];
      return mod((left * right - rest) * inverse(this.#plan.constants.big(c.coefficients[own] as number)));
    }
    throw new CircuitError("WITNESS_UNSOLVED", { wire: WIRE_V, reason: "no constraint holds the fingerprint" });
  }
}

/** Does what is done once for a circuit, so that no proof has to wait for it between its two rounds. */
export function prepareRoundTwo(circuit: CompiledCircuit): void {
  if (circuit.options.backend === "one-round") return;
  roundTwoPlan(circuit);
  scalarKernel();
}

/**
 * Values of the round-2 wires for given challenges, and v. Each has one definition over earlier wires; those of a level are solved
 * together, with one inversion. `round1` is what `buildRoundOne` returned; a new array is returned.
 * Error: WITNESS_UNSOLVED if a challenge meets a pole (probability 2^-230).
 */
export function solveRoundTwo(circuit: CompiledCircuit, round1: Uint8Array, challenges: Challenges): Uint8Array {
  const values = round1.slice();
  // One round has no challenges: round 1 is the witness.
  if (circuit.options.backend === "one-round") return values;
  const solver = new RoundTwoSolver(circuit, values);
  try {
    solver.solve(challenges, values);
    return values;
  } catch (error) {
    values.fill(0);
    throw error;
  } finally {
    solver.wipe();
  }
}
