// SPDX-License-Identifier: GPL-3.0-or-later
import { drawChart } from "../charts/draw-chart.ts";
import type { FairnessReport } from "./fairness-report.ts";

/** SVG files by name; none of a report without seats. */
export function fairnessCharts(report: FairnessReport): Readonly<Record<string, string>> {
  if (report.selection.length === 0 || report.workers.length === 0) return {};
  return { "selection.svg": selectionChart(report), "pay.svg": payChart(report), "failures.svg": failureChart(report) };
}

function selectionChart({ selection }: FairnessReport): string {
  const most = Math.max(...selection.map(({ expected, seats }) => Math.max(expected, seats)));
  const dots = selection.map(({ expected, seats, sigmas }) => {
    const sigma = sigmas === 0 ? 0 : Math.abs((seats - expected) / sigmas);
    return { x: expected, y: seats, low: seats - 3 * sigma, high: seats + 3 * sigma };
  });
  return drawChart({
    title: "Seats against tickets, three standard deviations",
    x: "seats that its tickets give a worker",
    y: "seats it had",
    series: [
      {
        name: "as drawn by stake",
        points: [
          { x: 0, y: 0 },
          { x: most, y: most },
        ],
        line: true,
        colour: 0,
      },
      { name: "workers", points: dots, colour: 1 },
    ],
  });
}

function payChart({ pay }: FairnessReport): string {
  const owners = [...new Set(pay.map(({ owner }) => owner))];
  const models = [...new Set(pay.map(({ model }) => model))];
  return drawChart({
    title: "Pay of a work unit",
    x: "operator, by number",
    y: "token base units",
    series: models.map((name, colour) => ({
      name,
      colour,
      points: pay
        .filter(({ model }) => model === name)
        .map(({ owner, perWorkUnit }) => ({ x: 1 + owners.indexOf(owner), y: perWorkUnit })),
    })),
  });
}

function failureChart({ workers }: FairnessReport): string {
  const kinds = ["wrong", "unrevealed", "absent", "abstained"] as const;
  return drawChart({
    title: "Seats that did not agree",
    x: "worker id",
    y: "% of its seats",
    series: kinds.map((name, colour) => ({
      name,
      colour,
      points: workers
        .filter(({ seats }) => seats > 0)
        .map((worker) => ({ x: worker.workerId, y: (100 * worker[name]) / worker.seats })),
    })),
  });
}
