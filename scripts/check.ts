// SPDX-License-Identifier: GPL-3.0-or-later
// The rules that no compiler knows: who may import whom, forbidden words in source, skips without a reason,
// requirement ids without a test. Prints each violation with file, line and what to do; exit code 1 if there is any.
import { checkClaims } from "./check/claims.ts";
import { checkImports } from "./check/imports.ts";
import { checkLinks } from "./check/links.ts";
import { checkRequirements } from "./check/requirements.ts";
import { checkText } from "./check/text.ts";
import { readTree } from "./check/tree.ts";

const tree = readTree(process.cwd());
const violations = [
  ...checkImports(tree),
  ...checkText(tree),
  ...checkLinks(tree),
  ...checkRequirements(tree),
  ...checkClaims(tree),
];
for (const { file, line, message } of violations) console.log(`${file}:${line}: ${message}`);
console.log(`${tree.length} files checked, ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;
