// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import type { PartDigest } from "../../core/ports/blob-store.ts";
import { StoreError } from "./errors.ts";

/** A part is at most 1 MiB (split.md §9). */
export const MAX_PART_BYTES = 1 << 20;

const FORM = /^0x[0-9a-f]{64}$/;

/** sha2-256 of the bytes. */
export function partDigest(bytes: Uint8Array): PartDigest {
  return `0x${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Refuses anything but a digest: the text becomes a file name. */
export function checkDigest(name: string): PartDigest {
  if (!FORM.test(name)) throw new StoreError("NAME_INVALID", { name: name.slice(0, 80) });
  return name as PartDigest;
}

/** Hashes a part that is to be stored; errors PART_TOO_LARGE, NAME_INVALID, DIGEST_MISMATCH. */
export function checkPart(bytes: Uint8Array, expected: PartDigest | undefined, limit: number): PartDigest {
  if (bytes.length > limit) throw new StoreError("PART_TOO_LARGE", { bytes: bytes.length, limit });
  const have = partDigest(bytes);
  if (expected !== undefined && checkDigest(expected) !== have) {
    throw new StoreError("DIGEST_MISMATCH", { have, expected });
  }
  return have;
}
