// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../core/program/analyse.ts";
import { argmax } from "../../../core/program/preprocess.ts";
import { matmulAccumulate, matmulShape } from "../../../core/program/run/block.ts";
import { convAccumulate, denseAccumulate, poolWindows } from "../../../core/program/run/linear.ts";
import { concatSources, transposeSources } from "../../../core/program/run/move.ts";
import { gelu } from "./erf.ts";
import { floatInputsOf, type Activation, type FloatGraph, type FloatOp } from "./float-graph.ts";

/** The activation in double precision. V8's exp and tanh are its own port of fdlibm, the same on every platform. */
export function activate(activation: Activation, x: number): number {
  switch (activation.type) {
    case "relu":
      return Math.max(0, x);
    case "clip":
      return Math.min(activation.hi, Math.max(activation.lo, x));
    case "sigmoid":
      return 1 / (1 + Math.exp(-x));
    case "tanh":
      return Math.tanh(x);
    case "gelu":
      return gelu(x);
  }
}

function runOp(
  op: FloatOp,
  graph: FloatGraph,
  values: readonly Float64Array[],
  index: number,
  batch: number,
): Float64Array {
  const sources = floatInputsOf(op).map((value) => values[value] ?? new Float64Array());
  const inputDims = floatInputsOf(op).map((value) => graph.dims[value] ?? []);
  const [x = new Float64Array(), second = new Float64Array()] = sources;
  const dims = inputDims[0] ?? [];
  const outDims = graph.dims[index + 1] ?? [];
  const room = () => new Float64Array(batch * elementsOf(outDims));
  switch (op.kind) {
    case "dense":
      return denseAccumulate(op, op.bias, x, room());
    case "conv":
      return convAccumulate(op, op.bias, x, dims, outDims, room());
    case "averagePool": {
      const area = op.kernel[0] * op.kernel[1];
      return poolWindows(op, x, dims, outDims, room(), 0, (sum, value) => sum + value).map((sum) => sum / area);
    }
    case "maxPool":
      return poolWindows(op, x, dims, outDims, room(), -Infinity, (best, value) => (value > best ? value : best));
    case "add":
      return x.map((value, i) => value + (second[i] ?? 0));
    case "activation":
      return x.map((value) => activate(op.activation, value));
    case "matmul": {
      const shape = matmulShape(dims, outDims);
      return matmulAccumulate(x, second, shape, op.transposed, room()).map((sum) => sum * op.scale);
    }
    case "softmax":
      return floatSoftmax(op.scale, x, dims.at(-1) ?? 1);
    case "layerNorm":
      return floatLayerNorm(op, x);
    case "forest":
      return floatForest(op, x, batch);
    case "argmax": {
      const width = dims.at(-1) ?? 1;
      return room().map((_, row) => argmax(x.subarray(row * width, (row + 1) * width)));
    }
    case "square":
      return x.map((value) => value * value);
    case "reshape":
      return x;
    case "transpose":
      return Float64Array.from(transposeSources(dims, op.perm, batch), (source) => x[source] ?? 0);
    case "concat": {
      const { part, index: at } = concatSources(inputDims, op.axis, batch);
      return Float64Array.from(part, (p, e) => sources[p]?.[at[e] ?? 0] ?? 0);
    }
  }
}

function floatSoftmax(scale: number, x: Float64Array, width: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const cells = x.subarray(row, row + width);
    const most = cells.reduce((best, value) => Math.max(best, value), -Infinity);
    const e = cells.map((value) => Math.exp(scale * (value - most)));
    const sum = e.reduce((total, value) => total + value, 0);
    e.forEach((value, i) => (result[row + i] = value / sum));
  }
  return result;
}

function floatLayerNorm(op: Extract<FloatOp, { kind: "layerNorm" }>, x: Float64Array): Float64Array {
  const width = op.weights.length;
  const result = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const cells = x.subarray(row, row + width);
    const mean = cells.reduce((sum, value) => sum + value, 0) / width;
    const variance = cells.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    const factor = 1 / Math.sqrt(variance + op.epsilon);
    cells.forEach((value, i) => {
      result[row + i] = (value - mean) * factor * (op.weights[i] ?? 0) + (op.bias[i] ?? 0);
    });
  }
  return result;
}

function floatForest(op: Extract<FloatOp, { kind: "forest" }>, x: Float64Array, batch: number): Float64Array {
  const { depth, outputs, features, thresholds, leaves, bias } = op;
  const nodes = 2 ** depth - 1;
  const width = x.length / batch;
  const result = new Float64Array(batch * outputs);
  for (let row = 0; row < batch; row++) {
    for (let o = 0; o < outputs; o++) result[row * outputs + o] = bias[o] ?? 0;
    for (let tree = 0; tree * nodes < features.length; tree++) {
      let node = 0;
      for (let level = 0; level < depth; level++) {
        const at = tree * nodes + node;
        const value = x[row * width + (features[at] ?? 0)] ?? 0;
        node = 2 * node + (value <= (thresholds[at] ?? 0) ? 1 : 2);
      }
      const leaf = (tree * (nodes + 1) + node - nodes) * outputs;
      for (let o = 0; o < outputs; o++)
        result[row * outputs + o] = (result[row * outputs + o] ?? 0) + (leaves[leaf + o] ?? 0);
    }
  }
  return result;
}

/**
 * Every value of the float graph over a batch, in double precision and fixed order: calibration must give the same
 * program on every machine, which a float32 library does not promise.
 */
export function runFloat(graph: FloatGraph, input: Float64Array): Float64Array[] {
  const batch = input.length / elementsOf(graph.inputDims);
  const values = [input];
  graph.ops.forEach((op, index) => values.push(runOp(op, graph, values, index, batch)));
  return values;
}
