// SPDX-License-Identifier: MIT
import { analyseOperator, QUANTISED_LIMIT, type Analysis, type OpInfo, type ValueInfo } from "../program/analyse.ts";
import type { Interval } from "../program/bounds.ts";
import { inputsOf, isLinear, type Finish, type LinearOp, type Program } from "../program/types.ts";
import { MaskedError } from "./errors.ts";

/**
 * A stage as two lanes compute it (split.md §4): the lanes the accumulator of its one linear operator, the client the
 * rounding and whatever follows.
 */
export interface MaskedProgram {
  readonly program: Program;
  readonly analysis: Analysis;
  /** Index of the linear operator. */
  readonly at: number;
  /**
   * What a lane runs on each digit plane: the operators up to the linear one, without bias and rounding, on inputs from
   * -128 to 127. Not a canonical program (i8 inputs are -127..127 there), so it has no bytes and no hash.
   */
  readonly kernel: Program;
  readonly kernelAnalysis: Analysis;
  /** Added once, by lane A: one per channel, or none. */
  readonly bias: Int32Array;
  /** What the sum of both shares is proven to lie in; one per channel, or one for all. */
  readonly bounds: readonly Interval[];
  readonly outDims: readonly number[];
  readonly channels: number;
  /** Consecutive elements of one channel. */
  readonly inner: number;
}

const MOVES = ["reshape", "transpose", "concat"];
const EXACT: Finish = { kind: "exact" };
const notLinear = (why: string) => new MaskedError("MASK_NOT_LINEAR", { why });

const withoutBias = (op: LinearOp): LinearOp =>
  op.kind === "dense" || op.kind === "conv"
    ? { ...op, bias: op.bias.map(() => 0n), finish: EXACT }
    : { ...op, finish: EXACT };

/** The linear operator must be all that the stage reads its inputs for. */
function linearIndex({ ops, inputs }: Program): number {
  const at = ops.findIndex((op) => !MOVES.includes(op.kind));
  const op = ops[at];
  if (op === undefined) throw notLinear("it only moves values");
  if (!isLinear(op)) throw notLinear(`operator ${at} (${op.kind}) comes before any linear one`);
  const value = inputs.length + at;
  const early = ops.findIndex((later, index) => index > at && inputsOf(later).some((read) => read < value));
  if (early !== -1) throw notLinear(`operator ${early} reads the input beside the linear operator ${at}`);
  return at;
}

/**
 * Proves that a stage may run MASKED: it begins with one linear operator on i8 values whose result, on every input in
 * range, stays within (-2^31, 2^31), so that reduction modulo 2^32 loses nothing. Errors: MASK_NOT_LINEAR, naming the
 * operator or channel; BOUND_OVERFLOW if a digit plane itself could leave int32.
 */
export function maskProgram(program: Program, analysis: Analysis): MaskedProgram {
  if (program.family !== "quantised") throw notLinear("polynomial programs are not offered");
  const strange = program.inputs.findIndex(({ dtype }) => dtype !== "i8");
  if (strange !== -1) throw notLinear(`input ${strange} is not i8`);
  const at = linearIndex(program);
  const [op, info] = [program.ops[at], analysis.ops[at]];
  if (op === undefined || !isLinear(op) || !info?.bounds) throw notLinear("it has no linear operator");
  const loose = info.bounds.findIndex(({ lo, hi }) => hi >= QUANTISED_LIMIT || lo <= -QUANTISED_LIMIT);
  if (loose !== -1) throw notLinear(`channel ${loose} of operator ${at} is not bounded by 2^31`);

  const kernel: Program = {
    family: "quantised",
    inputs: program.inputs.map(({ dims }) => ({ dtype: "i8", dims, lo: -128, hi: 127 })),
    ops: program.ops.slice(0, at + 1).map((each) => (isLinear(each) ? withoutBias(each) : each)),
    output: program.inputs.length + at,
  };
  const values: ValueInfo[] = kernel.inputs.map(({ dims }) => ({ dtype: "i8", dims, lo: -128n, hi: 127n }));
  const ops: OpInfo[] = [];
  for (const [index, each] of kernel.ops.entries()) {
    const result = analyseOperator(each, "quantised", values, `${each.kind}#${index}`);
    ops.push(result);
    values.push(result.output);
  }
  const outDims = info.output.dims;
  const spatial = op.kind === "conv" || op.kind === "sumPool";
  return {
    program,
    analysis,
    at,
    kernel,
    kernelAnalysis: { values, ops, macs: ops.reduce((sum, { macs }) => sum + macs, 0) },
    bias: Int32Array.from(op.kind === "dense" || op.kind === "conv" ? op.bias.map(Number) : []),
    bounds: info.bounds,
    outDims,
    channels: op.kind === "add" ? 1 : spatial ? (outDims[0] ?? 1) : (outDims.at(-1) ?? 1),
    inner: spatial ? (outDims[1] ?? 1) * (outDims[2] ?? 1) : 1,
  };
}
