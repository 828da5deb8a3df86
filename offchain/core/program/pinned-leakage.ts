// SPDX-License-Identifier: MIT
import { toHex, type Hex } from "../bytes.ts";
import { keccak256 } from "../keccak.ts";
import { decodeLeakageReport, LEAKAGE_FILE, type LeakageReport } from "../planning/leakage-report.ts";
import { ProgramError } from "./errors.ts";

/**
 * The leakage report that the accuracy report pins (`report`: bytes whose hash the manifest holds). A file that nothing pins is anybody's
 * and says nothing: null. Errors: MODEL_HASH_MISMATCH, NOT_CANONICAL.
 */
export function pinnedLeakage(report: Uint8Array | undefined, leakage: Uint8Array | undefined): LeakageReport | null {
  if (report === undefined || leakage === undefined) return null;
  const expected = (JSON.parse(new TextDecoder().decode(report)) as { leakage?: { hash?: Hex } }).leakage?.hash;
  if (expected === undefined) return null;
  const actual = toHex(keccak256(leakage));
  if (actual !== expected) throw new ProgramError("MODEL_HASH_MISMATCH", { what: LEAKAGE_FILE, actual, expected });
  return decodeLeakageReport(leakage);
}
