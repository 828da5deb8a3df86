// SPDX-License-Identifier: GPL-3.0-or-later
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import * as snarkjs from "snarkjs";
import { readR1cs } from "../../offchain/engines/zk/r1cs/read-r1cs.ts";
import type { R1cs } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import { readSym, type Sym } from "../../offchain/engines/zk/r1cs/sym.ts";
import { valuesToBigints } from "../../offchain/engines/zk/r1cs/witness-values.ts";
import { readWtns } from "../../offchain/engines/zk/r1cs/wtns.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface CompiledCircom {
  readonly r1cs: R1cs;
  readonly sym: Sym;
  /** circom's own witness program: the oracle. Rejects when an assertion or constraint fails. */
  witness(inputs: Readonly<Record<string, unknown>>): Promise<bigint[]>;
}

const cli = createRequire(import.meta.url).resolve("circom2/cli.js");

/** Compiles a main component over our gadgets with stock circom2 (--O1), as an oracle apart from the product's compiler. */
export function compileCircom(main: string, includes: readonly string[]): CompiledCircom {
  // circom2 sees the disk through relative paths only.
  const folder = relative(".", temporaryFolder());
  mkdirSync(folder, { recursive: true });
  const source = [`pragma circom 2.1.6;`, ...includes.map((file) => `include "${file}";`), main, ""].join("\n");
  writeFileSync(join(folder, "main.circom"), source);
  const args = [join(folder, "main.circom"), "--r1cs", "--wasm", "--sym", "--O1", "-l", "circuits/gadgets"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, "-l", "circuits/layers", "-o", folder]);
  if (status !== 0) throw new TypeError(`circom2: ${stdout.toString()}${stderr.toString()}`);
  return {
    r1cs: readR1cs(readFileSync(join(folder, "main.r1cs"))),
    sym: readSym(readFileSync(join(folder, "main.sym"))),
    witness: async (inputs) => {
      const file: { type: "mem"; data?: Uint8Array } = { type: "mem" };
      await snarkjs.wtns.calculate(inputs, join(folder, "main_js", "main.wasm"), file);
      return valuesToBigints(readWtns(file.data ?? new Uint8Array()));
    },
  };
}
