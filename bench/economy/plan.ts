// SPDX-License-Identifier: GPL-3.0-or-later
import { PRESETS, type PresetName } from "../../offchain/core/policy-presets.ts";
import { mostInsured } from "../../offchain/core/resolve-policy.ts";
import { quorum } from "../../offchain/core/vote.ts";
import * as behave from "./behaviours.ts";
import type { CellOptions, Group } from "./cell.ts";
import { REWARD } from "./settlements.ts";

/** A cell with the question it answers. `deters`: no group may gain; the test insists. */
export type Planned = CellOptions & {
  readonly series: "table" | "alone" | "deterrence" | "pools" | "mix" | "recheck" | "copying" | "guessing" | "abort";
  readonly label: string;
  readonly deters?: boolean;
};

export type Preset = { readonly preset: PresetName; readonly k: number; readonly stages: number };

const ALPHAS = [0.1, 0.2, 0.3];

/** Shapes of presets that a committee or a sample decides. */
export const SHAPES: readonly Preset[] = [
  { preset: "general-vote", k: 5, stages: 1 },
  { preset: "general-split", k: 3, stages: 3 },
  { preset: "general-split", k: 5, stages: 3 },
  { preset: "economy", k: 5, stages: 1 },
];

export function shapeOf({ preset, k, stages }: Preset) {
  const { auditBps, sizes, window, mask } = PRESETS[preset];
  const stake = sizes.find((size) => size.k === k)?.stakePerReward ?? 0;
  const insured = Number(mostInsured(PRESETS[preset], k, stages, REWARD)) / Number(REWARD);
  return {
    k,
    stages,
    stake,
    window,
    auditBps: (mask & 1) === 0 ? auditBps : 0,
    insured: Math.floor(insured * 1000) / 1000,
  };
}

const group = (behaviour: behave.Behaviour, share: number): Group => ({ behaviour, share });

/** Section 14's table: no outages, the largest value that the stake covers. */
export function tablePlan(jobs: number, workers: number): Planned[] {
  const plans: Planned[] = [];
  for (const k of [3, 5, 7]) {
    const shape = { series: "table" as const, k, workers, jobs };
    for (const outage of [0.01, 0.02, 0.05])
      plans.push({ ...shape, label: `k=${k}, everyone honest, ${100 * outage}% outages`, outage, groups: [] });
    const insured = 0.8 * quorum(k) * 4 * (2 * k + 1);
    for (const share of ALPHAS)
      for (const behaviour of [behave.captor, behave.conspirator, behave.rerollingRequester])
        plans.push({
          ...shape,
          label: `k=${k}, ${behaviour.name}`,
          insured,
          allowed: false,
          groups: [group(behaviour, share)],
        });
  }
  return plans;
}

/** One deviating worker in a pool of 50, and one challenger without a seat: every loss has a formula. */
export function alonePlan(jobs: number): Planned[] {
  const workers = 60;
  const plans: Planned[] = [];
  for (const k of [3, 5, 7]) {
    const shape = { series: "alone" as const, k, workers, jobs };
    for (const behaviour of [behave.lazy(), behave.copier, behave.withholder, behave.waiter, behave.absentee])
      plans.push({
        ...shape,
        label: `k=${k}, one ${behaviour.name}`,
        groups: [group(behaviour, 1 / workers)],
        deters: true,
      });
    plans.push({ ...shape, label: `k=${k}, ${behave.griefer.name}`, groups: [group(behave.griefer, 0)], deters: true });
  }
  return plans;
}

const VOTERS = [
  behave.lazy(),
  behave.reuser,
  behave.copier,
  behave.waiter,
  behave.withholder,
  behave.absentee,
  behave.flaky(0.1, 0.01),
  behave.griefer,
  behave.blocker,
  behave.captor,
  behave.fighter,
  behave.rerollingRequester,
];
const SAMPLED = [
  behave.lazyPrimary,
  behave.lyingPrimary,
  behave.hidingPrimary,
  behave.lazy(),
  behave.withholder,
  behave.absentee,
  behave.griefer,
];

/** Every deviation against every shape at its largest value: shares of the pool at 2% outages, and outages at a share of 20%. */
export function deterrencePlan(jobs: number, workers: number, shapes: readonly Preset[] = SHAPES): Planned[] {
  return shapes.flatMap((named) => {
    const shape = shapeOf(named);
    const behaviours = shape.auditBps > 0 ? SAMPLED : VOTERS;
    const worlds = [
      ...ALPHAS.map((share) => ({ share, outage: 0.02 })),
      ...[0.01, 0.05].map((outage) => ({ share: 0.2, outage })),
    ].filter(
      ({ share, outage }) =>
        named.preset === "general-vote" || named.preset === "economy" || (outage === 0.02 && share > 0.1),
    );
    return worlds.flatMap(({ share, outage }) =>
      // A re-rolling requester wants one committee of its own: jobs of several stages ask for more than luck gives.
      behaviours
        .filter((behaviour) => behaviour.delivers === undefined || shape.stages === 1)
        .map((behaviour): Planned => {
          const label = `${named.preset}, k=${named.k}, ${named.stages} stage${named.stages > 1 ? "s" : ""}`;
          return {
            ...shape,
            series: "deterrence",
            label,
            workers,
            jobs,
            outage,
            groups: [group(behaviour, share)],
            deters: true,
          };
        }),
    );
  });
}

/** The documented exception and its price, in the shape whose value is largest. */
export function exceptionPlan(jobs: number, workers: number): Planned[] {
  const shape = shapeOf({ preset: "general-vote", k: 5, stages: 1 });
  const plans: Planned[] = [];
  for (const watched of [0, 0.2, 0.4, 0.6, 0.8, 1])
    plans.push({
      ...shape,
      series: "recheck",
      label: `${100 * watched}% re-checked`,
      workers,
      jobs,
      watched,
      groups: [group(behave.conspirator, 0.3)],
    });
  return plans;
}

/** From the smallest pool that a job of V = 0 may use to 10,000 workers. */
export function poolPlan(jobs: number, pools: readonly number[]): Planned[] {
  return pools.flatMap((workers) =>
    (workers < 16 ? [3] : [3, 5]).flatMap((k) =>
      [behave.captor, behave.conspirator].map((behaviour): Planned => {
        const large = workers >= 7 * k + 4;
        const insured = large ? shapeOf({ preset: "general-split", k, stages: 1 }).insured : 0;
        const groups = [group(behaviour, 0.2)];
        return {
          series: "pools",
          label: `k=${k}, ${workers} workers`,
          k,
          workers,
          jobs,
          outage: 0.02,
          insured,
          groups,
        };
      }),
    ),
  );
}

/** Everything at once: a coalition among lazy, copying and flaky workers. */
export function mixPlan(jobs: number, workers: number): Planned[] {
  return SHAPES.flatMap((named) =>
    [0, ...ALPHAS].map((share): Planned => {
      const shape = shapeOf(named);
      const groups = [
        group(shape.auditBps > 0 ? behave.lyingPrimary : behave.captor, share),
        group(behave.lazy(), 0.05),
        group(behave.copier, 0.05),
        group(behave.flaky(0.1, 0.01), 0.1),
      ];
      const label = `${named.preset}, k=${named.k}, ${named.stages} stage${named.stages > 1 ? "s" : ""}`;
      return { ...shape, series: "mix", label, workers, jobs, outage: 0.02, groups };
    }),
  );
}

/** Seats of larger committees that say what the challenger said, without working. */
export function copyingPlan(jobs: number, workers: number): Planned[] {
  const shape = shapeOf({ preset: "general-vote", k: 5, stages: 1 });
  return [behave.captor, behave.exploiter].flatMap((other) =>
    [0.1, 0.3, 0.5].map((share): Planned => {
      const groups = [group(other, 0.2), group(behave.escalationCopier, share)];
      return { ...shape, series: "copying", label: other.name, workers, jobs, groups };
    }),
  );
}

/** One worker that guesses, where answers can be guessed: below the high-entropy rule. */
export function guessingPlan(jobs: number): Planned[] {
  return [0, 0.5, 0.9, 0.97, 0.99].map((hit): Planned => {
    const groups = [group(behave.lazy(hit), 1 / 60)];
    return { series: "guessing", label: `${100 * hit}% right`, k: 5, workers: 60, jobs, groups };
  });
}

/** A stage is captured, and the job closed at a later one before the honest dissenters of the first may challenge. */
export function abortPlan(jobs: number, workers: number): Planned[] {
  return SHAPES.filter(({ stages }) => stages > 1).flatMap((named) =>
    ALPHAS.map((share): Planned => {
      const label = `${named.preset}, k=${named.k}, ${named.stages} stages`;
      return { ...shapeOf(named), series: "abort", label, workers, jobs, groups: [group(behave.aborter, share)] };
    }),
  );
}
