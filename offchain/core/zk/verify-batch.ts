// SPDX-License-Identifier: MIT
import { encodeAbi } from "../abi.ts";
import { bytesToBig, fromHex, joinBytes, toHex, type Hex } from "../bytes.ts";
import { claimHash } from "../claim.ts";
import { isAssayError } from "../errors.ts";
import { domainHash, keccak256 } from "../keccak.ts";
import { challengeHash } from "./challenge.ts";
import { ZkError } from "./errors.ts";
import { modR } from "./field.ts";
import { CURVE_G2, curveG1, curveG2, type CurveG1, type CurveG2 } from "./points.ts";
import { encodeProof } from "./proof.ts";
import {
  combine,
  pairsToOne,
  prepareProof,
  satisfiesKey,
  type PreparedProof,
  type StageProof,
} from "./verify-proof.ts";

/**
 * z: 1 for the first proof, then 128 bits each from a hash of all proofs with what each is bound to. Whoever knew them before fixing
 * its proofs could let two false ones cancel out.
 */
export function batchFactors(
  keyId: Hex,
  proofs: readonly { readonly context: Hex; readonly proof: Uint8Array }[],
): bigint[] {
  const parts = proofs.flatMap(({ context, proof }) => [fromHex(context, 32), proof]);
  const seed = toHex(keccak256(joinBytes([domainHash("assay.v1.zk.batch"), fromHex(keyId, 32), ...parts])));
  return proofs.map((_, i) => {
    if (i === 0) return 1n;
    const hash = keccak256(encodeAbi(["bytes32", "uint256"], [seed, BigInt(i)]));
    return bytesToBig(hash.subarray(16));
  });
}

function checkSameKey(stages: readonly StageProof[]): StageProof {
  const [first] = stages;
  if (first === undefined) throw new ZkError("BATCH_INVALID", { reason: "no proof" });
  for (const { key, weights } of stages) {
    if (key.keyId !== first.key.keyId) throw new ZkError("BATCH_INVALID", { reason: "two keys" });
    if (weights?.x !== first.weights?.x || weights?.y !== first.weights?.y)
      throw new ZkError("BATCH_INVALID", { reason: "two weight commitments" });
  }
  return first;
}

/** N + 4 (+1) pairings: the N equations, each times its own z, in one product. */
function satisfyTogether(stages: readonly StageProof[], prepared: readonly PreparedProof[]): boolean {
  const { key, weights } = checkSameKey(stages);
  const factors = batchFactors(
    key.keyId,
    prepared.map(({ proof }, i) => {
      const { domain, claim } = stages[i] as StageProof;
      const bound = { domain, claimHash: claimHash(claim), keyId: key.keyId, weights, c1: proof.c1 };
      return { context: challengeHash(bound), proof: encodeProof(proof) };
    }),
  );
  const sum = modR(factors.reduce((total, factor) => total + factor, 0n));
  const { alpha, beta, delta1, delta2, deltaWeights, ic } = key.points;
  const inputs = ic.map((_, at) =>
    modR(
      prepared.reduce((total, one, i) => total + (factors[i] ?? 0n) * (at === 0 ? 1n : (one.inputs[at - 1] ?? 0n)), 0n),
    ),
  );
  const pairs: (readonly [CurveG1, CurveG2])[] = prepared.map(({ proof }, i) => [
    curveG1(proof.a)
      .multiplyUnsafe(factors[i] ?? 0n)
      .negate(),
    curveG2(proof.b),
  ]);
  pairs.push([alpha.multiplyUnsafe(sum), beta], [combine(ic, inputs), CURVE_G2.BASE]);
  pairs.push([
    combine(
      prepared.map(({ proof }) => curveG1(proof.c2)),
      factors,
    ),
    delta2,
  ]);
  if (delta1 !== undefined)
    pairs.push([
      combine(
        prepared.map(({ proof }) => curveG1(proof.c1)),
        factors,
      ),
      delta1,
    ]);
  if (deltaWeights !== undefined && weights !== undefined)
    pairs.push([curveG1(weights).multiplyUnsafe(sum), deltaWeights]);
  return pairsToOne(pairs);
}

/**
 * Checks many proofs of one key and one weight commitment together; false ones are named. Errors: BATCH_INVALID, BATCH_REJECTED with
 * the places of all proofs that `verifyStageProof` would refuse.
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
