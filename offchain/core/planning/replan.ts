// SPDX-License-Identifier: MIT
import { planStages, type PlannedStages } from "./plan-stages.ts";
import type { Plan, PlanRequest } from "./types.ts";
import type { Word } from "../tagged-hash.ts";

/**
 * Plans the rest of a job after an enclave died or expired: runs that ended before stage `from` stay as committed, dead
 * enclaves and operators that hold a committed run are left out, and what the committed ones hold still counts. Errors:
 * PLAN_INPUT_INVALID, PLAN_INFEASIBLE.
 */
export function replanSuffix(request: PlanRequest, plan: Plan, from: number, dead: readonly Word[]): PlannedStages {
  const { candidates, constraints, stages } = request;
  const kept = plan.runs.filter(({ last }) => last < from);
  const holders = candidates.filter(({ id }) => kept.some(({ worker }) => worker === id));
  const operators = holders.map(({ operator }) => operator);
  const operatorsOf = (test: (stage: PlanRequest["stages"][number]) => boolean): Word[] =>
    kept.flatMap(({ first, last, worker }) => {
      const holds = stages.some((stage) => stage.stage >= first && stage.stage <= last && test(stage));
      return holds ? candidates.filter(({ id }) => id === worker).map(({ operator }) => operator) : [];
    });
  const { held } = constraints;
  return planStages({
    ...request,
    stages: stages.filter(({ stage }) => stage >= from),
    candidates: candidates.filter(
      ({ id, operator }) =>
        !dead.includes(id) &&
        !kept.some(({ worker }) => worker === id) &&
        !(constraints.operatorOnce && operators.includes(operator)),
    ),
    constraints: {
      ...constraints,
      held: {
        first: [...held.first, ...operatorsOf(({ isFirst }) => isFirst)],
        last: [...held.last, ...operatorsOf(({ isLast }) => isLast)],
        laneA: [...held.laneA, ...operatorsOf(({ lane }) => lane === 1)],
        laneB: [...held.laneB, ...operatorsOf(({ lane }) => lane === 2)],
        families: [...held.families, ...holders.map(({ family }) => family).filter((family) => family > 0)],
      },
    },
  });
}

/**
 * The second copy of a critical job: no operator of the first, and each stage on another vendor family than its first copy.
 * Errors: PLAN_INPUT_INVALID, PLAN_INFEASIBLE.
 */
export function planReplica(request: PlanRequest, first: Plan): PlannedStages {
  const who = (id: Word) => request.candidates.find((candidate) => candidate.id === id);
  const operators = first.runs.map(({ worker }) => who(worker)?.operator);
  return planStages({
    ...request,
    candidates: request.candidates.filter(({ operator }) => !operators.includes(operator)),
    stages: request.stages.map((stage) => {
      const run = first.runs.find(({ first: from, last }) => stage.stage >= from && stage.stage <= last);
      const family = run === undefined ? undefined : who(run.worker)?.family;
      return family === undefined ? stage : { ...stage, excludedFamilies: [...stage.excludedFamilies, family] };
    }),
  });
}
