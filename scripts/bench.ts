// SPDX-License-Identifier: GPL-3.0-or-later
// Speed and cost, measured as whole runs beside a named baseline in the same run.
//
//   npm run bench                    every suite, as a table
//   npm run bench -- program gas     only those
//   npm run bench -- --json program  one JSON object a line on stdout; progress on stderr
import { existsSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

export interface BenchRow {
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: string;
  readonly ratio?: number;
}

export interface BenchSuite {
  readonly name: string;
  run(report: (row: BenchRow) => void, progress: (text: string) => void): Promise<void>;
}

const json = process.argv.includes("--json");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const known = existsSync("bench")
  ? readdirSync("bench")
      .filter((file) => file.endsWith(".ts"))
      .map((file) => file.slice(0, -3))
      .toSorted()
  : [];
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`No suite ${unknown.join(", ")}. There are: ${known.join(", ")}`);
  process.exit(2);
}

for (const name of wanted.length > 0 ? wanted : known) {
  const module = (await import(pathToFileURL(`bench/${name}.ts`).href)) as { suite: BenchSuite };
  const rows: BenchRow[] = [];
  await module.suite.run(
    (row) => {
      rows.push(row);
      if (json) process.stdout.write(`${JSON.stringify({ suite: module.suite.name, ...row })}\n`);
    },
    (text) => process.stderr.write(`${name}: ${text}\n`),
  );
  if (!json) print(name, rows);
}

function print(name: string, rows: readonly BenchRow[]): void {
  const number = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4));
  const cells = rows.map((row) => [
    row.case,
    row.metric,
    `${number(row.value)} ${row.unit}`,
    row.ratio === undefined ? "" : `${number(row.ratio)}x`,
    row.baseline ?? "",
  ]);
  const table = [["case", "metric", "value", "ratio", "baseline"], ...cells];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  console.log(`\n${name}`);
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}
