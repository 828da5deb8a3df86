// SPDX-License-Identifier: MIT
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assertLength, utf8 } from "./bytes.ts";
import { ByteWriter } from "./byte-writer.ts";
import { saltBytes } from "./digest.ts";
import type { DigestKind } from "./types.ts";

/** Lanes of MASKED stages; all others are lane 0. */
export const LANES = { none: 0, A: 1, B: 2 } as const;

/** Boundary numbers are stage numbers of the producer; the job's input is this one. */
export const INPUT_BOUNDARY = 0xffff;

/**
 * The salt of one boundary: HKDF-SHA256(jobSecret, info = "assay.v1.salt" ‖ u16be boundary ‖ u8 lane), 31 bytes for SALTED, 32 for
 * BLINDED, none otherwise. No job id goes in: the job id depends on the input's digest. `jobSecret`: 32 fresh random bytes a job.
 */
export function boundarySalt(
  jobSecret: Uint8Array,
  boundary: number,
  kind: DigestKind,
  lane: number = LANES.none,
): Uint8Array | undefined {
  assertLength(jobSecret, 32, "The job secret");
  const length = saltBytes(kind);
  if (length === 0) return undefined;
  const info = new ByteWriter().raw(utf8("assay.v1.salt")).u16be(boundary).u8(lane).finish();
  return hkdf(sha256, jobSecret, undefined, info, length);
}
