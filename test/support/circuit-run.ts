// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { elementsOf } from "../../offchain/core/program/analyse.ts";
import { mod } from "../../offchain/core/poseidon-constants.ts";
import type { Program } from "../../offchain/core/program/types.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";
import { checkRounds } from "../../offchain/engines/zk/kit/check-rounds.ts";
import { checkUniqueness } from "../../offchain/engines/zk/kit/check-uniqueness.ts";
import { checkNoLooseWires } from "../../offchain/engines/zk/kit/loose-wires.ts";
import { checkMutations } from "../../offchain/engines/zk/kit/mutate.ts";
import type { Rounds } from "../../offchain/engines/zk/kit/rounds.ts";
import { compileCircuit } from "../../offchain/engines/zk/circuit/compile-circuit.ts";
import { STEP_FACTOR, STEP_SALT, STEP_VALUE } from "../../offchain/engines/zk/circuit/netlist.ts";
import type { BoundaryKind, CircuitOptions, CompiledCircuit } from "../../offchain/engines/zk/circuit/types.ts";
import { checkWitness } from "../../offchain/engines/zk/r1cs/check-witness.ts";
import { buildRoundOne } from "../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../offchain/engines/zk/witness/solve-round-two.ts";
import type { Prng } from "./prng.ts";

/** Compiled gadgets are kept between tests and runs; the files are named by what they depend on. */
const CELLS = "build/cells";

export const compileFor = (
  program: Program,
  weights: CircuitOptions["weights"],
  kind: BoundaryKind = "PUBLIC",
): Promise<CompiledCircuit> =>
  compileCircuit(program, { weights, inKinds: program.inputs.map(() => kind), outKind: kind, cacheFolder: CELLS });

/** In linear-check mode. */
export const compileChecked = (program: Program): Promise<CompiledCircuit> =>
  compileCircuit(program, {
    weights: "private",
    inKinds: ["SALTED"],
    outKind: "SALTED",
    linearCheck: true,
    cacheFolder: CELLS,
  });

/** Element q of an r as wide as the field. */
export const factorAt = (q: number): bigint =>
  mod((BigInt(q) + 3n) ** 5n * 0x1d8f27a3c5b19e64027f31c8a5e6d4b392817f6e5d4c3b2a1908f7e6d5c4b3a2n);

/** r of all operators with linear checks. */
export const factorsFor = ({ checks }: CompiledCircuit): bigint[] =>
  Array.from({ length: checks.reduce((sum, { rows }) => sum + rows, 0) }, (_, q) => factorAt(q));

/** Inputs within their ranges: uniform, or at one of the ends. */
export function randomInputs(program: Program, prng: Prng): Tensor[] {
  return program.inputs.map(({ dtype, dims, lo, hi }): Tensor => {
    const extreme = prng.chance(0.2);
    const data = Array.from({ length: elementsOf(dims) }, () => (extreme ? prng.pick([lo, hi]) : prng.int(lo, hi)));
    if (dtype === "i32") return { dtype, dims: [1, ...dims], data: Int32Array.from(data) };
    return { dtype, dims: [1, ...dims], data: Int8Array.from(data) };
  });
}

export const CHALLENGE = { c: (1n << 200n) + 12345n, rho: (1n << 190n) + 777n };
const SALT = Uint8Array.from({ length: 31 }, (_, i) => i * 5 + 1);

/** The honest witness at a fixed challenge. */
export function witnessFor(
  circuit: CompiledCircuit,
  inputs: readonly Tensor[],
  factors: readonly bigint[] = factorsFor(circuit),
): { values: Uint8Array; output: Tensor } {
  const salts = circuit.boundaries.map(({ kind }) => (kind === 1 ? SALT : null));
  const { values, outputs } = buildRoundOne(circuit, { inputs, salts, factors });
  return { values: solveRoundTwo(circuit, values, CHALLENGE), output: outputs[0] as Tensor };
}

/** Wires that the statement leaves to the prover: input elements, salts, and r of linear checks, which v fixes. */
export function inputWires({ plan: { steps }, program }: CompiledCircuit): number[] {
  const wires: number[] = [];
  for (let at = 0; at < steps.length; at += 5) {
    const [kind, wire = 0, , p = 0] = steps.subarray(at, at + 5);
    if (kind === STEP_SALT || kind === STEP_FACTOR || (kind === STEP_VALUE && p < program.inputs.length))
      wires.push(wire);
  }
  return wires;
}

/** All wires that must not move alone: every one but 1 and the weights. */
export function heldWires({ r1cs, groups: { weights } }: CompiledCircuit): number[] {
  const wires = Array.from({ length: r1cs.wires - 1 }, (_, i) => i + 1);
  return wires.filter((wire) => wire < weights.from || wire >= weights.from + weights.count);
}

/** The whole soundness kit at three random inputs; returns what the round rule found. */
export function expectSound(circuit: CompiledCircuit, prng: Prng, witnesses = 3): Rounds {
  const { r1cs, groups, program } = circuit;
  const rounds = checkRounds(r1cs, groups);
  const list = Array.from({ length: witnesses }, () => witnessFor(circuit, randomInputs(program, prng)).values);
  for (const values of list) checkWitness(r1cs, values);
  const inputs = inputWires(circuit);
  const declared = program.inputs.reduce((sum, { dims }) => sum + elementsOf(dims), 0);
  const salts = circuit.boundaries.filter(({ kind }) => kind === 1).length;
  expect(inputs).to.have.length(declared + salts + factorsFor(circuit).length);
  checkUniqueness(r1cs, groups, rounds, list, { inputs });
  checkNoLooseWires(r1cs, groups, rounds, list, { inputs });
  const [first] = list;
  if (first !== undefined) checkMutations(r1cs, first, { wires: heldWires(circuit) });
  return rounds;
}
