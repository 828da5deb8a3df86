// SPDX-License-Identifier: GPL-3.0-or-later
import type { FloatGraph, FloatOp } from "./float-graph.ts";
import { floatInputsOf, useCounts } from "./float-graph.ts";

type Conv = Extract<FloatOp, { kind: "conv" }>;
type Pool = Extract<FloatOp, { kind: "averagePool" }>;

/**
 * A mean over convolution results is a convolution with a wider kernel and stride: fewer multiplications (36 instead of
 * 100 for 5×5 then 2×2), one rounding instead of two, and fewer wires to prove.
 */
function mergePool(conv: Conv, pool: Pool, channels: number): Conv {
  const [kh, kw] = conv.kernel;
  const [sh, sw] = conv.strides;
  const height = kh + (pool.kernel[0] - 1) * sh;
  const width = kw + (pool.kernel[1] - 1) * sw;
  const area = pool.kernel[0] * pool.kernel[1];
  const weights = new Float64Array(conv.outputs * channels * height * width);
  for (let plane = 0; plane < conv.outputs * channels; plane++) {
    for (let py = 0; py < pool.kernel[0]; py++) {
      for (let px = 0; px < pool.kernel[1]; px++) {
        for (let y = 0; y < kh; y++) {
          for (let x = 0; x < kw; x++) {
            const target = (plane * height + py * sh + y) * width + px * sw + x;
            weights[target] = (weights[target] ?? 0) + (conv.weights[(plane * kh + y) * kw + x] ?? 0) / area;
          }
        }
      }
    }
  }
  const strides = [sh * pool.strides[0], sw * pool.strides[1]] as const;
  return { ...conv, name: `${conv.name}+${pool.name}`, kernel: [height, width], strides, weights };
}

/** Padding may be as large as the narrow kernel allows, never as the wide one forbids, so only the pool's own must be 0. */
const mergeable = (conv: FloatOp | undefined, pool: FloatOp): conv is Conv =>
  conv?.kind === "conv" && pool.kind === "averagePool" && pool.pads.every((pad) => pad === 0);

function renumber(op: FloatOp, map: readonly number[]): FloatOp {
  const at = (value: number) => map[value] ?? 0;
  if (op.kind === "add" || op.kind === "matmul") return { ...op, inputs: [at(op.inputs[0]), at(op.inputs[1])] };
  if (op.kind === "concat") return { ...op, inputs: op.inputs.map(at) };
  return { ...op, input: at(op.input) };
}

/** A product with a matrix that was only turned reads it unturned: attention's keys. The transpose is then dead. */
function unturn(graph: FloatGraph): FloatGraph {
  const ops = graph.ops.map((op) => {
    const turned = op.kind === "matmul" ? graph.ops[op.inputs[1] - 1] : undefined;
    if (op.kind !== "matmul" || turned?.kind !== "transpose" || op.transposed) return op;
    const { perm } = turned;
    const last = perm.length - 1;
    const swaps = perm.every((axis, i) => axis === (i < last - 1 ? i : 2 * last - 1 - i));
    return swaps ? { ...op, inputs: [op.inputs[0], turned.input] as const, transposed: true } : op;
  });
  return { ...graph, ops };
}

/** Drops operators that do not reach the output and merges average pools into the convolution before them. */
export function simplifyGraph(original: FloatGraph): FloatGraph {
  const graph = unturn(original);
  const live = new Set([graph.output]);
  for (let i = graph.ops.length - 1; i >= 0; i--) {
    const op = graph.ops[i];
    if (op !== undefined && live.has(i + 1)) for (const value of floatInputsOf(op)) live.add(value);
  }
  const used = graph.ops.filter((_, i) => live.has(i + 1));
  const counts = useCounts({ ops: used, output: graph.output });
  const ops: FloatOp[] = [];
  const dims = [graph.inputDims];
  const map = [0];
  graph.ops.forEach((op, i) => {
    if (!live.has(i + 1)) return;
    const renumbered = renumber(op, map);
    const from = renumbered.kind === "averagePool" ? renumbered.input - 1 : -1;
    const before = ops[from];
    const single = op.kind === "averagePool" && counts[op.input] === 1;
    if (renumbered.kind === "averagePool" && single && mergeable(before, renumbered)) {
      ops[from] = mergePool(before, renumbered, dims[before.input]?.[0] ?? 1);
      dims[from + 1] = graph.dims[i + 1] ?? [];
      map[i + 1] = from + 1;
      return;
    }
    ops.push(renumbered);
    dims.push(graph.dims[i + 1] ?? []);
    map[i + 1] = ops.length;
  });
  return { ...graph, ops, dims, output: map[graph.output] ?? 0 };
}
