// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../core/program/analyse.ts";
import { convAccumulate, denseAccumulate, poolWindows } from "../run/linear.ts";
import { concatSources, transposeSources } from "../run/move.ts";
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
