// SPDX-License-Identifier: MIT
import type { Tensor } from "../tensor.ts";
import type { Analysis } from "./analyse.ts";
import { checkInputs, DEFAULT_MAX_BATCH } from "./check-inputs.ts";
import { runPolynomial } from "./run/polynomial.ts";
import { runQuantised } from "./run/quantised.ts";
import type { Program } from "./types.ts";

/** A decoded stage (`decodeProgram`). `probe`: operator whose accumulator is wanted too, or null. */
export interface RunnableProgram {
  readonly program: Program;
  readonly analysis: Analysis;
  readonly probe: number | null;
}

export interface ProgramResult {
  readonly outputs: readonly Tensor[];
  /** i32 accumulator of the probe, if there is one. */
  readonly probe?: Tensor;
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

/**
 * Runs a stage with plain loops, synchronously, with nothing but JavaScript: what a browser's client stages take. The definition of the
 * result; slow. Errors: those of `checkInputs`.
 */
export function runProgram(
  { program, analysis, probe }: RunnableProgram,
  inputs: readonly Tensor[],
  maxBatch = DEFAULT_MAX_BATCH,
): ProgramResult {
  const batch = checkInputs(program, inputs, maxBatch);
  const output = analysis.values[program.output];
  const probeDims = probe === null ? undefined : analysis.ops[probe]?.accumulatorDims;
  const finish = (value: Iterable<number>, accumulator: Iterable<number> | null): ProgramResult => {
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
