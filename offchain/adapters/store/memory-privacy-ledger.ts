// SPDX-License-Identifier: GPL-3.0-or-later
import { checkRelease } from "../../core/noise/check-release.ts";
import type { BookedRelease, PrivacyLedger, PrivacyRelease } from "../../core/ports/privacy-ledger.ts";
import type { Word } from "../../core/tagged-hash.ts";

/** Forgets everything when the process ends: for tests and one-off measurements only. */
export class MemoryPrivacyLedger implements PrivacyLedger {
  readonly #releases = new Map<Word, PrivacyRelease>();

  book(release: PrivacyRelease, budgetMicro: bigint): BookedRelease {
    const before = this.#releases.get(release.release);
    const booked = checkRelease(release, budgetMicro, { before, totalMicro: this.totalMicro(release.subject) });
    if (booked.isNew) this.#releases.set(release.release, release);
    return booked;
  }

  totalMicro(subject: Word): bigint {
    let total = 0n;
    for (const release of this.#releases.values()) if (release.subject === subject) total += release.rhoMicro;
    return total;
  }
}
