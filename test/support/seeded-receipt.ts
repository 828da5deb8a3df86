// SPDX-License-Identifier: GPL-3.0-or-later
import { receiptOfSubmission } from "../../offchain/core/build-receipt.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { jobId } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { Receipt } from "../../offchain/core/receipt.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_PUBLIC, type ModelManifest, type StageInfo } from "../../offchain/core/types.ts";
import { DEPLOYMENT, sampleJob, sampleManifest, sampleVotes, signerOf } from "./sample-receipt.ts";

export interface SeededReceipt {
  readonly seed: number;
  readonly output: Tensor;
  readonly name?: string;
  readonly stage?: Partial<StageInfo>;
  /** Whether the receipt shows its output. */
  readonly shown?: boolean;
}

/** A one-stage job with public ends: the input holds the seed, five seats said the output. */
export function seededReceipt({ seed, output, name, stage, shown = true }: SeededReceipt): Receipt {
  const base = sampleManifest(1);
  const manifest: ModelManifest = {
    ...base,
    ...(name === undefined ? {} : { name }),
    stages: base.stages.map((info) => ({ ...info, outKind: KIND_PUBLIC, ...stage })),
  };
  const sample = sampleJob(manifest, 5);
  const inDigest = publicDigest(encodeTensor({ dtype: "i32", dims: [1, 1], data: Int32Array.of(seed) }));
  const job = { ...sample, spec: { ...sample.spec, modelId: modelId(manifest), inDigest } };
  const bytes = encodeTensor(output);
  const workers = [1, 2, 3, 4, 5];
  const outs = workers.map(() => publicDigest(bytes));
  const votes = sampleVotes({ jobId: jobId(DEPLOYMENT, job), stage: 0, round: 0, inDigest, outs, workers });
  const receipt = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats: workers,
    signers: workers.map(signerOf),
    votes: [votes],
  });
  return shown ? { ...receipt, output: toHex(bytes) } : receipt;
}
