// SPDX-License-Identifier: GPL-3.0-or-later
import { cellKey } from "../../offchain/engines/zk/circuit/cells/cell.ts";
import { inlineCircuits } from "../../offchain/engines/zk/circuit/cells/cells-text.ts";
import type { CircuitRecord } from "../../offchain/engines/zk/circuit/types.ts";

/** A wire of the drawing in circom's words: an input of main, or an output of a component. */
export function drawnNames(record: CircuitRecord): Map<number, string> {
  const names = new Map<number, string>();
  for (let wire = 1; wire <= record.publics.length; wire++) names.set(wire, `w${wire}`);
  for (const wire of record.advice) names.set(wire, `w${wire}`);
  for (const [k, { spec, wires }] of record.drawn.entries()) {
    let at = 0;
    for (const [name, length] of Object.entries(spec.outputs))
      for (let i = 0; i < (length ?? 1); i++)
        names.set(wires[at++] ?? 0, `n${k}.${name}${length === null ? "" : `[${i}]`}`);
  }
  return names;
}

/** The whole circuit as one circom text, constants and all: what a person would write without a linker. */
export async function printCircom(record: CircuitRecord): Promise<string> {
  const names = drawnNames(record);
  // As a balanced tree: circom recurses into the first operand, and a sum of some hundred terms in a row overflows its stack.
  const sum = (texts: readonly string[]): string =>
    texts.length <= 2
      ? texts.join(" + ")
      : `(${sum(texts.slice(0, texts.length / 2))}) + (${sum(texts.slice(texts.length / 2))})`;
  const form = (terms: readonly (readonly [wire: number, coefficient: bigint])[]) =>
    terms.length === 0
      ? "0"
      : sum(terms.map(([wire, by]) => (wire === 0 ? `(${by})` : `(${by}) * ${names.get(wire) ?? "?"}`)));
  const files = new Set(record.drawn.map(({ spec }) => `${spec.folder}/${spec.template}.circom`));
  let body = "";
  for (const name of new Set([...names.values()].filter((text) => text.startsWith("w"))))
    body += `    signal input ${name};\n`;
  for (const [k, { spec, inputs }] of record.drawn.entries()) {
    body += `    component n${k} = ${cellKey(spec)};\n`;
    for (const [name, length] of Object.entries(spec.inputs))
      for (const [i, terms] of (inputs[name] ?? []).entries())
        body += `    n${k}.${name}${length === null ? "" : `[${i}]`} <== ${form(terms)};\n`;
  }
  return `pragma circom 2.1.6;\n${await inlineCircuits([...files])}\ntemplate Main() {\n${body}}\ncomponent main = Main();\n`;
}
