// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toHex, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { AuditError } from "../errors.ts";
import { classOf, MANIFEST_FILE } from "./artefacts.ts";
import { encodeBundleManifest, bundleRoot, type BundleFile, type BundleManifest } from "./manifest.ts";

/** Only in a folder whose export has not ended. */
export const PENDING_FILE = "pending.json";

export interface BundleWriter {
  /** What an interrupted export left at this place, or null. */
  kept(path: string): Uint8Array | null;
  /** Errors: BUNDLE_TOO_LARGE. `isPrivate`: readable by its owner alone. */
  put(path: string, bytes: Uint8Array, isPrivate?: boolean): void;
  /** Writes the manifest and thereby ends the export. Returns the bundle's root. */
  close(manifest: Omit<BundleManifest, "files">): Hex;
}

/** The last block of the export that was begun in this folder, if one was. */
export function plannedBlock(folder: string): number | undefined {
  const pending = join(folder, PENDING_FILE);
  if (!existsSync(pending)) return undefined;
  return (JSON.parse(readFileSync(pending, "utf8")) as { readonly toBlock?: number }).toBlock;
}

/**
 * A bundle under construction. `plan` says what is exported: a folder that an interrupted export of the same left is continued, any other is
 * refused. Error: EXPORT_MISFIT.
 */
export function createBundleWriter(folder: string, plan: string, maxBytes: number): BundleWriter {
  const pending = join(folder, PENDING_FILE);
  if (existsSync(join(folder, MANIFEST_FILE))) throw new AuditError("EXPORT_MISFIT", { folder, why: "it is complete" });
  if (existsSync(pending)) {
    if (readFileSync(pending, "utf8") !== plan)
      throw new AuditError("EXPORT_MISFIT", { folder, why: "of another range, chain or choice of jobs" });
  } else {
    if (existsSync(folder)) throw new AuditError("EXPORT_MISFIT", { folder, why: "it is not an export's" });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(pending, plan);
  }
  const files = new Map<string, BundleFile>();
  let total = 0;
  return {
    kept: (path) => (existsSync(join(folder, path)) ? new Uint8Array(readFileSync(join(folder, path))) : null),
    put: (path, bytes, isPrivate = false) => {
      const found = classOf(path);
      total += bytes.length;
      if (found === undefined || bytes.length > found.maxBytes || total > maxBytes)
        throw new AuditError("BUNDLE_TOO_LARGE", { what: path, limit: Math.min(found?.maxBytes ?? 0, maxBytes) });
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      // Whole or not at all: what an interruption leaves is believed by `kept`.
      const partial = join(folder, `${PENDING_FILE}.part`);
      writeFileSync(partial, bytes, { mode: isPrivate ? 0o600 : 0o644 });
      renameSync(partial, join(folder, path));
      files.set(path, { path, class: found.name, bytes: bytes.length, hash: toHex(keccak256(bytes)) });
    },
    close: (manifest) => {
      const sorted = [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
      const bytes = encodeBundleManifest({ ...manifest, files: sorted });
      writeFileSync(join(folder, MANIFEST_FILE), bytes);
      rmSync(pending);
      return bundleRoot(bytes);
    },
  };
}
