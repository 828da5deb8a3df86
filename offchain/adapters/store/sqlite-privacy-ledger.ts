// SPDX-License-Identifier: GPL-3.0-or-later
import { checkRelease } from "../../core/noise/check-release.ts";
import type { BookedRelease, PrivacyLedger, PrivacyRelease } from "../../core/ports/privacy-ledger.ts";
import type { Word } from "../../core/tagged-hash.ts";
import { Database, type OnStep } from "./database.ts";

/** The ledger of one client in one SQLite file; a booking is on disk before `book` returns. */
export class SqlitePrivacyLedger implements PrivacyLedger {
  readonly #db: Database;

  /** Errors: JOURNAL_CORRUPT, JOURNAL_TOO_NEW, JOURNAL_BUSY, JOURNAL_FAILED. */
  constructor({ path, onStep }: { readonly path: string; readonly onStep?: OnStep }) {
    this.#db = new Database(path, onStep);
  }

  book(release: PrivacyRelease, budgetMicro: bigint): BookedRelease {
    return this.#db.transaction(() => {
      const row = this.#db.get("SELECT subject, rho FROM releases WHERE release = ?", release.release);
      const before: PrivacyRelease | undefined =
        row === undefined
          ? undefined
          : {
              subject: String(row["subject"]) as Word,
              release: release.release,
              rhoMicro: BigInt(String(row["rho"])),
            };
      const booked = checkRelease(release, budgetMicro, { before, totalMicro: this.totalMicro(release.subject) });
      if (booked.isNew)
        this.#db.run(
          "releases.insert",
          "INSERT INTO releases VALUES (?, ?, ?)",
          release.release,
          release.subject,
          String(release.rhoMicro),
        );
      return booked;
    });
  }

  totalMicro(subject: Word): bigint {
    const rows = this.#db.all("SELECT rho FROM releases WHERE subject = ?", subject);
    return rows.reduce((total, row) => total + BigInt(String(row["rho"])), 0n);
  }

  close(): void {
    this.#db.close();
  }
}
