// SPDX-License-Identifier: GPL-3.0-or-later
import { planBy, planStages, type PlannedStages } from "../../../core/planning/plan-stages.ts";
import { MAX_CANDIDATES, type PlanRequest } from "../../../core/planning/types.ts";
import { searchBeam } from "./beam-search.ts";

/** What the encoding of a request counts to. */
export const MAX_FLEET = 255;

/** Plans by beam search whatever the number of candidates. Errors: PLAN_INPUT_INVALID, PLAN_INFEASIBLE. */
export const planByBeam = (request: PlanRequest): PlannedStages => planBy(request, MAX_FLEET, searchBeam);

/**
 * Plans over up to 255 enclaves: twelve exactly, as `planStages`; more by a beam search, whose slowest run is within some percent of
 * the fastest possible (bench: tee). Deterministic, whatever the candidates' order: who has the same request recomputes the plan. For
 * fleets only: a job's candidates are drawn, never chosen. Errors: PLAN_INPUT_INVALID; PLAN_INFEASIBLE, where more than twelve may
 * miss a plan that exists.
 */
export const planFleet = (request: PlanRequest): PlannedStages =>
  request.candidates.length <= MAX_CANDIDATES ? planStages(request) : planByBeam(request);
