// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CircuitError } from "./errors.ts";

export interface CircomOutput {
  readonly r1cs: Uint8Array;
  readonly sym: Uint8Array;
  /** The witness program, where asked for. */
  readonly wasm?: Uint8Array;
}

export interface CircomOptions {
  /** O0 keeps every signal as written; O1 removes equalities. O2 is never right for two rounds (zk.md section 6). */
  readonly level?: "O0" | "O1";
  readonly wasm?: boolean;
  readonly signal?: AbortSignal;
}

const CLI = createRequire(import.meta.url).resolve("circom2/cli.js");
const TIMEOUT_MS = 10 * 60_000;

function run(folder: string, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: 1 << 24, ...(signal && { signal }) };
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve();
      else if (signal?.aborted) reject(error);
      else {
        // oxlint-disable-next-line no-control-regex -- circom colours its messages
        const text = `${stderr}\n${stdout}`.replaceAll(/\u001B\[[0-9;]*m/g, "").trim();
        reject(new CircuitError("CIRCOM_FAILED", { reason: text.slice(0, 2000) || error.message }, { cause: error }));
      }
    });
  });
}

/**
 * Compiles one self-contained circom text with the pinned circom2, a WASM program that sees its own folder only, in a child process:
 * it may be cancelled, and its memory goes with it. Error: CIRCOM_FAILED with circom's own words.
 */
export async function runCircom(text: string, options: CircomOptions = {}): Promise<CircomOutput> {
  const { level = "O0", wasm = false, signal } = options;
  const folder = await mkdtemp(join(tmpdir(), "assay-circom-"));
  try {
    await writeFile(join(folder, "main.circom"), text);
    await run(folder, ["main.circom", "--r1cs", "--sym", ...(wasm ? ["--wasm"] : []), `--${level}`, "-o", "."], signal);
    const read = async (...path: string[]) => new Uint8Array(await readFile(join(folder, ...path)));
    const output = { r1cs: await read("main.r1cs"), sym: await read("main.sym") };
    return wasm ? { ...output, wasm: await read("main_js", "main.wasm") } : output;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
