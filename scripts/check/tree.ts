// SPDX-License-Identifier: GPL-3.0-or-later
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const SOURCE = /\.(ts|mjs|as|h|cpp|sol|circom|md|json|toml)$/;
const DATA = /^(package-lock\.json|snapshots\/|test\/fixtures\/|models\/.*\.json$|deployments\/)/;

/** Every tracked or new source file of the repository, without data files. */
export function readTree(root: string): SourceFile[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
  return list
    .toString("utf8")
    .split("\n")
    .filter((path) => SOURCE.test(path) && !DATA.test(path) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;
