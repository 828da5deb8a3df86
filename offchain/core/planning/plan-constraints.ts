// SPDX-License-Identifier: MIT
import { KIND_BLINDED, KIND_SALTED } from "../types.ts";
import { withinLeakage } from "./leakage-limits.ts";
import type { Candidate, PlanBoundary, PlanConstraints, PlanRequest, PlanStage } from "./types.ts";

/** Constraints on one stage and one worker, in the order in which an impossible stage is explained. */
export const STAGE_CONSTRAINTS = [
  "denied",
  "expiry",
  "status",
  "capability",
  "family",
  "enclave",
  "lanes",
  "noEndToEnd",
  "leakage",
  "memory",
] as const;
export type StageConstraint = (typeof STAGE_CONSTRAINTS)[number];

const isPrivate = ({ kind }: PlanBoundary): boolean => kind === KIND_SALTED || kind === KIND_BLINDED;

/** Bytes that a worker needs for a run of these stages: all weights, and two buffers of the largest activations. */
export function runBytes(stages: readonly PlanStage[]): number {
  const weights = stages.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  return weights + 2 * stages.reduce((most, { peakActivationBytes }) => Math.max(most, peakActivationBytes), 0);
}

const fits: Readonly<Record<StageConstraint, (stage: PlanStage, who: Candidate, rules: PlanConstraints) => boolean>> = {
  denied: (_stage, { isDenied }) => !isDenied,
  expiry: (_stage, { expiry }, { deadline }) => expiry >= deadline,
  status: (_stage, { status }, { maxStatus }) => status <= maxStatus,
  capability: ({ stage, demands }, { hosts, capabilities }) =>
    ((hosts >>> stage) & 1) === 1 && (capabilities & demands) >>> 0 === demands,
  family: ({ excludedFamilies }, { family }) => family === 0 || !excludedFamilies.includes(family),
  enclave: ({ mode, inputs, output }, { family }, { enclaveForPrivate }) =>
    family !== 0 || (mode !== "ENCLAVE" && !(enclaveForPrivate && [...inputs, output].some(isPrivate))),
  lanes: ({ lane }, { operator }, { held }) => lane === 0 || !(lane === 1 ? held.laneB : held.laneA).includes(operator),
  noEndToEnd: ({ isFirst, isLast }, { operator }, { noEndToEnd, held }) =>
    !noEndToEnd || !((isFirst && held.last.includes(operator)) || (isLast && held.first.includes(operator))),
  // A run is legal if each of its SPLIT stages is: that covers every boundary inside and at its ends.
  leakage: ({ mode, inputs, output }, { limits }, rules) =>
    mode !== "SPLIT" || [...inputs, output].every(({ leakage }) => withinLeakage(leakage, limits ?? rules.limits)),
  memory: (stage, { memoryBytes }) => runBytes([stage]) <= memoryBytes,
};

/** The constraint that leaves a stage without any worker, if there is one. */
export function blockingConstraint(
  stage: PlanStage,
  candidates: readonly Candidate[],
  rules: PlanConstraints,
): StageConstraint | null {
  let left = candidates;
  for (const name of STAGE_CONSTRAINTS) {
    left = left.filter((candidate) => fits[name](stage, candidate, rules));
    if (left.length === 0) return name;
  }
  return null;
}

const mayRun = (stage: PlanStage, candidate: Candidate, rules: PlanConstraints): boolean =>
  STAGE_CONSTRAINTS.every((name) => fits[name](stage, candidate, rules));

/** Stage `index` may follow the one before it in one run: it reads that stage and nothing else, in the same lane. */
export function continuesChain(stages: readonly PlanStage[], index: number): boolean {
  const [before, stage] = [stages[index - 1], stages[index]];
  if (before === undefined || stage === undefined) return false;
  return stage.producers.length === 1 && stage.producers[0] === before.stage && stage.lane === before.lane;
}

/**
 * How far a run of `candidate` that begins at each stage may reach: the index of the last legal stage, or -1.
 * Every shorter run is legal too, for each constraint is on a stage or grows with the run.
 */
export function runReach({ stages, constraints }: PlanRequest, candidate: Candidate): number[] {
  const legal = stages.map((stage) => mayRun(stage, candidate, constraints));
  return stages.map((_, start) => {
    let last = -1;
    for (let end = start; end < stages.length && legal[end] === true; end++) {
      if (end > start && !continuesChain(stages, end)) break;
      const run = stages.slice(start, end + 1);
      if (runBytes(run) > candidate.memoryBytes) break;
      if (constraints.noEndToEnd && run.some((s) => s.isFirst) && run.some((s) => s.isLast)) break;
      last = end;
    }
    return last;
  });
}
