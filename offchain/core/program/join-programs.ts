// SPDX-License-Identifier: MIT
import { PRODUCER_INPUT, type StageInfo } from "../types.ts";
import { analyseProgram, type Analysis } from "./analyse.ts";
import { ProgramError } from "./errors.ts";
import { inputsOf, withInputs, type Op, type Program } from "./types.ts";

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
export function joinPrograms(
  stages: readonly { readonly program: Program }[],
  table: readonly Pick<StageInfo, "producers">[],
): JoinedProgram {
  const source = stages.find((_, index) => table[index]?.producers.includes(PRODUCER_INPUT));
  const at = table.find(({ producers }) => producers.includes(PRODUCER_INPUT))?.producers;
  const input = source?.program.inputs[at?.indexOf(PRODUCER_INPUT) ?? 0];
  const family = stages[0]?.program.family;
  if (input === undefined || family === undefined || stages.some(({ program }) => program.family !== family))
    throw new ProgramError("PROGRAM_INVALID", { op: "stages", reason: "they do not form one program" });
  const ops: Op[] = [];
  const outputs: number[] = [];
  const stageEnds: number[] = [];
  for (const [index, { program }] of stages.entries()) {
    const producers = table[index]?.producers ?? [];
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
