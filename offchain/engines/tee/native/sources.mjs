// SPDX-License-Identifier: GPL-3.0-or-later
// Where the helper's source is and where its build goes. Plain JavaScript without dependencies: the build runs it under Node 20 with
// nothing installed, the provider when it looks for the helper.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

/** The repository, or the package of `scripts/release/pack.ts`, which has no folder `offchain`. */
export const ROOT = ((above) => (basename(above) === "offchain" ? dirname(above) : above))(join(HERE, "../../.."));

export const SOURCE = join(HERE, "nsm.c");

export const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,-z,relro,-z,now"];

/** Where the helper that this state of the source makes is, once it was built. */
export function helperFile() {
  const key = createHash("sha256").update(JSON.stringify(FLAGS)).update(readFileSync(SOURCE)).digest("hex");
  return join(ROOT, "build/nsm", key.slice(0, 24), "nsm");
}
