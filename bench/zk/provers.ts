// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { KeyFiles } from "../../offchain/engines/zk/keys/key-files.ts";
import { findNativeAddon } from "../../offchain/engines/zk/prover/native-addon.ts";
import { writeWtns } from "../../offchain/engines/zk/r1cs/wtns.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { rapidsnarkProve } from "../peers/rapidsnark.ts";
import type { ProverRun } from "./prove-process.ts";

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export interface ProverCase {
  readonly name: string;
  readonly keys: KeyFiles;
  /** A whole witness under a fixed challenge. */
  readonly values: Uint8Array;
  /** What the issue asks of the fastest path: how many times snarkjs's speed. */
  readonly speedup: number;
}

const RUNS = 5;

async function runProver(name: string, { keys, values }: ProverCase, runs: number): Promise<ProverRun> {
  const folder = dirname(keys.zkey);
  const file = join(folder, "witness.values");
  writeFileSync(file, values);
  const program = fileURLToPath(new URL("./prove-process.ts", import.meta.url));
  const args = [program, name, folder, file, String(runs), String(availableParallelism())];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as ProverRun;
}

/**
 * Every path of the native prover beside snarkjs, and rapidsnark where it is named (bench/peers/README.md), on the same key and witness in
 * the same run: medians of whole proofs under a warm key, and the peak memory of the process that makes them.
 */
export async function benchProvers(
  one: ProverCase,
  report: (row: BenchRow) => void,
  progress: (text: string) => void,
): Promise<void> {
  const { name, keys, values, speedup } = one;
  progress(`${name}: snarkjs`);
  const stock = await runProver("snarkjs", one, 3);
  const stockMs = median(stock.proveMs);
  report({ case: `${name}/snarkjs`, metric: "prove_ms", value: stockMs, unit: "ms" });
  report({ case: `${name}/snarkjs`, metric: "rss_mb", value: stock.rssMiB, unit: "MiB" });
  const wtns = join(dirname(keys.zkey), "witness.wtns");
  writeFileSync(wtns, writeWtns(values));
  const rapid = await rapidsnarkProve(keys.zkey, wtns, { runs: RUNS, progress });
  if (rapid !== undefined) {
    const unit = rapid.warm ? "ms, warm" : "ms, whole program";
    report({ case: `${name}/rapidsnark`, metric: "prove_ms", value: rapid.ms, unit });
    report({ case: `${name}/rapidsnark`, metric: "rss_mb", value: rapid.rssMiB, unit: "MiB" });
  }
  const { addon, reason } = findNativeAddon();
  if (addon === undefined) return progress(`${name}: no native prover here: ${reason}`);
  for (const [place, path] of addon.paths().entries()) {
    progress(`${name}: native, ${path}`);
    const run = await runProver(path, one, RUNS);
    const ms = median(run.proveMs);
    const label = `${name}/${path}`;
    const wanted = place === 0 ? `, asked ${speedup}x` : "";
    report({
      case: label,
      metric: "prove_ms",
      value: ms,
      unit: `ms on ${path}`,
      baseline: `snarkjs ${Math.round(stockMs)} ms${wanted}`,
      ratio: stockMs / ms,
    });
    if (rapid !== undefined)
      report({
        case: label,
        metric: "prove_ms_beside_rapidsnark",
        value: ms,
        unit: `ms on ${path}`,
        baseline: `rapidsnark ${Math.round(rapid.ms)} ms`,
        ratio: rapid.ms / ms,
      });
    report({ case: label, metric: "open_ms", value: run.openMs, unit: "ms" });
    report({
      case: label,
      metric: "rss_mb",
      value: run.rssMiB,
      unit: "MiB",
      baseline: `snarkjs ${stock.rssMiB} MiB, asked half`,
      ratio: run.rssMiB / stock.rssMiB,
    });
  }
}
