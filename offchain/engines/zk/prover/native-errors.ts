// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../../../core/errors.ts";
import { ProverError } from "./errors.ts";

const WITH_REASON = [
  "ZKEY_MALFORMED",
  "GROUPS_MALFORMED",
  "KEY_UNSOUND",
  "CIRCUIT_UNFIT",
  "WITNESS_MALFORMED",
] as const;
const WITHOUT = ["WITNESS_WRONG", "COMMITMENT_SPENT", "PROVER_CLOSED"] as const;
const MIB = 1 << 20;

interface AddonError extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly needed?: number;
  readonly limit?: number;
}

/** The typed error of what the addon threw; PROVER_CRASHED for what should not occur. */
export function typedNativeError(error: unknown, limitMiB: number): Error {
  if (isAssayError(error)) return error;
  const { code, reason = "", needed = 0, limit = 0, message } = error as AddonError;
  const coded = WITH_REASON.find((known) => known === code);
  if (coded !== undefined) return new ProverError(coded, { reason });
  const plain = WITHOUT.find((known) => known === code);
  if (plain !== undefined) return new ProverError(plain);
  if (code === "CIRCUIT_TOO_LARGE") return new ProverError("CIRCUIT_TOO_LARGE", { needed, what: reason, limit });
  if (code === "PROVER_MEMORY")
    return new ProverError("PROVER_MEMORY", { usedMiB: Math.ceil(process.memoryUsage.rss() / MIB), limitMiB });
  return new ProverError("PROVER_CRASHED", { reason: reason === "" ? message : reason }, { cause: error });
}
