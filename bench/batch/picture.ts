// SPDX-License-Identifier: GPL-3.0-or-later
import { drawChart, type Series } from "../../offchain/audit/charts/draw-chart.ts";
import type { SeatTime } from "./seat.ts";

export interface BatchCurve extends SeatTime {
  readonly inputs: number;
  readonly request: number;
  readonly submit: number;
}
export type BundleCurve = { readonly jobs: number; readonly gas: number };

type Pictures = { readonly gas: string; readonly time: string };

/** `alone`: gas of a job of a single input, `plain`: a seat's time for it. */
export function drawBatches(batches: readonly BatchCurve[], alone: number, plain: SeatTime): Pictures {
  const over = (name: string, colour: number, y: (one: BatchCurve) => number): Series => ({
    name,
    line: true,
    colour,
    points: batches.map((one) => ({ x: one.inputs, y: y(one) })),
  });
  const axes = { x: "inputs a job", logX: true, logY: true } as const;
  return {
    gas: drawChart({
      ...axes,
      title: "Gas per inference, five seats, request to FINAL",
      y: "gas",
      series: [
        over("a job of so many", 0, ({ inputs, request, submit }) => (request + submit) / inputs),
        over("as many jobs of one", 1, () => alone),
      ],
    }),
    time: drawChart({
      ...axes,
      title: "Processor time of a seat per inference, digits-cnn",
      y: "ms",
      series: [
        over("a job of so many", 0, ({ inputs, workMs, voteMs }) => (workMs + voteMs) / inputs),
        over("of that, the vote", 2, ({ inputs, voteMs }) => voteMs / inputs),
        over("as many jobs of one", 1, () => plain.workMs + plain.voteMs),
      ],
    }),
  };
}
