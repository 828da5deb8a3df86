// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where one run leaves what it made. Ignored by git. */
export interface RunFolder {
  readonly path: string;
  readonly logs: string;
  readonly receipts: string;
  readonly workers: string;
  /** Writes JSON, two spaces, bigints as decimal strings. */
  writeJson(name: string, value: unknown): string;
}

/** Makes `build/run/<UTC time>/`; two runs in one second get different folders. */
export function createRunFolder(root: string, now: Date): RunFolder {
  const stamp = now
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replaceAll(":", "-");
  let path = join(root, stamp);
  for (let suffix = 2; !makeNew(path); suffix++) path = join(root, `${stamp}-${suffix}`);
  const sub = (name: string): string => {
    mkdirSync(join(path, name), { mode: 0o700 });
    return join(path, name);
  };
  return {
    path,
    logs: sub("logs"),
    receipts: sub("receipts"),
    workers: sub("workers"),
    writeJson: (name, value) => {
      const file = join(path, name);
      const text = JSON.stringify(value, (_, field: unknown) => (typeof field === "bigint" ? String(field) : field), 2);
      writeFileSync(file, `${text}\n`);
      return file;
    },
  };
}

function makeNew(path: string): boolean {
  return mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined;
}
