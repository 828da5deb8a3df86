// SPDX-License-Identifier: MIT
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { batchProof, batchRoot } from "./batch.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { assertLength, utf8, type Hex } from "./bytes.ts";
import { digestOf, saltBytes } from "./digest.ts";
import { CoreError } from "./core-errors.ts";
import type { MerkleProof } from "./merkle.ts";
import { ciphertextDigest } from "./she/ciphertext-tensor.ts";
import { portableHashes } from "./she/hashes.ts";
import { MAX_TENSOR_BYTES } from "./tensor.ts";
import { KIND_CIPHER, type DigestKind } from "./types.ts";

/**
 * The tensors of one boundary of a batch, as they travel together: where a job of a single input carries a tensor, a batch carries these
 * bytes. "ASBT" ‖ u8 version = 1 ‖ u32be n ‖ n × (u32be length ‖ tensor bytes). Any other encoding is refused. All of them together are no
 * longer than one tensor may be.
 */
const WHAT = "The batch";
const MAGIC = 0x41534254;
const HEADER = 9;

/** Errors: NOT_CANONICAL without any, with an empty one, or with more bytes than a tensor may have; TOO_LARGE for more than 1,024. */
export function encodeBatch(tensors: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).u32be(tensors.length);
  for (const bytes of tensors) writer.u32be(bytes.length).raw(bytes);
  const bytes = writer.finish();
  decodeBatch(bytes); // one set of rules for both directions
  return bytes;
}

/** Length of what `encodeBatch` makes. */
export const batchBytes = (tensors: readonly Uint8Array[]): number =>
  tensors.reduce((sum, { length }) => sum + 4 + length, HEADER);

export const MAX_BATCH_BYTES = MAX_TENSOR_BYTES;
/** Most inputs that workers take in one job: beyond it there is little left to save, and whoever hashes them keeps everybody waiting. */
export const MAX_BATCH_INPUTS = 1_024;

/**
 * Tensor bytes in order, as views; whether they are tensors is for their readers to say.
 * Errors: NOT_CANONICAL, TOO_LARGE, VERSION_UNKNOWN, BYTES_TRUNCATED, BYTES_TRAILING.
 */
export function decodeBatch(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(bytes, WHAT);
  if (bytes.length > MAX_BATCH_BYTES) throw reader.refuse(`${bytes.length} bytes`);
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASBT");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const count = reader.count(reader.u32be(), MAX_BATCH_INPUTS, 5);
  if (count === 0) throw reader.refuse("it has no inputs");
  const tensors = Array.from({ length: count }, () => {
    const length = reader.u32be();
    if (length === 0) throw reader.refuse("an empty tensor");
    return reader.raw(length);
  });
  reader.end();
  return tensors;
}

/**
 * The salt of one leaf: HKDF-SHA256(the boundary's salt, info = "assay.v1.batch-salt" ‖ u32be index), as long as the kind's. Showing one
 * leaf with its salt tells nothing about the others.
 */
export function leafSalt(kind: DigestKind, salt: Uint8Array | undefined, index: number): Uint8Array | undefined {
  if (salt === undefined) return undefined;
  assertLength(salt, saltBytes(kind), "The boundary's salt");
  const info = new ByteWriter().raw(utf8("assay.v1.batch-salt")).u32be(index).finish();
  return hkdf(sha256, salt, undefined, info, saltBytes(kind));
}

/** Digest of one of a batch's tensors, under its own salt. Errors: those of `digestOf`. */
export const leafDigest = (kind: DigestKind, bytes: Uint8Array, salt: Uint8Array | undefined, index: number): Hex =>
  // Checked before a leaf's salt is derived: a kind without a salt must not be given one.
  digestOf(kind, bytes, saltBytes(kind) === 0 ? salt : leafSalt(kind, salt, index));

/** Digests of a batch's tensors, each under its own salt. Errors: those of `digestOf`. */
export const leafDigests = (kind: DigestKind, tensors: readonly Uint8Array[], salt?: Uint8Array): readonly Hex[] =>
  tensors.map((bytes, i) => leafDigest(kind, bytes, salt, i));

/**
 * The digest of what a boundary carries. `count`: the inputs that the job names, 0 for a single one, whose bytes are a tensor. A batch's
 * digest is over the number that the bytes hold; readers compare that with the job's. A CIPHER boundary holds one ciphertext, which may
 * itself carry many samples. Errors: those of `digestOf` and `ciphertextDigest`.
 */
export const boundaryDigest = (
  kind: DigestKind,
  bytes: Uint8Array,
  salt: Uint8Array | undefined,
  count: number,
): Hex => {
  if (count > 0) return batchRoot(leafDigests(kind, decodeBatch(bytes), salt));
  if (kind !== KIND_CIPHER) return digestOf(kind, bytes, salt);
  if (salt !== undefined) throw new CoreError("SALT_INVALID", { why: "a CIPHER digest takes none" });
  return ciphertextDigest(bytes, portableHashes);
};

/** One inference of a batch, for whoever shall see that one only. */
export interface BatchLeaf {
  readonly index: number;
  readonly tensor: Uint8Array;
  readonly salt: Uint8Array | undefined;
  readonly digest: Hex;
  /** That `digest` is number `index` under the boundary's digest: `verifyBatch`, or `verifyInference` of the hub's lens. */
  readonly proof: MerkleProof;
}

/** Errors: MERKLE_INVALID for an index beyond the batch, those of `decodeBatch` and `digestOf`. */
export function batchLeaf(kind: DigestKind, bytes: Uint8Array, salt: Uint8Array | undefined, index: number): BatchLeaf {
  const tensors = decodeBatch(bytes);
  const digests = leafDigests(kind, tensors, salt);
  const proof = batchProof(digests, index);
  const [tensor, digest] = [tensors[index], digests[index]];
  return {
    index,
    tensor: tensor ?? new Uint8Array(),
    salt: leafSalt(kind, salt, index),
    digest: digest ?? "0x",
    proof,
  };
}
