// SPDX-License-Identifier: GPL-3.0-or-later
import { dirname, join, normalize } from "node:path/posix";
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

const PAGE = "docs/threat-model.md";
const ROW = /^\| T(\d+) \|(.*)\|$/gm;
/** `[place](../test/….ts) "part of a title"`; a Solidity test is named by its function. */
const TEST = /\[[^\]]*\]\(([^)\s]+)\) (?:"([^"]+)"|`([^`]+)`)/g;
const IS_TEST = /^test\/.*\.(test|compliance)\.ts$|^test\/.*\.t\.sol$/;
const CELLS = 5;

/** Every numbered claim of the threat model names a test that exists, by file and by words of its title. */
export function checkClaims(tree: readonly SourceFile[]): Violation[] {
  const page = tree.find(({ path }) => path === PAGE);
  if (page === undefined)
    return [{ file: PAGE, line: 1, message: "missing: it lists what is claimed, and who could break it" }];
  const sources = new Map(tree.map(({ path, text }) => [path, text]));
  const violations: Violation[] = [];
  const rows = [...page.text.matchAll(ROW)];
  if (rows.length === 0) violations.push({ file: PAGE, line: 1, message: "it has no numbered claims" });
  for (const [i, match] of rows.entries()) {
    const [, number = "", rest = ""] = match;
    const at = { file: PAGE, line: lineAt(page.text, match.index) };
    if (Number(number) !== i + 1) violations.push({ ...at, message: `T${number} is claim ${i + 1}: numbers count up` });
    const cells = rest.split("|").map((cell) => cell.trim());
    if (cells.length !== CELLS || cells.includes(""))
      violations.push({ ...at, message: `T${number} needs claim, who and how, what stops it, limits, tests` });
    const tests = [...(cells.at(-1) ?? "").matchAll(TEST)];
    if (tests.length === 0) violations.push({ ...at, message: `T${number} names no test` });
    for (const [, link = "", title, code] of tests) {
      const path = normalize(join(dirname(PAGE), link));
      const text = sources.get(path);
      const words = title ?? code ?? "";
      if (text === undefined || !IS_TEST.test(path))
        violations.push({ ...at, message: `T${number}: ${path} is no test` });
      else if (!text.includes(words))
        violations.push({ ...at, message: `T${number}: no test of ${path} has "${words}" in its title` });
    }
  }
  return violations;
}
