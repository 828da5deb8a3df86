// SPDX-License-Identifier: GPL-3.0-or-later
// The table of docs/invariants.md, from the data that scripts/mutate.ts runs.
import { readFileSync, writeFileSync } from "node:fs";
import { INVARIANTS } from "../mutation/invariants.ts";

const PAGE = "docs/invariants.md";
const BEGIN = "<!-- generated: table -->";
const END = "<!-- end of table -->";

const rows = INVARIANTS.map(({ number, theme, sentence, tests, mutation }) => {
  const where = tests.map(({ file, name }) => `[\`${name}\`](../test/contracts/${file})`).join("<br>");
  return `| ${number} | ${theme} | ${sentence} | ${where} | ${mutation.fault} (\`${mutation.file}\`) |`;
});
const table = [
  "| n | theme | invariant | tested by | fault that the first of them catches |",
  "|---|---|---|---|---|",
  ...rows,
];

const [head = "", rest = ""] = readFileSync(PAGE, "utf8").split(BEGIN);
const [, tail = ""] = rest.split(END);
writeFileSync(PAGE, `${head}${BEGIN}\n\n${table.join("\n")}\n\n${END}${tail}`);
