// SPDX-License-Identifier: GPL-3.0-or-later
import { planStages } from "../offchain/core/planning/plan-stages.ts";
import type { Candidate, PlanRequest } from "../offchain/core/planning/types.ts";
import { toWord } from "../offchain/core/tagged-hash.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import { planBoundary, planCandidate, planRequest, planStage } from "../test/support/planning.ts";
import { Prng } from "../test/support/prng.ts";

const RUNS = 9;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Stages and workers of different cost and speed; memory for anything, so that every run is legal: the most work. */
function wideRequest(seed: number, stageCount: number, workers: number, pairs: boolean): PlanRequest {
  const rng = new Prng(seed);
  const stages = Array.from({ length: stageCount }, (_, stage) =>
    planStage(stage, stageCount, {
      macs: { dense: rng.int(1_000_000, 20_000_000), conv: 0, attention: 0, other: 0, cipher: 0 },
      output: planBoundary({ bytes: rng.int(1_000, 100_000), kind: 1 }),
    }),
  );
  const candidates = Array.from({ length: workers }, (_, id): Candidate => {
    const { rates } = planCandidate(id);
    const psPerMac = { ...rates.psPerMac, dense: rng.int(40, 300) };
    const operator = toWord(1000 + (pairs ? id >> 1 : id));
    return planCandidate(id, { operator, memoryBytes: 2 ** 40, rates: { ...rates, psPerMac } });
  });
  return planRequest({ stages, candidates });
}

export const suite: BenchSuite = {
  name: "planning",
  async run(report, progress) {
    const cases: readonly [string, number, number, boolean][] = [
      ["8 stages, 12 workers", 8, 12, false],
      ["32 stages, 12 workers", 32, 12, false],
      ["32 stages, 12 workers of 6 operators", 32, 12, true],
    ];
    for (const [name, stages, workers, pairs] of cases) {
      progress(name);
      const times: number[] = [];
      for (let n = 0; n < RUNS; n++) {
        const request = wideRequest(n, stages, workers, pairs);
        const startMs = performance.now();
        planStages(request);
        times.push(performance.now() - startMs);
      }
      report({ case: name, metric: "exact plan, median", value: median(times), unit: "ms" });
    }
  },
};
