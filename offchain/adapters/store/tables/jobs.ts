// SPDX-License-Identifier: GPL-3.0-or-later
import type { ColumnCipher, JobKey, JobRow } from "../../../core/ports/journal.ts";
import type { Database, Row } from "../database.ts";
import { blobOf, readRow } from "../rows.ts";

const COLUMNS = "job, role, stage, round, state, done, deadline_ms, sealed";

export class Jobs {
  readonly #db: Database;
  readonly #cipher: ColumnCipher;

  constructor(db: Database, cipher: ColumnCipher) {
    this.#db = db;
    this.#cipher = cipher;
  }

  put(row: JobRow, nowMs: number): void {
    const sealed = this.#cipher.seal(row.data, contextOf(row));
    this.#db.run(
      "jobs.put",
      `INSERT INTO jobs (${COLUMNS}, touched_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (job, role, stage, round) DO UPDATE SET state = excluded.state, done = excluded.done,
         deadline_ms = excluded.deadline_ms, touched_ms = excluded.touched_ms, sealed = excluded.sealed`,
      row.jobId,
      row.role,
      row.stage,
      row.round,
      row.state,
      row.done ? 1 : 0,
      row.deadlineMs,
      sealed,
      nowMs,
    );
  }

  get(key: JobKey): JobRow | null {
    const row = this.#db.get(
      `SELECT ${COLUMNS} FROM jobs WHERE job = ? AND role = ? AND stage = ? AND round = ?`,
      key.jobId,
      key.role,
      key.stage,
      key.round,
    );
    return row === undefined ? null : this.#read(row);
  }

  ofJob(jobId: string): JobRow[] {
    return this.#db
      .all(`SELECT ${COLUMNS} FROM jobs WHERE job = ? ORDER BY role, stage, round`, jobId)
      .map((row) => this.#read(row));
  }

  open(): JobRow[] {
    return this.#db
      .all(
        `SELECT ${COLUMNS} FROM jobs WHERE done = 0 ORDER BY deadline_ms IS NULL, deadline_ms, job, role, stage, round`,
      )
      .map((row) => this.#read(row));
  }

  /** Jobs all of whose rows are done and untouched since `beforeMs`. */
  finished(beforeMs: number): string[] {
    return this.#db
      .all("SELECT job FROM jobs GROUP BY job HAVING min(done) = 1 AND max(touched_ms) < ?", beforeMs)
      .map((row) => String(row["job"]));
  }

  remove(jobId: string): number {
    return this.#db.run("jobs.delete", "DELETE FROM jobs WHERE job = ?", jobId);
  }

  #read(row: Row): JobRow {
    return readRow(this.#db.path, () => {
      const key = keyOf(row);
      const deadline = row["deadline_ms"];
      return {
        ...key,
        state: String(row["state"]),
        done: row["done"] === 1,
        deadlineMs: deadline === null || deadline === undefined ? null : Number(deadline),
        data: this.#cipher.open(blobOf(row["sealed"]), contextOf(key)),
      };
    });
  }
}

export function keyOf(row: Row): JobKey {
  return {
    jobId: String(row["job"]) as `0x${string}`,
    role: String(row["role"]) as JobKey["role"],
    stage: Number(row["stage"]),
    round: Number(row["round"]),
  };
}

function contextOf(key: JobKey): string {
  return `jobs/${key.jobId}/${key.role}/${key.stage}/${key.round}`;
}
