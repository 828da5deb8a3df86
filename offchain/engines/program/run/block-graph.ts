// SPDX-License-Identifier: GPL-3.0-or-later
import type { BlockOp } from "../../../core/program/analyse-block.ts";
import type { ValueInfo } from "../../../core/program/analyse.ts";
import type { Finish, ForestOp, LayerNormOp, MatmulOp, ScaledTable, SoftmaxOp } from "../../../core/program/types.ts";
import type { OnnxWriter } from "../onnx/write-onnx.ts";

/** Names of what an operator's nodes make; `accumulator` is exact and unscaled, in `type`. */
export interface BlockNodes {
  readonly value: string;
  readonly accumulator: string | null;
  readonly type: "float" | "double";
}

const TO = { float: 1, double: 11, int32: 6, int64: 7 } as const;
const cast = (writer: OnnxWriter, value: string, to: keyof typeof TO) => writer.node("Cast", [value], { to: TO[to] });
const scalar = (writer: OnnxWriter, value: number, type: "float" | "double" | "int64" = "double") =>
  writer.constant(type, [], [value]);

/** floor(value / 2^shift + 1/2): exact, for |value| + 2^(shift-1) fits the type. */
function rounded(writer: OnnxWriter, value: string, shift: number, type: "float" | "double"): string {
  if (shift === 0) return value;
  const scaled = writer.node("Mul", [value, scalar(writer, 2 ** -shift, type)]);
  return writer.node("Floor", [writer.node("Add", [scaled, scalar(writer, 0.5, type)])]);
}

function lookUp(writer: OnnxWriter, table: ScaledTable, value: string): string {
  const { shift, lo, values } = table;
  const limits = [scalar(writer, lo), scalar(writer, lo + values.length - 1)];
  const clipped = writer.node("Clip", [rounded(writer, value, shift, "double"), ...limits]);
  const index = cast(writer, writer.node("Sub", [clipped, scalar(writer, lo)]), "int32");
  return writer.node("Gather", [writer.constant("double", [values.length], values), index]);
}

/** An exact accumulator to the finished value: fp32 for i8, fp64 for i32. */
function finish(writer: OnnxWriter, acc: string, end: Finish, type: "float" | "double"): string {
  if (end.kind === "exact") return type === "double" ? acc : cast(writer, acc, "double");
  const limits = [scalar(writer, end.lo, type), scalar(writer, end.hi, type)];
  const clipped = writer.node("Clip", [rounded(writer, acc, end.shifts[0] ?? 0, type), ...limits]);
  if (end.table === null) return type === "float" ? clipped : cast(writer, clipped, "float");
  const index = cast(writer, writer.node("Sub", [clipped, scalar(writer, end.lo, type)]), "int32");
  return writer.node("Gather", [writer.constant("float", [end.table.length], end.table), index]);
}

const sumOver = (writer: OnnxWriter, value: string, axis: number, keep: 0 | 1) =>
  writer.node("ReduceSum", [value, writer.constant("int64", [1], [axis])], { keepdims: keep });

const magnitude = ({ lo, hi }: ValueInfo) => (hi > -lo ? hi : -lo);

/** Largest partial sum of a product of activations in any order, rounding included. */
export function matmulPartialSum(op: MatmulOp, sources: readonly ValueInfo[]): bigint {
  const [a, b] = sources;
  if (a === undefined || b === undefined) return 0n;
  const shift = op.finish.kind === "scale" ? (op.finish.shifts[0] ?? 0) : 0;
  return BigInt(a.dims.at(-1) ?? 1) * magnitude(a) * magnitude(b) + 2n ** BigInt(shift);
}

function matmul(
  writer: OnnxWriter,
  op: MatmulOp,
  inputs: readonly string[],
  sources: readonly ValueInfo[],
): BlockNodes {
  const type = matmulPartialSum(op, sources) < 2n ** 24n ? "float" : "double";
  const rank = (sources[0]?.dims.length ?? 2) + 1;
  const [a = "", b = ""] = type === "float" ? inputs : inputs.map((input) => cast(writer, input, "double"));
  const perm = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  const right = op.transposed ? writer.node("Transpose", [b], { perm }) : b;
  const accumulator = writer.node("MatMul", [a, right]);
  return { value: finish(writer, accumulator, op.finish, type), accumulator, type };
}

function softmax(writer: OnnxWriter, op: SoftmaxOp, x: string, axis: number): BlockNodes {
  const most = writer.node("ReduceMax", [x], { axes: [axis], keepdims: 1 });
  const index = cast(writer, writer.node("Sub", [most, x]), "int32");
  const e = writer.node("Gather", [writer.constant("double", [op.exp.length], op.exp), index]);
  const factor = lookUp(writer, op.reciprocal, sumOver(writer, e, axis, 1));
  const scaled = rounded(writer, writer.node("Mul", [e, factor]), op.shift, "double");
  const value = writer.node("Min", [scaled, scalar(writer, op.hi)]);
  return { value: cast(writer, value, "float"), accumulator: null, type: "double" };
}

function layerNorm(writer: OnnxWriter, op: LayerNormOp, input: string, axis: number): BlockNodes {
  const width = op.weights.length;
  const x = cast(writer, input, "double");
  const d = writer.node("Sub", [writer.node("Mul", [x, scalar(writer, width)]), sumOver(writer, x, axis, 1)]);
  const factor = lookUp(writer, op.rsqrt, sumOver(writer, writer.node("Mul", [d, d]), axis, 1));
  const scaled = writer.node("Mul", [writer.node("Mul", [d, factor]), writer.constant("double", [width], op.weights)]);
  const accumulator = writer.node("Add", [scaled, writer.constant("double", [width], op.bias.map(Number))]);
  return { value: finish(writer, accumulator, op.finish, "double"), accumulator, type: "double" };
}

/** Every tree steps down one level at a time: node indices are tensors, comparisons are exact in the carrier's type. */
function forest(writer: OnnxWriter, op: ForestOp, x: string, type: "float" | "double"): BlockNodes {
  const { depth, outputs, features, thresholds, leaves } = op;
  const nodes = 2 ** depth - 1;
  const trees = features.length / nodes;
  // fp32 holds i8 inputs only: a threshold beyond them compares the same once clamped to what fp32 holds.
  const limit = type === "float" ? 2 ** 24 : 2 ** 31;
  const bounds = Float64Array.from(thresholds, (t) => Math.max(-limit, Math.min(limit, t)));
  const flatFeatures = writer.constant("int64", [features.length], features);
  const flatBounds = writer.constant(type, [bounds.length], bounds);
  const base = writer.constant(
    "int64",
    [trees],
    Array.from({ length: trees }, (_, tree) => tree * nodes),
  );
  const one = scalar(writer, 1, "int64");
  const two = scalar(writer, 2, "int64");
  const roots = Array.from({ length: trees }, (_, tree) => tree * nodes);
  const rootFeatures = writer.constant(
    "int64",
    [trees],
    roots.map((root) => features[root] ?? 0),
  );
  const rootBounds = writer.constant(
    type,
    [trees],
    roots.map((root) => bounds[root] ?? 0),
  );
  const above = (value: string, bound: string) => cast(writer, writer.node("Greater", [value, bound]), "int64");
  let node = writer.node("Add", [above(writer.node("Gather", [x, rootFeatures], { axis: 1 }), rootBounds), one]);
  for (let level = 1; level < depth; level++) {
    const at = writer.node("Add", [node, base]);
    const feature = writer.node("Gather", [flatFeatures, at]);
    const bit = above(
      writer.node("GatherElements", [x, feature], { axis: 1 }),
      writer.node("Gather", [flatBounds, at]),
    );
    node = writer.node("Add", [writer.node("Add", [writer.node("Mul", [node, two]), one]), bit]);
  }
  const first = Array.from({ length: trees }, (_, tree) => tree * (nodes + 1) - nodes);
  const leaf = writer.node("Add", [node, writer.constant("int64", [trees], first)]);
  const table = writer.constant("double", [leaves.length / outputs, outputs], leaves);
  const accumulator = writer.node("Gather", [table, leaf]);
  const bias = writer.constant("double", [outputs], op.bias.map(Number));
  const sum = writer.node("Add", [sumOver(writer, accumulator, 1, 0), bias]);
  return { value: finish(writer, sum, op.finish, "double"), accumulator, type: "double" };
}

/** Attention, normalisation, forest and argmax as nodes whose floating-point arithmetic is exact. */
export function blockNodes(
  writer: OnnxWriter,
  op: BlockOp,
  inputs: readonly string[],
  sources: readonly ValueInfo[],
): BlockNodes {
  const [x = ""] = inputs;
  const rank = sources[0]?.dims.length ?? 1;
  const type = sources[0]?.dtype === "i8" ? "float" : "double";
  switch (op.kind) {
    case "matmul":
      return matmul(writer, op, inputs, sources);
    case "softmax":
      return softmax(writer, op, x, rank);
    case "layerNorm":
      return layerNorm(writer, op, x, rank);
    case "forest":
      return forest(writer, op, x, type);
    case "argmax": {
      const index = writer.node("ArgMax", [x], { axis: rank, keepdims: rank === 1 ? 1 : 0, select_last_index: 0 });
      const narrow = (sources[0]?.dims.at(-1) ?? 1) <= 128;
      return { value: cast(writer, index, narrow ? "float" : "double"), accumulator: null, type: "double" };
    }
  }
}
