// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { isAssayError } from "../../../core/errors.ts";
import { CeremonyError } from "./errors.ts";

export const malformed = (file: string, reason: string, cause?: unknown) =>
  new CeremonyError("FILE_MALFORMED", { file, reason }, { cause });

/** Bytes of a file that somebody sent. Error: FILE_MALFORMED if it cannot be read or is larger than it can be. */
export function readLimited(path: string, limit: number): Uint8Array {
  const file = basename(path);
  try {
    const { size } = statSync(path);
    if (size > limit) throw malformed(file, `it has ${size} bytes, at most ${limit} are possible`);
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (isAssayError(cause)) throw cause;
    throw malformed(file, "it cannot be read", cause);
  }
}

/** Runs a reader of a stranger's bytes; what other modules complain about becomes FILE_MALFORMED of this file. */
export function guarded<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isAssayError(cause) || cause.code === "FILE_MALFORMED") throw cause;
    throw malformed(file, cause.message.replace(/\.$/, ""), cause);
  }
}
