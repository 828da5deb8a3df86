// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from "../../core/ports/clock.ts";
import type {
  ChainCursor,
  JobKey,
  JobRow,
  Journal,
  JournalStep,
  MessageKind,
  OutgoingMessage,
  SentTransaction,
  SignedAction,
} from "../../core/ports/journal.ts";
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
import { sameBytes } from "./rows.ts";

type Hex = `0x${string}`;

/** A `Journal` that forgets at exit: tests and requesters that sign nothing a second process could contradict. Never for a seat. */
export class MemoryJournal implements Journal {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #signed = new Map<string, Hex>();
  readonly #jobs = new Map<string, { row: JobRow; touchedMs: number }>();
  readonly #messages = new Map<string, OutgoingMessage>();
  readonly #transactions = new Map<string, SentTransaction>();
  #cursors: ChainCursor[] = [];
  #closed = false;

  constructor(modules: { readonly clock: Pick<Clock, "nowMs"> }) {
    this.#clock = modules.clock;
  }

  writeBeforeSign(action: SignedAction, step: JournalStep = {}): "new" | "same" {
    this.#open();
    checkActionKey(action);
    checkHash("digest", action.digest);
    checkStep(step);
    const { jobId, stage, round, kind, digest } = action;
    const stored = this.#signed.get(actionKey(action));
    if (stored !== undefined && stored !== digest) {
      throw new StoreError("ALREADY_SIGNED", { kind, job: jobId, stage, round });
    }
    this.#apply(step);
    this.#signed.set(actionKey(action), digest);
    return stored === undefined ? "new" : "same";
  }

  signedDigest(key: Omit<SignedAction, "digest">): Hex | null {
    this.#open();
    checkActionKey(key);
    return this.#signed.get(actionKey(key)) ?? null;
  }

  record(step: JournalStep): void {
    this.#open();
    checkStep(step);
    this.#apply(step);
  }

  job(key: JobKey): JobRow | null {
    this.#open();
    checkKey(key);
    const found = this.#jobs.get(jobKey(key));
    return found ? copyJob(found.row) : null;
  }

  jobRows(jobId: Hex): readonly JobRow[] {
    this.#open();
    checkHash("jobId", jobId);
    return this.#rows().filter((row) => row.jobId === jobId);
  }

  openJobs(): readonly JobRow[] {
    this.#open();
    const open = this.#rows().filter((row) => !row.done);
    return open.toSorted((a, b) => (a.deadlineMs ?? Infinity) - (b.deadlineMs ?? Infinity) || 0);
  }

  messages(jobId: Hex): readonly OutgoingMessage[] {
    this.#open();
    checkHash("jobId", jobId);
    const all = [...this.#messages.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return all.filter(([, message]) => message.jobId === jobId).map(([, message]) => copyMessage(message));
  }

  message(key: JobKey, kind: MessageKind): OutgoingMessage | null {
    this.#open();
    checkKey(key);
    const found = this.#messages.get(`${jobKey(key)}/${kind}`);
    return found ? copyMessage(found) : null;
  }

  transactions(filter: {
    readonly jobId?: Hex;
    readonly status?: SentTransaction["status"];
  }): readonly SentTransaction[] {
    this.#open();
    return [...this.#transactions.values()]
      .filter((sent) => filter.jobId === undefined || sent.jobId === filter.jobId)
      .filter((sent) => filter.status === undefined || sent.status === filter.status)
      .toSorted((a, b) =>
        a.account === b.account ? a.nonce - b.nonce || (a.hash < b.hash ? -1 : 1) : a.account < b.account ? -1 : 1,
      );
  }

  lastNonce(account: Hex): number | null {
    this.#open();
    checkAddress("account", account);
    let last: number | null = null;
    for (const sent of this.#transactions.values()) {
      if (sent.account === account && (last === null || sent.nonce > last)) last = sent.nonce;
    }
    return last;
  }

  cursor(): ChainCursor | null {
    this.#open();
    return this.#cursors[0] ?? null;
  }

  setCursor(cursor: ChainCursor): void {
    this.#open();
    checkCursor(cursor);
    const below = this.#cursors.filter((c) => c.number < cursor.number && c.chainId === cursor.chainId);
    this.#cursors = [cursor, ...below].slice(0, 256);
  }

  recentCursors(limit: number): readonly ChainCursor[] {
    this.#open();
    return this.#cursors.slice(0, checkInteger("limit", limit, 10_000));
  }

  rewindTo(number: bigint): void {
    this.#open();
    checkBlock(number);
    this.#cursors = this.#cursors.filter((cursor) => cursor.number <= number);
  }

  prune(beforeMs: number): number {
    this.#open();
    checkInteger("beforeMs", beforeMs, Number.MAX_SAFE_INTEGER);
    const alive = new Set<Hex>();
    for (const { row, touchedMs } of this.#jobs.values()) if (!row.done || touchedMs >= beforeMs) alive.add(row.jobId);
    let removed = 0;
    for (const [key, { row }] of this.#jobs) {
      if (alive.has(row.jobId)) continue;
      this.#jobs.delete(key);
      removed++;
      for (const [name, message] of this.#messages) if (message.jobId === row.jobId) this.#messages.delete(name);
      for (const [name, sent] of this.#transactions) {
        if (sent.jobId === row.jobId && sent.nonce < (this.lastNonce(sent.account) ?? 0))
          this.#transactions.delete(name);
      }
    }
    return removed;
  }

  close(): void {
    this.#closed = true;
  }

  #open(): void {
    if (this.#closed) throw new StoreError("JOURNAL_CLOSED", {});
  }

  #rows(): JobRow[] {
    const sorted = [...this.#jobs.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, { row }]) => copyJob(row));
  }

  #apply(step: JournalStep): void {
    const added = new Map<string, OutgoingMessage>();
    for (const message of step.messages ?? []) {
      const key = `${jobKey(message)}/${message.kind}`;
      const stored = this.#messages.get(key) ?? added.get(key);
      if (stored && !sameBytes(stored.body, message.body)) {
        const { kind, jobId, stage, round } = message;
        throw new StoreError("MESSAGE_CONFLICT", { kind, job: jobId, stage, round });
      }
      added.set(key, copyMessage(message));
    }
    for (const [key, message] of added) this.#messages.set(key, message);
    if (step.job) this.#jobs.set(jobKey(step.job), { row: copyJob(step.job), touchedMs: this.#clock.nowMs() });
    for (const sent of step.transactions ?? []) {
      const key = `${sent.account}/${sent.nonce}/${sent.hash}`;
      const before = this.#transactions.get(key);
      this.#transactions.set(key, before ? { ...before, status: sent.status } : { ...sent });
    }
  }
}

/** Fixed-width numbers, so that text order is key order. */
function jobKey(key: JobKey): string {
  return `${key.jobId}/${key.role}/${String(key.stage).padStart(5, "0")}/${String(key.round).padStart(3, "0")}`;
}

function actionKey(key: Omit<SignedAction, "digest">): string {
  return `${key.jobId}/${key.stage}/${key.round}/${key.kind}`;
}

function copyJob(row: JobRow): JobRow {
  const { jobId, role, stage, round, state, done, deadlineMs, data } = row;
  return { jobId, role, stage, round, state, done, deadlineMs, data: data.slice() };
}

function copyMessage(message: OutgoingMessage): OutgoingMessage {
  const { jobId, role, stage, round, kind, body } = message;
  return { jobId, role, stage, round, kind, body: body.slice() };
}
