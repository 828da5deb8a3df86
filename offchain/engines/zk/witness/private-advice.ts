// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConvOp, DenseOp } from "../../../core/program/types.ts";
import { convPlane } from "../circuit/layers/private-linear.ts";

/** Sums of a batch, row by row, without bias. */
export function denseProducts(op: DenseOp, x: ArrayLike<number>): Float64Array {
  const taps = op.weights.length / op.outputs;
  const rows = x.length / taps;
  const y = new Float64Array(rows * op.outputs);
  for (let row = 0; row < rows; row++)
    for (let o = 0; o < op.outputs; o++) {
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += (op.weights[o * taps + i] ?? 0) * (x[row * taps + i] ?? 0);
      y[row * op.outputs + o] = sum;
    }
  return y;
}

/** Every coefficient of Σ X_i·W_oi, output channel by output channel: the convolution at all offsets, borders included. */
export function convProducts(op: ConvOp, x: ArrayLike<number>, inDims: readonly number[]): Float64Array {
  const { channels, height, width, stride, fullHeight } = convPlane(op, inDims);
  const [kh, kw] = op.kernel;
  const size = fullHeight * stride;
  const y = new Float64Array(op.outputs * size);
  for (let o = 0; o < op.outputs; o++)
    for (let channel = 0; channel < channels; channel++)
      for (let tap = 0; tap < kh * kw; tap++) {
        const weight = op.weights[(o * channels + channel) * kh * kw + tap] ?? 0;
        if (weight === 0) continue;
        const from = o * size + (kh - 1 - Math.floor(tap / kw)) * stride + (kw - 1 - (tap % kw));
        for (let a = 0; a < height; a++)
          for (let b = 0; b < width; b++) {
            const at = from + a * stride + b;
            y[at] = (y[at] ?? 0) + weight * (x[(channel * height + a) * width + b] ?? 0);
          }
      }
  return y;
}
