// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "./errors.ts";

/**
 * One process a key: an SQLite file held in exclusive mode. The operating system frees it even after SIGKILL, unlike a lock file
 * with a time stamp. Not for network file systems, whose locks lie.
 */
export class ProcessLock {
  readonly path: string;
  readonly #db: DatabaseSync;
  #held = true;

  /** `keyFile` must exist or be about to: the lock is `<keyFile>.lock`. Errors KEY_LOCKED, LOCK_FAILED. */
  constructor(keyFile: string) {
    this.path = `${keyFile}.lock`;
    let db: DatabaseSync | null = null;
    try {
      closeSync(openSync(this.path, "a", 0o600));
      db = new DatabaseSync(this.path, { timeout: 0 });
      // Rollback journal: in WAL mode readers would still get in. The write makes SQLite take the lock now, not later.
      db.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; PRAGMA user_version = 1; COMMIT",
      );
      this.#db = db;
    } catch (cause) {
      db?.close();
      throw wrap(this.path, cause);
    }
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#db.close();
  }
}

function wrap(path: string, cause: unknown): Error {
  const number = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : -1;
  if (number === 5) return new StoreError("KEY_LOCKED", { path }, { cause });
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : "unknown";
  return new StoreError("LOCK_FAILED", { path, reason }, { cause });
}
