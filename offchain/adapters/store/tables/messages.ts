// SPDX-License-Identifier: GPL-3.0-or-later
import type { ColumnCipher, JobKey, MessageKind, OutgoingMessage } from "../../../core/ports/journal.ts";
import type { Database, Row } from "../database.ts";
import { StoreError } from "../errors.ts";
import { blobOf, readRow, sameBytes } from "../rows.ts";
import { keyOf } from "./jobs.ts";

const COLUMNS = "job, role, stage, round, kind, sealed";

export class Messages {
  readonly #db: Database;
  readonly #cipher: ColumnCipher;

  constructor(db: Database, cipher: ColumnCipher) {
    this.#db = db;
    this.#cipher = cipher;
  }

  /** Inside a transaction. The same bytes again change nothing; others are MESSAGE_CONFLICT. */
  put(message: OutgoingMessage): void {
    const { jobId, role, stage, round, kind, body } = message;
    const stored = this.get(message, kind);
    if (stored !== null) {
      if (sameBytes(stored.body, body)) return;
      throw new StoreError("MESSAGE_CONFLICT", { kind, job: jobId, stage, round });
    }
    const sealed = this.#cipher.seal(body, contextOf(message, kind));
    this.#db.run(
      "messages.insert",
      `INSERT INTO messages (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
      jobId,
      role,
      stage,
      round,
      kind,
      sealed,
    );
  }

  get(key: JobKey, kind: MessageKind): OutgoingMessage | null {
    const row = this.#db.get(
      `SELECT ${COLUMNS} FROM messages WHERE job = ? AND role = ? AND stage = ? AND round = ? AND kind = ?`,
      key.jobId,
      key.role,
      key.stage,
      key.round,
      kind,
    );
    return row === undefined ? null : this.#read(row);
  }

  ofJob(jobId: string): OutgoingMessage[] {
    return this.#db
      .all(`SELECT ${COLUMNS} FROM messages WHERE job = ? ORDER BY role, stage, round, kind`, jobId)
      .map((row) => this.#read(row));
  }

  remove(jobId: string): number {
    return this.#db.run("messages.delete", "DELETE FROM messages WHERE job = ?", jobId);
  }

  #read(row: Row): OutgoingMessage {
    return readRow(this.#db.path, () => {
      const key = keyOf(row);
      const kind = String(row["kind"]) as MessageKind;
      return { ...key, kind, body: this.#cipher.open(blobOf(row["sealed"]), contextOf(key, kind)) };
    });
  }
}

function contextOf(key: JobKey, kind: string): string {
  return `messages/${key.jobId}/${key.role}/${key.stage}/${key.round}/${kind}`;
}
