// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from "../../core/ports/clock.ts";
import type {
  ChainCursor,
  ColumnCipher,
  JobKey,
  JobRow,
  Journal,
  JournalStep,
  MessageKind,
  OutgoingMessage,
  SentTransaction,
  SignedAction,
} from "../../core/ports/journal.ts";
import { Database } from "./database.ts";
import type { OnStep } from "./database.ts";
import { StoreError } from "./errors.ts";
import {
  checkActionKey,
  checkAddress,
  checkBlock,
  checkCursor,
  checkHash,
  checkInteger,
  checkKey,
  checkStep,
} from "./journal-checks.ts";
import { Cursors } from "./tables/cursors.ts";
import { Jobs } from "./tables/jobs.ts";
import { Messages } from "./tables/messages.ts";
import { SignedActions } from "./tables/signed-actions.ts";
import { Transactions } from "./tables/transactions.ts";

export interface SqliteJournalOptions {
  readonly path: string;
  /** Whose journal this is, e.g. `31337/<hub>/<operator>`; opening it for another is JOURNAL_FOREIGN. */
  readonly owner: string;
  readonly onStep?: OnStep;
}

/** A `Journal` in one SQLite file. Takes no lock against a second process: hold the key's `ProcessLock` first. */
export class SqliteJournal implements Journal {
  readonly #db: Database;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #signed: SignedActions;
  readonly #jobs: Jobs;
  readonly #messages: Messages;
  readonly #transactions: Transactions;
  readonly #cursors: Cursors;

  constructor(
    options: SqliteJournalOptions,
    modules: { readonly clock: Pick<Clock, "nowMs">; readonly cipher: ColumnCipher },
  ) {
    this.#db = new Database(options.path, options.onStep);
    this.#clock = modules.clock;
    this.#signed = new SignedActions(this.#db);
    this.#jobs = new Jobs(this.#db, modules.cipher);
    this.#messages = new Messages(this.#db, modules.cipher);
    this.#transactions = new Transactions(this.#db);
    this.#cursors = new Cursors(this.#db);
    try {
      this.#claim(options.owner);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  writeBeforeSign(action: SignedAction, step: JournalStep = {}): "new" | "same" {
    checkActionKey(action);
    checkHash("digest", action.digest);
    checkStep(step);
    return this.#db.transaction(() => {
      const outcome = this.#signed.write(action);
      this.#apply(step);
      return outcome;
    });
  }

  signedDigest(key: Omit<SignedAction, "digest">): `0x${string}` | null {
    checkActionKey(key);
    return this.#signed.digest(key);
  }

  record(step: JournalStep): void {
    checkStep(step);
    this.#db.transaction(() => this.#apply(step));
  }

  job(key: JobKey): JobRow | null {
    checkKey(key);
    return this.#jobs.get(key);
  }

  jobRows(jobId: `0x${string}`): readonly JobRow[] {
    return this.#jobs.ofJob(checkHash("jobId", jobId));
  }

  openJobs(): readonly JobRow[] {
    return this.#jobs.open();
  }

  messages(jobId: `0x${string}`): readonly OutgoingMessage[] {
    return this.#messages.ofJob(checkHash("jobId", jobId));
  }

  message(key: JobKey, kind: MessageKind): OutgoingMessage | null {
    checkKey(key);
    return this.#messages.get(key, kind);
  }

  transactions(filter: {
    readonly jobId?: `0x${string}`;
    readonly status?: SentTransaction["status"];
  }): readonly SentTransaction[] {
    return this.#transactions.find(filter);
  }

  lastNonce(account: `0x${string}`): number | null {
    return this.#transactions.lastNonce(checkAddress("account", account));
  }

  cursor(): ChainCursor | null {
    return this.#cursors.newest(1)[0] ?? null;
  }

  setCursor(cursor: ChainCursor): void {
    checkCursor(cursor);
    this.#db.transaction(() => this.#cursors.put(cursor));
  }

  recentCursors(limit: number): readonly ChainCursor[] {
    return this.#cursors.newest(checkInteger("limit", limit, 10_000));
  }

  rewindTo(number: bigint): void {
    checkBlock(number);
    this.#db.transaction(() => this.#cursors.rewindTo(number));
  }

  prune(beforeMs: number): number {
    checkInteger("beforeMs", beforeMs, Number.MAX_SAFE_INTEGER);
    return this.#db.transaction(() => {
      let removed = 0;
      for (const job of this.#jobs.finished(beforeMs)) {
        this.#messages.remove(job);
        this.#transactions.remove(job);
        removed += this.#jobs.remove(job);
      }
      return removed;
    });
  }

  close(): void {
    this.#db.close();
  }

  #apply(step: JournalStep): void {
    const nowMs = this.#clock.nowMs();
    if (step.job) this.#jobs.put(step.job, nowMs);
    for (const message of step.messages ?? []) this.#messages.put(message);
    for (const sent of step.transactions ?? []) this.#transactions.put(sent, nowMs);
  }

  #claim(owner: string): void {
    this.#db.transaction(() => {
      this.#db.run("meta.insert", "INSERT INTO meta VALUES ('owner', ?) ON CONFLICT DO NOTHING", owner);
      const stored = String(this.#db.get("SELECT value FROM meta WHERE name = 'owner'")?.["value"]);
      if (stored !== owner) {
        throw new StoreError("JOURNAL_FOREIGN", { path: this.#db.path, owner: stored, expected: owner });
      }
    });
  }
}
