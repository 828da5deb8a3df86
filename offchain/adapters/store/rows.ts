// SPDX-License-Identifier: GPL-3.0-or-later
import { StoreError } from "./errors.ts";

/** Reads one row; whatever fails (a cipher refusing altered bytes, a wrong type) is a damaged journal. */
export function readRow<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new StoreError("JOURNAL_CORRUPT", { path, reason: "a sealed column does not open" }, { cause });
  }
}

export function blobOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new StoreError("FIELD_INVALID", { field: "sealed", reason: "not a blob" });
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
