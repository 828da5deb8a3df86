// SPDX-License-Identifier: GPL-3.0-or-later
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hex } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { openKey, type VerifyingKey } from "../../../core/zk/verifying-key.ts";

/** A folder's verifying key; undefined if it is no key's folder, or a damaged one: the next may be the one looked for. */
export async function openRecord(folder: string): Promise<VerifyingKey | undefined> {
  try {
    return openKey(new Uint8Array(await readFile(join(folder, "key.record"))));
  } catch (error) {
    if (isAssayError(error) || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/** The folder in `keyFolder` whose record is this key's. Nothing else of it is looked at, and nothing heavy is loaded for it. */
export async function locateKey(
  keyFolder: string,
  keyId: Hex,
): Promise<{ readonly folder: string; readonly key: VerifyingKey } | undefined> {
  const names: string[] = await readdir(keyFolder).catch(() => []);
  for (const name of names.toSorted()) {
    const folder = join(keyFolder, name);
    const key = await openRecord(folder);
    if (key?.keyId === keyId.toLowerCase()) return { folder, key };
  }
  return undefined;
}
