// SPDX-License-Identifier: GPL-3.0-or-later
import { batchFlags } from "../../offchain/core/batch.ts";
import { boundaryDigest, encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { receiptOfSubmission } from "../../offchain/core/build-receipt.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { jobId } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { Receipt } from "../../offchain/core/receipt.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED, type KIND_PUBLIC, type ModelManifest } from "../../offchain/core/types.ts";
import { bytesOf } from "./deterministic.ts";
import { DEPLOYMENT, sampleJob, sampleManifest, sampleVotes, signerOf } from "./sample-receipt.ts";

export const batchOutput = (index: number): Uint8Array =>
  encodeTensor({ dtype: "i8", dims: [1, 2], data: Int8Array.of(index, -index) });

/** One stage, five seats, `count` inputs whose outputs the receipt shows. */
export function batchReceipt(count: number, outKind: typeof KIND_BLINDED | typeof KIND_PUBLIC): Receipt {
  const base = sampleManifest(1);
  const manifest: ModelManifest = { ...base, stages: base.stages.map((info) => ({ ...info, outKind })) };
  const sample = sampleJob(manifest, 5);
  const policy = { ...sample.spec.policy, flags: batchFlags(sample.spec.policy.flags, count) };
  const job = { ...sample, spec: { ...sample.spec, modelId: modelId(manifest), policy } };
  const output = encodeBatch(Array.from({ length: count }, (_, i) => batchOutput(i)));
  const salt = outKind === KIND_BLINDED ? bytesOf("batch salt") : undefined;
  const outDigest = boundaryDigest(outKind, output, salt, count);
  const workers = [1, 2, 3, 4, 5];
  const votes = sampleVotes({
    jobId: jobId(DEPLOYMENT, job),
    stage: 0,
    round: 0,
    inDigest: job.spec.inDigest,
    outs: workers.map(() => outDigest),
    workers,
  });
  const receipt = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats: workers,
    signers: workers.map(signerOf),
    votes: [votes],
  });
  return { ...receipt, output: toHex(output), outputSalt: salt === undefined ? "0x" : toHex(salt) };
}
