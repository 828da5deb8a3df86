// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { toHex, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { AuditError } from "../errors.ts";
import { MANIFEST_FILE, MAX_FILES } from "./artefacts.ts";
import { bundleRoot, decodeBundleManifest, type BundleFile, type BundleManifest } from "./manifest.ts";

/** A bundle whose folder is in order. What its files hold is not looked at before they are read. */
export interface Bundle {
  readonly manifest: BundleManifest;
  readonly root: Hex;
  has(path: string): boolean;
  /** A file's bytes, which have the hash of the manifest. Error: BUNDLE_INVALID. */
  read(path: string): Uint8Array;
  /** Files of a class, by path. */
  ofClass(name: string): readonly BundleFile[];
}

const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 4;

const refuse = (artefact: string, why: string) => new AuditError("BUNDLE_INVALID", { artefact, why });

/** Reads a plain file of exactly this size, and follows no link. */
function readPlain(path: string, name: string, most: number, exactly?: number): Uint8Array {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refuse(name, code === "ELOOP" ? "it is a link" : `it cannot be read (${String(code)})`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw refuse(name, "it is no plain file");
    if (stat.size > most) throw refuse(name, `${stat.size} bytes; at most ${most}`);
    if (exactly !== undefined && stat.size !== exactly) throw refuse(name, `${stat.size} bytes instead of ${exactly}`);
    const bytes = new Uint8Array(stat.size);
    let at = 0;
    for (let read = -1; at < bytes.length && read !== 0; at += read)
      read = readSync(file, bytes, at, bytes.length - at, at);
    if (at !== bytes.length) throw refuse(name, "it became shorter while it was read");
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Every plain file below the folder; refuses links, devices and depths that no bundle has. */
function listFiles(folder: string): Set<string> {
  const found = new Set<string>();
  const walk = (below: string, depth: number): void => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && depth < MAX_DEPTH) walk(path, depth + 1);
      else if (entry.isFile()) found.add(path);
      else
        throw refuse(JSON.stringify(path), entry.isDirectory() ? "folders are nested too deep" : "it is no plain file");
      if (found.size > MAX_FILES + 1) throw refuse(".", `more than ${MAX_FILES} files`);
    }
  };
  walk("", 0);
  return found;
}

/**
 * Opens a bundle from anyone: nothing is followed, unpacked or run, and nothing outside the folder is touched. Sizes are compared before
 * anything is read. Errors: BUNDLE_INVALID, BUNDLE_VERSION.
 */
export function openBundle(folder: string): Bundle {
  const top = lstatSync(folder, { throwIfNoEntry: false });
  if (top === undefined) throw refuse(folder, "there is no such folder");
  if (!top.isDirectory()) throw refuse(folder, "it is no folder");
  const manifestBytes = readPlain(join(folder, MANIFEST_FILE), MANIFEST_FILE, MAX_MANIFEST_BYTES);
  const manifest = decodeBundleManifest(manifestBytes);
  const byPath = new Map(manifest.files.map((file) => [file.path, file]));
  const found = listFiles(folder);
  for (const path of found)
    if (path !== MANIFEST_FILE && !byPath.has(path))
      throw refuse(JSON.stringify(path), "the manifest does not name it");
  for (const path of byPath.keys()) if (!found.has(path)) throw refuse(path, "it is missing");
  for (const { path, bytes } of manifest.files) {
    const { size } = lstatSync(join(folder, path));
    if (size !== bytes) throw refuse(path, `${size} bytes instead of ${bytes}`);
  }
  return {
    manifest,
    root: bundleRoot(manifestBytes),
    has: (path) => byPath.has(path),
    ofClass: (name) => manifest.files.filter((file) => file.class === name),
    read: (path) => {
      const file = byPath.get(path);
      if (file === undefined) throw refuse(path, "it is not in the bundle");
      const bytes = readPlain(join(folder, path), path, file.bytes, file.bytes);
      if (toHex(keccak256(bytes)) !== file.hash) throw refuse(path, "it has not the hash of the manifest");
      return bytes;
    },
  };
}
