// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileBytes } from "./connection.ts";

/** What is held in memory at a time. */
const MAX_FILES = 1024;
const MAX_BYTES = 64 * 1024 * 1024;

export interface ReadFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Files by and by, in order, as many at a time as fit. Error: FILE_UNREADABLE, also for one of more than `maxBytes`. */
export function* fileBatches(paths: readonly string[], maxBytes: number): Generator<readonly ReadFile[]> {
  let batch: ReadFile[] = [];
  let held = 0;
  for (const path of paths) {
    const bytes = readFileBytes(path, maxBytes);
    if (batch.length === MAX_FILES || (batch.length > 0 && held + bytes.length > MAX_BYTES)) {
      yield batch;
      [batch, held] = [[], 0];
    }
    batch.push({ path, bytes });
    held += bytes.length;
  }
  if (batch.length > 0) yield batch;
}
