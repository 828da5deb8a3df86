// SPDX-License-Identifier: MIT
import { PART_BYTES } from "./blob.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { fromHex, type Hex } from "./bytes.ts";

/**
 * PUT: after an offer was accepted with credits, its sender pushes the blob's parts one by one, the root part first. For senders that
 * nobody can dial (a dApp behind a browser), and for small blobs, where fetching would cost a round trip more.
 */
export const PUT_PROTOCOL = "/assay/put/1";
/** What is answered when a part is stored: one byte, 1. */
export const PUT_STORED = Uint8Array.of(1);

export interface BlobPut {
  /** The offer's grant. */
  readonly grant: Hex;
  /** Root digest of the offered blob. */
  readonly root: Hex;
  /** At most 1 MiB; named by its sha2-256 digest. */
  readonly part: Uint8Array;
}

/** u8 version = 1 ‖ grant (16) ‖ root (32) ‖ u32le length, part. */
export function encodePut({ grant, root, part }: BlobPut): Uint8Array {
  return new ByteWriter().u8(1).fixed(grant, 16, "A grant").fixed(fromHex(root, 32), 32, "A root").bytes(part).finish();
}

/** Errors: BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE, NOT_CANONICAL. */
export function decodePut(bytes: Uint8Array): BlobPut {
  const reader = new ByteReader(bytes, "The put request");
  if (reader.u8() !== 1) throw reader.refuse("unknown version");
  const [grant, root] = [reader.hex(16), reader.hex(32)];
  const part = reader.bytes(PART_BYTES);
  reader.end();
  if (part.length === 0) throw reader.refuse("an empty part");
  return { grant, root, part };
}
