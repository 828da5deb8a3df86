// SPDX-License-Identifier: GPL-3.0-or-later
// Gas of whole jobs over their number of seats and stages, as numbers and as pictures.
import type { createHubChain } from "../../test/support/hub-chain.ts";
import { drawChart, type Series } from "../economy/chart.ts";

type Chain = Awaited<ReturnType<typeof createHubChain>>;
export type Shaped = { readonly k: number; readonly stages: number };
export type Curves = {
  readonly fast: readonly (Shaped & { readonly request: number; readonly submit: number })[];
  readonly ends: readonly (Shaped & {
    readonly challenge: number;
    readonly unanswered: number;
    readonly abandoned: number;
  })[];
  readonly dispute: readonly { readonly path: string; readonly k: number; readonly gas: number }[];
};

const KS = [2, 3, 5, 7] as const;
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
  for (const shape of SHAPES) {
    // Hung jobs stay a risk and absences take stake: each shape begins where the others did.
    const before = await chain.networkHelpers.takeSnapshot();
    const abandoned = await paths.abandoned(chain, shape);
    await before.restore();
    ends.push({ ...shape, ...(await paths.disputed(chain, shape)), abandoned });
    await before.restore();
  }
  return { fast, dispute, ends };
}

export function drawCurves({ fast, dispute }: Curves): { readonly seats: string; readonly paths: string } {
  const seats: Series[] = KS.map((k, colour) => ({
    name: `submit, k = ${k}`,
    line: true,
    colour,
    points: fast.filter((one) => one.k === k).map((one) => ({ x: one.k * one.stages, y: one.submit })),
  }));
  seats.push({
    name: "request",
    line: false,
    colour: KS.length,
    points: fast.map((one) => ({ x: one.k * one.stages, y: one.request })),
  });
  const paths: Series[] = [...new Set(dispute.map(({ path }) => path))].map((path, colour) => ({
    name: path,
    line: true,
    colour,
    points: dispute.filter((one) => one.path === path).map(({ k, gas }) => ({ x: k, y: gas })),
  }));
  return {
    seats: drawChart({ title: "Gas over all seats of a job (k · stages)", x: "seats", y: "gas", series: seats }),
    paths: drawChart({ title: "Gas of one stage beside the fast path", x: "seats k", y: "gas", series: paths }),
  };
}
