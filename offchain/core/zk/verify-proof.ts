// SPDX-License-Identifier: MIT
import { bn254 } from "@noble/curves/bn254.js";
import { fromHex, type Hex } from "../bytes.ts";
import type { Claim } from "../claim.ts";
import { PRODUCER_INPUT } from "../types.ts";
import { ZkError } from "./errors.ts";
import type { ProofEvidence } from "./evidence.ts";
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS } from "./key-record.ts";
import {
  CURVE_G1,
  CURVE_G2,
  curveG1,
  curveG2,
  g1Failure,
  isInfinityG1,
  type CurveG1,
  type CurveG2,
  type G1Point,
} from "./points.ts";
import { proofOfWords, type Proof } from "./proof.ts";
import { publicInputs, statementWords } from "./statement.ts";
import type { VerifyingKey } from "./verifying-key.ts";

/** A claim with its proof, and what both were made for. */
export interface StageProof {
  readonly key: VerifyingKey;
  readonly claim: Claim;
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  readonly evidence: ProofEvidence;
  /** From the model's stage table; a stage that takes the job's input alone by default. */
  readonly producers?: readonly number[] | undefined;
  /** The stage's weight commitment C_w; exactly where the key has a weights group. */
  readonly weights?: G1Point | undefined;
}

/** A proof whose form and statement are fine: what is left is the pairing equation. */
export interface PreparedProof {
  readonly key: VerifyingKey;
  readonly proof: Proof;
  readonly inputs: readonly bigint[];
  readonly weights: G1Point | undefined;
}

function checkRounds({ backend }: VerifyingKey["record"], { c1 }: Proof, weights: G1Point | undefined): void {
  if (isInfinityG1(c1) !== (backend === BACKEND_ONE_ROUND))
    throw new ZkError("PROOF_MALFORMED", { reason: `C1 does not fit backend ${backend}` });
  if ((weights === undefined) !== (backend !== BACKEND_WEIGHTS))
    throw new ZkError("STATEMENT_MISMATCH", {
      reason: weights === undefined ? "the stage has no weight commitment" : "the key has no weights group",
    });
  const failure = weights && g1Failure(weights, "the weight commitment");
  if (failure !== undefined) throw new ZkError("STATEMENT_MISMATCH", { reason: failure });
}

/** Everything but the pairings. Errors: PROOF_MALFORMED, STATEMENT_MISMATCH, HEX_INVALID. */
export function prepareProof({ key, claim, domain, evidence, producers, weights }: StageProof): PreparedProof {
  const proof = proofOfWords(evidence.proof);
  checkRounds(key.record, proof, weights);
  const words = statementWords(key.record, claim, {
    tensors: evidence.tensors.map((bytes) => fromHex(bytes)),
    joined: evidence.joined,
    producers: producers ?? [PRODUCER_INPUT],
  });
  return { key, proof, inputs: publicInputs(key, { domain, claim, weights }, proof.c1, words), weights };
}

/** Σ scalars[i]·points[i]; the scalars are public. */
export function combine(points: readonly CurveG1[], scalars: readonly bigint[]): CurveG1 {
  let sum = CURVE_G1.ZERO;
  for (const [i, point] of points.entries()) {
    const scalar = scalars[i] ?? 0n;
    if (scalar === 1n) sum = sum.add(point);
    else if (scalar !== 0n) sum = sum.add(point.multiplyUnsafe(scalar));
  }
  return sum;
}

/** Whether the product of the pairings is 1. A term at infinity contributes 1. */
export function pairsToOne(pairs: readonly (readonly [CurveG1, CurveG2])[]): boolean {
  const terms = pairs.filter(([g1, g2]) => !g1.is0() && !g2.is0()).map(([g1, g2]) => ({ g1, g2 }));
  const { Fp12 } = bn254.fields;
  return Fp12.eql(bn254.pairingBatch(terms), Fp12.ONE);
}

/** e(−A,B)·e(α,β)·e(L,g₂)·e(C1,δ1)·e(C2,δ2)[·e(C_w,δw)] = 1 with L = IC₀ + Σ input·IC. */
export function satisfiesKey({ key, proof, inputs, weights }: PreparedProof): boolean {
  const { alpha, beta, delta1, delta2, deltaWeights, ic } = key.points;
  const pairs: (readonly [CurveG1, CurveG2])[] = [
    [curveG1(proof.a).negate(), curveG2(proof.b)],
    [alpha, beta],
    [combine(ic, [1n, ...inputs]), CURVE_G2.BASE],
    [curveG1(proof.c2), delta2],
  ];
  if (delta1 !== undefined) pairs.push([curveG1(proof.c1), delta1]);
  if (deltaWeights !== undefined && weights !== undefined) pairs.push([curveG1(weights), deltaWeights]);
  return pairsToOne(pairs);
}

/**
 * Checks one stage's proof against its claim, offline, with nothing taken from the prover but the proof and the public tensors, as
 * the contract does. Returns if it holds. Errors: PROOF_MALFORMED, STATEMENT_MISMATCH, PROOF_REJECTED, HEX_INVALID.
 */
export function verifyStageProof(stage: StageProof): void {
  const { claim } = stage;
  if (!satisfiesKey(prepareProof(stage)))
    throw new ZkError("PROOF_REJECTED", { stage: claim.stage, worker: claim.worker });
}
