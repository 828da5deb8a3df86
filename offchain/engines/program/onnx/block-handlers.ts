// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../core/program/analyse.ts";
import type { FloatOp } from "../compile/float-graph.ts";
import { append, dimsOf, scaledSource, source, type Draft, type Handled, type Handler } from "./draft.ts";
import type { NodeReader } from "./node-reader.ts";
import { treeClassifier, treeRegressor } from "./tree-ensemble.ts";

/** A product of two values. */
export function matmul(draft: Draft, reader: NodeReader): FloatOp {
  const [a, b] = [scaledSource(draft, reader, 0), scaledSource(draft, reader, 1)];
  const [left, right] = [dimsOf(draft, a.value), dimsOf(draft, b.value)];
  const same = left.length === right.length && left.slice(0, -2).join() === right.slice(0, -2).join();
  if (left.length < 2 || !same || left.at(-1) !== right.at(-2)) {
    throw reader.refuse(
      `it multiplies [${left.join()}] by [${right.join()}]`,
      "Give both factors the same leading dimensions, without broadcasting.",
    );
  }
  const scale = a.factor * b.factor;
  return { kind: "matmul", name: reader.node.name, inputs: [a.value, b.value], transposed: false, scale };
}

/** A reshape or transpose of a value that still has a factor: the factor moves on. */
export function moved(draft: Draft, factor: number, op: FloatOp): Handled {
  return factor === 1 ? op : { alias: append(draft, op), factor };
}

/** x·constant: the constant, if positive, moves into the product or softmax that follows. */
export function multiple(draft: Draft, reader: NodeReader, invert = false): Handled {
  const at = reader.node.inputs.findIndex((name) => draft.constants.has(name));
  const constant = at === -1 || (invert && at !== 1) ? undefined : reader.scalar(at);
  const factor = constant === undefined ? Number.NaN : invert ? 1 / constant : constant;
  if (!(factor > 0 && Number.isFinite(factor))) {
    throw reader.refuse("its constant is not one positive number", "Multiply or divide by one positive constant.");
  }
  const input = scaledSource(draft, reader, 1 - at);
  return { alias: input.value, factor: input.factor * factor };
}

/** Where a negative or positive axis lies without the batch; -1 if it is the batch or does not exist. */
const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis - 1);

function lastAxis(draft: Draft, reader: NodeReader, input: number, fallback: number): void {
  const rank = dimsOf(draft, input).length;
  if (axisOf(reader.int("axis", fallback), rank) !== rank - 1) {
    throw reader.refuse("its axis is not the last one", "Transpose before it, so that it works on the last axis.");
  }
}

/** Mean over one axis: an average pool of the tensor seen as [before, axis, after]. */
function reduceMean(draft: Draft, reader: NodeReader): Handled {
  const { name } = reader.node;
  const input = source(draft, reader);
  const from = dimsOf(draft, input);
  const axes = reader.ints("axes") ?? [...(reader.optionalConstant(1)?.data ?? [])];
  const axis = axisOf(axes[0] ?? 0, from.length);
  const length = from[axis];
  if (axes.length !== 1 || length === undefined) {
    throw reader.refuse("it reduces several axes or the batch", "Take the mean over one axis at a time.");
  }
  const [before, after] = [elementsOf(from.slice(0, axis)), elementsOf(from.slice(axis + 1))];
  const pool = { kernel: [length, 1], strides: [1, 1], pads: [0, 0, 0, 0] } as const;
  const cube = append(draft, { kind: "reshape", name: `${name}:cube`, input, dims: [before, length, after] });
  const mean = append(draft, { kind: "averagePool", name, input: cube, ...pool });
  const kept = reader.int("keepdims", 1) === 0 ? from.toSpliced(axis, 1) : from.with(axis, 1);
  return { kind: "reshape", name: `${name}:flat`, input: mean, dims: kept.length === 0 ? [1] : kept };
}

/** Squeeze and Unsqueeze: a reshape, or the same step on a shape. */
function resized(draft: Draft, reader: NodeReader, insert: boolean): Handled {
  const axes = reader.ints("axes") ?? [...(reader.optionalConstant(1)?.data ?? [])];
  const shape = draft.shapes.get(reader.node.inputs[0] ?? "");
  if (shape !== undefined) return { shape };
  const { value: input, factor } = scaledSource(draft, reader);
  const from = dimsOf(draft, input);
  const rank = from.length + (insert ? axes.length : 0);
  const wanted = new Set(axes.map((axis) => axisOf(axis, rank)));
  const bad = wanted.size !== axes.length || wanted.size === 0 || [...wanted].some((axis) => axis < 0 || axis >= rank);
  if (bad) throw reader.refuse("its axes are missing, repeated or the batch", "Name constant axes besides the batch.");
  let next = 0;
  const dims = Array.from({ length: rank }, (_, axis) => (insert && wanted.has(axis) ? 1 : (from[next++] ?? 1)));
  const kept = insert ? dims : from.filter((_, axis) => !wanted.has(axis));
  if (kept.length === 0 || elementsOf(kept) !== elementsOf(from)) throw reader.refuse("it drops more than ones");
  return moved(draft, factor, { kind: "reshape", name: reader.node.name, input, dims: kept });
}

/** Exporters write shapes of a dynamic batch as small programs of their own; only these steps occur. */
function gather(draft: Draft, reader: NodeReader): Handled {
  const shape = draft.shapes.get(reader.node.inputs[0] ?? "");
  const index = reader.scalar(1);
  if (shape === undefined || index === undefined) {
    throw reader.refuse("it picks elements of a tensor", "Gather works on shapes only; use a mean over tokens.");
  }
  const dim = shape.at(index);
  if (dim === undefined) throw reader.refuse("its index is outside the shape");
  return { shape: [dim] };
}

const alias: Handler = (draft, reader) => {
  const shape = draft.shapes.get(reader.node.inputs[0] ?? "");
  if (shape !== undefined) return { shape };
  const { value, factor } = scaledSource(draft, reader);
  return { alias: value, factor };
};

/** Attention, normalisation, means, trees and answers. */
export const BLOCK_HANDLERS: Readonly<Record<string, Handler>> = {
  Identity: alias,
  Dropout: alias,
  Cast: (draft, reader) => {
    const isShape = draft.shapes.has(reader.node.inputs[0] ?? "");
    if (!isShape && reader.int("to", 1) !== 1) throw reader.refuse("it leaves float32", "Keep values in float32.");
    return alias(draft, reader);
  },
  Div: (draft, reader) => multiple(draft, reader, true),
  Softmax: (draft, reader) => {
    if (draft.opset < 13)
      throw reader.refuse("before opset 13 it flattens its input", "Export with opset 13 or later.");
    const { value: input, factor: scale } = scaledSource(draft, reader);
    lastAxis(draft, reader, input, -1);
    return { kind: "softmax", name: reader.node.name, input, scale };
  },
  LayerNormalization: (draft, reader) => {
    const input = source(draft, reader);
    lastAxis(draft, reader, input, -1);
    const width = dimsOf(draft, input).at(-1) ?? 0;
    const weights = reader.constant(1).data;
    const bias = reader.optionalConstant(2)?.data ?? new Float64Array(width);
    if (weights.length !== width || bias.length !== width) throw reader.refuse("its parameters do not fit its input");
    const epsilon = reader.float("epsilon", 1e-5);
    if (epsilon < 0) throw reader.refuse("its epsilon is negative");
    return { kind: "layerNorm", name: reader.node.name, input, weights, bias, epsilon };
  },
  Gelu: (draft, reader) => {
    if (reader.text("approximate", "none") !== "none") {
      throw reader.refuse("it is approximated by tanh", "Export with approximate = none.");
    }
    return { kind: "activation", name: reader.node.name, input: source(draft, reader), activation: { type: "gelu" } };
  },
  ReduceMean: reduceMean,
  Squeeze: (draft, reader) => resized(draft, reader, false),
  Unsqueeze: (draft, reader) => resized(draft, reader, true),
  Shape: (draft, reader) => ({ shape: [null, ...dimsOf(draft, scaledSource(draft, reader).value)] }),
  Gather: gather,
  ArgMax: (draft, reader) => {
    const input = source(draft, reader);
    lastAxis(draft, reader, input, 0);
    if (reader.int("select_last_index", 0) !== 0) throw reader.refuse("it takes the last of equals", "Take the first.");
    return { kind: "argmax", name: reader.node.name, input };
  },
  "ai.onnx.ml.TreeEnsembleRegressor": treeRegressor,
  "ai.onnx.ml.TreeEnsembleClassifier": treeClassifier,
};
