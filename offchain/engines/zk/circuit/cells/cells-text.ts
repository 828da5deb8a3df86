// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { CircuitError } from "../errors.ts";
import { cellKey, type CellSpec } from "./cell.ts";

/** At the root of an installed package; in the repository beside offchain/. */
const CIRCUITS = (() => {
  const packed = new URL("../../../../circuits/", import.meta.url);
  return existsSync(packed) ? packed : new URL("../../../../../circuits/", import.meta.url);
})();
const INCLUDE = /^\s*include\s+"([^"]+)";.*$/gm;
const PRAGMA = /^\s*pragma\s+circom[^;]*;.*$/gm;

/**
 * The files' text in one, each once, after what it includes: circom's WASM sees one folder only, and one text can be hashed.
 * Errors: CIRCOM_FAILED for a file that does not exist.
 */
export async function inlineCircuits(files: readonly string[]): Promise<string> {
  const seen = new Set<string>();
  const parts: string[] = [];
  const add = async (url: URL): Promise<void> => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    let text: string;
    try {
      text = await readFile(url, "utf8");
    } catch (cause) {
      const name = url.pathname.slice(CIRCUITS.pathname.length);
      throw new CircuitError("CIRCOM_FAILED", { reason: `circuits/${name} cannot be read` }, { cause });
    }
    for (const [, path] of text.matchAll(INCLUDE)) await add(new URL(path ?? "", url));
    parts.push(text.replaceAll(INCLUDE, "").replaceAll(PRAGMA, ""));
  };
  for (const file of files.toSorted()) await add(new URL(file, CIRCUITS));
  return parts.join("\n");
}

const declare = (name: string, length: number | null): string =>
  `    signal input ${name}${length === null ? "" : `[${length}]`};\n`;

/** A main component with one instance of each spec, every input of it a free signal: what the linker stamps. */
export async function cellsText(specs: readonly CellSpec[]): Promise<string> {
  const templates = await inlineCircuits([...new Set(specs.map((spec) => `${spec.folder}/${spec.template}.circom`))]);
  let body = "";
  for (const [k, spec] of specs.entries()) {
    for (const [name, length] of Object.entries(spec.inputs)) body += declare(`k${k}_${name}`, length);
    body += `    component k${k} = ${cellKey(spec)};\n`;
    for (const name of Object.keys(spec.inputs)) body += `    k${k}.${name} <== k${k}_${name};\n`;
  }
  return `pragma circom 2.1.6;\n${templates}\ntemplate Cells() {\n${body}}\ncomponent main = Cells();\n`;
}
