// SPDX-License-Identifier: GPL-3.0-or-later
import { runProgram } from "../../core/program/run-program.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { LoadedStage, ProgramExecutor, StageResult } from "./executor.ts";

/** Runs a stage with plain loops, synchronously. The definition of the result; slow. */
export const runReference = (stage: LoadedStage, inputs: readonly Tensor[], maxBatch?: number): StageResult =>
  runProgram(stage, inputs, maxBatch);

/** The plain TypeScript executor: int32 loops, BigInt for the polynomial family. */
export function createReferenceExecutor(options: { readonly maxBatch?: number } = {}): ProgramExecutor {
  return {
    name: "reference",
    run: async (stage, inputs) => runReference(stage, inputs, options.maxBatch),
    warm: async () => {},
    close: async () => {},
  };
}
