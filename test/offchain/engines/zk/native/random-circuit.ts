// SPDX-License-Identifier: GPL-3.0-or-later
// Circuits that mean nothing, with a witness that satisfies them: rows of every length, none at all, wires that no row names, values as
// networks have them and others.
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { hashR1cs } from "../../../../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import type { R1cs, WireGroups } from "../../../../../offchain/engines/zk/r1cs/r1cs.ts";
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { buildR1cs, toyCircuit } from "../../../../support/toy-circuit.ts";
import { elements, randomBigints } from "./reference.ts";

export interface RandomCircuit extends SetupCircuit {
  readonly r1cs: R1cs;
  /** 32 bytes a wire. */
  readonly values: Uint8Array;
}

export interface RandomCircuitOptions {
  readonly kind: "one-round" | "two-round" | "weights";
  readonly rows: number;
}

type Sides = Parameters<typeof buildR1cs>[1][number];

const reduced = (value: bigint): bigint => ((value % FIELD) + FIELD) % FIELD;

export function randomCircuit(seed: number, { kind, rows }: RandomCircuitOptions): RandomCircuit {
  const random = randomBigints(seed);
  const below = (limit: number): number => Number(random(BigInt(limit)));
  const value = (): bigint => {
    const widths = [1n, 8n, 8n, 16n, 33n, 64n, 253n];
    const magnitude = random(1n << (widths[below(widths.length)] ?? 1n));
    return reduced(below(4) === 0 ? -magnitude : magnitude);
  };
  // A one-round record says of its boundaries how many public wires there are.
  const model = toyCircuit(kind === "one-round" ? kind : "public", 4 + 12 * below(4));
  const publics = model.r1cs.outputs + model.r1cs.publicInputs;
  const values = [1n, ...Array.from({ length: publics + 4 + below(8) }, value)];
  const inputs = values.length - 1 - publics;
  const side = (): Map<number, bigint> => {
    const terms = new Map<number, bigint>();
    for (let n = below(5); n > 0; n--) terms.set(below(values.length), below(2) === 0 ? 1n : value() || 1n);
    return terms;
  };
  const sum = (terms: ReadonlyMap<number, bigint>): bigint =>
    reduced([...terms].reduce((total, [wire, factor]) => total + factor * (values[wire] ?? 0n), 0n));
  const constraints: Sides[] = [];
  for (let row = 0; row < rows; row++) {
    const [a, b, others] = [side(), side(), side()];
    // The row's own wire is what makes it hold.
    values.push(reduced(sum(a) * sum(b) - sum(others)));
    constraints.push([a, b, new Map([...others, [values.length - 1, 1n]])]);
  }
  // Nobody asks what these are.
  values.push(value(), value());
  const wires = values.length;
  const r1cs = buildR1cs(
    {
      wires,
      outputs: kind === "one-round" ? 0 : 1,
      publicInputs: publics - (kind === "one-round" ? 0 : 1),
      privateInputs: inputs,
    },
    constraints,
  );
  const first = publics + 1;
  const weights = { from: first, count: kind === "weights" ? 1 + below(inputs) : 0 };
  const round1 = { from: first + weights.count, count: 1 + below(wires - first - weights.count) };
  const round2 = { from: round1.from + round1.count, count: wires - round1.from - round1.count };
  const none = { from: first, count: 0 };
  const groups: WireGroups =
    kind === "one-round"
      ? { weights: none, round1: none, round2: { from: first, count: wires - first } }
      : { weights, round1, round2 };
  return {
    r1cs,
    groups,
    boundaries: model.boundaries,
    options: { backend: kind === "one-round" ? "one-round" : "two-round" },
    circuitHash: hashR1cs(r1cs),
    values: elements(values),
  };
}
