// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { CareerResult } from "./careers.ts";
import type { Row } from "./run.ts";

/** What the last deep run found: the tables and plots of docs/economics.md are made of it, by `npm run generate`. */
const FOLDER = "docs/economics";

/** Writes one object a line, with six significant digits. */
function keep(name: string, list: readonly unknown[]): void {
  const round = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/${name}.json`, `[\n${list.map((one) => JSON.stringify(one, round)).join(",\n")}\n]\n`);
}

const read = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}/${name}.json`, "utf8"));

export const keepResults = (rows: readonly Row[]): void => keep("results", rows);
export const readResults = (): Row[] => read("results") as Row[];
export const keepCareers = (careers: readonly CareerResult[]): void => keep("careers", careers);
export const readCareers = (): CareerResult[] => read("careers") as CareerResult[];
