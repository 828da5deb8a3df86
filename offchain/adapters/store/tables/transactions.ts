// SPDX-License-Identifier: GPL-3.0-or-later
import type { SentTransaction } from "../../../core/ports/journal.ts";
import type { Database, Row } from "../database.ts";

const COLUMNS = "account, nonce, hash, purpose, job, status";

export class Transactions {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  put(sent: SentTransaction, nowMs: number): void {
    this.#db.run(
      "transactions.put",
      `INSERT INTO transactions (${COLUMNS}, touched_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (account, nonce, hash) DO UPDATE SET status = excluded.status, touched_ms = excluded.touched_ms`,
      sent.account,
      sent.nonce,
      sent.hash,
      sent.purpose,
      sent.jobId,
      sent.status,
      nowMs,
    );
  }

  find(filter: { readonly jobId?: string; readonly status?: string }): SentTransaction[] {
    const job = filter.jobId ?? null;
    const status = filter.status ?? null;
    return this.#db
      .all(
        `SELECT ${COLUMNS} FROM transactions WHERE (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR status = ?2)
         ORDER BY account, nonce, hash`,
        job,
        status,
      )
      .map(read);
  }

  lastNonce(account: string): number | null {
    const row = this.#db.get("SELECT max(nonce) AS nonce FROM transactions WHERE account = ?", account);
    const nonce = row?.["nonce"];
    return nonce === null || nonce === undefined ? null : Number(nonce);
  }

  /** Keeps each account's newest nonce: it is what a restart counts on from. */
  remove(jobId: string): number {
    return this.#db.run(
      "transactions.delete",
      `DELETE FROM transactions WHERE job = ? AND nonce < (SELECT max(nonce) FROM transactions AS t WHERE t.account = transactions.account)`,
      jobId,
    );
  }
}

function read(row: Row): SentTransaction {
  return {
    account: String(row["account"]) as `0x${string}`,
    nonce: Number(row["nonce"]),
    hash: String(row["hash"]) as `0x${string}`,
    purpose: String(row["purpose"]),
    jobId: row["job"] === null ? null : (String(row["job"]) as `0x${string}`),
    status: String(row["status"]) as SentTransaction["status"],
  };
}
