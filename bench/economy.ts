// SPDX-License-Identifier: GPL-3.0-or-later
// Behaviours against the real draw and settlement: what each gains a job over honest play (protocol.md section 14).
import { allHostileProbability, captureProbability } from "../offchain/core/economics.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import { playEconomy, type Behaviour } from "../test/support/economy.ts";

const JOBS = 20_000;
const BEHAVIOURS: readonly Behaviour[] = [
  "honest",
  "lazy",
  "absentee",
  "withholder",
  "frivolous challenger",
  "coalition, any capture",
  "coalition, all seats",
];

export const suite: BenchSuite = {
  name: "economy",
  run(report, progress) {
    for (const k of [3, 5, 7])
      for (const behaviour of BEHAVIOURS) {
        const name = `k=${k} alpha=0.2 ${behaviour}`;
        progress(name);
        const { gain, error, wrong } = playEconomy({ k, alpha: 0.2, behaviour, jobs: JOBS });
        report({ case: name, metric: "gain over honesty a job", value: gain, unit: "R" });
        report({ case: name, metric: "standard error", value: error, unit: "R" });
        if (behaviour === "coalition, all seats") {
          const expected = allHostileProbability(k, 0.2);
          report({
            case: name,
            metric: "wrong results",
            value: wrong,
            unit: "share",
            baseline: `closed form ${expected}`,
            ratio: wrong / expected,
          });
        }
      }
    for (const k of [3, 5, 7])
      report({
        case: `k=${k} alpha=0.2`,
        metric: "captured committees, closed form",
        value: captureProbability(k, 0.2),
        unit: "share",
      });
    return Promise.resolve();
  },
};
