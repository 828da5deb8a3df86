// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { merkleProof, merkleRoot, verifyMerkle, type MerkleProof } from "./merkle.ts";

// A job of many inputs names their count in the upper 24 bits of `policy.flags`; the digests of its input and of each boundary
// are roots over tensor digests, in order (BatchLib.sol). A probe's payload is the root over the inputs' probes.

const DOMAIN = "assay.v1.batch";
const SHIFT = 8;
/** Most inputs of one job. */
export const MAX_BATCH = 2 ** 24 - 1;

/** Inputs of a job with these flags; 0: a single one, whose digests are plain. */
export const batchCount = (flags: number): number => Math.floor(flags / 2 ** SHIFT);

/** `flags` for a job of `count` inputs. Error: MERKLE_INVALID. */
export function batchFlags(flags: number, count: number): number {
  if (!Number.isInteger(count) || count < 1 || count > MAX_BATCH)
    throw new CoreError("MERKLE_INVALID", { why: `a batch of ${count} inputs` });
  return (flags % 2 ** SHIFT) + count * 2 ** SHIFT;
}

const leaves = (digests: readonly Hex[]): readonly Uint8Array[] => digests.map((digest) => fromHex(digest, 32));

/** The digest that stands for all, in order. Error: MERKLE_INVALID without any. */
export const batchRoot = (digests: readonly Hex[]): Hex => toHex(merkleRoot(leaves(digests), DOMAIN));

/** Proof that `digests[index]` is one of them. Error: MERKLE_INVALID if there is no such digest. */
export const batchProof = (digests: readonly Hex[], index: number): MerkleProof =>
  merkleProof(leaves(digests), index, DOMAIN);

/** Whether `digest` is what the proof says, under `root`. Never throws for a malformed proof. Error: HEX_INVALID. */
export const verifyBatch = (root: Hex, digest: Hex, proof: MerkleProof): boolean =>
  verifyMerkle(fromHex(root, 32), fromHex(digest, 32), proof, DOMAIN);
