// SPDX-License-Identifier: MIT
// Where the kernel's source is, where its builds go, and what tells one state from another. Plain JavaScript without dependencies:
// the build runs it under Node 20 with nothing installed, the evaluator when it looks for a build.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

/** The repository, or the package of `scripts/release/pack.ts`, which has no folder `offchain`. */
export const ROOT = ((above) => (basename(above) === "offchain" ? dirname(above) : above))(join(HERE, "../../.."));

export const SOURCE = join(HERE, "kernel.as");

const FLAGS = ["-O3", "--enable", "simd", "--runtime", "stub", "--noAssert", "--importMemory"];

/** What is built from the one source. Shared memory is for threads; browsers allow it only to isolated pages. */
export const VARIANTS = {
  plain: FLAGS,
  shared: [...FLAGS, "--enable", "threads", "--sharedMemory", "--maximumMemory", "65536"],
};

/** Where a variant's build for this state of the source is. */
export function kernelFile(variant) {
  const key = createHash("sha256")
    .update(JSON.stringify(VARIANTS[variant]))
    .update(readFileSync(SOURCE))
    .digest("hex")
    .slice(0, 24);
  return join(ROOT, "build/she", `${variant}-${key}.wasm`);
}
