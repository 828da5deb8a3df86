// SPDX-License-Identifier: MIT
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
