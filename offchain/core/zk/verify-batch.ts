// SPDX-License-Identifier: MIT
import { isAssayError } from "../errors.ts";
import { batchFactors, boundProof } from "./batch-factors.ts";
import { equationOf, type PreparedProof } from "./equation.ts";
import { ZkError } from "./errors.ts";
import { productIsOne } from "./noble-pairing.ts";
import { prepareProof, satisfiesKey, type StageProof } from "./verify-proof.ts";
import type { VerifyingKey } from "./verifying-key.ts";

function checkSameKey(stages: readonly StageProof[]): VerifyingKey {
  const [first] = stages;
  if (first === undefined) throw new ZkError("BATCH_INVALID", { reason: "no proof" });
  for (const { key, weights } of stages) {
    if (key.keyId !== first.key.keyId) throw new ZkError("BATCH_INVALID", { reason: "two keys" });
    if (weights?.x !== first.weights?.x || weights?.y !== first.weights?.y)
      throw new ZkError("BATCH_INVALID", { reason: "two weight commitments" });
  }
  return first.key;
}

/** N + 4 (+1) pairings: the N equations, each times its own z, in one product. */
function satisfyTogether(stages: readonly StageProof[], prepared: readonly PreparedProof[]): boolean {
  const { keyId } = checkSameKey(stages);
  const bound = prepared.map((one, i) => boundProof(stages[i] as StageProof, one));
  const factors = batchFactors(keyId, bound);
  return productIsOne(equationOf(prepared.map((one, i) => ({ prepared: one, factor: factors[i] ?? 0n }))));
}

/**
 * Checks many proofs of one key and one weight commitment together; false ones are named. Errors: BATCH_INVALID, BATCH_REJECTED with
 * the places of all proofs that `verifyStageProof` would refuse. `judgeProofs` takes proofs of any keys, and another pairing engine.
 */
export function verifyProofBatch(stages: readonly StageProof[]): void {
  checkSameKey(stages);
  const prepared = stages.map((stage) => {
    try {
      return prepareProof(stage);
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return undefined;
    }
  });
  const sound = prepared.filter((one) => one !== undefined);
  if (sound.length === stages.length && satisfyTogether(stages, sound)) return;
  const indices = prepared.flatMap((one, i) => (one !== undefined && satisfiesKey(one) ? [] : [i]));
  throw new ZkError("BATCH_REJECTED", { indices: indices.join(", ") });
}
