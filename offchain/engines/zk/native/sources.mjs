// SPDX-License-Identifier: GPL-3.0-or-later
// Where the native prover's sources are, where its builds go, and what tells one state of the sources from another. Plain JavaScript
// without dependencies: the build runs it under Node 20 with nothing installed, the prover when it looks for a build.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** This folder. */
export const SOURCES = dirname(fileURLToPath(import.meta.url));

/** The repository, or the package of `scripts/release/pack.ts`, which has no folder `offchain`. */
export const ROOT = ((above) => (basename(above) === "offchain" ? dirname(above) : above))(join(SOURCES, "../../.."));

export const BUILDS = join(ROOT, "build/native");

/** What builds it again, typed in a shell. */
export const BUILD_COMMAND = existsSync(join(ROOT, "scripts/bootstrap.mjs"))
  ? "npm run bootstrap"
  : `node ${join(ROOT, "scripts/native/build.mjs")} --again`;

/** Says what the last build came to; written by `scripts/native/build.mjs`. */
export const STATUS_FILE = "status.json";
export const ADDON_FILE = "prover.node";

/** Every source below `folder`, relative to it, sorted. */
export function listSources(folder = SOURCES) {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return paths.filter((path) => /\.(h|cpp)$/.test(path)).toSorted((a, b) => (a < b ? -1 : 1));
}

/** Changes with any byte of any source. */
export function hashSources(folder = SOURCES) {
  const hash = createHash("sha256");
  for (const path of listSources(folder)) {
    const bytes = readFileSync(join(folder, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}
