// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A contract as the auditor built it. */
export interface KnownBuild {
  readonly name: string;
  /** Creation code, without constructor arguments: 0x and digits. */
  readonly bytecode: string;
}

const SHORTEST = 100;

/** Every deployable contract under a folder of Hardhat's artifacts; none if there is no such folder. */
export function readBuilds(folder: string): readonly KnownBuild[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith(".json") && !entry.parentPath.includes("build-info"),
  );
  return files.flatMap(({ name, parentPath }) => {
    const { bytecode, contractName } = JSON.parse(readFileSync(join(parentPath, name), "utf8")) as {
      bytecode?: string;
      contractName?: string;
    };
    if (bytecode === undefined || contractName === undefined || bytecode.length < SHORTEST) return [];
    return [{ name: contractName, bytecode: bytecode.toLowerCase() }];
  });
}

/** The build that a contract's creation begins with; arguments follow it. */
export const buildOf = (creation: string, builds: readonly KnownBuild[]): KnownBuild | undefined =>
  builds
    .filter(({ bytecode }) => creation.startsWith(bytecode))
    .toSorted((a, b) => b.bytecode.length - a.bytecode.length)[0];
