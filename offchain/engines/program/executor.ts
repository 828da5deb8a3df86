// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeProgram } from "../../core/program/decode-program.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { hasAccumulator } from "../../core/program/types.ts";
import { QUANTISED_LIMIT } from "../../core/program/analyse.ts";
import type { ProgramResult, RunnableProgram } from "../../core/program/run-program.ts";
import type { Tensor } from "../../core/tensor.ts";

/** A checked stage, ready for any executor. */
export interface LoadedStage extends RunnableProgram {
  readonly bytes: Uint8Array;
  /** Operator whose i32 accumulator is the vote payload where the output is guessable, or null. */
  readonly probe: number | null;
}

export type StageResult = ProgramResult;

/**
 * Runs stages of integer programs. Every implementation gives the same bits for the same stage and inputs.
 * Input tensors carry a leading batch dimension; so do the results. Errors of `run`: those of `checkInputs`.
 */
export interface ProgramExecutor {
  readonly name: string;
  run(stage: LoadedStage, inputs: readonly Tensor[]): Promise<StageResult>;
  /** Prepares a stage so that the first `run` is as fast as the others. */
  warm(stage: LoadedStage): Promise<void>;
  close(): Promise<void>;
}

/** Decodes and checks stage bytes. Errors: those of `decodeProgram`; PROGRAM_INVALID for a probe that cannot be one. */
export function loadStage(bytes: Uint8Array, probe: number | null = null): LoadedStage {
  const { program, analysis } = decodeProgram(bytes);
  if (probe !== null) {
    const op = program.ops[probe];
    const bounds = analysis.ops[probe]?.bounds;
    const fits = bounds?.every(({ lo, hi }) => hi < QUANTISED_LIMIT && lo > -QUANTISED_LIMIT) ?? false;
    if (op === undefined || !hasAccumulator(op) || !fits) {
      throw new ProgramError("PROGRAM_INVALID", { op: `${probe}`, reason: "its accumulator cannot be a probe" });
    }
  }
  return { bytes, program, analysis, probe };
}
