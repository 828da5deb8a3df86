// SPDX-License-Identifier: GPL-3.0-or-later
// Gas of whole jobs over their number of seats and stages, as numbers and as pictures.
import type { createHubChain } from "../../test/support/hub-chain.ts";
import { escalatedVote, hungExpiry, sampled, slowStage, type Sampled, type SlowStage } from "./rounds.ts";
import { drawChart, type Series } from "../../offchain/audit/charts/draw-chart.ts";

type Chain = Awaited<ReturnType<typeof createHubChain>>;
export type Shaped = { readonly k: number; readonly stages: number };
export type Curves = {
  readonly fast: readonly (Shaped & { readonly request: number; readonly submit: number })[];
  readonly ends: readonly (Shaped & {
    readonly challenge: number;
    readonly unanswered: number;
    readonly abandoned: number;
  })[];
  /** A committee of 2k + 1, a last stage by the slow path, and the end of a job whose last stage hangs. */
  readonly rounds: readonly (Shaped & SlowStage & { readonly escalatedVote: number; readonly hungExpiry: number })[];
  readonly sampled: readonly Sampled[];
  readonly dispute: readonly { readonly path: string; readonly k: number; readonly gas: number }[];
};

const KS = [2, 3, 5, 7] as const;
const SAMPLED_KS = [3, 5, 7] as const;
/** protocol.md section 11: submit to FINAL by all seats of the job, and both transactions of a slow path. */
const TARGETS = {
  submit: [
    { x: 3, y: 140_000 },
    { x: 5, y: 175_000 },
    { x: 7, y: 215_000 },
    { x: 9, y: 265_000 },
    { x: 15, y: 410_000 },
    { x: 31, y: 780_000 },
  ],
  slow: [{ x: 5, y: 330_000 }],
} as const;
const SHAPES: readonly Shaped[] = KS.flatMap((k) =>
  Array.from({ length: 8 }, (_, i) => ({ k, stages: i + 1 })).filter(({ stages }) => k * stages <= 31),
);

export interface Paths {
  slowPath(chain: Chain, k: number, batched: boolean): Promise<number>;
  windowed(chain: Chain, k: number): Promise<number>;
  disputed(chain: Chain, shape: Shaped): Promise<{ readonly challenge: number; readonly unanswered: number }>;
  abandoned(chain: Chain, shape: Shaped): Promise<number>;
}

/** Requests, fast paths, disputes and expiries of every shape, slow paths and windows of every committee. */
export async function measureCurves(chain: Chain, paths: Paths): Promise<Curves> {
  const fast = [];
  for (const shape of SHAPES) {
    await chain.submit(await chain.request(shape)); // the model and the set are packed now
    const requested = await chain.request(shape);
    fast.push({ ...shape, request: requested.gas, submit: await chain.submit(requested) });
  }
  const dispute = [];
  for (const k of KS) {
    dispute.push({ path: "slow path, batched", k, gas: await paths.slowPath(chain, k, true) });
    dispute.push({ path: "slow path, one by one", k, gas: await paths.slowPath(chain, k, false) });
    dispute.push({ path: "window and settle, extra", k, gas: await paths.windowed(chain, k) });
  }
  const ends = [];
  const rounds = [];
  for (const shape of SHAPES) {
    // Hung jobs stay a risk and absences take stake: each shape begins where the others did.
    const before = await chain.networkHelpers.takeSnapshot();
    const abandoned = await paths.abandoned(chain, shape);
    await before.restore();
    ends.push({ ...shape, ...(await paths.disputed(chain, shape)), abandoned });
    await before.restore();
    const voted = await escalatedVote(chain, shape);
    await before.restore();
    const slow = await slowStage(chain, shape);
    await before.restore();
    rounds.push({ ...shape, ...slow, escalatedVote: voted, hungExpiry: await hungExpiry(chain, shape) });
    await before.restore();
  }
  const samples = [];
  for (const k of SAMPLED_KS) samples.push(await sampled(chain, k));
  return { fast, dispute, ends, rounds, sampled: samples };
}

/** One line a committee size, over all seats of the job. */
function overSeats<T extends Shaped>(what: string, shapes: readonly T[], y: (one: T) => number): Series[] {
  return KS.map((k, colour) => ({
    name: `${what}, k = ${k}`,
    line: true,
    colour,
    points: shapes.filter((one) => one.k === k).map((one) => ({ x: one.k * one.stages, y: y(one) })),
  }));
}

const dots = (name: string, colour: number, points: Series["points"]): Series => ({
  name,
  line: false,
  colour,
  points,
});

export interface Pictures {
  readonly seats: string;
  readonly paths: string;
  readonly slow: string;
  readonly escalated: string;
  readonly ends: string;
}

export function drawCurves({ fast, dispute, ends, rounds }: Curves): Pictures {
  const requests = fast.map((one) => ({ x: one.k * one.stages, y: one.request }));
  const paths: Series[] = [...new Set(dispute.map(({ path }) => path))].map((path, colour) => ({
    name: path,
    line: true,
    colour,
    points: dispute.filter((one) => one.path === path).map(({ k, gas }) => ({ x: k, y: gas })),
  }));
  const axes = { x: "seats of the job", y: "gas" };
  return {
    seats: drawChart({
      ...axes,
      title: "Gas over all seats of a job (k · stages)",
      series: [
        ...overSeats("submit", fast, ({ submit }) => submit),
        dots("request", KS.length, requests),
        dots("design's target", 6, TARGETS.submit),
      ],
    }),
    paths: drawChart({ title: "Gas of one stage beside the fast path", x: "seats k", y: "gas", series: paths }),
    slow: drawChart({
      ...axes,
      title: "Last stage by the slow path: commitMany and tally",
      series: [
        ...overSeats("both", rounds, ({ commitMany, tally }) => commitMany + tally),
        dots("design's target", 6, TARGETS.slow),
      ],
    }),
    escalated: drawChart({
      ...axes,
      title: "Vote of the 2k + 1 seats after a challenge",
      series: overSeats("vote", rounds, ({ escalatedVote: gas }) => gas),
    }),
    ends: drawChart({
      ...axes,
      title: "Expiry of a job that nobody came to, or whose last stage hangs",
      series: [
        ...overSeats("hung", rounds, ({ hungExpiry: gas }) => gas),
        dots(
          "nobody came",
          KS.length,
          ends.map((one) => ({ x: one.k * one.stages, y: one.abandoned })),
        ),
      ],
    }),
  };
}
