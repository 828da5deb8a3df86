// SPDX-License-Identifier: GPL-3.0-or-later
import {
  analyseOperator,
  analyseProgram,
  elementsOf,
  type Analysis,
  type ValueInfo,
} from "../../../core/program/analyse.ts";
import type { Interval } from "../../../core/program/bounds.ts";
import { inputsOf, type Finish, type Op, type Program, type ProgramInput } from "../../../core/program/types.ts";
import { integerType } from "../../../core/program/preprocess.ts";
import { matmulShape } from "../../../core/program/run/block.ts";
import { convAccumulate, denseAccumulate } from "../../../core/program/run/linear.ts";
import { runOperator } from "../../../core/program/run/quantised.ts";
import { floatInputsOf, useCounts, type Activation, type FloatGraph, type FloatOp } from "./float-graph.ts";
import { quantiseForest, quantiseLayerNorm, quantiseMatmul, quantiseSoftmax } from "./quantise-block.ts";
import { quantiseLinear } from "./quantise-linear.ts";
import { activate, runFloat } from "./run-float.ts";

export interface QuantiseOptions {
  /** Real value of one step of the integer input. */
  readonly inputStep: number;
  readonly inputLo: number;
  readonly inputHi: number;
  /** One shift a layer is cheaper to prove; one a channel loses less. */
  readonly shifts: "perLayer" | "perChannel";
  readonly maxShift: number;
}

/** A compiled program and what its integers mean. */
export interface Compiled {
  readonly program: Program;
  readonly analysis: Analysis;
  /** Real value of one step of each value. */
  readonly steps: readonly number[];
  /** Node names behind each operator, in program order. */
  readonly names: readonly string[];
  /** Relative squared error of each operator's result on the calibration data; 0 where nothing is rounded. */
  readonly errors: readonly number[];
}

const roundHalfUp = (value: number) => Math.floor(value + 0.5);
const i8 = (value: number) => Math.max(-127, Math.min(127, roundHalfUp(value)));

/** Grows a program operator by operator and runs each on the calibration data, so that the next one sees real errors. */
class ProgramBuilder {
  readonly ops: Op[] = [];
  readonly infos: ValueInfo[];
  readonly steps: number[];
  readonly names: string[] = [];
  readonly errors: number[] = [];
  readonly integers: Int32Array[];
  readonly batch: number;

  constructor(input: ProgramInput, step: number, rows: Int32Array) {
    this.infos = [{ dtype: input.dtype, dims: input.dims, lo: BigInt(input.lo), hi: BigInt(input.hi) }];
    this.steps = [step];
    this.integers = [rows];
    this.batch = rows.length / elementsOf(input.dims);
  }

  values(value: number): Int32Array {
    return this.integers[value] ?? new Int32Array();
  }

  dims(value: number): readonly number[] {
    return this.infos[value]?.dims ?? [];
  }

  range(value: number): Interval {
    return this.infos[value] ?? { lo: 0n, hi: 0n };
  }

  step(value: number): number {
    return this.steps[value] ?? 1;
  }

  /** Appends an operator; throws PROGRAM_INVALID or BOUND_OVERFLOW naming `name`. Returns the new value. */
  push(op: Op, step: number, name: string, error = 0): number {
    const info = analyseOperator(op, "quantised", this.infos, name);
    const { value } = runOperator(op, {
      sources: inputsOf(op).map((source) => this.values(source)),
      dims: inputsOf(op).map((source) => this.dims(source)),
      outDims: info.output.dims,
      batch: this.batch,
    });
    this.ops.push(op);
    this.infos.push(info.output);
    this.steps.push(step);
    this.names.push(name);
    this.errors.push(error);
    this.integers.push(value);
    return this.ops.length;
  }

  /** A table from `value`'s whole range to `step`, applying `fn` to the real value. */
  pushMap(value: number, step: number, name: string, fn: (real: number) => number): number {
    const { lo, hi } = this.range(value);
    const unit = this.step(value);
    const table = Int8Array.from({ length: Number(hi - lo) + 1 }, (_, i) => i8(fn((Number(lo) + i) * unit) / step));
    return this.push({ kind: "map", input: value, lo: Number(lo), table }, step, name);
  }
}

/** Integer limits of an activation where its result keeps the input's step. */
function clampOf(activation: Activation | null, step: number): Finish & { kind: "scale" } {
  const base = { kind: "scale", dtype: "i8", shifts: [0], table: null } as const;
  if (activation?.type === "relu") return { ...base, lo: 0, hi: 127 };
  if (activation?.type === "clip") return { ...base, lo: i8(activation.lo / step), hi: i8(activation.hi / step) };
  return { ...base, lo: -127, hi: 127 };
}

/** Multiplier m ≤ 127 and shift with m / 2^shift ≈ factor. */
function scaleFactor(factor: number, maxShift: number): { multiplier: number; shift: number } {
  let shift = maxShift;
  while (shift > 0 && roundHalfUp(factor * 2 ** shift) > 127) shift--;
  return { multiplier: Math.max(1, Math.min(127, roundHalfUp(factor * 2 ** shift))), shift };
}

const clippedBy = (activation: Activation | null, target: Float64Array) =>
  activation === null ? target : target.map((value) => activate(activation, value));
const peakOf = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);

function addLinear(
  b: ProgramBuilder,
  op: Extract<FloatOp, { kind: "dense" | "conv" }>,
  input: number,
  outDims: readonly number[],
  activation: Activation | null,
  name: string,
  target: Float64Array,
  options: QuantiseOptions,
): number {
  const x = b.values(input);
  const spatial = op.kind === "conv";
  const solution = quantiseLinear({
    weights: op.weights,
    bias: op.bias,
    outputs: op.outputs,
    inner: spatial ? (outDims[1] ?? 1) * (outDims[2] ?? 1) : 1,
    stepIn: b.step(input),
    activation,
    target,
    shifts: options.shifts,
    maxShift: options.maxShift,
    accumulate: (weights, bias) => {
      const room = new Int32Array(target.length);
      const weighted = { outputs: op.outputs, weights };
      return spatial
        ? convAccumulate({ ...op, ...weighted }, bias, x, b.dims(input), outDims, room)
        : denseAccumulate(weighted, bias, x, room);
    },
  });
  const { weights, bias, finish, stepOut, relativeError } = solution;
  const common = { input, outputs: op.outputs, weights, bias, finish };
  const { kind } = op;
  const made: Op =
    kind === "conv" ? { kind, ...common, kernel: op.kernel, strides: op.strides, pads: op.pads } : { kind, ...common };
  return b.push(made, stepOut, name, relativeError);
}

/** Adds one float operator, with the activation fused into it if there is one. Returns the new value. */
function addOperator(
  b: ProgramBuilder,
  op: FloatOp,
  inputs: readonly number[],
  outDims: readonly number[],
  fused: { activation: Activation; name: string } | null,
  target: Float64Array,
  options: QuantiseOptions,
): number {
  const [input = 0, other = 0] = inputs;
  const name = fused === null ? op.name : `${op.name}+${fused.name}`;
  const activation = fused?.activation ?? null;
  const step = b.step(input);
  switch (op.kind) {
    case "dense":
    case "conv":
      return addLinear(b, op, input, outDims, activation, name, target, options);
    case "averagePool": {
      // Means are smaller than what they are of: a finer step keeps their bits.
      const out = Math.min(step, peakOf(clippedBy(activation, target)) / 127);
      const { multiplier, shift } = scaleFactor(step / out / (op.kernel[0] * op.kernel[1]), options.maxShift);
      const { kernel, strides, pads } = op;
      const finish = { ...clampOf(activation, out), shifts: [shift] };
      return b.push({ kind: "sumPool", input, kernel, strides, pads, multiplier, finish }, out, name);
    }
    case "add": {
      const out = peakOf(clippedBy(activation, target)) / 127;
      const { shift } = scaleFactor(Math.max(step, b.step(other)) / out, options.maxShift);
      const multiplier = (value: number) => Math.max(1, Math.min(127, roundHalfUp((b.step(value) / out) * 2 ** shift)));
      const finish = { ...clampOf(activation, out), shifts: [shift] };
      return b.push(
        { kind: "add", inputs: [input, other], multipliers: [multiplier(input), multiplier(other)], finish },
        out,
        name,
      );
    }
    case "activation": {
      const { type } = op.activation;
      const out = type === "sigmoid" || type === "tanh" ? 1 / 127 : step;
      return b.pushMap(input, out, name, (real) => activate(op.activation, real));
    }
    case "concat": {
      const out = Math.max(...inputs.map((value) => b.step(value)));
      const equal = inputs.map((value) =>
        b.step(value) === out ? value : b.pushMap(value, out, `${op.name}:rescale`, (real) => real),
      );
      return b.push({ kind: "concat", inputs: equal, axis: op.axis }, out, name);
    }
    case "matmul": {
      const shape = matmulShape(b.dims(input), outDims);
      const sides = [b.values(input), b.values(other)] as const;
      const made = quantiseMatmul(op, [input, other], sides, [step, b.step(other)], shape, target);
      return b.push(made.op, made.step, name, made.error);
    }
    case "softmax": {
      const width = b.dims(input).at(-1) ?? 1;
      const made = quantiseSoftmax(op, input, b.values(input), b.range(input), step, width, target);
      return b.push(made.op, made.step, name, made.error);
    }
    case "layerNorm": {
      const made = quantiseLayerNorm(op, input, b.values(input), b.range(input), step, target);
      return b.push(made.op, made.step, name, made.error);
    }
    case "forest": {
      const made = quantiseForest(op, input, step, activation);
      return b.push(made.op, made.step, name);
    }
    case "argmax":
      return b.push({ kind: "argmax", input }, 1, name);
    case "maxPool":
      return b.push({ kind: "maxPool", input, kernel: op.kernel, strides: op.strides, pads: op.pads }, step, name);
    case "reshape":
      return b.push({ kind: "reshape", input, dims: op.dims }, step, name);
    case "transpose":
      return b.push({ kind: "transpose", input, perm: op.perm }, step, name);
    case "square":
      // `importModel` sends graphs with squares to the polynomial compiler.
      return b.push({ kind: "square", input }, step * step, name);
  }
}

const FUSING = new Set<FloatOp["kind"]>(["dense", "conv", "averagePool", "add", "forest"]);
const TABLES = new Set<Activation["type"]>(["sigmoid", "tanh", "gelu"]);

/** An activation joins the operator before it where one finish can do both. */
function fuses(op: FloatOp, activation: Activation): boolean {
  if (!FUSING.has(op.kind)) return false;
  if (op.kind === "forest") return activation.type === "sigmoid" || activation.type === "tanh";
  return op.kind === "dense" || op.kind === "conv" || !TABLES.has(activation.type);
}

/**
 * Compiles a float graph to the quantised family. `rows` are the calibration inputs, already integers. Deterministic:
 * double precision in fixed order. Errors: PROGRAM_INVALID, BOUND_OVERFLOW, both naming the ONNX node.
 */
export function compileQuantised(graph: FloatGraph, rows: Int32Array, options: QuantiseOptions): Compiled {
  const { inputLo: lo, inputHi: hi } = options;
  const input: ProgramInput = { dtype: integerType(lo, hi), dims: graph.inputDims, lo, hi };
  const real = runFloat(
    graph,
    Float64Array.from(rows, (value) => value * options.inputStep),
  );
  const counts = useCounts(graph);
  const b = new ProgramBuilder(input, options.inputStep, rows);
  const map = [0];
  for (const [index, op] of graph.ops.entries()) {
    if (map[index + 1] !== undefined) continue;
    const inputs = floatInputsOf(op).map((value) => map[value] ?? 0);
    const next = graph.ops.findIndex((after) => after.kind === "activation" && after.input === index + 1);
    const after = graph.ops[next];
    const fuse = counts[index + 1] === 1 && after?.kind === "activation" && fuses(op, after.activation) ? after : null;
    const target = real[index + 1] ?? new Float64Array();
    const value = addOperator(b, op, inputs, graph.dims[index + 1] ?? [], fuse, target, options);
    map[index + 1] = value;
    if (fuse !== null) map[next + 1] = value;
  }
  const program: Program = { family: "quantised", inputs: [input], ops: b.ops, output: map[graph.output] ?? 0 };
  const { steps, names, errors } = b;
  return { program, analysis: analyseProgram(program), steps, names, errors };
}
