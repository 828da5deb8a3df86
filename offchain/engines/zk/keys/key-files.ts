// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Hex } from "../../../core/bytes.ts";
import { decodeKeyRecord } from "../../../core/zk/key-record.ts";
import { ProverError } from "../prover/errors.ts";
import { checkKey, type KeyParts } from "./check-key.ts";
import { readGroups, writeGroups } from "./groups-file.ts";
import { readZkey, writeZkey } from "./zkey-file.ts";

/** A key's three files, in one folder. */
export interface KeyFiles {
  readonly zkey: string;
  readonly groups: string;
  readonly record: string;
}

export const keyFilesIn = (folder: string): KeyFiles => ({
  zkey: join(folder, "key.zkey"),
  groups: join(folder, "key.groups"),
  record: join(folder, "key.record"),
});

/** A key's three files' bytes. */
export interface KeyBytes {
  readonly zkey: Uint8Array;
  readonly groups: Uint8Array;
  readonly record: Uint8Array;
}

/** Error: CIRCUIT_TOO_LARGE. */
export const bytesOfKey = (record: Uint8Array, { zkey, groups }: Omit<KeyParts, "record">): KeyBytes => ({
  zkey: writeZkey(zkey),
  groups: writeGroups(groups),
  record,
});

/** Writes a key into a fresh folder; nothing is left of it if that fails. */
export async function writeKeyFiles(folder: string, bytes: KeyBytes): Promise<void> {
  const files = keyFilesIn(folder);
  await mkdir(folder, { recursive: true });
  try {
    for (const part of ["zkey", "groups", "record"] as const)
      await writeFile(files[part], bytes[part], { flush: true });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

export interface OpenedKey extends KeyParts {
  readonly zkeyBytes: Uint8Array;
  readonly groupsBytes: Uint8Array;
  readonly recordBytes: Uint8Array;
}

/** Error: KEY_UNSOUND. */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(path);
    // A Buffer's `slice` is a view, a Uint8Array's a copy.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "an error";
    throw new ProverError("KEY_UNSOUND", { reason: `its file ${basename(path)} cannot be read: ${code}` }, { cause });
  }
}

/**
 * Reads and checks a key's files (`checkKey`). Errors: ZKEY_MALFORMED, GROUPS_MALFORMED, KEY_MALFORMED, KEY_DEGENERATE, KEY_UNSOUND.
 */
export async function openKeyFiles(files: KeyFiles, circuitHash?: Hex): Promise<OpenedKey> {
  const [zkeyBytes, groupsBytes, recordBytes] = await Promise.all([
    readKeyFile(files.zkey),
    readKeyFile(files.groups),
    readKeyFile(files.record),
  ]);
  const zkey = readZkey(zkeyBytes);
  const groups = readGroups(groupsBytes);
  const record = decodeKeyRecord(recordBytes);
  // Not for the native prover, which checks by itself, also in worker threads where ffjavascript does not load.
  const { openKernel } = await import("../setup/kernel-source.ts");
  checkKey(await openKernel(), { zkey, groups, record }, circuitHash);
  return { zkey, groups, record, zkeyBytes, groupsBytes, recordBytes };
}
