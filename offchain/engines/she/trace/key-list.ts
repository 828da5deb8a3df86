// SPDX-License-Identifier: MIT
import { treeDepth } from "../../../core/she/digest.ts";
import type { PlanKey, ShePlan } from "../compile/plan.ts";

/**
 * The keys of a job in the order of `keySetRoot`: each (element, level) that some stage lists, once. A stage gets those it lists
 * and no others; two stages that use an element at different levels have two keys of it, one a part of the other.
 */
export function keyList(plan: ShePlan): PlanKey[] {
  const known = new Map(plan.stages.flatMap(({ keys }) => keys.map((key) => [`${key.galois}/${key.level}`, key])));
  return [...known.values()].toSorted((a, b) => a.galois - b.galois || a.level - b.level);
}

/** Where a key's first row is among the rows of all keys, and how many levels of the tree are above its rows. */
export function keyPlace(list: readonly PlanKey[], { galois, level }: PlanKey): { depth: number; first: number } {
  const object = list.findIndex((key) => key.galois === galois && key.level === level);
  const rowDepth = treeDepth(2 * level * (level + 1));
  return { depth: treeDepth(list.length) + rowDepth, first: object * 2 ** rowDepth };
}
