// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, writeFileSync } from "node:fs";
import { CliError } from "./errors.ts";

/** Before long work whose result goes there. Error: FILE_EXISTS. */
export function checkNewFile(path: string): void {
  if (existsSync(path)) throw new CliError("FILE_EXISTS", { path });
}

/** Never over an existing file. Errors: FILE_EXISTS, FILE_UNWRITABLE. */
export function writeNewFile(path: string, data: string | Uint8Array, mode = 0o644): void {
  try {
    writeFileSync(path, data, { flag: "wx", mode });
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    if (code === "EEXIST") throw new CliError("FILE_EXISTS", { path });
    throw new CliError("FILE_UNWRITABLE", { path, why: code }, { cause });
  }
}
