// SPDX-License-Identifier: GPL-3.0-or-later
import type { CompiledCircuit } from "../circuit/types.ts";
import { weightOf } from "../circuit/architecture.ts";
import { STEP_WEIGHT } from "../circuit/netlist.ts";
import type { Job, ProvingKey, WeightsOpening } from "../prover/prover.ts";
import { uniformScalar } from "../prover/uniform-scalar.ts";
import { bigintsToValues } from "../r1cs/witness-values.ts";

const STEP_SIZE = 5;

/** The weights group of `circuit.program`, all other wires 0: what a commitment is made over. Wires × 32 bytes, little-endian. */
export function weightValues({ r1cs, plan: { steps }, program }: CompiledCircuit): Uint8Array {
  const wires = Array.from({ length: r1cs.wires }, () => 0n);
  wires[0] = 1n;
  for (let at = 0; at < steps.length; at += STEP_SIZE) {
    const [kind, wire = 0, , p = 0, q = 0] = steps.subarray(at, at + STEP_SIZE);
    if (kind === STEP_WEIGHT) wires[wire] = BigInt(weightOf(program.ops[p], q));
  }
  return bigintsToValues(wires);
}

/**
 * Commits the program's weights once for all its proofs: C_w goes into the stage table, the opening (with the weights) to the seats,
 * sealed. The blind is uniform and never derived from the weights: few candidates could be tried against C_w. `blind`: for tests.
 */
export async function registerWeights(
  circuit: CompiledCircuit,
  key: ProvingKey,
  { blind = uniformScalar(), ...job }: Job & { readonly blind?: Uint8Array } = {},
): Promise<WeightsOpening> {
  return { commitment: await key.commitWeights(weightValues(circuit), blind, job), blind };
}

/**
 * Whether the program that a seat was given and the blind it was sent open the registered C_w. A seat asks this when it loads the
 * model and abstains if not: nothing on chain says that C_w holds these weights, so a rigged commitment would slash honest seats.
 */
export async function opensWeights(
  circuit: CompiledCircuit,
  key: ProvingKey,
  { commitment, blind }: WeightsOpening,
  job: Job = {},
): Promise<boolean> {
  const { x, y } = await key.commitWeights(weightValues(circuit), blind, job);
  return x === commitment.x && y === commitment.y;
}
