// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "./abi.ts";
import { batchCount, verifyBatch } from "./batch.ts";
import { batchLeaf } from "./batch-tensors.ts";
import { ByteReader } from "./byte-reader.ts";
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { digestOf } from "./digest.ts";
import { jobTable } from "./network-part.ts";
import { encodeReceipt, MAX_RECEIPT_BYTES, receiptOutput, type Receipt } from "./receipt.ts";
import { decodeTensor } from "./tensor.ts";
import type { DigestKind } from "./types.ts";

/**
 * One inference of a batch, to be shown alone: the job's receipt without its outputs, one output with its own salt, and the siblings that
 * lead from it to the result that the receipt proves. Nothing of the other outputs is in it but digests: of a PUBLIC boundary, which is no
 * secret, a neighbour's digest lets its reader try out guesses; the other kinds' are salted, each leaf's by itself.
 */
const LEAF = {
  struct: {
    /** From 0, in the order of the inputs. */
    index: "uint32",
    /** Canonical tensor bytes. */
    tensor: "bytes",
    /** Of this leaf; empty for a kind without one. */
    salt: "bytes",
    /** From the leaf upwards. */
    siblings: { array: "bytes32" },
    /** Canonical bytes of the receipt, its output left out. */
    receipt: "bytes",
  },
} as const satisfies AbiType;

export type InferenceLeaf = AbiValue<typeof LEAF>;

const MAGIC = utf8("ASLF");
const VERSION = 1;

const bad = (why: string) => new CoreError("LEAF_INVALID", { why });

/** Whether a file says that it is a leaf and not a receipt. */
export const isLeafFile = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);

/**
 * Errors: LEAF_INVALID for a job of a single input, that did not end FINAL, or a receipt without outputs; MERKLE_INVALID for an index
 * beyond the batch; those of `batchLeaf`. Whether the receipt is true is for `verifyReceipt` to say.
 */
export function leafOfReceipt(receipt: Receipt, index: number): InferenceLeaf {
  const output = receiptOutput(receipt);
  const count = batchCount(receipt.job.spec.policy.flags);
  if (count === 0) throw bad("the job is of a single input: its receipt shows it alone already");
  if (receipt.reason !== 0) throw bad("the job closed without a result");
  if (output === undefined) throw bad("the receipt does not include the outputs: only the requester can open them");
  const kind = jobTable(receipt.manifest).at(-1)?.outKind as DigestKind;
  const salt = receipt.outputSalt === "0x" ? undefined : fromHex(receipt.outputSalt);
  const leaf = batchLeaf(kind, output, salt, index);
  if (leaf.proof.count !== count || !verifyBatch(receipt.outDigest, leaf.digest, leaf.proof))
    throw bad("the outputs in the receipt are not the result's");
  return {
    index,
    tensor: toHex(leaf.tensor),
    salt: leaf.salt === undefined ? "0x" : toHex(leaf.salt),
    siblings: leaf.proof.siblings.map((sibling) => toHex(sibling)),
    receipt: toHex(encodeReceipt({ ...receipt, output: "0x", outputSalt: "0x" })),
  };
}

/** "ASLF" ‖ u8 version ‖ abi.encode(leaf). Error: ABI_VALUE. */
export const encodeLeaf = (leaf: InferenceLeaf): Uint8Array =>
  concatBytes(MAGIC, Uint8Array.of(VERSION), encodeAbi([LEAF], [leaf]));

/**
 * Reads a leaf from anyone: its form only. Errors: TOO_LARGE, LEAF_INVALID, VERSION_UNKNOWN, BYTES_TRUNCATED, ABI_NOT_CANONICAL.
 */
export function decodeLeaf(bytes: Uint8Array): InferenceLeaf {
  if (bytes.length > MAX_RECEIPT_BYTES)
    throw new CoreError("TOO_LARGE", { what: "The leaf", actual: `${bytes.length} bytes`, limit: MAX_RECEIPT_BYTES });
  const reader = new ByteReader(bytes, "The leaf");
  if (!equalBytes(reader.raw(MAGIC.length), MAGIC)) throw bad("it does not begin with ASLF");
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The leaf", version });
  const [leaf] = decodeAbi([LEAF], reader.raw(reader.remaining));
  return leaf;
}

/**
 * What is wrong with a leaf under its own receipt, which must be judged besides: that its tensor opens number `index` of the batch that
 * the receipt's result is the root of. Errors of hostile tensors and salts: those of `decodeTensor` and `digestOf`.
 */
export function leafFailure(leaf: InferenceLeaf, receipt: Receipt): string | undefined {
  const count = batchCount(receipt.job.spec.policy.flags);
  if (count === 0) return "the job is of a single input";
  if (receipt.reason !== 0) return "the job closed without a result";
  if (receipt.output !== "0x") return "its receipt shows other outputs too";
  if (leaf.index >= count) return `there is no input ${leaf.index} of ${count}`;
  const tensor = fromHex(leaf.tensor);
  decodeTensor(tensor);
  const kind = jobTable(receipt.manifest).at(-1)?.outKind as DigestKind;
  const digest = digestOf(kind, tensor, leaf.salt === "0x" ? undefined : fromHex(leaf.salt));
  const siblings = leaf.siblings.map((sibling) => fromHex(sibling, 32));
  if (!verifyBatch(receipt.outDigest, digest, { index: leaf.index, count, siblings }))
    return "it is not that output of the result";
  return undefined;
}
