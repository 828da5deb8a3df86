// SPDX-License-Identifier: GPL-3.0-or-later
// A process (and its worker threads) that ends in the midst of native proofs, each time in another way: see native-lifecycle.test.ts.
// Arguments: how, the key's folder, a file with a witness of that key.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { keyFilesIn } from "../../offchain/engines/zk/keys/key-files.ts";
import { NativeProver } from "../../offchain/engines/zk/prover/native-prover.ts";
import type { ProveStep, ProvingKey } from "../../offchain/engines/zk/prover/prover.ts";
import { nativeAddon, nativeThreads } from "./native-addon.ts";

const [how = "", folder = "", witness = ""] = process.argv.slice(2);
const TERMINATIONS = 12;
const DROPPED = 40;

const open = (threads = 2): Promise<ProvingKey> =>
  new NativeProver(nativeAddon()).open(keyFilesIn(folder), { memoryMiB: 2048, threads });

/** Proves without end; tells of every step. The witness is any, so proofs end as WITNESS_WRONG. */
async function proveForever(key: ProvingKey, onProgress: (step: ProveStep) => void): Promise<never> {
  const values = new Uint8Array(readFileSync(witness));
  for (;;) {
    const commitment = await key.commit(values, { onProgress });
    await key.finish(commitment, values, { onProgress }).catch(() => undefined);
  }
}

async function terminateWorkers(): Promise<void> {
  const key = await open();
  // Its own environment goes on while others end.
  const own = proveForever(key, () => {}).catch(() => undefined);
  for (let i = 0; i < TERMINATIONS; i++) {
    const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
    const steps = ["constraints", "transforms", "multiply", "check"];
    await new Promise<void>((resolve, reject) => {
      worker.on("error", reject);
      worker.on("message", (step: string) => step === steps[i % steps.length] && resolve());
    });
    await setTimeout(i % 5);
    await worker.terminate();
  }
  await key.close();
  await own;
}

async function dropKeys(): Promise<void> {
  for (let i = 0; i < DROPPED; i++) {
    await open(3);
    if (i % 10 === 9) await collect();
  }
  await collect();
  // The three of the last key that the stack may still hold.
  if (nativeThreads() > 3) throw new Error(`${nativeThreads()} threads`);
}

async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await setTimeout(5);
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
if (!isMainThread) await proveForever(await open(), (step) => parentPort?.postMessage(step));
else if (how === "terminate") await terminateWorkers();
else if (how === "exit") await proveForever(await open(), (step) => step === "multiply" && process.exit(7));
else if (how === "throw")
  await proveForever(await open(), (step) => {
    if (step === "transforms") throw new Error("thrown by a listener");
  });
else if (how === "end") await (await open()).commit(new Uint8Array(readFileSync(witness)));
else if (how === "drop") await dropKeys();
