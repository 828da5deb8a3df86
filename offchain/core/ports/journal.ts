// SPDX-License-Identifier: MIT

type Hex = `0x${string}`;

/**
 * One place this node has in a job. A worker holds at most one seat per job; requesters, watchers, parties to a referee's games and
 * attesters (whose "job" is a case of the verdict board) have rows of their own.
 */
export interface JobKey {
  readonly jobId: Hex;
  readonly role: "seat" | "requester" | "watcher" | "party" | "attester";
  readonly stage: number;
  readonly round: number;
}

export interface JobRow extends JobKey {
  /** Name of a state of the caller's state machine. */
  readonly state: string;
  /** True once nothing is left to do: such rows are not returned by `openJobs`. */
  readonly done: boolean;
  /** Next moment this row must be looked at, Unix milliseconds; null: only events move it. */
  readonly deadlineMs: number | null;
  /** Canonical bytes of the caller's choice; sealed at rest. */
  readonly data: Uint8Array;
}

/** What a key is about to sign. Identity is (jobId, stage, round, kind): one digest each, for ever. */
export interface SignedAction {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  /** `commit`, `reveal`, `claim`, `propose`, … */
  readonly kind: string;
  /** The 32-byte digest that will be signed. */
  readonly digest: Hex;
}

export type MessageKind = "commit" | "commit-set" | "opening" | "reveal" | "claim" | "offer";

/** A message owed to others; kept, with what it needs, so that a restart sends the same bytes. */
export interface OutgoingMessage extends JobKey {
  readonly kind: MessageKind;
  /** Sealed at rest: openings and salts are secret until revealed. */
  readonly body: Uint8Array;
}

export interface ChainCursor {
  readonly chainId: bigint;
  /** Last block fully processed. */
  readonly number: bigint;
  /** Its hash: if the chain disagrees later, the node walks back. */
  readonly hash: Hex;
}

export interface SentTransaction {
  readonly account: Hex;
  readonly nonce: number;
  readonly hash: Hex;
  /** What it does (`submit`, `commit`, `tally`, …) and for which job. */
  readonly purpose: string;
  readonly jobId: Hex | null;
  readonly status: "sent" | "mined" | "replaced" | "dropped";
}

/** Everything of one step; written in one transaction or not at all. */
export interface JournalStep {
  readonly job?: JobRow;
  readonly messages?: readonly OutgoingMessage[];
  readonly transactions?: readonly SentTransaction[];
}

/**
 * What a restart needs. Synchronous on purpose: when a call returned, the step is on disk (synchronous=FULL), and no other
 * task of this process ran in between. Errors (module store): ALREADY_SIGNED, MESSAGE_CONFLICT, FIELD_INVALID, JOURNAL_CORRUPT,
 * JOURNAL_CLOSED.
 */
export interface Journal {
  /**
   * Records the action and the step in one transaction *before* the key is used. "new": first time; "same": this digest was recorded
   * before (signing again is harmless, the step is applied). Another digest for the key: ALREADY_SIGNED, nothing written.
   */
  writeBeforeSign(action: SignedAction, step?: JournalStep): "new" | "same";
  signedDigest(key: Omit<SignedAction, "digest">): Hex | null;

  /** Inserts or replaces rows. A message that exists with other bytes is MESSAGE_CONFLICT: messages never change. */
  record(step: JournalStep): void;
  job(key: JobKey): JobRow | null;
  jobRows(jobId: Hex): readonly JobRow[];
  /** Rows not done, earliest deadline first (null last). */
  openJobs(): readonly JobRow[];
  messages(jobId: Hex): readonly OutgoingMessage[];
  message(key: JobKey, kind: MessageKind): OutgoingMessage | null;

  transactions(filter: {
    readonly jobId?: Hex;
    readonly status?: SentTransaction["status"];
  }): readonly SentTransaction[];
  /** Highest nonce recorded for the account, or null. */
  lastNonce(account: Hex): number | null;

  cursor(): ChainCursor | null;
  /** Also keeps the last 256 cursors, so that a reorganisation finds a common block. */
  setCursor(cursor: ChainCursor): void;
  /** Newest first. */
  recentCursors(limit: number): readonly ChainCursor[];
  /** Forgets cursors above `number` (a reorganisation). */
  rewindTo(number: bigint): void;

  /** Deletes job, message and transaction rows of done jobs last touched before `beforeMs`; signed actions stay for ever. */
  prune(beforeMs: number): number;
  close(): void;
}

/** Seals free-form columns at rest; `context` binds a value to its row. */
export interface ColumnCipher {
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** Throws a typed error when the bytes were altered or belong to another row. */
  open(sealed: Uint8Array, context: string): Uint8Array;
}
