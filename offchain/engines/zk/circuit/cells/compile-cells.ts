// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toHex, utf8 } from "../../../../core/bytes.ts";
import { keccak256 } from "../../../../core/keccak.ts";
import { runCircom, type CircomOutput } from "../run-circom.ts";
import { cellKey, type Cell, type CellSpec } from "./cell.ts";
import { cellsText } from "./cells-text.ts";
import { linkCells } from "./link-cells.ts";

/** Raised when the output for one text could differ: another circom. */
const COMPILER = "circom2 0.2.23 --O0";
const MOST_CACHED = 64;

/** Cells by the hash of their circom text: the same gadgets serve many models. */
const compiled = new Map<string, Promise<Cell[]>>();

export interface CellOptions {
  /** Keeps circom's output between processes, named by content. */
  readonly cacheFolder?: string;
  readonly signal?: AbortSignal;
}

async function cachedOutput(text: string, hash: string, options: CellOptions): Promise<CircomOutput> {
  const { cacheFolder, signal } = options;
  if (cacheFolder === undefined) return runCircom(text, signal ? { signal } : {});
  const path = (kind: string) => join(cacheFolder, `cells-${hash}.${kind}`);
  try {
    const [r1cs, sym] = await Promise.all([readFile(path("r1cs")), readFile(path("sym"))]);
    return { r1cs: new Uint8Array(r1cs), sym: new Uint8Array(sym) };
  } catch {
    const output = await runCircom(text, signal ? { signal } : {});
    await mkdir(cacheFolder, { recursive: true });
    // A file appears whole or not at all: a half-written one would be read for ever.
    for (const kind of ["r1cs", "sym"] as const) {
      await writeFile(`${path(kind)}.${process.pid}`, output[kind]);
      await rename(`${path(kind)}.${process.pid}`, path(kind));
    }
    return output;
  }
}

/** Compiles the distinct instances of `specs` with one run of circom. Errors: CIRCOM_FAILED, CELL_INVALID. */
export async function compileCells(
  specs: Iterable<CellSpec>,
  options: CellOptions = {},
): Promise<ReadonlyMap<string, Cell>> {
  const distinct = new Map([...specs].map((spec) => [cellKey(spec), spec] as const));
  const ordered = [...distinct].toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, spec]) => spec);
  const text = await cellsText(ordered);
  const hash = toHex(keccak256(utf8(`${COMPILER}\n${text}`))).slice(2, 34);
  let cells = compiled.get(hash);
  if (cells === undefined) {
    cells = cachedOutput(text, hash, options).then(({ r1cs, sym }) => linkCells(ordered, r1cs, sym));
    cells.catch(() => compiled.delete(hash));
    compiled.set(hash, cells);
    if (compiled.size > MOST_CACHED) compiled.delete(compiled.keys().next().value ?? "");
  }
  return new Map((await cells).map((cell) => [cellKey(cell.spec), cell]));
}
