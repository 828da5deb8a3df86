// SPDX-License-Identifier: GPL-3.0-or-later
import { SheClient } from "../../../offchain/engines/she/client/she-client.ts";
import type { CompiledPlan } from "../../../offchain/engines/she/compile/compile-plan.ts";
import { packSlots, unpackSlots } from "../../../offchain/engines/she/compile/plan.ts";
import { runLayers } from "../../../offchain/engines/she/compile/read-program.ts";
import { StageRunner, stageMemoryBytes } from "../../../offchain/engines/she/evaluator/stage-runner.ts";
import { KernelMemory } from "../../../offchain/engines/she/kernel/kernel.ts";
import { nodeKernel } from "../../../offchain/engines/she/kernel/node-kernel.ts";
import { Ring } from "../../../offchain/engines/she/kernel/ring.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import { decodeSheObject, encodeSheObject, type SheObject } from "../../../offchain/core/she/object.ts";

const osRandom = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** A client for a plan; known bytes instead of random ones for known answers. */
export const clientFor = ({ plan }: CompiledPlan, randomBytes = osRandom) =>
  new SheClient({ profile: plan.profile, kernel: nodeKernel(), hashes: nodeHashes, randomBytes });

export const scaleOf = ({ plan }: CompiledPlan) => 2 ** plan.profile.boundaryScaleBits;

/** All keys that some stage takes, each at the level at which it does. */
export function keysFor({ plan }: CompiledPlan, client: SheClient): SheObject[] {
  const wanted = new Map(plan.stages.flatMap(({ keys }) => keys.map((key) => [`${key.galois} ${key.level}`, key])));
  return [...wanted.values()].map((key) => decodeSheObject(client.createKey(key), nodeHashes));
}

/** One runner a stage, loaded. */
export function runnersFor({ plan, weights }: CompiledPlan, keys: readonly SheObject[]): StageRunner[] {
  return plan.stages.map((stage, i) => {
    const own = weights[i] ?? [];
    const memory = KernelMemory.ofSize(stageMemoryBytes(plan.profile, stage, own));
    const runner = new StageRunner(new Ring(plan.profile, nodeKernel(), memory), stage, plan.interleave, own);
    runner.loadWeights();
    const isOwn = ({ header }: SheObject) =>
      stage.keys.some(({ galois, level }) => galois === header.galois && level === header.level);
    runner.loadKeys(keys.filter(isOwn));
    return runner;
  });
}

export const encryptFor = (compiled: CompiledPlan, client: SheClient, samples: readonly ArrayLike<number>[]) =>
  decodeSheObject(
    client.encrypt(packSlots(compiled.plan, samples), scaleOf(compiled), compiled.plan.stages[0]?.levelIn ?? 0),
    nodeHashes,
  );

/**
 * Largest |decrypted - exact| in units of the output's scale, the largest exact output in the same unit, and of the last sample
 * whether the largest output is the same one, with its lead before the next.
 */
export function errorOf(
  compiled: CompiledPlan,
  client: SheClient,
  output: SheObject,
  samples: readonly ArrayLike<number>[],
): { error: number; largest: number; isSameDecision: boolean; margin: number } {
  const { plan, layers } = compiled;
  const slots = client.decryptUnchecked(encodeSheObject(output), scaleOf(compiled));
  const got = unpackSlots(plan, slots, samples.length);
  let [error, largest, margin] = [0, 0, 0];
  let isSameDecision = true;
  for (const [i, sample] of samples.entries()) {
    const exact = (runLayers(layers, sample).at(-1) ?? []).map((y) => y / plan.outputScale);
    const seen = (got[i] ?? []).map((y) => y / plan.outputScale);
    for (const [o, y] of exact.entries()) {
      error = Math.max(error, Math.abs(y - (seen[o] ?? Number.NaN)));
      largest = Math.max(largest, Math.abs(y));
    }
    const [first = 0, second = first] = seen.toSorted((a, b) => b - a);
    margin = first - second;
    isSameDecision = seen.indexOf(Math.max(...seen)) === exact.indexOf(Math.max(...exact));
  }
  return { error, largest, isSameDecision, margin };
}
