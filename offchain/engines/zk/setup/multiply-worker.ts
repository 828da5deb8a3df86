// SPDX-License-Identifier: GPL-3.0-or-later
// A thread of `multiplyGenerators`: takes chunks off a shared counter until none is left.
import { parentPort, workerData } from "node:worker_threads";
import { FixedBase, pointBytes, type GroupName } from "./fixed-base.ts";
import type { MultiplyTask } from "./multiply-generators.ts";
import { WasmKernel } from "./wasm-kernel.ts";

const SCALAR_BYTES = 32;
const { source, chunks, lists, windows, counter } = workerData as MultiplyTask;
const kernel = await WasmKernel.open(source.code);
const bases = new Map<GroupName, FixedBase>();

/** Made on first use: a small key's G2 part may fit into the other thread's turn. */
function base(group: GroupName): FixedBase {
  const found = bases.get(group) ?? new FixedBase(kernel, group, source[group], windows[group]);
  bases.set(group, found);
  return found;
}

const next = new Int32Array(counter);
for (;;) {
  const chunk = chunks[Atomics.add(next, 0, 1)];
  if (chunk === undefined) break;
  const { group, from, count } = chunk;
  const { scalars, points } = lists[group];
  const slice = new Uint8Array(scalars, from * SCALAR_BYTES, count * SCALAR_BYTES);
  new Uint8Array(points).set(base(group).multiply(slice, count), from * pointBytes(group));
  parentPort?.postMessage(count, []);
}
