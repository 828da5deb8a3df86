// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());

/**
 * Digest of an image's worker root: sha256 over "assay.v1.bundle" and, for each file in the order of paths (with "/", by UTF-16 code unit),
 * u32le length and path, u64le size, sha256 of the content. Links and other special files are no part of an image: they are left out.
 * Errors: those of the file system.
 */
export async function measureBundle(folder: string): Promise<Hex> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => path.slice(folder.length).replaceAll("\\", "/").replace(/^\/+/, ""));
  const writer = new ByteWriter().raw(utf8("assay.v1.bundle"));
  for (const path of paths.toSorted(byName)) {
    const content = new Uint8Array(await readFile(join(folder, path)));
    writer.bytes(utf8(path)).u64le(BigInt(content.length)).raw(sha256(content));
  }
  return toHex(sha256(writer.finish()));
}
