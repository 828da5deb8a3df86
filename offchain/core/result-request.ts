// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Hex } from "./bytes.ts";

/**
 * Asks a seat for its stage's result: of the last stage, or of either lane of a MASKED one. The reply is a sealed blob (`core/seal`) for
 * `spec.resultKey`, its scope's boundary that stage, lane 0, its sender the seat's signer; inside are canonical tensor bytes, whose digest the requester checks against the
 * job's outDigest. Anyone may ask: only the result key opens it.
 */
export const RESULT_PROTOCOL = "/assay/result/1";
/** A sealed output of the largest kind, with its header. */
export const MAX_RESULT_BYTES = 17 * 1024 * 1024;

export function encodeResultRequest(jobId: Hex): Uint8Array {
  return new ByteWriter().u8(1).fixed(jobId, 32, "The job id").finish();
}

/** Errors: BYTES_TRUNCATED, BYTES_TRAILING, NOT_CANONICAL. */
export function decodeResultRequest(bytes: Uint8Array): Hex {
  const reader = new ByteReader(bytes, "The result request");
  if (reader.u8() !== 1) throw reader.refuse("unknown version");
  const jobId = reader.hex(32);
  reader.end();
  return jobId;
}
