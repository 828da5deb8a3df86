// SPDX-License-Identifier: GPL-3.0-or-later
// One prover over one key in a process of its own, so that its peak memory is its own: opens the key, proves once to warm up, then `runs`
// times. Prints one JSON object. The values are a whole witness under some fixed challenge: the equation holds for any.
import { readFileSync } from "node:fs";
import { BACKEND_WEIGHTS } from "../../offchain/core/zk/key-record.ts";
import { keyFilesIn } from "../../offchain/engines/zk/keys/key-files.ts";
import { findNativeAddon, type NativePath } from "../../offchain/engines/zk/prover/native-addon.ts";
import { NativeProver } from "../../offchain/engines/zk/prover/native-prover.ts";
import type { Prover } from "../../offchain/engines/zk/prover/prover.ts";
import { SnarkjsProver } from "../../offchain/engines/zk/prover/snarkjs-prover.ts";
import { uniformScalar } from "../../offchain/engines/zk/prover/uniform-scalar.ts";

export interface ProverRun {
  readonly openMs: number;
  /** Round 1 and 2 together. */
  readonly proveMs: readonly number[];
  /** Peak of the process that proves. */
  readonly rssMiB: number;
}

const [name = "", folder = "", valuesFile = "", runs = "1", threads = "1"] = process.argv.slice(2);

function proverOf(prover: string): Prover {
  if (prover === "snarkjs") return new SnarkjsProver();
  const { addon, reason } = findNativeAddon();
  if (addon === undefined) throw new TypeError(`there is no native prover: ${reason}`);
  return new NativeProver(addon, prover as NativePath);
}

const values = new Uint8Array(readFileSync(valuesFile));
const start = performance.now();
const key = await proverOf(name).open(keyFilesIn(folder), { memoryMiB: 8192, threads: Number(threads) });
const openMs = performance.now() - start;
const blind = uniformScalar();
const weights =
  key.record.backend === BACKEND_WEIGHTS ? { blind, commitment: await key.commitWeights(values, blind) } : undefined;

const proveMs: number[] = [];
for (let run = 0; run <= Number(runs); run++) {
  const began = performance.now();
  // Provers wipe what they are given.
  const commitment = await key.commit(values.slice());
  await key.finish(commitment, values.slice(), { weights: weights && { ...weights, blind: weights.blind.slice() } });
  if (run > 0) proveMs.push(performance.now() - began);
}
/** Not getrusage: that also counts what the bench held before it became this process. */
function peakMiB(): number {
  const kibibytes = /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0;
  return Math.ceil(Number(kibibytes) / 1024);
}
// snarkjs works in a child, whose peak it reports.
const rssMiB = name === "snarkjs" ? key.residentMiB : peakMiB();
await key.close();
process.stdout.write(JSON.stringify({ openMs, proveMs, rssMiB } satisfies ProverRun));
