// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { BACKEND_ONE_ROUND, icCount, type Backend, type KeyBoundary } from "../../../core/zk/key-record.ts";
import { checkRounds } from "../kit/check-rounds.ts";
import { constraintCount, type WireRange } from "../r1cs/r1cs.ts";
import { writeR1cs } from "../r1cs/write-r1cs.ts";
import { backendOf, keyBoundaries, type SetupCircuit } from "../setup/setup-circuit.ts";
import { CeremonyError } from "./errors.ts";

export const TAG_WEIGHTS = 1;
export const TAG_ROUND1 = 2;
export type GroupTag = 1 | 2;
export const deltaName = (tag: GroupTag): "deltaWeights" | "delta1" =>
  tag === TAG_WEIGHTS ? "deltaWeights" : "delta1";

/** A committed group: wires whose points are divided by a delta of their own. */
export interface CommittedGroup {
  readonly tag: GroupTag;
  readonly wires: WireRange;
}

/** The facts of a circuit that a ceremony binds. */
export interface CircuitFacts {
  readonly hash: Hex;
  readonly backend: Backend;
  readonly wires: number;
  readonly publics: number;
  readonly constraints: number;
  /** Of the key: the power of two that snarkjs takes. */
  readonly domain: number;
  /** In the order of their wires; empty in the one-round backend. */
  readonly groups: readonly CommittedGroup[];
  readonly boundaries: readonly KeyBoundary[];
}

const mismatch = (reason: string) => new CeremonyError("CIRCUIT_MISMATCH", { file: "The compiled circuit", reason });

/** snarkjs's rule: one row a constraint, one a public wire, and wire 0. */
function domainOf(constraints: number, publics: number): number {
  return 2 ** (Math.floor(Math.log2(constraints + publics)) + 1);
}

/** `checkRounds` has seen that the groups cover the wires. */
function committedGroups({ weights, round1 }: SetupCircuit["groups"]): CommittedGroup[] {
  if (round1.count === 0) throw mismatch("it commits to nothing");
  return [
    ...(weights.count === 0 ? [] : [{ tag: TAG_WEIGHTS, wires: weights } as const]),
    { tag: TAG_ROUND1, wires: round1 } as const,
  ];
}

/**
 * Recomputed from the circuit itself, hash included. No key is made or accepted for a circuit that breaks the round rule: its proofs
 * could be forged under any key. Errors: CIRCUIT_MISMATCH, GROUPS_INVALID, ROUND_RULE, ERROR_BOUND.
 */
export function circuitFacts(circuit: SetupCircuit): { facts: CircuitFacts; r1csBytes: Uint8Array } {
  const { r1cs } = circuit;
  const r1csBytes = writeR1cs(r1cs);
  const hash = toHex(keccak256(r1csBytes));
  if (hash !== circuit.circuitHash.toLowerCase()) throw mismatch("its hash is not that of its constraints");
  const boundaries = keyBoundaries(circuit);
  const publics = r1cs.outputs + r1cs.publicInputs;
  const backend = backendOf(circuit);
  if (icCount(backend, boundaries) !== publics + 1)
    throw mismatch(`it has ${publics} public wires, its boundaries ask for ${icCount(backend, boundaries) - 1}`);
  const oneRound = backend === BACKEND_ONE_ROUND;
  if (!oneRound) checkRounds(r1cs, circuit.groups);
  const constraints = constraintCount(r1cs);
  return {
    facts: {
      hash,
      backend,
      wires: r1cs.wires,
      publics,
      constraints,
      domain: domainOf(constraints, publics),
      groups: oneRound ? [] : committedGroups(circuit.groups),
      boundaries,
    },
    r1csBytes,
  };
}
