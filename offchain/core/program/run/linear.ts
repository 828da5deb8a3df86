// SPDX-License-Identifier: MIT
import type { Finish, Window } from "../types.ts";

/** Integers for the program, reals for calibration: the loops are the same. */
export type Numbers = Int32Array | Float64Array;

interface Weighted {
  readonly outputs: number;
  readonly weights: Int8Array | Float64Array;
}

/** acc[r, o] = bias[o] + Σ w[o, i]·x[r, i]; rows r are all leading dimensions together. */
export function denseAccumulate<T extends Numbers>(op: Weighted, bias: ArrayLike<number>, x: T, acc: T): T {
  const width = op.weights.length / op.outputs;
  const rows = x.length / width;
  for (let row = 0; row < rows; row++) {
    const source = row * width;
    for (let o = 0; o < op.outputs; o++) {
      const weights = o * width;
      let sum = bias[o] ?? 0;
      for (let i = 0; i < width; i++) sum += (op.weights[weights + i] ?? 0) * (x[source + i] ?? 0);
      acc[row * op.outputs + o] = sum;
    }
  }
  return acc;
}

/** Cross-correlation of [batch, C, H, W] with zero padding. `outDims` is [outputs, H', W']. */
export function convAccumulate<T extends Numbers>(
  op: Weighted & Window,
  bias: ArrayLike<number>,
  x: T,
  inDims: readonly number[],
  outDims: readonly number[],
  acc: T,
): T {
  const [channels = 1, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  const [kh, kw] = op.kernel;
  const [sh, sw] = op.strides;
  const [top, left] = op.pads;
  const batch = acc.length / (op.outputs * outHeight * outWidth);
  let target = 0;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < op.outputs; o++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) {
          const [y0, x0] = [oy * sh - top, ox * sw - left];
          const [firstY, lastY] = [Math.max(0, -y0), Math.min(kh, height - y0)];
          const [firstX, lastX] = [Math.max(0, -x0), Math.min(kw, width - x0)];
          let sum = bias[o] ?? 0;
          for (let c = 0; c < channels; c++) {
            for (let ky = firstY; ky < lastY; ky++) {
              const weights = ((o * channels + c) * kh + ky) * kw;
              const source = ((n * channels + c) * height + y0 + ky) * width + x0;
              for (let kx = firstX; kx < lastX; kx++) {
                sum += (op.weights[weights + kx] ?? 0) * (x[source + kx] ?? 0);
              }
            }
          }
          acc[target++] = sum;
        }
      }
    }
  }
  return acc;
}

/** Folds each window of each channel; padding is skipped. */
export function poolWindows<T extends Numbers>(
  window: Window,
  x: T,
  inDims: readonly number[],
  outDims: readonly number[],
  result: T,
  start: number,
  fold: (state: number, value: number) => number,
): T {
  const [, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [top, left] = window.pads;
  const planes = result.length / (outHeight * outWidth);
  let target = 0;
  for (let plane = 0; plane < planes; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        let state = start;
        for (let y = Math.max(0, oy * sh - top); y < Math.min(height, oy * sh - top + kh); y++) {
          for (let i = Math.max(0, ox * sw - left); i < Math.min(width, ox * sw - left + kw); i++) {
            state = fold(state, x[(plane * height + y) * width + i] ?? 0);
          }
        }
        result[target++] = state;
      }
    }
  }
  return result;
}

/**
 * Rounds, clamps and looks up. Element e belongs to channel floor(e / inner) mod channels.
 * |acc| + rounding < 2^31 is a checked property of the program, so int32 arithmetic cannot wrap.
 */
export function finishAccumulator(acc: Int32Array, finish: Finish, channels: number, inner: number): Int32Array {
  if (finish.kind === "exact") return acc;
  const { shifts, lo, hi, table } = finish;
  const result = new Int32Array(acc.length);
  for (let e = 0; e < acc.length; e++) {
    const shift = shifts[shifts.length === 1 ? 0 : Math.floor(e / inner) % channels] ?? 0;
    const rounded = shift === 0 ? (acc[e] ?? 0) : ((acc[e] ?? 0) + (1 << (shift - 1))) >> shift;
    const clamped = Math.min(hi, Math.max(lo, rounded));
    result[e] = table === null ? clamped : (table[clamped - lo] ?? 0);
  }
  return result;
}
