// SPDX-License-Identifier: GPL-3.0-or-later
import { fromUtf8 } from "../../../core/bytes.ts";
import { guarded, malformed } from "./binary-file.ts";

export interface Sym {
  /** Wire of each signal that survived simplification, by its full circom name ("main.x[0]"). */
  readonly wireOf: ReadonlyMap<string, number>;
  /** First name of each wire; names of one wire are aliases. Wire 0 has none. */
  readonly nameOf: ReadonlyMap<number, string>;
}

const LINE = /^(0|[1-9]\d{0,8}),(-1|0|[1-9]\d{0,8}),(0|[1-9]\d{0,8}),([A-Za-z_$][\w$.[\]]*)$/;

/** circom's .sym: a line of label, wire or -1, component, name for each signal. Error: FILE_MALFORMED. */
export function readSym(bytes: Uint8Array): Sym {
  const wireOf = new Map<string, number>();
  const nameOf = new Map<number, string>();
  const lines = guarded(".sym", () => fromUtf8(bytes, ".sym")).split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [i, line] of lines.entries()) {
    const match = LINE.exec(line);
    if (match === null) throw malformed(".sym", `line ${i + 1} is not label,wire,component,name`);
    const [wire, name] = [Number(match[2]), match[4] ?? ""];
    if (wire < 0) continue;
    if (wire === 0) throw malformed(".sym", `line ${i + 1} names the constant wire`);
    if (wireOf.has(name)) throw malformed(".sym", `line ${i + 1} repeats a name`);
    wireOf.set(name, wire);
    if (!nameOf.has(wire)) nameOf.set(wire, name);
  }
  return { wireOf, nameOf };
}
