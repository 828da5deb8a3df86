// SPDX-License-Identifier: GPL-3.0-or-later
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Secret } from "../../core/secret.ts";
import { KeyError } from "./errors.ts";

/**
 * Reads a small file that only its owner may read. Checks the open file, not its name, so nobody can swap it in between; links are
 * refused. Errors KEY_MISSING, KEY_PERMISSIONS, KEY_FORMAT.
 */
export async function readPrivateText(path: string, maxBytes: number): Promise<string> {
  // O_NONBLOCK: opening a FIFO must not hang.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new KeyError("KEY_MISSING", { path }, { cause });
    throw new KeyError("KEY_FORMAT", { path, reason: `it cannot be opened (${cause.code ?? "unknown"})` }, { cause });
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new KeyError("KEY_FORMAT", { path, reason: "it is not a file" });
    if ((info.mode & 0o077) !== 0) {
      throw new KeyError("KEY_PERMISSIONS", { path, found: `mode ${(info.mode & 0o777).toString(8)}` });
    }
    const self = process.getuid?.();
    if (self !== undefined && self !== 0 && info.uid !== self) {
      throw new KeyError("KEY_PERMISSIONS", { path, found: `owned by user ${info.uid}` });
    }
    if (info.size > maxBytes) throw new KeyError("KEY_FORMAT", { path, reason: `it has more than ${maxBytes} bytes` });
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** A password file: one line. Errors PASSWORD_INVALID and those of `readPrivateText`. */
export async function readPassword(path: string): Promise<Secret<string>> {
  const password = (await readPrivateText(path, 4096)).replace(/\r?\n$/, "");
  if (/[\r\n]/.test(password)) throw new KeyError("PASSWORD_INVALID", { path, reason: "it has more than one line" });
  if (password.length < 8) throw new KeyError("PASSWORD_INVALID", { path, reason: "it is shorter than 8 characters" });
  return new Secret(password);
}
