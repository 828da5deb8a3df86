// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "../../../../../offchain/core/bytes.ts";
import { FIELD_R } from "../../../../../offchain/core/zk/field.ts";
import { CURVE_G1, curveG1, curveG2, pointOfG1, pointOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { TOOLS, type CeremonyFile } from "../../../../../offchain/engines/zk/ceremony/ceremony-file.ts";
import { startHash } from "../../../../../offchain/engines/zk/ceremony/ceremony-file.ts";
import type { Chain } from "../../../../../offchain/engines/zk/ceremony/chain.ts";
import { circuitFacts } from "../../../../../offchain/engines/zk/ceremony/circuit.ts";
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { proveKnowledge } from "../../../../../offchain/engines/zk/ceremony/knowledge.ts";
import { beaconScalar, stretchBeacon } from "../../../../../offchain/engines/zk/ceremony/secret-scalar.ts";
import { hashPoints, type StepContext, type StepFile } from "../../../../../offchain/engines/zk/ceremony/step-file.ts";
import { lemOfG1 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { sampleCircuit } from "./sample-circuit.ts";

/** A ceremony without a key, for what needs none. */
export const ceremonyOf = (circuit: SetupCircuit = sampleCircuit(), id = "sample"): CeremonyFile => ({
  version: 1,
  id,
  circuit: circuitFacts(circuit).facts,
  phase1: { power: 5, name: "local", blake2b: "00".repeat(64), pinned: false },
  stockHash: toHex(new Uint8Array(64)),
  beaconPlan: "a value of the tests",
  tools: TOOLS,
});

export interface Forgery {
  /** The factor of each group, in their order; a beacon's own by default. */
  readonly x?: readonly bigint[];
  /** The factor in G2, if another. */
  readonly x2?: readonly bigint[];
  readonly context?: Partial<StepContext>;
}

/** A step of chosen factors with the proofs of knowledge that they allow: what a contributor of bad will can make. */
export function forgeStep(chain: Chain, { x = [5n, 7n], x2 = x, context: changes = {} }: Forgery = {}): StepFile {
  const context: StepContext = {
    start: startHash(chain.ceremony),
    index: chain.heads.length + 1,
    previous: chain.hash,
    kind: "person",
    name: "mallory",
    iterations: 0,
    beacon: new Uint8Array(),
    stock: new Uint8Array(64).fill(chain.heads.length + 1),
    ...changes,
  };
  const isBeacon = context.kind === "beacon";
  const stretched = isBeacon ? stretchBeacon(context.beacon, context.iterations) : undefined;
  const points = chain.ceremony.circuit.groups.map(({ wires }, group) => {
    const point = (i: number) => lemOfG1(pointOfG1(CURVE_G1.BASE.multiply(BigInt(1 + i + 100 * group))));
    return new Uint8Array(Array.from({ length: wires.count }, (_, i) => [...point(i)]).flat());
  });
  const groups = chain.deltas.map(({ tag, deltaG1, deltaG2 }, i) => {
    const factor = stretched === undefined ? (x[i] ?? 2n) : beaconScalar(stretched, context.previous, tag);
    const factor2 = stretched === undefined ? (x2[i] ?? 2n) : factor;
    const after = pointOfG1(curveG1(deltaG1).multiply(factor));
    const after2 = pointOfG2(curveG2(deltaG2).multiply(factor2));
    const pointsHash = hashPoints(points[i] ?? new Uint8Array());
    const step = { tag, deltaG1: after, deltaG2: after2, pointsHash };
    if (isBeacon) return step;
    return { ...step, knowledge: proveKnowledge({ context, tag, before: deltaG1, after, after2, pointsHash }, factor) };
  });
  return { head: { ...context, groups }, points };
}

export const MINUS_ONE = FIELD_R - 1n;
export const BEACON_STEP = {
  kind: "beacon",
  name: "beacon",
  iterations: 10,
  beacon: new Uint8Array(32).fill(9),
} as const;
