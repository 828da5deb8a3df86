// SPDX-License-Identifier: GPL-3.0-or-later
import { isBlock, type BlockOp } from "../../../core/program/analyse-block.ts";
import type { Analysis, ValueInfo } from "../../../core/program/analyse.ts";
import { layerNormBounds } from "../../../core/program/block-bounds.ts";
import {
  inputsOf,
  isLinear,
  type AccumulatingOp,
  type ConvOp,
  type DenseOp,
  type Finish,
  type LinearOp,
  type Op,
  type Program,
} from "../../../core/program/types.ts";
import { OnnxWriter } from "../onnx/write-onnx.ts";
import { blockNodes, matmulPartialSum } from "./block-graph.ts";

/** fp32 holds every integer up to 2^24, fp64 every integer up to 2^53: below it, sums are exact in any order. */
const FP32_EXACT = 2n ** 24n;
const FP64_EXACT = 2n ** 53n;

/** How the host reads the probe back: acc[e] = value[e] · scale[c] − offset[c], channel c = floor(e / inner) mod channels. */
export interface ProbeReading {
  readonly name: string;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  readonly inner: number;
}

export interface IntegerGraph {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly probe: ProbeReading | null;
}

interface Builder {
  readonly writer: OnnxWriter;
  readonly type: "float" | "double";
  readonly values: string[];
}

/**
 * Largest magnitude that any partial sum of a linear operator can take in any order of summation, bias and rounding
 * term included. It is larger than the bound on the result, in which terms of both signs meet.
 */
export function partialSumBound(op: AccumulatingOp, sources: readonly ValueInfo[], shiftMax: number): bigint {
  if (op.kind === "matmul") return matmulPartialSum(op, sources);
  const rounding = shiftMax === 0 ? 0n : 1n << BigInt(shiftMax - 1);
  const magnitude = (value: ValueInfo | undefined) =>
    value === undefined ? 0n : value.hi > -value.lo ? value.hi : -value.lo;
  const x = magnitude(sources[0]);
  // Both run in fp64, whose limit their analysis keeps.
  if (op.kind === "layerNorm") {
    const width = op.weights.length;
    return sources[0] === undefined ? 0n : layerNormBounds(op, sources[0], width).variance.hi;
  }
  if (op.kind === "forest") {
    const most = op.leaves.reduce((peak, leaf) => Math.max(peak, Math.abs(leaf)), 0);
    return BigInt(most) * BigInt(op.features.length) + rounding;
  }
  if (op.kind === "add")
    return BigInt(op.multipliers[0]) * x + BigInt(op.multipliers[1]) * magnitude(sources[1]) + rounding;
  if (op.kind === "sumPool") return BigInt(op.multiplier * op.kernel[0] * op.kernel[1]) * x + rounding;
  const taps = op.weights.length / op.outputs;
  const [lo, hi] = [sources[0]?.lo ?? 0n, sources[0]?.hi ?? 0n];
  const [below, above] = [lo < 0n ? -lo : 0n, hi > 0n ? hi : 0n];
  let worst = 0n;
  for (let o = 0; o < op.outputs; o++) {
    let [positive, negative] = [0, 0];
    for (let i = o * taps; i < (o + 1) * taps; i++) {
      const weight = op.weights[i] ?? 0;
      if (weight > 0) positive += weight;
      else negative -= weight;
    }
    const up = BigInt(positive) * above + BigInt(negative) * below;
    const down = BigInt(positive) * below + BigInt(negative) * above;
    const bias = op.bias[o] ?? 0n;
    const sum = (up > down ? up : down) + (bias < 0n ? -bias : bias) + rounding;
    if (sum > worst) worst = sum;
  }
  return worst;
}

/** True if onnxruntime can run the program exactly in fp64; otherwise the BigInt reference has to. */
export function fitsDouble(program: Program, analysis: Analysis): boolean {
  return program.ops.every((op, index) => {
    if (op.kind === "conv" || op.kind === "sumPool" || op.kind === "maxPool") return false;
    const output = analysis.ops[index]?.output;
    if (output === undefined || output.hi >= FP64_EXACT || -output.lo >= FP64_EXACT) return false;
    if (!isLinear(op)) return true;
    const shiftMax = op.finish.kind === "scale" ? Math.max(...op.finish.shifts) : 0;
    const sources = inputsOf(op).flatMap((value) => analysis.values[value] ?? []);
    return shiftMax < 1000 && partialSumBound(op, sources, shiftMax) < FP64_EXACT;
  });
}

const shiftsOf = (finish: Finish, channels: number): number[] =>
  Array.from({ length: channels }, (_, o) =>
    finish.kind === "exact" ? 0 : (finish.shifts[finish.shifts.length === 1 ? 0 : o] ?? 0),
  );

/** Shape that broadcasts a per-channel constant over [batch, ...]. */
const channelDims = (op: LinearOp, channels: number): number[] =>
  op.kind === "conv" || op.kind === "sumPool" ? [1, channels, 1, 1] : [channels];

/** Clamp, floor, table. `value` is (acc + 2^(s-1))/2^s, exact; the order of clamp and floor does not matter: limits are integers. */
function finishValue(b: Builder, value: string, finish: Finish): string {
  if (finish.kind === "exact") return value;
  const { writer, type } = b;
  const limit = (n: number) => writer.constant(type, [], [n]);
  const clipped = writer.node("Clip", [value, limit(finish.lo), limit(finish.hi)]);
  const floored = writer.node("Floor", [clipped]);
  return finish.table === null ? floored : lookUp(b, floored, finish.lo, finish.table);
}

function lookUp({ writer, type }: Builder, value: string, lo: number, table: Int8Array): string {
  const offset = lo === 0 ? value : writer.node("Sub", [value, writer.constant(type, [], [lo])]);
  const index = writer.node("Cast", [offset], { to: 6 });
  return writer.node("Gather", [writer.constant(type, [table.length], table), index]);
}

/** One linear kernel. `weights` are already divided by 2^s; `bias` too and includes the rounding half, or is null. */
function kernel(
  b: Builder,
  op: DenseOp | ConvOp,
  input: string,
  dims: readonly number[],
  weights: Float64Array,
  bias: readonly number[] | null,
): string {
  const { writer, type } = b;
  if (op.kind === "conv") {
    const [channels = 1] = dims;
    const constants = [writer.constant(type, [op.outputs, channels, ...op.kernel], weights)];
    if (bias !== null) constants.push(writer.constant(type, [op.outputs], bias));
    const { strides, pads } = op;
    return writer.node("Conv", [input, ...constants], { kernel_shape: op.kernel, strides, pads });
  }
  const width = dims.at(-1) ?? 1;
  if (dims.length === 1) {
    const constants = [writer.constant(type, [op.outputs, width], weights)];
    if (bias !== null) constants.push(writer.constant(type, [op.outputs], bias));
    return writer.node("Gemm", [input, ...constants], { transB: 1 });
  }
  const transposed = new Float64Array(weights.length);
  for (let o = 0; o < op.outputs; o++) {
    for (let i = 0; i < width; i++) transposed[i * op.outputs + o] = weights[o * width + i] ?? 0;
  }
  const product = writer.node("MatMul", [input, writer.constant(type, [width, op.outputs], transposed)]);
  return bias === null ? product : writer.node("Add", [product, writer.constant(type, [op.outputs], bias)]);
}

/** Splits each channel's weights into groups whose partial sums stay below 2^24; absent weights are zero. */
function splitWeights(op: DenseOp | ConvOp, magnitude: number): Float64Array[] {
  const taps = op.weights.length / op.outputs;
  const budget = Math.floor((2 ** 24 - 1) / Math.max(1, magnitude));
  const groups: Float64Array[] = [];
  for (let o = 0; o < op.outputs; o++) {
    let [group, used] = [0, 0];
    for (let i = o * taps; i < (o + 1) * taps; i++) {
      const weight = op.weights[i] ?? 0;
      if (used + Math.abs(weight) > budget) [group, used] = [group + 1, 0];
      used += Math.abs(weight);
      (groups[group] ??= new Float64Array(op.weights.length))[i] = weight;
    }
  }
  return groups;
}

/** Accumulators beyond 2^24: exact fp32 parts, added in fp64, which holds any int32 and its rounding half. */
function wideAccumulator(b: Builder, op: LinearOp, inputs: readonly string[], sources: readonly ValueInfo[]): string {
  const { writer } = b;
  const [first] = sources;
  const dims = first?.dims ?? [];
  const input = inputs[0] ?? "";
  if (op.kind === "add") {
    const scaled = op.multipliers.map((multiplier, i) =>
      writer.node("Mul", [toDouble(writer, inputs[i] ?? ""), writer.constant("double", [], [multiplier])]),
    );
    return writer.node("Add", scaled);
  }
  if (op.kind === "sumPool") {
    // A window has at most 2^16 elements (analyse.ts), so the plain sum fits fp32.
    const [channels = 1] = dims;
    const ones = new Float64Array(channels * op.kernel[0] * op.kernel[1]).fill(1);
    const { strides, pads } = op;
    const attributes = { kernel_shape: op.kernel, strides, pads, group: channels };
    const sum = writer.node("Conv", [input, writer.constant("float", [channels, 1, ...op.kernel], ones)], attributes);
    return writer.node("Mul", [toDouble(writer, sum), writer.constant("double", [], [op.multiplier])]);
  }
  const magnitude = Math.max(Number(first?.hi ?? 0n), -Number(first?.lo ?? 0n));
  const bias = writer.constant("double", channelDims(op, op.outputs), op.bias.map(Number));
  return splitWeights(op, magnitude).reduce(
    (acc, weights) => writer.node("Add", [acc, toDouble(writer, kernel(b, op, input, dims, weights, null))]),
    bias,
  );
}

function finishWide(b: Builder, op: LinearOp, acc: string, shifts: readonly number[]): string {
  if (op.finish.kind === "exact") return acc;
  const { writer } = b;
  const wide: Builder = { ...b, type: "double" };
  const constant = (values: readonly number[]) => writer.constant("double", channelDims(op, shifts.length), values);
  const scaled = writer.node("Mul", [acc, constant(shifts.map((shift) => 2 ** -shift))]);
  const rounded = writer.node("Add", [scaled, constant(shifts.map((shift) => (shift === 0 ? 0 : 0.5)))]);
  const finished = finishValue(wide, rounded, { ...op.finish, table: null });
  const carried = writer.node("Cast", [finished], { to: 1 });
  return op.finish.table === null ? carried : lookUp(b, carried, op.finish.lo, op.finish.table);
}

function narrowLinear(b: Builder, op: LinearOp, inputs: readonly string[], sources: readonly ValueInfo[]): string {
  const { writer, type } = b;
  const dims = sources[0]?.dims ?? [];
  const half = op.finish.kind === "scale" ? 0.5 : 0;
  if (op.kind === "add") {
    const [shift = 0] = shiftsOf(op.finish, 1);
    const scaled = op.multipliers.map((multiplier, i) =>
      writer.node("Mul", [inputs[i] ?? "", writer.constant(type, [], [multiplier / 2 ** shift])]),
    );
    const sum = writer.node("Add", scaled);
    return shift === 0 ? sum : writer.node("Add", [sum, writer.constant(type, [], [half])]);
  }
  const channels = op.kind === "sumPool" ? (dims[0] ?? 1) : op.outputs;
  const shifts = shiftsOf(op.finish, channels);
  const bias = shifts.map((shift, o) => {
    const value = op.kind === "sumPool" ? 0 : Number(op.bias[o] ?? 0n);
    return value / 2 ** shift + (shift === 0 ? 0 : half);
  });
  if (op.kind === "sumPool") {
    const taps = op.kernel[0] * op.kernel[1];
    const weights = Float64Array.from({ length: channels * taps }, (_, i) => {
      return op.multiplier / 2 ** (shifts[Math.floor(i / taps)] ?? 0);
    });
    const constants = [
      writer.constant(type, [channels, 1, ...op.kernel], weights),
      writer.constant(type, [channels], bias),
    ];
    const { strides, pads } = op;
    return writer.node("Conv", [inputs[0] ?? "", ...constants], {
      kernel_shape: op.kernel,
      strides,
      pads,
      group: channels,
    });
  }
  const taps = op.weights.length / op.outputs;
  const weights = Float64Array.from(op.weights, (weight, i) => weight / 2 ** (shifts[Math.floor(i / taps)] ?? 0));
  return kernel(b, op, inputs[0] ?? "", dims, weights, bias);
}

function plainOp({ writer, type }: Builder, op: Exclude<Op, LinearOp | BlockOp>, inputs: readonly string[]): string {
  const [input = ""] = inputs;
  switch (op.kind) {
    case "maxPool":
      return writer.node("MaxPool", inputs, { kernel_shape: op.kernel, strides: op.strides, pads: op.pads });
    case "concat":
      return writer.node("Concat", inputs, { axis: op.axis + 1 });
    case "reshape":
      return writer.node("Reshape", [input, writer.constant("int64", [op.dims.length + 1], [-1, ...op.dims])]);
    case "transpose":
      return writer.node("Transpose", inputs, { perm: [0, ...op.perm.map((axis) => axis + 1)] });
    case "map":
      return lookUp({ writer, type, values: [] }, input, op.lo, op.table);
    case "square":
      return writer.node("Mul", [input, input]);
  }
}

/**
 * The program as an ONNX graph whose floating-point arithmetic is exact: integers, divided by 2^s within the weights
 * (a power of two changes the exponent only), so requantisation costs one Clip, fused into the kernel, and one Floor.
 * i8 values travel as fp32 (fp64 in the polynomial family); exact i32 values as fp64.
 */
export function buildIntegerGraph(program: Program, analysis: Analysis, probe: number | null): IntegerGraph {
  const writer = new OnnxWriter();
  const type = program.family === "quantised" ? "float" : "double";
  const carrier = (dtype: ValueInfo["dtype"]) => (dtype === "i8" ? type : "double");
  const inputs = program.inputs.map((input, i) => writer.input(`input_${i}`, carrier(input.dtype), input.dims));
  const b: Builder = { writer, type, values: [...inputs] };
  let reading: ProbeReading | null = null;
  for (const [index, op] of program.ops.entries()) {
    const names = inputsOf(op).map((value) => b.values[value] ?? "");
    const sources = inputsOf(op).flatMap((value) => analysis.values[value] ?? []);
    if (isBlock(op)) {
      const { value, accumulator, type: carried } = blockNodes(writer, op, names, sources);
      b.values.push(value);
      if (index === probe && accumulator !== null) {
        // An exact finish makes both one value, and a graph must not name an output twice.
        const name = accumulator === value ? writer.node("Identity", [value]) : accumulator;
        reading = { name, scale: [1], offset: [0], inner: 1 };
        writer.output(name, carried, analysis.ops[index]?.accumulatorDims ?? []);
      }
      continue;
    }
    if (!isLinear(op)) {
      b.values.push(plainOp(b, op, names));
      continue;
    }
    const outDims = analysis.ops[index]?.output.dims ?? [];
    const spatial = op.kind === "conv" || op.kind === "sumPool";
    const channels = op.kind === "sumPool" ? (outDims[0] ?? 1) : op.kind === "add" ? 1 : op.outputs;
    const inner = spatial ? (outDims[1] ?? 1) * (outDims[2] ?? 1) : 1;
    const shifts = shiftsOf(op.finish, channels);
    const limit = type === "float" ? FP32_EXACT : FP64_EXACT;
    const narrow = partialSumBound(op, sources, Math.max(...shifts)) < limit;
    const value = narrow ? narrowLinear(b, op, names, sources) : wideAccumulator(b, op, names, sources);
    if (index === probe) {
      const scale = shifts.map((shift) => (narrow ? 2 ** shift : 1));
      const offset = shifts.map((shift) => (narrow && shift > 0 ? 2 ** (shift - 1) : 0));
      reading = { name: value, scale, offset, inner };
      writer.output(value, narrow ? type : "double", outDims);
    }
    if (op.finish.kind === "exact") b.values.push(narrow && type === "float" ? toDouble(writer, value) : value);
    else b.values.push(narrow ? finishValue(b, value, op.finish) : finishWide(b, op, value, shifts));
  }
  const info = analysis.values[program.output];
  const output = b.values[program.output] ?? "";
  writer.output(output, carrier(info?.dtype ?? "i8"), info?.dims ?? []);
  return { bytes: writer.finish(), inputs, output, probe: reading };
}

const toDouble = (writer: OnnxWriter, value: string) => writer.node("Cast", [value], { to: 11 });
