// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeProgram } from "../../core/program/decode-program.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { hasAccumulator, type Program } from "../../core/program/types.ts";
import { QUANTISED_LIMIT, type Analysis } from "../../core/program/analyse.ts";
import type { Tensor } from "../../core/tensor.ts";

/** A checked stage, ready for any executor. */
export interface LoadedStage {
  readonly bytes: Uint8Array;
  readonly program: Program;
  readonly analysis: Analysis;
  /** Operator whose i32 accumulator is the vote payload where the output is guessable, or null. */
  readonly probe: number | null;
}

export interface StageResult {
  readonly outputs: readonly Tensor[];
  /** i32 accumulator of the stage's probe, if it has one. */
  readonly probe?: Tensor;
}

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

/** Builds an output tensor of a stage from plain integers. */
export function resultTensor(
  dtype: "i8" | "i32",
  batch: number,
  dims: readonly number[],
  data: Int8Array | Int32Array,
): Tensor {
  return { dtype, dims: [batch, ...dims], data };
}
