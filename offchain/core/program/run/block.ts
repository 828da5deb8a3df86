// SPDX-License-Identifier: MIT
import type { BlockOp } from "../analyse-block.ts";
import { elementsOf } from "../analyse.ts";
import { argmax } from "../preprocess.ts";
import type { ForestOp, LayerNormOp, MatmulOp, ScaledTable, SoftmaxOp } from "../types.ts";
import { finishAccumulator, type Numbers } from "./linear.ts";

/** What one operator sees: its inputs, their dimensions and its own, without the batch. */
export interface Frame {
  readonly sources: readonly Int32Array[];
  readonly dims: readonly (readonly number[])[];
  readonly outDims: readonly number[];
  readonly batch: number;
}

const NOTHING = new Int32Array(0);

/** Products of the matrices in the last two dimensions; everything before them is a batch. */
export function matmulAccumulate<T extends Numbers>(
  a: T,
  b: T,
  [rows, inner, columns]: readonly [number, number, number],
  transposed: boolean,
  acc: T,
): T {
  const count = acc.length / (rows * columns);
  const [stepK, stepJ] = transposed ? [1, inner] : [columns, 1];
  for (let m = 0; m < count; m++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += (a[(m * rows + i) * inner + k] ?? 0) * (b[m * inner * columns + k * stepK + j * stepJ] ?? 0);
        }
        acc[(m * rows + i) * columns + j] = sum;
      }
    }
  }
  return acc;
}

/** [rows, inner, columns] of a product with result dimensions `outDims`. */
export function matmulShape(aDims: readonly number[], outDims: readonly number[]): [number, number, number] {
  return [aDims.at(-2) ?? 1, aDims.at(-1) ?? 1, outDims.at(-1) ?? 1];
}

function matmul(op: MatmulOp, { sources, dims, outDims, batch }: Frame) {
  const [a = NOTHING, b = NOTHING] = sources;
  const shape = matmulShape(dims[0] ?? [], outDims);
  const acc = matmulAccumulate(a, b, shape, op.transposed, new Int32Array(batch * elementsOf(outDims)));
  return { acc, value: finishAccumulator(acc, op.finish, 1, 1) };
}

/** Beyond int32 on purpose: a variance may need 53 bits, and a double holds them exactly. */
const rounded = (value: number, shift: number) => (shift === 0 ? value : Math.floor(value / 2 ** shift + 0.5));

function lookUp({ shift, lo, values }: ScaledTable, value: number): number {
  const index = Math.max(0, Math.min(values.length - 1, rounded(value, shift) - lo));
  return values[index] ?? 0;
}

/** Rows of the last dimension, `width` long. */
export function softmaxRows(op: SoftmaxOp, x: Int32Array, width: number): Int32Array {
  const result = new Int32Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const cells = x.subarray(row, row + width);
    const most = cells.reduce((best, value) => Math.max(best, value));
    const e = cells.map((value) => op.exp[most - value] ?? 0);
    const factor = lookUp(
      op.reciprocal,
      e.reduce((sum, value) => sum + value, 0),
    );
    e.forEach((value, i) => (result[row + i] = Math.min(op.hi, rounded(value * factor, op.shift))));
  }
  return result;
}

/** d_i = n·x_i - Σ x of one row. */
function differences(x: Int32Array, row: number, width: number): Int32Array {
  const cells = x.subarray(row, row + width);
  const total = cells.reduce((sum, value) => sum + value, 0);
  return cells.map((value) => width * value - total);
}

const squares = (d: Int32Array) => d.reduce((sum, value) => sum + value * value, 0);

/** V of every row. */
export function variances(x: Int32Array, width: number): Float64Array {
  return Float64Array.from({ length: x.length / width }, (_, row) => squares(differences(x, row * width, width)));
}

/** Accumulator and result of a layer norm over rows of the last dimension. */
export function layerNormRows(op: LayerNormOp, x: Int32Array): { acc: Int32Array; value: Int32Array } {
  const width = op.weights.length;
  const acc = new Int32Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const d = differences(x, row, width);
    const factor = lookUp(op.rsqrt, squares(d));
    d.forEach((value, i) => (acc[row + i] = (op.weights[i] ?? 0) * value * factor + Number(op.bias[i] ?? 0n)));
  }
  return { acc, value: finishAccumulator(acc, op.finish, 1, 1) };
}

/** `acc` is what each tree adds, [batch, trees, outputs]. */
function forest(op: ForestOp, x: Int32Array, batch: number) {
  const { depth, outputs, features, thresholds, leaves } = op;
  const nodes = 2 ** depth - 1;
  const trees = features.length / nodes;
  const width = x.length / batch;
  const acc = new Int32Array(batch * trees * outputs);
  const sums = new Int32Array(batch * outputs);
  for (let row = 0; row < batch; row++) {
    for (let o = 0; o < outputs; o++) sums[row * outputs + o] = Number(op.bias[o] ?? 0n);
    for (let tree = 0; tree < trees; tree++) {
      let node = 0;
      for (let level = 0; level < depth; level++) {
        const at = tree * nodes + node;
        const value = x[row * width + (features[at] ?? 0)] ?? 0;
        node = 2 * node + (value <= (thresholds[at] ?? 0) ? 1 : 2);
      }
      const leaf = (tree * (nodes + 1) + node - nodes) * outputs;
      for (let o = 0; o < outputs; o++) {
        const added = leaves[leaf + o] ?? 0;
        acc[(row * trees + tree) * outputs + o] = added;
        sums[row * outputs + o] = (sums[row * outputs + o] ?? 0) + added;
      }
    }
  }
  return { acc, value: finishAccumulator(sums, op.finish, 1, 1) };
}

/** The plain loops of attention, normalisation, forests and argmax. */
export function runBlock(op: BlockOp, frame: Frame): { acc: Int32Array | null; value: Int32Array } {
  const x = frame.sources[0] ?? NOTHING;
  const width = frame.dims[0]?.at(-1) ?? 1;
  switch (op.kind) {
    case "matmul":
      return matmul(op, frame);
    case "layerNorm":
      return layerNormRows(op, x);
    case "forest":
      return forest(op, x, frame.batch);
    case "softmax":
      return { acc: null, value: softmaxRows(op, x, width) };
    case "argmax": {
      const rows = x.length / width;
      return {
        acc: null,
        value: Int32Array.from({ length: rows }, (_, r) => argmax(x.subarray(r * width, r * width + width))),
      };
    }
  }
}
