// SPDX-License-Identifier: GPL-3.0-or-later
import { drawChart, type Chart, type Point, type Series } from "../../offchain/audit/charts/draw-chart.ts";
import * as forms from "./closed-forms.ts";
import type { CellResult } from "./cell.ts";
import type { Row } from "./run.ts";
import type { Estimate } from "./statistics.ts";

const point = (x: number, { value, low, high }: Estimate): Point => ({ x, y: value, low, high });
const shareOf = (row: Row) => row.result.groups[0]?.share ?? 0;
const nameOf = (row: Row) => row.result.groups[0]?.behaviour ?? "honest";

/** Dots of the rows chosen, in the order of x. */
function dots(rows: readonly Row[], x: (row: Row) => number, y: (result: CellResult) => Estimate | undefined): Point[] {
  return rows
    .flatMap((row) => {
      const estimate = y(row.result);
      return estimate === undefined ? [] : [point(x(row), estimate)];
    })
    .toSorted((a, b) => a.x - b.x);
}

/** The plots of a run, by file name. */
export function plots(all: readonly Row[]): Readonly<Record<string, string>> {
  const of = (series: Row["series"]) => all.filter((row) => row.series === series);
  const gain = (result: CellResult) => result.groups[0]?.gain;
  const sizes = [3, 5, 7];
  const alphas = Array.from({ length: 21 }, (_, i) => 0.1 + i / 100);
  const endless = 100_000;
  const attack = (k: number, alpha: number) => {
    const stake = 4 * (2 * k + 1);
    return {
      workers: endless,
      members: Math.round(alpha * endless),
      k,
      stake,
      insured: 0.8 * Math.ceil((2 * k) / 3) * stake,
    };
  };
  const charts: Record<string, Chart> = {
    "wrong-results": {
      title: "Wrong results, attack on any capture",
      x: "hostile share of the stake",
      y: "share of jobs",
      logY: true,
      series: sizes.flatMap((k, i): Series[] => {
        const rows = of("table").filter((row) => row.k === k && nameOf(row) === "coalition, any capture");
        const line = alphas.map((alpha) => ({ x: alpha, y: forms.anyCapture(attack(k, alpha)).wrong }));
        return [
          { name: `k=${k}, simulated`, points: dots(rows, shareOf, ({ wrong }) => wrong), colour: i },
          { name: `k=${k}, closed form`, points: line, line: true, colour: i },
        ];
      }),
    },
    "attack-on-any-capture": {
      title: "Gain of an attack on any capture, V = 0.8qS",
      x: "hostile share of the stake",
      y: "rewards a job",
      series: sizes.flatMap((k, i): Series[] => {
        const rows = of("table").filter((row) => row.k === k && nameOf(row) === "coalition, any capture");
        const line = alphas.map((alpha) => ({ x: alpha, y: forms.anyCapture(attack(k, alpha)).mean }));
        return [
          { name: `k=${k}, simulated`, points: dots(rows, shareOf, gain), colour: i },
          { name: `k=${k}, closed form`, points: line, line: true, colour: i },
        ];
      }),
    },
    "fast-path": {
      title: "Fast path, everyone honest",
      x: "probability that a seat is away",
      y: "share of jobs",
      series: sizes.flatMap((k, i): Series[] => {
        const rows = of("table").filter((row) => row.k === k && nameOf(row) === "honest");
        const line = alphas.map((_, j) => ({ x: 0.005 + j * 0.0025, y: forms.fastPath(k, 0.005 + j * 0.0025) }));
        return [
          {
            name: `k=${k}, simulated`,
            points: dots(
              rows,
              ({ outage = 0 }) => outage,
              ({ fast }) => fast,
            ),
            colour: i,
          },
          { name: `k=${k}, closed form`, points: line, line: true, colour: i },
        ];
      }),
    },
    "honest-loss": {
      title: "What honest, present seats lose as wrong",
      x: "hostile share of the stake",
      y: "rewards a job",
      series: labels(of("mix")).map((label, i) => ({
        name: label,
        points: dots(
          of("mix").filter((row) => row.label === label),
          shareOf,
          ({ honestSlash }) => honestSlash,
        ),
        colour: i,
      })),
    },
    cost: {
      title: "What a job costs its requester, less what liars pay",
      x: "hostile share of the stake",
      y: "rewards a job",
      series: labels(of("mix")).map((label, i) => ({
        name: label,
        points: dots(
          of("mix").filter((row) => row.label === label),
          shareOf,
          ({ cost }) => cost,
        ),
        colour: i,
      })),
    },
    pools: {
      title: "Wrong results by pool, a fifth hostile",
      x: "workers",
      y: "share of jobs",
      logX: true,
      logY: true,
      series: [3, 5].map((k, i) => {
        const rows = of("pools").filter((row) => row.k === k && nameOf(row) === "coalition, any capture");
        return {
          name: `k=${k}`,
          points: dots(
            rows,
            ({ workers }) => workers,
            ({ wrong }) => wrong,
          ),
          colour: i,
        };
      }),
    },
    "re-checks": {
      title: "Lying with all seats, k=5, 30% hostile, V=140R",
      x: "share of deliveries re-checked in time",
      y: "rewards a job",
      series: [{ name: "simulated", points: dots(of("recheck"), ({ watched = 0 }) => watched, gain), colour: 0 }],
    },
  };
  return Object.fromEntries(Object.entries(charts).map(([name, chart]) => [name, drawChart(chart)]));
}

const labels = (rows: readonly Row[]) => [...new Set(rows.map(({ label }) => label))];
