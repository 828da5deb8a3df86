// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import type { Claim } from "../../offchain/core/claim.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { encodeKeyRecord, type KeyRecord } from "../../offchain/core/zk/key-record.ts";
import type { G1Point } from "../../offchain/core/zk/points.ts";
import { wordsOfProof, type Proof } from "../../offchain/core/zk/proof.ts";
import { publicInputs } from "../../offchain/core/zk/statement.ts";
import { openKey, type VerifyingKey } from "../../offchain/core/zk/verifying-key.ts";
import { prepareProof, satisfiesKey, type StageProof } from "../../offchain/core/zk/verify-proof.ts";
import type { ProvingKey, WeightsOpening } from "../../offchain/engines/zk/prover/prover.ts";
import { finishToy, type ToyCircuit, type ToyRun } from "./toy-circuit.ts";

export const DOMAIN: Hex = `0x${"d1".repeat(32)}`;

export const claimOf = (run: ToyRun): Claim => ({
  jobId: `0x${"01".repeat(32)}`,
  stage: 0,
  inDigest: publicDigest(run.inTensor),
  outDigest: publicDigest(run.outTensor),
  worker: `0x${"02".repeat(20)}`,
});

export const keyOf = (record: KeyRecord): VerifyingKey => openKey(encodeKeyRecord(record));

/** Public inputs of a run for its claim, as the contract computes them from C1. */
export const publicsOf = (key: VerifyingKey, run: ToyRun, c1: G1Point, weights?: G1Point): bigint[] =>
  publicInputs(key, { domain: DOMAIN, claim: claimOf(run), weights }, c1, run.words);

export const stageOf = (key: VerifyingKey, run: ToyRun, proof: Proof, weights?: G1Point): StageProof => ({
  key,
  claim: claimOf(run),
  domain: DOMAIN,
  evidence: { proof: wordsOfProof(proof), tensors: [toHex(run.inTensor), toHex(run.outTensor)], joined: [] },
  weights,
});

/** Whether the verifier accepts; its complaints about form are failures of the test. */
export const accepts = (key: VerifyingKey, run: ToyRun, proof: Proof, weights?: G1Point): boolean =>
  satisfiesKey(prepareProof(stageOf(key, run, proof, weights)));

/** Commit, hash, finish. */
export async function proveToy(
  proving: ProvingKey,
  circuit: ToyCircuit,
  run: ToyRun,
  weights?: WeightsOpening,
): Promise<Proof> {
  const commitment = await proving.commit(run.values);
  const publics = publicsOf(keyOf(proving.record), run, commitment.c1, weights?.commitment);
  return proving.finish(commitment, finishToy(circuit, run, publics), { weights });
}
