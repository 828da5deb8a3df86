// SPDX-License-Identifier: GPL-3.0-or-later
// Behaviours against the real draw, counting and settlement: what each gains a job over honest play, how often a wrong result
// is delivered, what honest workers lose, what a job costs; and the closed forms of protocol.md section 14 beside them.
//
//   npm run bench -- economy                 2,000 jobs a cell, seconds
//   ASSAY_DEEP=1 npm run bench -- economy    10^5 jobs a cell on two threads, minutes; also writes docs/economics/*.json
import { mkdirSync, writeFileSync } from "node:fs";
import type { BenchSuite } from "../scripts/bench.ts";
import { playCareers, TWO_MONTHS } from "./economy/careers.ts";
import { plots } from "./economy/plots.ts";
import { keepCareers, keepResults } from "./economy/results.ts";
import { playAll } from "./economy/run.ts";
import type { Estimate } from "./economy/statistics.ts";

const deep = process.env["ASSAY_DEEP"] === "1";

export const suite: BenchSuite = {
  name: "economy",
  async run(report, progress) {
    const startMs = performance.now();
    const rows = await playAll(deep ? "deep" : "short", deep ? 2 : 1, progress);
    for (const row of rows) {
      const share = row.result.groups[0]?.share;
      const name = `${row.series}: ${row.label}${share === undefined ? "" : `, share ${share.toPrecision(2)}`}, o=${row.outage ?? 0}`;
      const tell = (metric: string, { value, low, high }: Estimate, unit: string) =>
        report({ case: name, metric, value, unit, baseline: `99%: ${low.toPrecision(3)} to ${high.toPrecision(3)}` });
      for (const group of row.result.groups) tell(`gain: ${group.behaviour}`, group.gain, "R a job");
      tell("wrong results", row.result.wrong, "share");
      tell("honest loss", row.result.honestSlash, "R a job");
      tell("cost", row.result.cost, "R a job");
      for (const { metric, simulated, closed, agrees } of row.compared)
        report({
          case: name,
          metric: `${metric}, beside its closed form`,
          value: simulated,
          unit: "",
          baseline: `${closed.toPrecision(4)}${agrees ? "" : ", DISAGREES"}`,
        });
    }
    const careers = playCareers(deep ? TWO_MONTHS : { ...TWO_MONTHS, epochs: 60, jobsPerEpoch: 50 });
    for (const { name, profit, tickets } of careers) {
      const baseline = `99%: ${profit.low.toPrecision(3)} to ${profit.high.toPrecision(3)}`;
      report({ case: `career: ${name}`, metric: "profit", value: profit.value, unit: "R an epoch and M", baseline });
      report({ case: `career: ${name}`, metric: "tickets", value: tickets, unit: "" });
    }
    const seconds = (performance.now() - startMs) / 1000;
    const jobs = rows.reduce((sum, { result }) => sum + result.jobs, 0);
    report({ case: "whole run", metric: "jobs", value: jobs, unit: "" });
    report({ case: "whole run", metric: "time", value: seconds, unit: "s" });
    const folder = "build/economy";
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${deep ? "deep" : "short"}.json`, JSON.stringify({ seconds, rows, careers }));
    for (const [file, svg] of Object.entries(plots(rows))) writeFileSync(`${folder}/${file}.svg`, svg);
    if (!deep) return;
    keepResults(rows);
    keepCareers(careers);
  },
};
