// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";

export type NumberField = number | bigint | boolean | string;

/** Writes a flat number list under test/fixtures/vectors, as `NumberVectors` and Cursor.sol read it. */
export function writeNumbers(name: string, layout: string, cases: readonly (readonly NumberField[])[]): void {
  const texts = cases.flat().map((field) => (typeof field === "boolean" ? Number(field) : field).toString());
  const lines: string[] = [];
  for (let at = 0, line = ""; at < texts.length; at++) {
    line += `${line === "" ? "" : ","}"${texts[at]}"`;
    if (line.length > 110 || at === texts.length - 1) {
      lines.push(line);
      line = "";
    }
  }
  const head = `  "layout": ${JSON.stringify(layout)},\n  "cases": "${cases.length}",\n`;
  writeFileSync(`test/fixtures/vectors/${name}.json`, `{\n${head}  "data": [\n${lines.join(",\n")}\n  ]\n}\n`);
}
