// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeReceipt } from "../../core/receipt.ts";
import { isAssayError } from "../../core/errors.ts";
import { drawChart } from "../charts/draw-chart.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import type { ReplayReport } from "./replay-report.ts";

/** SVG files by name: verdicts of each job's claims, and where its escrow went. None of a bundle without jobs. */
export function replayCharts(bundle: Bundle, report: ReplayReport): Readonly<Record<string, string>> {
  if (report.jobs.length === 0) return {};
  const verdicts = ["ok", "false", "not checkable"] as const;
  const counts = report.jobs.map((jobId) => report.claims.filter(({ id }) => id.startsWith(`job/${jobId}/`)));
  const charts: Record<string, string> = {
    "verdicts.svg": drawChart({
      title: "Claims about each job",
      x: "job, by number of its request",
      y: "claims",
      series: verdicts.map((name, colour) => ({
        name,
        colour,
        points: counts.map((claims, i) => ({ x: i + 1, y: claims.filter(({ verdict }) => verdict === name).length })),
      })),
    }),
  };
  const paid = report.jobs.map((jobId) => settlementIn(bundle, `jobs/${jobId}/receipt`));
  if (paid.every((one) => one === undefined)) return charts;
  const parts = ["seats", "requester", "fees", "burn"] as const;
  const sum = (amount: bigint | readonly bigint[]): number =>
    Number(typeof amount === "bigint" ? amount : amount.reduce((total, one) => total + one, 0n));
  charts["payouts.svg"] = drawChart({
    title: "Where each job's money went",
    x: "job, by number of its request",
    y: "token base units",
    series: parts.map((name, colour) => ({
      name,
      colour,
      points: paid.flatMap((one, i) => (one === undefined ? [] : [{ x: i + 1, y: sum(one[name]) }])),
    })),
  });
  return charts;
}

function settlementIn(bundle: Bundle, path: string) {
  try {
    return decodeReceipt(bundle.read(path)).settlement[0];
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return undefined; // the report names it
  }
}
