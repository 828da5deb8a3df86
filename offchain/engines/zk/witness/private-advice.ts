// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConvOp, DenseOp } from "../../../core/program/types.ts";
import { convPlane } from "../circuit/layers/private-linear.ts";

/** Quantised values, whose sums are exact in doubles, or a polynomial's, which are not. */
export type Elements = ArrayLike<number> | readonly bigint[];

const isBig = (x: Elements): x is readonly bigint[] => typeof x[0] === "bigint";

/** Σ weight · x, element by element, into a list of sums. */
interface Sums {
  readonly list: Float64Array | bigint[];
  add(at: number, weight: number, from: number): void;
}

function sumsOf(length: number, x: Elements): Sums {
  if (isBig(x)) {
    const list = Array.from({ length }, () => 0n);
    const add = (at: number, weight: number, from: number) => {
      list[at] = (list[at] ?? 0n) + BigInt(weight) * (x[from] ?? 0n);
    };
    return { list, add };
  }
  const list = new Float64Array(length);
  const add = (at: number, weight: number, from: number) => {
    list[at] = (list[at] ?? 0) + weight * (x[from] ?? 0);
  };
  return { list, add };
}

/** Sums of a batch, row by row, without bias. */
export function denseProducts(op: DenseOp, x: Elements): Elements {
  const taps = op.weights.length / op.outputs;
  const rows = x.length / taps;
  const y = sumsOf(rows * op.outputs, x);
  for (let row = 0; row < rows; row++)
    for (let o = 0; o < op.outputs; o++)
      for (let i = 0; i < taps; i++) y.add(row * op.outputs + o, op.weights[o * taps + i] ?? 0, row * taps + i);
  return y.list;
}

/** Every coefficient of Σ X_i·W_oi, output channel by output channel: the convolution at all offsets, borders included. */
export function convProducts(op: ConvOp, x: Elements, inDims: readonly number[]): Elements {
  const { channels, height, width, stride, fullHeight } = convPlane(op, inDims);
  const [kh, kw] = op.kernel;
  const size = fullHeight * stride;
  const y = sumsOf(op.outputs * size, x);
  for (let o = 0; o < op.outputs; o++)
    for (let channel = 0; channel < channels; channel++)
      for (let tap = 0; tap < kh * kw; tap++) {
        const weight = op.weights[(o * channels + channel) * kh * kw + tap] ?? 0;
        if (weight === 0) continue;
        const from = o * size + (kh - 1 - Math.floor(tap / kw)) * stride + (kw - 1 - (tap % kw));
        for (let a = 0; a < height; a++)
          for (let b = 0; b < width; b++) y.add(from + a * stride + b, weight, (channel * height + a) * width + b);
      }
  return y.list;
}
