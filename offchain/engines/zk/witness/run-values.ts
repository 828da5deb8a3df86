// SPDX-License-Identifier: GPL-3.0-or-later
import { analyseProgram, type Analysis } from "../../../core/program/analyse.ts";
import { checkInputs } from "../../../core/program/check-inputs.ts";
import type { Program } from "../../../core/program/types.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { LayerAdvice } from "./advice.ts";
import { runPolynomial } from "../../../core/program/run/polynomial.ts";
import { runQuantised } from "../../../core/program/run/quantised.ts";

/** Every value of the program for one input, by the reference executor: the witness is filled from it, not from the circuit. */
export interface ProgramValues {
  readonly values: readonly (ArrayLike<number> | readonly bigint[])[];
  readonly advice: LayerAdvice;
  readonly output: Tensor;
}

const analyses = new WeakMap<Program, Analysis>();

/** The bounds of every weight, channel by channel: the same for all inputs. */
function analysisOf(program: Program): Analysis {
  let analysis = analyses.get(program);
  if (analysis === undefined) analyses.set(program, (analysis = analyseProgram(program)));
  return analysis;
}

/** Errors: those of `checkInputs`. */
export function runValues(program: Program, inputs: readonly Tensor[]): ProgramValues {
  checkInputs(program, inputs, 1);
  const analysis = analysisOf(program);
  const { dims = [], dtype } = analysis.values[program.output] ?? {};
  const tensor = (data: Iterable<number>): Tensor => ({
    dtype: dtype === "i8" ? "i8" : "i32",
    dims: [1, ...dims],
    data: dtype === "i8" ? Int8Array.from(data) : Int32Array.from(data),
  });
  if (program.family === "quantised") {
    const sources = inputs.map(({ data }) => Int32Array.from(data));
    const { values } = runQuantised(program, analysis, sources, 1, null);
    return { values, output: tensor(values[program.output] ?? []), advice: new LayerAdvice(program, analysis, values) };
  }
  const sources = inputs.map(({ data }) => Array.from(data, BigInt));
  const { values } = runPolynomial(program, analysis, sources, 1, null);
  const output = tensor((values[program.output] ?? []).map(Number));
  return { values, output, advice: new LayerAdvice(program, analysis, values) };
}
