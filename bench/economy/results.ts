// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Row } from "./run.ts";

/** What the last deep run found: the tables and plots of docs/economics.md are made of it, by `npm run generate`. */
const FILE = "docs/economics/results.json";

/** Writes rows, one a line, with six significant digits. */
export function keepResults(rows: readonly Row[]): void {
  const round = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  mkdirSync("docs/economics", { recursive: true });
  writeFileSync(FILE, `[\n${rows.map((row) => JSON.stringify(row, round)).join(",\n")}\n]\n`);
}

export function readResults(): Row[] {
  return JSON.parse(readFileSync(FILE, "utf8")) as Row[];
}
