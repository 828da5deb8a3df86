// SPDX-License-Identifier: GPL-3.0-or-later
import { analyseOperator, analyseProgram, type ValueInfo } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import type { Finish, Op, Program, ProgramInput } from "../../../core/program/types.ts";
import type { Compiled } from "./compile-quantised.ts";
import { floatInputsOf, type FloatGraph } from "./float-graph.ts";

export interface PolynomialOptions {
  readonly inputStep: number;
  readonly inputLo: number;
  readonly inputHi: number;
}

const roundHalfUp = (value: number) => Math.floor(value + 0.5);
const I32 = 2 ** 31 - 1;

/** Weights on a grid of 127 steps; the bias on the grid of the accumulator, exact to double precision. */
function exactWeights(op: { weights: Float64Array; bias: Float64Array }, stepIn: number) {
  const most = op.weights.reduce((peak, w) => Math.max(peak, Math.abs(w)), 1e-300);
  const unit = most / 127;
  const stepOut = stepIn * unit;
  const weights = Int8Array.from(op.weights, (w) => roundHalfUp(w / unit));
  return { weights, bias: Array.from(op.bias, (b) => BigInt(roundHalfUp(b / stepOut))), stepOut };
}

/** Smallest shift that brings every reachable result into i32. */
function outputShift(info: { lo: bigint; hi: bigint }): number {
  const most = info.hi > -info.lo ? info.hi : -info.lo;
  let shift = 0;
  while (most >> BigInt(shift) >= BigInt(I32)) shift++;
  return shift;
}

/**
 * Compiles a graph of linear operators and squares to the polynomial family: exact integers, one rounding at the end if
 * the result can pass i32. Errors: ONNX_UNSUPPORTED_USE (an operator this family lacks), BOUND_OVERFLOW (2^250).
 */
export function compilePolynomial(graph: FloatGraph, options: PolynomialOptions): Compiled {
  const input: ProgramInput = { dtype: "i8", dims: graph.inputDims, lo: options.inputLo, hi: options.inputHi };
  const infos: ValueInfo[] = [{ dtype: "i8", dims: input.dims, lo: BigInt(input.lo), hi: BigInt(input.hi) }];
  const steps = [options.inputStep];
  const ops: Op[] = [];
  const names: string[] = [];
  const exact: Finish = { kind: "exact" };
  for (const [index, op] of graph.ops.entries()) {
    const [source = 0, other = 0] = floatInputsOf(op);
    const stepIn = steps[source] ?? 1;
    const refuse = (reason: string) =>
      new ProgramError("ONNX_UNSUPPORTED_USE", {
        node: op.name,
        operator: op.kind,
        reason,
        advice:
          "A polynomial model has linear layers, squares and reshapes; without squares any model is quantised instead.",
      });
    let made: Op;
    let step = stepIn;
    switch (op.kind) {
      case "dense":
      case "conv": {
        const { weights, bias, stepOut } = exactWeights(op, stepIn);
        const common = { input: source, outputs: op.outputs, weights, bias, finish: exact };
        const { kind } = op;
        step = stepOut;
        made =
          kind === "conv"
            ? { kind, ...common, kernel: op.kernel, strides: op.strides, pads: op.pads }
            : { kind, ...common };
        break;
      }
      case "averagePool": {
        const { kernel, strides, pads } = op;
        step = stepIn / (kernel[0] * kernel[1]);
        made = { kind: "sumPool", input: source, kernel, strides, pads, multiplier: 1, finish: exact };
        break;
      }
      case "square":
        step = stepIn * stepIn;
        made = { kind: "square", input: source };
        break;
      case "reshape":
        made = { kind: "reshape", input: source, dims: op.dims };
        break;
      case "transpose":
        made = { kind: "transpose", input: source, perm: op.perm };
        break;
      case "concat":
        if (op.inputs.some((value) => steps[value] !== stepIn)) throw refuse("its inputs have different scales");
        made = { kind: "concat", inputs: op.inputs, axis: op.axis };
        break;
      case "add":
        if (steps[other] !== stepIn) throw refuse("its inputs have different scales");
        made = { kind: "add", inputs: op.inputs, multipliers: [1, 1], finish: exact };
        break;
      case "activation":
      case "matmul":
      case "softmax":
      case "layerNorm":
      case "forest":
      case "argmax":
      case "maxPool":
        throw refuse("it is not a polynomial");
    }
    let info = analyseOperator(made, "polynomial", infos, op.name);
    if (index + 1 === graph.output) {
      if (!("finish" in made)) throw refuse("the output must come from a linear operator");
      const shift = outputShift(info.output);
      made = { ...made, finish: { kind: "scale", dtype: "i32", shifts: [shift], lo: -I32, hi: I32, table: null } };
      step *= 2 ** shift;
      info = analyseOperator(made, "polynomial", infos, op.name);
    }
    ops.push(made);
    infos.push(info.output);
    steps.push(step);
    names.push(op.name);
  }
  const program: Program = { family: "polynomial", inputs: [input], ops, output: graph.output };
  return { program, analysis: analyseProgram(program), steps, names, errors: ops.map(() => 0) };
}
