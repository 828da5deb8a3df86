// SPDX-License-Identifier: GPL-3.0-or-later
import type { CheckBooking, CheckLedger } from "../../core/ports/check-ledger.ts";
import { checkBooking, clientName } from "../../core/zk/check-allowance.ts";
import { Database, type OnStep } from "./database.ts";

type Counted = Pick<CheckBooking, "client" | "modelId" | "stage" | "op">;

/** An owner's ledger in one SQLite file; bookings are on disk before `book` returns. */
export class SqliteCheckLedger implements CheckLedger {
  readonly #db: Database;

  /** Errors: JOURNAL_CORRUPT, JOURNAL_TOO_NEW, JOURNAL_BUSY, JOURNAL_FAILED. */
  constructor({ path, onStep }: { readonly path: string; readonly onStep?: OnStep }) {
    this.#db = new Database(path, onStep);
  }

  book(bookings: readonly CheckBooking[]): void {
    this.#db.transaction(() => {
      for (const booking of bookings)
        if (checkBooking(booking, this.#seeds(booking)).isNew)
          this.#db.run(
            "linear_checks.insert",
            "INSERT INTO linear_checks VALUES (?, ?, ?, ?, ?)",
            clientName(booking.client),
            booking.modelId.toLowerCase(),
            booking.stage,
            booking.op,
            booking.seedHash.toLowerCase(),
          );
    });
  }

  used(of: Counted): number {
    return this.#seeds(of).size;
  }

  close(): void {
    this.#db.close();
  }

  #seeds({ client, modelId, stage, op }: Counted): Set<string> {
    const sql = "SELECT seed FROM linear_checks WHERE client = ? AND model = ? AND stage = ? AND op = ?";
    const rows = this.#db.all(sql, clientName(client), modelId.toLowerCase(), stage, op);
    return new Set(rows.map((row) => String(row["seed"])));
  }
}
