// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { StoreError } from "./errors.ts";
import { MIGRATIONS } from "./migrations.ts";

export type Row = Record<string, SQLOutputValue>;

/** Called at every statement border with what comes next or just ended; crash tests end the process there. */
export type OnStep = (step: string) => void;

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * One SQLite file: WAL with synchronous=FULL, because with NORMAL a power loss may take back the commit that a signature relied on.
 * All access is synchronous; `transaction` does not nest.
 */
export class Database {
  readonly path: string;
  readonly #onStep: OnStep;
  readonly #statements = new Map<string, StatementSync>();
  readonly #db: DatabaseSync;
  #closed = false;

  constructor(path: string, onStep: OnStep = () => undefined) {
    this.path = path;
    this.#onStep = onStep;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, "a", 0o600)); // SQLite would create it by umask; its -wal and -shm copy this mode
      this.#db = new DatabaseSync(path, { timeout: 2_000 });
    } catch (cause) {
      throw this.#wrap(cause);
    }
    try {
      this.#setUp();
    } catch (cause) {
      this.#db.close();
      throw this.#wrap(cause);
    }
  }

  /** Runs a write; returns the number of changed rows. */
  run(label: string, sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => {
      this.#onStep(label);
      return Number(this.#prepare(sql).run(...values).changes);
    });
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values));
  }

  /** All or nothing; when it returns, the change is on disk. */
  transaction<T>(work: () => T): T {
    return this.#guard(() => {
      this.#onStep("begin");
      this.#db.exec("BEGIN IMMEDIATE");
      let result: T;
      try {
        result = work();
        this.#onStep("commit");
        this.#db.exec("COMMIT");
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        throw error;
      }
      this.#onStep("committed");
      return result;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
  }

  #setUp(): void {
    this.#db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
    );
    const check = this.#db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    if (check !== "ok")
      throw new StoreError("JOURNAL_CORRUPT", { path: this.path, reason: String(check).slice(0, 200) });
    const have = Number(this.#db.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (have > MIGRATIONS.length) {
      throw new StoreError("JOURNAL_TOO_NEW", { path: this.path, have, known: MIGRATIONS.length });
    }
    for (const [version, sql] of MIGRATIONS.entries()) {
      if (version < have) continue;
      this.transaction(() => {
        this.#onStep(`migration ${version + 1}`);
        this.#db.exec(sql);
        this.#db.exec(`PRAGMA user_version = ${version + 1}`);
      });
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(work: () => T): T {
    if (this.#closed) throw new StoreError("JOURNAL_CLOSED", {});
    try {
      return work();
    } catch (cause) {
      throw this.#wrap(cause);
    }
  }

  /** SQLite's errors become ours; everything else (our own errors, the crash hook) passes. */
  #wrap(cause: unknown): unknown {
    if (!(cause instanceof Error) || !("code" in cause)) return cause;
    if (cause.code === "ERR_SQLITE_ERROR") {
      const number = "errcode" in cause ? Number(cause.errcode) & 0xff : 0;
      if (number === SQLITE_BUSY) return new StoreError("JOURNAL_BUSY", { path: this.path }, { cause });
      if (number === SQLITE_CORRUPT || number === SQLITE_NOTADB) {
        return new StoreError("JOURNAL_CORRUPT", { path: this.path, reason: cause.message.slice(0, 200) }, { cause });
      }
      return new StoreError("JOURNAL_FAILED", { reason: cause.message.slice(0, 200) }, { cause });
    }
    if (typeof cause.code === "string" && "syscall" in cause) {
      return new StoreError("JOURNAL_FAILED", { reason: cause.code }, { cause });
    }
    return cause;
  }
}
