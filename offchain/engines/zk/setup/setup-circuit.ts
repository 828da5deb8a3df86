// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import {
  BACKEND_ONE_ROUND,
  BACKEND_TWO_ROUND,
  BACKEND_WEIGHTS,
  type Backend,
  type KeyBoundary,
} from "../../../core/zk/key-record.ts";
import type { R1cs, WireGroups, WireRange } from "../r1cs/r1cs.ts";

/** What a key depends on; compiled circuits have it all. */
export interface SetupCircuit {
  readonly r1cs: R1cs;
  readonly groups: WireGroups;
  /** keccak256 of the .r1cs bytes, lower-case. */
  readonly circuitHash: Hex;
  /** Inputs in manifest order, then the output. */
  readonly boundaries: readonly {
    readonly direction: 0 | 1;
    readonly kind: 0 | 1;
    readonly dataLength: number;
    /** The tensor encoding up to its data. */
    readonly header: Uint8Array;
  }[];
  readonly options?: { readonly backend: "two-round" | "one-round" };
}

export const backendOf = ({ groups, options }: Pick<SetupCircuit, "groups" | "options">): Backend =>
  options?.backend === "one-round"
    ? BACKEND_ONE_ROUND
    : groups.weights.count === 0
      ? BACKEND_TWO_ROUND
      : BACKEND_WEIGHTS;

/** Wires that a key commits to: none in the plain one-round backend, whatever the circuit's own groups. */
export function committedWires(circuit: SetupCircuit): { readonly weights: WireRange; readonly round1: WireRange } {
  const none = { from: 0, count: 0 };
  return backendOf(circuit) === BACKEND_ONE_ROUND ? { weights: none, round1: none } : circuit.groups;
}

export const keyBoundaries = ({ boundaries }: Pick<SetupCircuit, "boundaries">): KeyBoundary[] =>
  boundaries.map(({ direction, kind, dataLength, header }) => ({
    direction,
    kind,
    dataLength,
    headerHash: toHex(keccak256(header)),
  }));
