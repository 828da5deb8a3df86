// SPDX-License-Identifier: MIT
import { fromHex, type Hex } from "../bytes.ts";
import type { Claim } from "../claim.ts";
import { PRODUCER_INPUT } from "../types.ts";
import { equationOf, type PreparedProof } from "./equation.ts";
import { ZkError } from "./errors.ts";
import type { ProofEvidence } from "./evidence.ts";
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS } from "./key-record.ts";
import { productIsOne } from "./noble-pairing.ts";
import { g1Failure, g1FormFailure, isInfinityG1, type G1Point } from "./points.ts";
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

/** The weight commitment's name in findings. */
export const WEIGHTS_NAME = "the weight commitment";

function checkRounds({ backend }: VerifyingKey["record"], { c1 }: Proof, weights: G1Point | undefined): void {
  if (isInfinityG1(c1) !== (backend === BACKEND_ONE_ROUND))
    throw new ZkError("PROOF_MALFORMED", { reason: `C1 does not fit backend ${backend}` });
  if ((weights === undefined) !== (backend !== BACKEND_WEIGHTS))
    throw new ZkError("STATEMENT_MISMATCH", {
      reason: weights === undefined ? "the stage has no weight commitment" : "the key has no weights group",
    });
  const failure = weights && g1FormFailure(weights, WEIGHTS_NAME);
  if (failure !== undefined) throw new ZkError("STATEMENT_MISMATCH", { reason: failure });
}

/**
 * Binds a proof whose points are known to be on their curves, like the stage's weight commitment, to the stage's statement. Errors:
 * PROOF_MALFORMED, STATEMENT_MISMATCH, HEX_INVALID.
 */
export function bindProof(stage: StageProof, proof: Proof): PreparedProof {
  const { key, claim, domain, evidence, producers, weights } = stage;
  checkRounds(key.record, proof, weights);
  const words = statementWords(key.record, claim, {
    tensors: evidence.tensors.map((bytes) => fromHex(bytes)),
    joined: evidence.joined,
    producers: producers ?? [PRODUCER_INPUT],
  });
  return { key, proof, inputs: publicInputs(key, { domain, claim, weights }, proof.c1, words), weights };
}

/** Everything but the pairings. Errors: PROOF_MALFORMED, STATEMENT_MISMATCH, HEX_INVALID. */
export function prepareProof(stage: StageProof): PreparedProof {
  const prepared = bindProof(stage, proofOfWords(stage.evidence.proof));
  const failure = stage.weights && g1Failure(stage.weights, WEIGHTS_NAME);
  if (failure !== undefined) throw new ZkError("STATEMENT_MISMATCH", { reason: failure });
  return prepared;
}

/** e(−A,B)·e(α,β)·e(L,g₂)·e(C1,δ1)·e(C2,δ2)[·e(C_w,δw)] = 1 with L = IC₀ + Σ input·IC. */
export const satisfiesKey = (prepared: PreparedProof): boolean => productIsOne(equationOf([{ prepared, factor: 1n }]));

/** That a proof whose form and statement are fine does not satisfy its key. */
export const rejected = ({ claim }: StageProof) =>
  new ZkError("PROOF_REJECTED", { stage: claim.stage, worker: claim.worker });

/**
 * Checks one stage's proof against its claim, offline, with nothing taken from the prover but the proof and the public tensors, as
 * the contract does. Returns if it holds. Errors: PROOF_MALFORMED, STATEMENT_MISMATCH, PROOF_REJECTED, HEX_INVALID.
 */
export function verifyStageProof(stage: StageProof): void {
  if (!satisfiesKey(prepareProof(stage))) throw rejected(stage);
}
