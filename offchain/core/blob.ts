// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { CID } from "multiformats/cid";
import { create as createDigest } from "multiformats/hashes/digest";
import { equalBytes, fromHex, joinBytes, toHex, utf8, type Hex } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";

/** Largest part, and largest blob without an index. */
export const PART_BYTES = 1024 * 1024;
/** Largest blob of all: programs and keys. Boundaries: 64 MiB. */
export const MAX_BLOB_BYTES = 512 * 1024 * 1024;

const MAGIC = utf8("ASI1");
const VERSION = 1;
const HEAD = 4 + 1 + 8 + 4;
const RAW = 0x55;
const SHA2_256 = 0x12;

const bad = (why: string) => new CoreError("BLOB_INVALID", { why });

/** sha2-256 of a part, as kept on chain. */
export const partDigest = (part: Uint8Array): Hex => toHex(sha256(part));

/** CIDv1(raw, sha2-256) in base32: what IPFS tools call the part. */
export function cidOf(digest: Hex): string {
  return CID.createV1(RAW, createDigest(SHA2_256, fromHex(digest, 32, "A part's digest"))).toString();
}

/** Accepts only the form that `cidOf` gives: a name in another base, codec or hash would be a second name. Error: BLOB_INVALID. */
export function parseCid(name: string): Hex {
  let cid: CID;
  try {
    cid = CID.parse(name);
  } catch (cause) {
    throw new CoreError("BLOB_INVALID", { why: "its name is no CID" }, { cause });
  }
  if (cid.version !== 1 || cid.code !== RAW || cid.multihash.code !== SHA2_256 || cid.multihash.digest.length !== 32)
    throw bad("its name is not a CIDv1 of raw bytes under sha2-256");
  const digest = toHex(cid.multihash.digest);
  if (cidOf(digest) !== name) throw bad("its name is not in lower-case base32");
  return digest;
}

/** Error: BLOB_DIGEST unless the bytes have this name. */
export function assertPart(part: Uint8Array, expected: Hex): Uint8Array {
  const actual = partDigest(part);
  if (actual !== expected.toLowerCase()) throw new CoreError("BLOB_DIGEST", { expected, actual });
  return part;
}

export interface BlobIndex {
  readonly size: bigint;
  readonly partSize: number;
  /** Digests of the parts in order; all have partSize bytes but the last. */
  readonly parts: readonly Hex[];
}

const looksLikeIndex = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, 4), MAGIC);

/** "ASI1" ‖ u8 version ‖ u64le size ‖ u32le partSize ‖ bytes32[]. Error: BLOB_INVALID if sizes and count disagree. */
export function encodeIndex(index: BlobIndex): Uint8Array {
  const writer = new ByteWriter().raw(MAGIC).u8(VERSION).u64le(index.size).u32le(index.partSize);
  for (const digest of index.parts) writer.fixed(digest, 32, "A part's digest");
  const bytes = writer.finish();
  decodeIndex(bytes);
  return bytes;
}

/** Strict. `maxBytes` bounds the blob. Errors: BLOB_INVALID, VERSION_UNKNOWN, TOO_LARGE, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodeIndex(bytes: Uint8Array, maxBytes = MAX_BLOB_BYTES): BlobIndex {
  if (bytes.length > PART_BYTES) throw bad("its index is larger than a part");
  const reader = new ByteReader(bytes, "The blob's index");
  if (!equalBytes(reader.raw(4), MAGIC)) throw bad("its index does not begin with ASI1");
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The blob's index", version });
  const size = reader.u64le();
  const partSize = reader.u32le();
  if (size > BigInt(maxBytes))
    throw new CoreError("TOO_LARGE", { what: "The blob", actual: `${size} bytes`, limit: maxBytes });
  if (size < 1n || partSize < 1 || partSize > PART_BYTES) throw bad(`size ${size} in parts of ${partSize}`);
  const count = Math.ceil(Number(size) / partSize);
  reader.count(count, Math.floor((PART_BYTES - HEAD) / 32), 32);
  const parts = Array.from({ length: count }, () => reader.hex(32));
  reader.end();
  return { size, partSize, parts };
}

export interface SplitBlob {
  /** What the blob is called: digest of its only part, or of its index. */
  readonly root: Hex;
  /** Every part to store, the index first if there is one. Views of the input. */
  readonly parts: readonly { readonly digest: Hex; readonly bytes: Uint8Array }[];
}

/**
 * Views of a blob's parts. One if it fits and does not look like an index itself: then even one part gets an index, or a reader would
 * misread it. Error: TOO_LARGE above 512 MiB.
 */
function cutParts(
  bytes: Uint8Array,
  partSize: number,
): { readonly parts: readonly Uint8Array[]; readonly isWhole: boolean } {
  if (bytes.length > MAX_BLOB_BYTES)
    throw new CoreError("TOO_LARGE", { what: "The blob", actual: `${bytes.length} bytes`, limit: MAX_BLOB_BYTES });
  if (bytes.length <= partSize && !looksLikeIndex(bytes)) return { parts: [bytes], isWhole: true };
  const count = Math.ceil(bytes.length / partSize);
  const parts = Array.from({ length: count }, (_, i) => bytes.subarray(i * partSize, (i + 1) * partSize));
  return { parts, isWhole: false };
}

/** Splits bytes for storage. Error: TOO_LARGE above 512 MiB. */
export function splitBlob(bytes: Uint8Array, partSize = PART_BYTES): SplitBlob {
  const { parts, isWhole } = cutParts(bytes, partSize);
  const named = parts.map((part) => ({ digest: partDigest(part), bytes: part }));
  const [only] = named;
  if (isWhole && only !== undefined) return { root: only.digest, parts: named };
  const index = encodeIndex({ size: BigInt(bytes.length), partSize, parts: named.map(({ digest }) => digest) });
  const root = partDigest(index);
  return { root, parts: [{ digest: root, bytes: index }, ...named] };
}

/** Stores a blob part by part: `put` names each, so that nothing is hashed twice. Errors: TOO_LARGE, those of `put`. */
export async function storeBlob(
  bytes: Uint8Array,
  put: (part: Uint8Array) => Promise<Hex>,
): Promise<{ readonly root: Hex; readonly digests: readonly Hex[] }> {
  const { parts, isWhole } = cutParts(bytes, PART_BYTES);
  const digests: Hex[] = [];
  for (const part of parts) digests.push(await put(part));
  const [only] = digests;
  if (isWhole && only !== undefined) return { root: only, digests };
  const root = await put(encodeIndex({ size: BigInt(bytes.length), partSize: PART_BYTES, parts: digests }));
  return { root, digests: [root, ...digests] };
}

/** The index behind a root part (already checked by `assertPart`), or null if the part is the whole blob. */
export function indexOf(rootPart: Uint8Array, maxBytes = MAX_BLOB_BYTES): BlobIndex | null {
  return looksLikeIndex(rootPart) ? decodeIndex(rootPart, maxBytes) : null;
}

/** Puts checked parts together. Errors: BLOB_DIGEST naming a bad part, BLOB_INVALID for a missing or wrongly long one. */
export function joinBlob(index: BlobIndex, parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length !== index.parts.length) throw bad(`${parts.length} of ${index.parts.length} parts`);
  for (const [i, part] of parts.entries()) {
    const rest = Number(index.size) - i * index.partSize;
    if (part.length !== Math.min(index.partSize, rest)) throw bad(`part ${i} has ${part.length} bytes`);
    assertPart(part, index.parts[i] ?? "0x");
  }
  return joinBytes(parts);
}
