// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  ChainCursor,
  JobKey,
  JobRow,
  JournalStep,
  OutgoingMessage,
  SentTransaction,
  SignedAction,
} from "../../core/ports/journal.ts";
import { StoreError } from "./errors.ts";

type Hex = `0x${string}`;

const HASH = /^0x[0-9a-f]{64}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;
const NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,47}$/;
const ROLES = ["seat", "requester", "watcher", "party", "attester"] as const;
const KINDS = ["commit", "commit-set", "opening", "reveal", "claim", "offer"] as const;
const STATUSES = ["sent", "mined", "replaced", "dropped"] as const;

/** One row's free-form bytes; a journal is no blob store. */
export const MAX_DATA_BYTES = 1 << 20;

/** Upper-case hex would be a second name of the same job, hence a second signature: refused, not converted. */
export function checkHash(field: string, value: string): Hex {
  if (!HASH.test(value)) throw invalid(field, "not 0x and 64 lower-case hexadecimal digits");
  return value as Hex;
}

export function checkAddress(field: string, value: string): Hex {
  if (!ADDRESS.test(value)) throw invalid(field, "not 0x and 40 lower-case hexadecimal digits");
  return value as Hex;
}

export function checkInteger(field: string, value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) throw invalid(field, `not an integer in 0..${max}`);
  return value;
}

export function checkName(field: string, value: string): string {
  if (!NAME.test(value)) throw invalid(field, "not a name of at most 48 letters, digits, dots, dashes");
  return value;
}

function checkOneOf<T extends string>(field: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw invalid(field, `not one of ${allowed.join(", ")}`);
  return found;
}

function checkBytes(field: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw invalid(field, "not bytes");
  if (value.length > MAX_DATA_BYTES) throw invalid(field, `more than ${MAX_DATA_BYTES} bytes`);
}

export function checkKey(key: JobKey): void {
  checkHash("jobId", key.jobId);
  checkOneOf("role", key.role, ROLES);
  checkInteger("stage", key.stage, 0xffff);
  checkInteger("round", key.round, 0xff);
}

export function checkJob(row: JobRow): void {
  checkKey(row);
  checkName("state", row.state);
  if (typeof row.done !== "boolean") throw invalid("done", "not a boolean");
  if (row.deadlineMs !== null) checkInteger("deadlineMs", row.deadlineMs, Number.MAX_SAFE_INTEGER);
  checkBytes("data", row.data);
}

export function checkMessage(message: OutgoingMessage): void {
  checkKey(message);
  checkOneOf("kind", message.kind, KINDS);
  checkBytes("body", message.body);
}

export function checkTransaction(sent: SentTransaction): void {
  checkAddress("account", sent.account);
  checkInteger("nonce", sent.nonce, Number.MAX_SAFE_INTEGER);
  checkHash("hash", sent.hash);
  checkName("purpose", sent.purpose);
  if (sent.jobId !== null) checkHash("jobId", sent.jobId);
  checkOneOf("status", sent.status, STATUSES);
}

export function checkStep(step: JournalStep): void {
  if (step.job) checkJob(step.job);
  for (const message of step.messages ?? []) checkMessage(message);
  for (const sent of step.transactions ?? []) checkTransaction(sent);
}

export function checkActionKey(key: Omit<SignedAction, "digest">): void {
  checkHash("jobId", key.jobId);
  checkInteger("stage", key.stage, 0xffff);
  checkInteger("round", key.round, 0xff);
  checkName("kind", key.kind);
}

export function checkCursor(cursor: ChainCursor): void {
  checkBlock(cursor.number);
  if (typeof cursor.chainId !== "bigint" || cursor.chainId <= 0n) throw invalid("chainId", "not a positive bigint");
  checkHash("hash", cursor.hash);
}

export function checkBlock(number: bigint): void {
  if (typeof number !== "bigint" || number < 0n || number > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw invalid("number", "not a block number");
  }
}

function invalid(field: string, reason: string): Error {
  return new StoreError("FIELD_INVALID", { field, reason });
}
