// SPDX-License-Identifier: MIT
import { isHex } from "../bytes.ts";
import type { BookedRelease, PrivacyRelease } from "../ports/privacy-ledger.ts";
import { NoiseError } from "./errors.ts";

/** Totals stay within SQLite's integers. */
export const MAX_RHO_MICRO = 2n ** 62n;

/** The rule of every ledger: what is booked already, against the budget. Errors: those of `PrivacyLedger.book`. */
export function checkRelease(
  { subject, release, rhoMicro }: PrivacyRelease,
  budgetMicro: bigint,
  booked: { readonly before: PrivacyRelease | undefined; readonly totalMicro: bigint },
): BookedRelease {
  if (!isHex(subject, 32) || !isHex(release, 32))
    throw new NoiseError("NOISE_INVALID", { why: "subject and release are 32 bytes each" });
  if (rhoMicro < 1n || rhoMicro > MAX_RHO_MICRO)
    throw new NoiseError("NOISE_INVALID", { why: "the loss of a release is not 1 to 2^62" });
  const { before, totalMicro } = booked;
  if (before !== undefined) {
    if (before.subject !== subject || before.rhoMicro !== rhoMicro)
      throw new NoiseError("RELEASE_CHANGED", { release });
    return { totalMicro, isNew: false };
  }
  const total = totalMicro + rhoMicro;
  if (total > budgetMicro || total > MAX_RHO_MICRO)
    throw new NoiseError("PRIVACY_BUDGET_EXCEEDED", { total, budget: budgetMicro });
  return { totalMicro: total, isNew: true };
}
