// SPDX-License-Identifier: GPL-3.0-or-later
import { receiptOfProofs } from "../../offchain/core/build-receipt.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { enclaveProofDigest, type EnclavePair } from "../../offchain/core/enclave-bundle.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../offchain/core/enclave-result.ts";
import { jobId } from "../../offchain/core/job.ts";
import type { ProvenTally, Receipt } from "../../offchain/core/receipt.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { ENCLAVE, PROOF, ZERO_ADDRESS, ZERO_BYTES32, type Job } from "../../offchain/core/types.ts";
import type { KnownEnclave } from "../../offchain/core/verify-receipt.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { bytesOf } from "./deterministic.ts";
import { honestDigest, provenJob, provenModel, provenTally } from "./proven-receipt.ts";
import { DEPLOYMENT, DOMAIN, settled, signerOf } from "./sample-receipt.ts";

const EPOCH = 2;

/** Key of a worker's enclave. */
export const enclaveOf = (worker: number): Uint8Array => bytesOf(`enclave of worker ${worker}`);

export interface PairOrder {
  readonly job: Job;
  readonly stage: number;
  readonly inDigest: Hex;
  readonly proven: Omit<ProvenTally, "enclaves">;
  /** Worker ids; the second 0 for none. */
  readonly workers: readonly [number, number];
  readonly keys?: readonly [Uint8Array, Uint8Array];
}

/** What the enclaves of two workers sign about a proven stage. */
export function signedPair({ job, stage, inDigest, proven, workers, keys }: PairOrder): EnclavePair {
  const [key, secondKey] = keys ?? [enclaveOf(workers[0]), enclaveOf(workers[1])];
  const { worker, outDigest } = proven;
  const claim = { jobId: jobId(DEPLOYMENT, job), stage, inDigest, outDigest, worker };
  const second = workers[1] === 0 ? ZERO_ADDRESS : signerOf(workers[1]);
  const result = (by: Hex, secret: Uint8Array): Hex => {
    const said = { claim: { ...claim, worker: by }, channelHash: ZERO_BYTES32, epoch: EPOCH };
    return toHex(encodeEnclaveEvidence(said, signDigest(enclaveResultDigest(DOMAIN, said), secret)));
  };
  const proof = encodeProofEvidence(proven.evidence);
  return {
    second,
    result: result(worker, key),
    secondResult: workers[1] === 0 ? "0x" : result(second, secondKey),
    ...signDigest(enclaveProofDigest(DOMAIN, claim, proof, EPOCH), key),
  };
}

/** A critical job: worker 3 proves stage 0 in its enclave and worker 4's agrees; 5 and 6 the next, and so on. */
export function pairedReceipt(stages: number, k: 1 | 2): Receipt {
  const base = provenModel(stages);
  const model = { ...base, manifest: { ...base.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) } };
  const job = provenJob(model.manifest, ENCLAVE | PROOF, k);
  const receipt = receiptOfProofs({
    deployment: DEPLOYMENT,
    job,
    manifest: model.manifest,
    seats: Array.from({ length: 12 }, (_, i) => i + 1),
    stages: model.manifest.stages.map((_, stage) => {
      const workerId = 3 + 2 * stage;
      const proven = provenTally({ model, job, stage, tally: stage, worker: signerOf(workerId) });
      const workers = [workerId, k === 2 ? workerId + 1 : 0] as const;
      const pair = signedPair({ job, stage, inDigest: honestDigest(stage, stages), proven, workers });
      return { workerId, ...(k === 2 ? { secondId: workerId + 1 } : {}), ...proven, enclaves: [pair] };
    }),
  });
  return settled(receipt);
}

/** What the registry of enclaves knows of workers 3 to 8: odd ones have Intel's. */
export const knownEnclaves = (): Map<Hex, KnownEnclave> =>
  new Map(
    [3, 4, 5, 6, 7, 8].map((worker) => [
      addressOfKey(enclaveOf(worker)),
      { worker: signerOf(worker), family: worker % 2 === 1 ? "intel" : "aws" },
    ]),
  );
