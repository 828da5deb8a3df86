// SPDX-License-Identifier: GPL-3.0-or-later
import { checkInputs, DEFAULT_MAX_BATCH } from "../../core/program/check-inputs.ts";
import type { Tensor } from "../../core/tensor.ts";
import { resultTensor, type LoadedStage, type ProgramExecutor, type StageResult } from "./executor.ts";
import { runPolynomial } from "../../core/program/run/polynomial.ts";
import { runQuantised } from "../../core/program/run/quantised.ts";

/** Runs a stage with plain loops, synchronously. The definition of the result; slow. */
export function runReference(stage: LoadedStage, inputs: readonly Tensor[], maxBatch = DEFAULT_MAX_BATCH): StageResult {
  const { program, analysis, probe } = stage;
  const batch = checkInputs(program, inputs, maxBatch);
  const output = analysis.values[program.output];
  const probeDims = probe === null ? undefined : analysis.ops[probe]?.accumulatorDims;
  const finish = (value: Iterable<number>, accumulator: Iterable<number> | null): StageResult => {
    const dtype = output?.dtype === "i8" ? "i8" : "i32";
    const data = dtype === "i8" ? Int8Array.from(value) : Int32Array.from(value);
    const outputs = [resultTensor(dtype, batch, output?.dims ?? [], data)];
    if (!probeDims || accumulator === null) return { outputs };
    return { outputs, probe: resultTensor("i32", batch, probeDims, Int32Array.from(accumulator)) };
  };
  if (program.family === "quantised") {
    const sources = inputs.map(({ data }) => Int32Array.from(data));
    const { values, accumulator } = runQuantised(program, analysis, sources, batch, probe);
    return finish(values[program.output] ?? [], accumulator);
  }
  const sources = inputs.map(({ data }) => Array.from(data, BigInt));
  const { values, accumulator } = runPolynomial(program, analysis, sources, batch, probe);
  const numbers = (list: readonly bigint[]) => list.map(Number);
  return finish(numbers(values[program.output] ?? []), accumulator === null ? null : numbers(accumulator));
}

/** The plain TypeScript executor: int32 loops, BigInt for the polynomial family. */
export function createReferenceExecutor(options: { readonly maxBatch?: number } = {}): ProgramExecutor {
  return {
    name: "reference",
    run: async (stage, inputs) => runReference(stage, inputs, options.maxBatch),
    warm: async () => {},
    close: async () => {},
  };
}
