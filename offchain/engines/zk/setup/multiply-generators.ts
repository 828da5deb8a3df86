// SPDX-License-Identifier: GPL-3.0-or-later
import { Worker } from "node:worker_threads";
import { ProverError } from "../prover/errors.ts";
import { bestWindow, pointBytes, type GroupName } from "./fixed-base.ts";
import { threadFile } from "./thread-file.ts";
import type { KernelSource } from "./wasm-kernel.ts";

const SCALAR_BYTES = 32;
const CHUNK = 1024;
const GROUPS: readonly GroupName[] = ["g2", "g1"];

interface List {
  readonly scalars: SharedArrayBuffer;
  readonly points: SharedArrayBuffer;
}

/** What every thread is given. Memory is shared: nothing is copied back. */
export interface MultiplyTask {
  readonly source: KernelSource;
  readonly lists: Readonly<Record<GroupName, List>>;
  readonly windows: Readonly<Record<GroupName, number>>;
  readonly chunks: readonly { readonly group: GroupName; readonly from: number; readonly count: number }[];
  /** Int32: the next chunk that nobody took. */
  readonly counter: SharedArrayBuffer;
}

export interface MultiplyOptions {
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  /** Share of points done, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

const nonZero = (scalars: Uint8Array): number => {
  let count = 0;
  for (let at = 0; at < scalars.length; at += SCALAR_BYTES)
    if (scalars.subarray(at, at + SCALAR_BYTES).some((byte) => byte !== 0)) count++;
  return count;
};

function share(scalars: Uint8Array, group: GroupName): List {
  const shared = new SharedArrayBuffer(scalars.length);
  new Uint8Array(shared).set(scalars);
  return { scalars: shared, points: new SharedArrayBuffer((scalars.length / SCALAR_BYTES) * pointBytes(group)) };
}

/**
 * Multiples of both generators by plain little-endian scalars, on worker threads. Aborting ends the threads at once and rejects with the
 * signal's reason. Errors: PROVER_CRASHED, CIRCUIT_TOO_LARGE.
 */
export async function multiplyGenerators(
  source: KernelSource,
  scalars: Readonly<Record<GroupName, Uint8Array>>,
  { threads, signal, onProgress }: MultiplyOptions,
): Promise<Record<GroupName, Uint8Array>> {
  signal?.throwIfAborted();
  const lists = { g1: share(scalars.g1, "g1"), g2: share(scalars.g2, "g2") };
  // G2 first: its chunks take longest, so the threads end together.
  const chunks = GROUPS.flatMap((group) => {
    const total = scalars[group].length / SCALAR_BYTES;
    return Array.from({ length: Math.ceil(total / CHUNK) }, (_, i) => ({
      group,
      from: i * CHUNK,
      count: Math.min(CHUNK, total - i * CHUNK),
    }));
  });
  const windows = {
    g1: bestWindow(nonZero(scalars.g1) / threads),
    g2: bestWindow(nonZero(scalars.g2) / threads),
  };
  const task: MultiplyTask = { source, lists, windows, chunks, counter: new SharedArrayBuffer(4) };
  const total = (scalars.g1.length + scalars.g2.length) / SCALAR_BYTES;
  let done = 0;
  const workers = Array.from(
    { length: Math.min(threads, chunks.length) },
    () => new Worker(threadFile("multiply-worker", import.meta.url), { workerData: task }),
  );
  let stop = (): void => {};
  try {
    await new Promise<void>((resolve, reject) => {
      let running = workers.length;
      stop = (): void => reject(signal?.reason as Error);
      signal?.addEventListener("abort", stop, { once: true });
      for (const worker of workers) {
        worker.on("message", (count: number) => onProgress?.((done += count) / total));
        worker.on("error", (cause: Error) =>
          reject(new ProverError("PROVER_CRASHED", { reason: cause.message }, { cause })),
        );
        worker.on("exit", (code) => {
          if (code !== 0) reject(new ProverError("PROVER_CRASHED", { reason: `a setup thread left with ${code}` }));
          else if (--running === 0) resolve();
        });
      }
    });
  } finally {
    signal?.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return { g1: new Uint8Array(lists.g1.points), g2: new Uint8Array(lists.g2.points) };
}
