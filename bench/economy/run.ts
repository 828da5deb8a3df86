// SPDX-License-Identifier: GPL-3.0-or-later
import { Worker } from "node:worker_threads";
import { forgetCommittees, playCell, type CellResult } from "./cell.ts";
import { compare, type Comparison } from "./compare.ts";
import {
  abortPlan,
  alonePlan,
  copyingPlan,
  deterrencePlan,
  exceptionPlan,
  guessingPlan,
  mixPlan,
  poolPlan,
  SHAPES,
  tablePlan,
  type Planned,
} from "./plan.ts";

/** A cell's numbers as they are kept: what was asked, what came out, what the formulas say. */
export type Row = Omit<Planned, "groups" | "seed"> & {
  readonly result: CellResult;
  readonly compared: readonly Comparison[];
};

/** Parts that share committees, so that a part on its own thread draws them once. */
export function plansOf(depth: "short" | "deep"): Readonly<Record<string, () => Planned[]>> {
  const jobs = depth === "deep" ? 100_000 : 2_000;
  const few = depth === "deep" ? 100_000 : 1_000;
  const pool = depth === "deep" ? 10_000 : 400;
  const parts: Record<string, () => Planned[]> = {
    table: () => tablePlan(jobs, pool),
    alone: () => alonePlan(jobs),
    pools: () => poolPlan(few, depth === "deep" ? [10, 16, 39, 100, 1_000, 10_000] : [10, 16, 100]),
    others: () => [...exceptionPlan(few, 1_000), ...copyingPlan(few, 1_000), ...guessingPlan(few)],
    mix: () => mixPlan(few, 1_000),
    abort: () => abortPlan(few, 1_000),
  };
  for (const [i, shape] of SHAPES.entries()) parts[`deterrence ${i}`] = () => deterrencePlan(few, 1_000, [shape]);
  return parts;
}

/** Plays a part; a row at a time. */
export function* playPart(plans: readonly Planned[]): Generator<Row> {
  for (const plan of plans) {
    const result = playCell(plan);
    const { groups: _groups, seed: _seed, ...asked } = plan;
    yield { ...asked, result, compared: compare(plan, result) };
  }
  forgetCommittees();
}

/** Plays everything on as many threads as asked. The rows, and their order, do not depend on that number. */
export async function playAll(
  depth: "short" | "deep",
  threads: number,
  progress: (text: string) => void,
): Promise<Row[]> {
  const names = Object.keys(plansOf(depth));
  const rows = new Map<string, Row[]>();
  const waiting = [...names];
  const drain = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      rows.set(name, threads < 2 ? playHere(depth, name) : await playThere(depth, name));
      progress(`${name}: ${rows.get(name)?.length ?? 0} cells`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, threads) }, drain));
  return names.flatMap((name) => rows.get(name) ?? []);
}

function playHere(depth: "short" | "deep", name: string): Row[] {
  return [...playPart(plansOf(depth)[name]?.() ?? [])];
}

function playThere(depth: "short" | "deep", name: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: { depth, name } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
