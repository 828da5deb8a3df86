// SPDX-License-Identifier: GPL-3.0-or-later
import type { SignedAction } from "../../../core/ports/journal.ts";
import type { Database } from "../database.ts";
import { StoreError } from "../errors.ts";
import { checkHash } from "../journal-checks.ts";

/** Append-only: what this key has signed. */
export class SignedActions {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inside a transaction. Errors ALREADY_SIGNED. */
  write(action: SignedAction): "new" | "same" {
    const { jobId, stage, round, kind, digest } = action;
    const stored = this.digest(action);
    if (stored === digest) return "same";
    if (stored !== null) throw new StoreError("ALREADY_SIGNED", { kind, job: jobId, stage, round });
    this.#db.run(
      "signed_actions.insert",
      "INSERT INTO signed_actions VALUES (?, ?, ?, ?, ?)",
      jobId,
      stage,
      round,
      kind,
      digest,
    );
    return "new";
  }

  digest(key: Omit<SignedAction, "digest">): `0x${string}` | null {
    const row = this.#db.get(
      "SELECT digest FROM signed_actions WHERE job = ? AND stage = ? AND round = ? AND kind = ?",
      key.jobId,
      key.stage,
      key.round,
      key.kind,
    );
    return row === undefined ? null : checkHash("digest", String(row["digest"]));
  }
}
