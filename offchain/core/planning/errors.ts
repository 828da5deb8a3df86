// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Errors of planning and of its limits: numbers 80 to 85 of core. */
export const PlanError = defineErrors("core", 1, {
  PLAN_INPUT_INVALID: {
    n: 80,
    text: "Nothing can be planned from this: {why}.",
    fix: "Give 1 to 32 stages and 1 to 12 different candidates (a fleet: 255) in whole, non-negative numbers.",
    retry: "never",
  },
  PLAN_INFEASIBLE: {
    n: 81,
    text: "No plan exists: constraint {constraint} rules it out at {where}.",
    fix: "Draw other candidates, cut the model elsewhere, or loosen that constraint where you may.",
    retry: "later",
  },
  PLAN_MALFORMED: {
    n: 82,
    text: "These bytes are not a plan: {why}.",
    fix: "Recompute the plan from the job's candidates.",
    retry: "never",
  },
  CUTS_IMPOSSIBLE: {
    n: 83,
    text: "The program cannot be cut into {stages} stages: {why}.",
    fix: "Ask for fewer stages, or allow more cuts.",
    retry: "never",
  },
  LEAKAGE_ABOVE_LIMIT: {
    n: 84,
    text: "The boundary {boundary} shows {measure} {value} ppm, more than the {limit} ppm allowed.",
    fix: "Cut later, use MASKED, CIPHER or ENCLAVE, or raise the limit in the requester's own transaction.",
    retry: "never",
  },
  LEAKAGE_UNKNOWN: {
    n: 85,
    text: "No leakage report speaks about the boundary {boundary}.",
    fix: "Run `assay model leakage` and register the model with its report.",
    retry: "never",
  },
});
