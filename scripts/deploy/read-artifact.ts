// SPDX-License-Identifier: GPL-3.0-or-later
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Abi, Hex } from "viem";

export interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

const ROOT = join(import.meta.dirname, "..", "..");

/** The build's output for one contract; undefined if there is no such contract. Needs `npm run build`. */
export function readArtifact(contract: string): Artifact | undefined {
  const [path] = globSync(`artifacts/contracts/**/${contract}.sol/${contract}.json`, { cwd: ROOT });
  return path === undefined ? undefined : (JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Artifact);
}
