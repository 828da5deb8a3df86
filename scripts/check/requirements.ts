// SPDX-License-Identifier: GPL-3.0-or-later
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

const TABLE = "docs/requirements.md";
const ROW = /^\| (R\d+) \| (met|partly|open) \|/gm;

/** Test files whose titles name each requirement id. */
export function testsByRequirement(tree: readonly SourceFile[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, text } of tree) {
    if (!/^test\/.*\.(test|compliance)\.ts$|^test\/.*\.t\.sol$/.test(path)) continue;
    for (const id of new Set([...text.matchAll(/\bR\d{1,2}\b/g)].map((match) => match[0])))
      found.set(id, [...(found.get(id) ?? []), path]);
  }
  return found;
}

/** Every row that docs/requirements.md calls met must be named by at least one test. */
export function checkRequirements(tree: readonly SourceFile[]): Violation[] {
  const table = tree.find(({ path }) => path === TABLE);
  if (table === undefined)
    return [{ file: TABLE, line: 1, message: "missing: it lists what is met, partly met and open" }];
  const tests = testsByRequirement(tree);
  const rows = [...table.text.matchAll(ROW)];
  const violations: Violation[] = rows
    .filter(([, id = "", state]) => state === "met" && !tests.has(id))
    .map((match) => ({
      file: TABLE,
      line: lineAt(table.text, match.index),
      message: `${match[1]} is called met, but no test names it`,
    }));
  const known = new Set(rows.map((match) => match[1]));
  for (let n = 1; n <= 76; n++)
    if (!known.has(`R${n}`)) violations.push({ file: TABLE, line: 1, message: `R${n} has no row` });
  return violations;
}
