// SPDX-License-Identifier: GPL-3.0-or-later
import type { ProofFile } from "../../offchain/core/zk/proof-file.ts";
import type { KeyClass } from "../../offchain/core/zk/key-record.ts";
import { provenReceipt } from "./proven-receipt.ts";

/** The proofs of a job's stages, as a file of their own. */
export function sampleProofFile(stages: number, options: { readonly cls?: KeyClass } = {}): ProofFile {
  const { chainId, hub, jobId, job, manifest, proofs } = provenReceipt(stages, options);
  return {
    chainId,
    hub,
    jobId,
    inDigest: job.spec.inDigest,
    stages: proofs.map(({ worker, outDigest, key, evidence }, stage) => {
      const { producers = [], weightsX = "0x", weightsY = "0x" } = manifest.stages[stage] ?? {};
      return { worker, outDigest, producers, weightsX, weightsY, key, evidence };
    }),
  };
}
