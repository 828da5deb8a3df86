// SPDX-License-Identifier: GPL-3.0-or-later
import type { LeakageFigures } from "../../core/planning/leakage-limits.ts";
import { leakageAfter } from "../../core/planning/leakage-report.ts";
import { RAW_INPUT_LEAKAGE } from "../../core/planning/network-exposure.ts";
import { analyseProgram, type Analysis } from "../../core/program/analyse.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { inputsOf, withInputs, type Op, type Program } from "../../core/program/types.ts";
import { PRODUCER_INPUT } from "../../core/types.ts";
import type { LoadedModel } from "./load-program.ts";

export interface JoinedProgram {
  readonly program: Program;
  readonly analysis: Analysis;
  /** For each stage, its last operator's index in the joined program. */
  readonly stageEnds: readonly number[];
}

/**
 * The stages of a model as one program again, the inverse of `cutProgram`: what cuts and leakage are measured on.
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
  const source = stages.find((_, index) => manifest.model.stages[index]?.producers.includes(PRODUCER_INPUT));
  const at = manifest.model.stages.find(({ producers }) => producers.includes(PRODUCER_INPUT))?.producers;
  const input = source?.program.inputs[at?.indexOf(PRODUCER_INPUT) ?? 0];
  const family = stages[0]?.program.family;
  if (input === undefined || family === undefined || stages.some(({ program }) => program.family !== family))
    throw new ProgramError("PROGRAM_INVALID", { op: "stages", reason: "they do not form one program" });
  const ops: Op[] = [];
  const outputs: number[] = [];
  const stageEnds: number[] = [];
  for (const [index, { program }] of stages.entries()) {
    const producers = manifest.model.stages[index]?.producers ?? [];
    const values = producers.map((producer) => (producer === PRODUCER_INPUT ? 0 : (outputs[producer] ?? 0)));
    for (const op of program.ops) {
      ops.push(
        withInputs(
          op,
          inputsOf(op).map((value) => values[value] ?? 0),
        ),
      );
      values.push(ops.length);
    }
    outputs.push(values[program.output] ?? 0);
    stageEnds.push(ops.length - 1);
  }
  const program: Program = { family, inputs: [input], ops, output: outputs.at(-1) ?? 0 };
  return { program, analysis: analyseProgram(program), stageEnds };
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
