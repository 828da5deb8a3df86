// SPDX-License-Identifier: MIT
import { FLAG_ACCEPT_EXPOSURE } from "../types.ts";
import { PlanError } from "./errors.ts";

/** What the leakage report says about one boundary, in parts per million: a lower bound on what its readers can recover. */
export interface LeakageFigures {
  /** Share of the input's variance that the best attack of the report recovers. */
  readonly recoveryPpm: number;
  /** Bias-corrected distance correlation of input and boundary. */
  readonly dcorPpm: number;
}

export interface LeakageLimits {
  readonly maxRecoveryPpm: number;
  readonly maxDcorPpm: number;
}

/** Boundaries that a model's network stages show their operators, with what the model's report says about each. */
export type Exposure = readonly { readonly boundary: string; readonly figures: LeakageFigures | null }[];

/** split.md §6. Only the requester's signature raises them. */
export const DEFAULT_LEAKAGE_LIMITS: LeakageLimits = { maxRecoveryPpm: 400_000, maxDcorPpm: 850_000 };

/** A boundary without figures passes no limit. */
export function withinLeakage(figures: LeakageFigures | null, limits: LeakageLimits): boolean {
  return figures !== null && figures.recoveryPpm <= limits.maxRecoveryPpm && figures.dcorPpm <= limits.maxDcorPpm;
}

/**
 * What the SDK asks before it requests, and a worker before it accepts, a job with a SPLIT stage: may this boundary be
 * shown? Errors: LEAKAGE_UNKNOWN, LEAKAGE_ABOVE_LIMIT.
 */
export function assertLeakage(boundary: string, figures: LeakageFigures | null, limits: LeakageLimits): void {
  if (figures === null) throw new PlanError("LEAKAGE_UNKNOWN", { boundary });
  const exceeds = (measure: string, value: number, limit: number) => {
    if (value > limit) throw new PlanError("LEAKAGE_ABOVE_LIMIT", { boundary, measure, value, limit });
  };
  exceeds("recovery", figures.recoveryPpm, limits.maxRecoveryPpm);
  exceeds("distance correlation", figures.dcorPpm, limits.maxDcorPpm);
}

/**
 * The same for all boundaries of a job. FLAG_ACCEPT_EXPOSURE in the requester's own transaction accepts whatever figures the report
 * states, which the model id pins; it does not stand in for figures. Errors: LEAKAGE_UNKNOWN, LEAKAGE_ABOVE_LIMIT.
 */
export function assertExposure(
  exposure: Exposure,
  flags: number,
  limits: LeakageLimits = DEFAULT_LEAKAGE_LIMITS,
): void {
  const accepted = (flags & FLAG_ACCEPT_EXPOSURE) !== 0;
  for (const { boundary, figures } of exposure) assertLeakage(boundary, figures, accepted ? NO_LIMIT : limits);
}

const NO_LIMIT: LeakageLimits = { maxRecoveryPpm: 1_000_000, maxDcorPpm: 1_000_000 };

/** The one sentence that may be said about what split stages give away; `figures`: of their worst boundary. */
export const exposureText = ({ recoveryPpm }: LeakageFigures): string =>
  `exposure-limited: each seat of a stage sees its boundary; measured recovery ${(recoveryPpm / 10_000).toFixed(1)} %`;

/** The worst of them, measure by measure; null where one has no figures, or there is none. */
export function worstFigures(exposure: Exposure): LeakageFigures | null {
  const all = exposure.flatMap(({ figures }) => figures ?? []);
  if (all.length === 0 || all.length < exposure.length) return null;
  const most = (pick: (figures: LeakageFigures) => number): number => Math.max(...all.map(pick));
  return { recoveryPpm: most(({ recoveryPpm }) => recoveryPpm), dcorPpm: most(({ dcorPpm }) => dcorPpm) };
}
