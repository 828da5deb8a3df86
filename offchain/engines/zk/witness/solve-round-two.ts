// SPDX-License-Identifier: GPL-3.0-or-later
import { CircuitError } from "../circuit/errors.ts";
import { centred, FIELD, invertAll, inverse, mod } from "../circuit/field.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import { WIRE_C, WIRE_RHO, WIRE_V, type SparseMatrix } from "../r1cs/r1cs.ts";
import { readWords, writeWords } from "./wire-values.ts";

export interface Challenges {
  readonly c: bigint;
  readonly rho: bigint;
  /** Fingerprint as the verifier computes it; without it the circuit's own value is taken. */
  readonly v?: bigint;
}

function form(
  { offsets, wires, coefficients }: SparseMatrix,
  row: number,
  constants: readonly bigint[],
  values: readonly bigint[],
): bigint {
  let sum = 0n;
  const end = offsets[row + 1] as number;
  for (let i = offsets[row] as number; i < end; i++) {
    const value = values[wires[i] as number] as bigint;
    if (value !== 0n) sum += (constants[coefficients[i] as number] as bigint) * value;
  }
  return sum % FIELD;
}

function coefficient({ offsets, wires, coefficients }: SparseMatrix, row: number, wire: number): number {
  for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++)
    if (wires[i] === wire) return coefficients[i] as number;
  return -1;
}

/**
 * Values of the round-2 wires for given challenges, and v. Each has one definition over earlier wires; those of a level are solved
 * together, with one inversion. `values` is what `buildRoundOne` returned; a new array is returned.
 * Error: WITNESS_UNSOLVED if a challenge meets a pole (probability 2^-230).
 */
export function solveRoundTwo(circuit: CompiledCircuit, round1: Uint8Array, challenges: Challenges): Uint8Array {
  const { r1cs, plan, publics } = circuit;
  // One round has no challenges: round 1 is the witness.
  if (circuit.options.backend === "one-round") return round1.slice();
  const words = new BigUint64Array(round1.slice().buffer);
  const values = Array.from({ length: r1cs.wires }, (_, wire) => centred(readWords(words, wire)));
  values[WIRE_C] = mod(challenges.c);
  values[WIRE_RHO] = mod(challenges.rho);
  const constants = r1cs.constants.map(centred);
  const { round2, levels } = plan;
  let at = 0;
  for (const end of levels) {
    const divisors: bigint[] = [];
    const waiting: number[] = [];
    for (; at < end; at++) {
      const [row, wire] = [round2[2 * at] as number, round2[2 * at + 1] as number];
      const inC = coefficient(r1cs.c, row, wire);
      const c = form(r1cs.c, row, constants, values);
      if (inC >= 0) {
        const rest = form(r1cs.a, row, constants, values) * form(r1cs.b, row, constants, values) - c;
        const own = constants[inC] as bigint;
        values[wire] = own === 1n ? mod(rest) : own === -1n ? mod(-rest) : mod(rest * inverse(own));
        continue;
      }
      // (own·w + A')·B = C
      const own = constants[coefficient(r1cs.a, row, wire)];
      const rest = form(r1cs.a, row, constants, values);
      if (own !== 1n || rest !== 0n)
        throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "its quotient is scaled" });
      divisors.push(mod(form(r1cs.b, row, constants, values)));
      values[wire] = c;
      waiting.push(wire);
    }
    const zero = invertAll(divisors);
    if (zero >= 0)
      throw new CircuitError("WITNESS_UNSOLVED", { wire: waiting[zero] ?? 0, reason: "a challenge meets a pole" });
    for (const [i, wire] of waiting.entries()) {
      const numerator = values[wire] as bigint;
      values[wire] = numerator === 1n ? (divisors[i] as bigint) : mod(numerator * (divisors[i] as bigint));
    }
  }
  values[WIRE_V] = challenges.v === undefined ? fingerprintOf(circuit, constants, values) : mod(challenges.v);
  for (let wire = 1; wire <= publics.length; wire++) writeWords(words, wire, mod(values[wire] as bigint));
  for (let i = 1; i < round2.length; i += 2)
    writeWords(words, round2[i] as number, mod(values[round2[i] as number] as bigint));
  return new Uint8Array(words.buffer);
}

/** v from the one row that holds it, on side C. */
function fingerprintOf({ r1cs }: CompiledCircuit, constants: readonly bigint[], values: bigint[]): bigint {
  values[WIRE_V] = 0n;
  for (let row = r1cs.c.offsets.length - 2; row >= 0; row--) {
    const inC = coefficient(r1cs.c, row, WIRE_V);
    if (inC < 0) continue;
    const product = form(r1cs.a, row, constants, values) * form(r1cs.b, row, constants, values);
    return mod((product - form(r1cs.c, row, constants, values)) * inverse(constants[inC] as bigint));
  }
  throw new CircuitError("WITNESS_UNSOLVED", { wire: WIRE_V, reason: "no constraint holds the fingerprint" });
}
