// SPDX-License-Identifier: GPL-3.0-or-later
import type { LeakageFigures } from "../../core/planning/leakage-limits.ts";
import { leakageAfter } from "../../core/planning/leakage-report.ts";
import { RAW_INPUT_LEAKAGE } from "../../core/planning/network-exposure.ts";
import { joinPrograms, type JoinedProgram } from "../../core/program/join-programs.ts";
import { PRODUCER_INPUT } from "../../core/types.ts";
import type { LoadedModel } from "./load-program.ts";

/**
 * The stages of a loaded model as one program again; of a MASKED one the program that its lanes share.
 * Error: PROGRAM_INVALID for stages of different families.
 */
export function joinStages({
  stages,
  manifest,
  isMasked,
}: Pick<LoadedModel, "stages" | "manifest" | "isMasked">): JoinedProgram {
  const [lane] = stages;
  if (isMasked && lane !== undefined) {
    const { program, analysis } = lane;
    return { program, analysis, stageEnds: stages.map(() => program.ops.length - 1) };
  }
  return joinPrograms(stages, manifest.model.stages);
}

/**
 * What the model's own leakage report says about the boundary that `producer` makes (PRODUCER_INPUT: the job's input): the
 * figures that plans and `assertLeakage` take. Null where no report is part of the model, or it is silent.
 */
export function boundaryLeakage(model: LoadedModel, producer: number): LeakageFigures | null {
  if (producer === PRODUCER_INPUT) return RAW_INPUT_LEAKAGE;
  const after = joinStages(model).stageEnds[producer];
  return model.leakage === null || after === undefined ? null : leakageAfter(model.leakage, after);
}
