// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
/** `<!-- example: path -->` is followed by a code block that must be that file, without its licence line. */
const EXAMPLE = /<!-- example: (\S+) -->\n\n```\w+\n([\s\S]*?)```/g;
const MARKER = /<!-- example: \S+ -->/g;

/** Relative links lead somewhere, and code shown in a page is the file that the tests run. */
export function checkLinks(tree: readonly SourceFile[], exists: (path: string) => boolean = existsSync): Violation[] {
  const sources = new Map(tree.map(({ path, text }) => [path, text]));
  const violations: Violation[] = [];
  for (const { path, text } of tree) {
    if (!path.endsWith(".md")) continue;
    for (const match of text.matchAll(LINK)) {
      const target = (match[1] ?? "").split("#")[0] ?? "";
      if (target === "" || /^[a-z]+:/.test(target)) continue;
      if (!exists(normalize(join(dirname(path), target))))
        violations.push({ file: path, line: lineAt(text, match.index), message: `dead link: ${target}` });
    }
    const examples = [...text.matchAll(EXAMPLE)];
    if (examples.length !== [...text.matchAll(MARKER)].length)
      violations.push({ file: path, line: 1, message: "an example marker is not followed by a code block" });
    for (const match of examples) {
      const source = sources.get(match[1] ?? "")?.replace(/^\/\/ SPDX.*\n/, "");
      if (source?.trim() !== match[2]?.trim())
        violations.push({
          file: path,
          line: lineAt(text, match.index),
          message: `the block differs from ${match[1]}: copy the file here`,
        });
    }
  }
  return violations;
}
