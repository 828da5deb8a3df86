// SPDX-License-Identifier: GPL-3.0-or-later
import { CircuitError } from "../../offchain/engines/zk/circuit/errors.ts";
import { centred, FIELD, inverse, mod } from "../../offchain/engines/zk/circuit/field.ts";
import type { CompiledCircuit } from "../../offchain/engines/zk/circuit/types.ts";
import { WIRE_C, WIRE_RHO, WIRE_V, type SparseMatrix } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import { bigintsToValues, valuesToBigints } from "../../offchain/engines/zk/r1cs/witness-values.ts";
import type { Challenges } from "../../offchain/engines/zk/witness/solve-round-two.ts";

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

/** `solveRoundTwo` in plain big integers, written to be read: what the fast one must equal, byte by byte. */
export function referenceRoundTwo(circuit: CompiledCircuit, round1: Uint8Array, challenges: Challenges): Uint8Array {
  const { r1cs, plan } = circuit;
  if (circuit.options.backend === "one-round") return round1.slice();
  const values = valuesToBigints(round1).map(centred);
  values[WIRE_C] = mod(challenges.c);
  values[WIRE_RHO] = mod(challenges.rho);
  const constants = r1cs.constants.map(centred);
  const { round2 } = plan;
  for (let at = 0; at < round2.length; at += 2) {
    const [row, wire] = [round2[at] as number, round2[at + 1] as number];
    values[wire] = 0n;
    const [a, b, c] = [r1cs.a, r1cs.b, r1cs.c].map((side) => form(side, row, constants, values)) as [
      bigint,
      bigint,
      bigint,
    ];
    const inC = coefficient(r1cs.c, row, wire);
    if (inC >= 0) {
      values[wire] = mod((a * b - c) * inverse(constants[inC] as bigint));
      continue;
    }
    if (mod(b) === 0n) throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "a challenge meets a pole" });
    // (own·wire + a)·b = c
    const own = constants[coefficient(r1cs.a, row, wire)] as bigint;
    values[wire] = mod((c * inverse(b) - a) * inverse(own));
  }
  values[WIRE_V] = challenges.v === undefined ? fingerprintOf(circuit, constants, values) : mod(challenges.v);
  return bigintsToValues(values);
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
