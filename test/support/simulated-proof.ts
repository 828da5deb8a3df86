// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { claimHash, type Claim } from "../../offchain/core/claim.ts";
import { keccak256 } from "../../offchain/core/keccak.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import type { ProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { FIELD_R, modR } from "../../offchain/core/zk/field.ts";
import {
  BACKEND_ONE_ROUND,
  BACKEND_TWO_ROUND,
  BACKEND_WEIGHTS,
  encodeKeyRecord,
  icCount,
  KEY_DEVELOPMENT,
  type Backend,
  type KeyBoundary,
  type KeyClass,
} from "../../offchain/core/zk/key-record.ts";
import {
  CURVE_G1,
  CURVE_G2,
  G1_INFINITY,
  pointOfG1,
  pointOfG2,
  type G1Point,
  type G2Point,
} from "../../offchain/core/zk/points.ts";
import { wordsOfProof } from "../../offchain/core/zk/proof.ts";
import { publicInputs, statementWords } from "../../offchain/core/zk/statement.ts";
import type { StageProof } from "../../offchain/core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../../offchain/core/zk/verifying-key.ts";
import { bytesOf } from "./deterministic.ts";

/** 1 to r-1, by name. */
export const scalarOf = (name: string): bigint => (BigInt(toHex(bytesOf(name))) % (FIELD_R - 1n)) + 1n;
export const g1Of = (scalar: bigint): G1Point => pointOfG1(CURVE_G1.BASE.multiply(scalar));
export const g2Of = (scalar: bigint): G2Point => pointOfG2(CURVE_G2.BASE.multiply(scalar));

export function inverse(value: bigint): bigint {
  let [result, base, exponent] = [1n, modR(value), FIELD_R - 2n];
  for (; exponent > 0n; exponent >>= 1n, base = modR(base * base)) if (exponent & 1n) result = modR(result * base);
  return result;
}

/** A key whose every discrete logarithm is known: it proves anything without a circuit. */
export interface SimulatedKey {
  readonly key: VerifyingKey;
  readonly bytes: Uint8Array;
  readonly logs: {
    readonly alpha: bigint;
    readonly beta: bigint;
    readonly delta1: bigint;
    readonly delta2: bigint;
    readonly deltaWeights: bigint;
    readonly ic: readonly bigint[];
  };
  /** C_w and its logarithm; weights keys only. */
  readonly weights?: { readonly point: G1Point; readonly log: bigint };
}

export function boundaryOf(direction: 0 | 1, kind: 0 | 1, tensor: Tensor): KeyBoundary {
  const bytes = encodeTensor(tensor);
  const dataLength = tensor.data.byteLength;
  return { direction, kind, dataLength, headerHash: toHex(keccak256(bytes.subarray(0, bytes.length - dataLength))) };
}

export function simulatedKey(
  name: string,
  backend: Backend,
  boundaries: readonly KeyBoundary[],
  cls: KeyClass = KEY_DEVELOPMENT,
): SimulatedKey {
  const log = (part: string): bigint => scalarOf(`${name} ${part}`);
  const logs = {
    alpha: log("alpha"),
    beta: log("beta"),
    delta1: log("delta1"),
    delta2: log("delta2"),
    deltaWeights: log("deltaWeights"),
    ic: Array.from({ length: icCount(backend, boundaries) }, (_, i) => log(`ic ${i}`)),
  };
  const bytes = encodeKeyRecord({
    cls,
    backend,
    boundaries,
    circuitHash: toHex(bytesOf(`${name} circuit`)),
    transcriptHash: cls === KEY_DEVELOPMENT ? `0x${"0".repeat(64)}` : toHex(bytesOf(`${name} transcript`)),
    alpha: g1Of(logs.alpha),
    beta: g2Of(logs.beta),
    ...(backend === BACKEND_ONE_ROUND ? {} : { delta1: g2Of(logs.delta1) }),
    delta2: g2Of(logs.delta2),
    ...(backend === BACKEND_WEIGHTS ? { deltaWeights: g2Of(logs.deltaWeights) } : {}),
    ic: logs.ic.map(g1Of),
  });
  const base = { key: openKey(bytes), bytes, logs };
  if (backend !== BACKEND_WEIGHTS) return base;
  return { ...base, weights: { point: g1Of(log("weights")), log: log("weights") } };
}

export interface SimulatedStatement {
  readonly claim: Claim;
  readonly domain: Hex;
  readonly tensors: readonly Uint8Array[];
  readonly joined: readonly Hex[];
  readonly producers: readonly number[];
}

/** Multiples of the generators, many at once. */
export interface PointMaker {
  readonly g1: (scalars: readonly bigint[]) => readonly G1Point[];
  readonly g2: (scalars: readonly bigint[]) => readonly G2Point[];
}
const NOBLE: PointMaker = { g1: (scalars) => scalars.map(g1Of), g2: (scalars) => scalars.map(g2Of) };

export interface ProofOrder {
  readonly made: SimulatedKey;
  readonly statement: SimulatedStatement;
  /** Other values give other proofs of the same claim. */
  readonly seed: string;
}

/** Proofs that satisfy their keys for these claims, true or not. */
export function simulateProofs(orders: readonly ProofOrder[], points: PointMaker = NOBLE): StageProof[] {
  const drafts = orders.map(({ made, statement, seed }) => {
    const log = (part: string): bigint => scalarOf(`${seed} ${part} ${claimHash(statement.claim)}`);
    return { a: log("a"), b: log("b"), c1: made.key.record.backend === BACKEND_ONE_ROUND ? 0n : log("c1") };
  });
  const a = points.g1(drafts.map((draft) => draft.a));
  const b = points.g2(drafts.map((draft) => draft.b));
  const c1 = points.g1(drafts.map((draft) => draft.c1 || 1n));
  const finished = orders.map(({ made, statement }, i) => {
    const { key, logs, weights } = made;
    const { claim, domain, tensors, joined, producers } = statement;
    const draft = drafts[i] as (typeof drafts)[0];
    const c1Point = draft.c1 === 0n ? G1_INFINITY : (c1[i] as G1Point);
    const words = statementWords(key.record, claim, { tensors, joined, producers });
    const inputs = publicInputs(key, { domain, claim, weights: weights?.point }, c1Point, words);
    const publicPart = [1n, ...inputs].reduce((sum, input, at) => sum + input * (logs.ic[at] ?? 0n), 0n);
    const rest =
      draft.a * draft.b -
      logs.alpha * logs.beta -
      publicPart -
      draft.c1 * logs.delta1 -
      (weights?.log ?? 0n) * logs.deltaWeights;
    return { c1: c1Point, c2: modR(modR(rest) * inverse(logs.delta2)) };
  });
  const c2 = points.g1(finished.map((one) => one.c2));
  return orders.map(({ made, statement }, i) => {
    const { claim, domain, tensors, joined, producers } = statement;
    const proof = {
      a: a[i] as G1Point,
      b: b[i] as G2Point,
      c1: finished[i]?.c1 ?? G1_INFINITY,
      c2: c2[i] as G1Point,
    };
    const evidence: ProofEvidence = { proof: wordsOfProof(proof), tensors: tensors.map(toHex), joined };
    return { key: made.key, claim, domain, evidence, producers, weights: made.weights?.point };
  });
}

/** A proof that satisfies the key for this claim, true or not. `seed`: other values give other proofs of the same claim. */
export const simulateProof = (made: SimulatedKey, statement: SimulatedStatement, seed = "proof"): StageProof =>
  simulateProofs([{ made, statement, seed }])[0] as StageProof;

export const BACKENDS = [BACKEND_ONE_ROUND, BACKEND_TWO_ROUND, BACKEND_WEIGHTS] as const;
