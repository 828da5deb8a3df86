// SPDX-License-Identifier: MIT
import { bytesToBig, concatBytes, fromHex, joinBytes, type Hex } from "../bytes.ts";
import { claimHash } from "../claim.ts";
import { domainHash, keccak256 } from "../keccak.ts";
import { challengeHash } from "./challenge.ts";
import type { PreparedProof } from "./equation.ts";
import { encodeProof } from "./proof.ts";
import type { StageProof } from "./verify-proof.ts";

/** A proof and what it is bound to: chain, hub, claim, key, weights. */
export interface BoundProof {
  /** `challengeHash`. */
  readonly context: Hex;
  /** `encodeProof`. */
  readonly proof: Uint8Array;
}

export function boundProof({ domain, claim }: StageProof, { key, proof, weights }: PreparedProof): BoundProof {
  const bound = { domain, claimHash: claimHash(claim), keyId: key.keyId, weights, c1: proof.c1 };
  return { context: challengeHash(bound), proof: encodeProof(proof) };
}

function factorsOf(head: readonly Uint8Array[], proofs: readonly BoundProof[]): bigint[] {
  const parts = proofs.flatMap(({ context, proof }) => [fromHex(context, 32), proof]);
  // abi.encode(seed, i)
  const words = concatBytes(keccak256(joinBytes([...head, ...parts])), new Uint8Array(32));
  const counter = new DataView(words.buffer, 60);
  return proofs.map((_, i) => {
    if (i === 0) return 1n;
    counter.setUint32(0, i);
    return bytesToBig(keccak256(words).subarray(16));
  });
}

/**
 * z: 1 for the first proof, then 128 bits each from a hash of all proofs with what each is bound to. Whoever knew them before fixing
 * its proofs could let two false ones cancel out.
 */
export const batchFactors = (keyId: Hex, proofs: readonly BoundProof[]): bigint[] =>
  factorsOf([domainHash("assay.v1.zk.batch"), fromHex(keyId, 32)], proofs);

/** The same for proofs of any keys, which their contexts name. */
export const mixedFactors = (proofs: readonly BoundProof[]): bigint[] =>
  factorsOf([domainHash("assay.v1.zk.batch.mixed")], proofs);
