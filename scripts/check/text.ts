// SPDX-License-Identifier: GPL-3.0-or-later
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

interface TextRule {
  readonly pattern: RegExp;
  readonly where: RegExp;
  readonly except?: RegExp;
  readonly message: string;
}

const CODE = /\.(ts|mjs)$/;
const RULES: readonly TextRule[] = [
  {
    pattern: /\bthrow new (Type|Range|Syntax)?Error\b/g,
    where: /^offchain\//,
    message: "throw the module's typed error (offchain/core/errors.ts), not a bare one",
  },
  {
    // Examples in doc comments may print.
    pattern: /^(?!\s*(?:\*|\/\/)).*\bconsole\.\w+\(/gm,
    where: /^offchain\/(?!cli\/)/,
    message: "log through the Logger port; only the CLI prints",
  },
  { pattern: /@ts-(ignore|nocheck|expect-error)/g, where: CODE, message: "fix the type instead of silencing it" },
  { pattern: /\b(describe|it|context)\.only\(/g, where: /^test\//, message: "remove .only" },
  {
    // The reason stands in the title or in the same line's comment: `it.skip("…: needs X")`, `this.skip(); // no X`.
    pattern: /^(?!.*(?:: needs |\/\/ )).*\b(?:(?:describe|it)\.skip\(|this\.skip\(\)).*$/gm,
    where: /^test\//,
    message: "a skip states its reason: `…: needs X` in the title, or a comment on the line",
  },
  {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/g,
    where: /^(contracts|offchain|scripts|test|bench|circuits)\//,
    message: "finish it or file it",
  },
  {
    pattern: /(?:^|[\s"'`(=:])\/(?:home|root|work|tmp|Users)\/[\w.-]+/g,
    where: /./,
    message: "a machine path: derive it from import.meta.url, os.tmpdir() or configuration",
  },
  { pattern: /^export \* from/gm, where: /^offchain\//, message: "no barrel files: import from where it is defined" },
];

const SPDX = /^(?:#!.*\n)?\/\/ SPDX-License-Identifier: (MIT|GPL-3\.0-or-later)\n/;
const MIT_FOLDERS = /^(contracts|offchain\/(core|sdk|adapters\/chain|engines\/she))\//;

function spdxViolation({ path, text }: SourceFile): Violation | undefined {
  if (!/\.(ts|as|h|cpp|sol|circom)$/.test(path)) return undefined;
  const licence = SPDX.exec(text)?.[1];
  const want = MIT_FOLDERS.test(path) ? "MIT" : "GPL-3.0-or-later";
  if (licence === want) return undefined;
  return { file: path, line: 1, message: `first line must be // SPDX-License-Identifier: ${want}` };
}

const SPLIT_MODE = /\bSPLIT\b|\b[Ss]plit (?:inference|learning|stages?|mode)\b/;
const CLAIM = /\b(?:encrypt|confidential|private\b|privacy\b|privately\b)/i;
/** What makes a sentence a warning instead of a claim. */
const DENIAL = /\b(?:not|never|no|nobody|nothing|without|cannot|refuse[sd]?|fails?)\b/i;

/**
 * Split inference shows boundaries: a sentence that calls the mode encrypted, private or confidential is false, in code and
 * documents alike (split.md §6). Sentences are cut at full stops, list items, table cells and blank lines.
 */
function splitClaims({ path, text }: SourceFile): Violation[] {
  if (!/\.(ts|md|sol|json|toml)$/.test(path)) return [];
  const violations: Violation[] = [];
  // A comment's stars and slashes are no list; blanks keep the places.
  const plain = /\.(ts|sol)$/.test(path)
    ? text.replaceAll(/^[ \t]*(?:\*(?!\/)|\/\/+)/gm, (head) => " ".repeat(head.length))
    : text;
  for (const match of plain.matchAll(/(?:[^.|;\n]|\.(?=\S)|\n(?!\s*(?:\n|[-*|#]\s|\d+\.\s)))+/g)) {
    const sentence = match[0].replaceAll(/\s+/g, " ");
    if (!SPLIT_MODE.test(sentence) || !CLAIM.test(sentence) || DENIAL.test(sentence)) continue;
    violations.push({
      file: path,
      line: lineAt(text, match.index + match[0].search(/\S/)),
      message: `"${sentence.trim().slice(0, 80)}": mode SPLIT is exposure-limited: each seat of a stage sees its boundary; never call it encrypted, private or confidential`,
    });
  }
  return violations;
}

/** Words and constructs that must not occur, and the licence line that must. */
export function checkText(tree: readonly SourceFile[]): Violation[] {
  const violations: Violation[] = [];
  for (const file of tree) {
    // This file names what it forbids.
    if (file.path.startsWith("scripts/check/") || file.path.startsWith("test/offchain/scripts/")) continue;
    const licence = spdxViolation(file);
    if (licence !== undefined) violations.push(licence);
    violations.push(...splitClaims(file));
    for (const rule of RULES) {
      if (!rule.where.test(file.path) || rule.except?.test(file.path)) continue;
      for (const match of file.text.matchAll(rule.pattern))
        violations.push({
          file: file.path,
          line: lineAt(file.text, match.index),
          message: `${match[0].trim()}: ${rule.message}`,
        });
    }
  }
  return violations;
}
