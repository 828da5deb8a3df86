// SPDX-License-Identifier: GPL-3.0-or-later
// What a run of the suite leaves in docs/presets.md and beside it: one table, and a picture of where a job's time goes.
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { drawBars } from "./draw-bars.ts";

export const PARTS = ["until the seats are drawn", "delivery", "work, votes, proofs", "challenge window"] as const;

/** Of one preset; times in seconds. */
export interface Measured {
  readonly name: string;
  /** When, for a run may measure some rows only. */
  readonly day: string;
  readonly jobs: number;
  readonly p50: number;
  readonly p95: number;
  /** Medians, in the order of `PARTS`. */
  readonly parts: readonly number[];
  readonly gas: number;
  readonly wireBytes: number;
  readonly receiptBytes: number;
  /** Of all workers together, a job. */
  readonly processorSec: number;
  /** The model alone, with nobody to convince, as many answers as a job has. */
  readonly plainMs: number;
  readonly fee: number;
  readonly answersPerSec: number;
  /** How many jobs were always under way for that. */
  readonly atOnce: number;
}

const size = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toPrecision(3)} kB` : `${(bytes / 1e6).toPrecision(3)} MB`;

const MEASURED = "docs/presets/measured.json";

/** Puts one row into the page, in place of an older one of that name. `order`: names of all; rows of no other are kept. `setting`: what it ran on. */
export async function writeRow(row: Measured, order: readonly string[], setting: string): Promise<void> {
  await mkdir("docs/presets", { recursive: true });
  const known = existsSync(MEASURED) ? (JSON.parse(await readFile(MEASURED, "utf8")) as readonly Measured[]) : [];
  const rows = order.flatMap((name) => (name === row.name ? [row] : known.filter((one) => one.name === name)));
  await writeFile(MEASURED, `${JSON.stringify(rows, undefined, 2)}\n`);
  const bars = rows.map(({ name, parts, p95 }) => ({ name, parts, whisker: p95 }));
  await writeFile(
    "docs/presets/time.svg",
    drawBars({ title: "Where a job's time goes", unit: "s", parts: PARTS, bars }),
  );
  await writeFile("docs/presets.md", page(rows, setting));
}

function page(rows: readonly Measured[], setting: string): string {
  const header = [
    "preset",
    "day",
    "jobs",
    "p50",
    "p95",
    "gas",
    "wire",
    "receipt",
    "processor",
    "over plain",
    "fee",
    "answers/s",
  ];
  const lines = rows.map((row) => [
    row.name,
    row.day,
    String(row.jobs),
    `${row.p50.toFixed(1)} s`,
    `${row.p95.toFixed(1)} s`,
    `${Math.round(row.gas / 1_000)}k`,
    size(row.wireBytes),
    size(row.receiptBytes),
    `${row.processorSec.toFixed(2)} s`,
    `${Math.round((1_000 * row.processorSec) / row.plainMs).toLocaleString("en")}×`,
    row.fee.toPrecision(3),
    row.answersPerSec.toFixed(2),
  ]);
  return `# What each preset costs

Written by \`npm run bench -- presets --write\` (${setting}), so not by hand; [the numbers](presets/measured.json).

${[header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}

![Where a job's time goes, by preset](presets/time.svg)

- *jobs* is how many p50 and p95 are of; throughput is of 1.6 times as many. Times are from the request to the final result, blocks of a second, sixteen workers on the same two cores. Real deployments wait for their own chain's blocks and windows; devnet windows are 15 s.
- *processor* is that of all workers and their enclaves together, without what they take when idle; *over plain* compares it with the model alone, run once here with nobody to convince. Small models make that ratio large: signatures, transactions and watching the chain do not depend on the model.
- *wire* is what client and workers exchange, the chain left out. *answers/s*: with eight jobs always under way, of encrypted ones two. *fee* in DEV.
`;
}
