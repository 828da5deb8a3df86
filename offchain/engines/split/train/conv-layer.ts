// SPDX-License-Identifier: GPL-3.0-or-later
import type { Window } from "../../../core/program/types.ts";
import { convAccumulate } from "../../../core/program/run/linear.ts";
import { matrix, type Matrix } from "../matrix.ts";
import type { TrainLayer } from "./layers.ts";

export interface ConvShape extends Window {
  /** [channels, height, width] of one row, and of one row of the result. */
  readonly inDims: readonly [number, number, number];
  readonly outDims: readonly [number, number, number];
}

/** Cross-correlation with zero padding, rows as [channels, height, width]; weights [outputs, channels, kernel], trained in place. */
export class ConvLayer implements TrainLayer {
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  readonly #shape: ConvShape;
  #input: Matrix = matrix(0, 0);

  constructor(weights: Float64Array, bias: Float64Array, shape: ConvShape) {
    this.weights = weights;
    this.bias = bias;
    this.#shape = shape;
  }

  forward(input: Matrix): Matrix {
    this.#input = input;
    const { inDims, outDims, ...window } = this.#shape;
    const out = matrix(input.rows, outDims[0] * outDims[1] * outDims[2]);
    const op = { outputs: outDims[0], weights: this.weights, ...window };
    convAccumulate(op, this.bias, input.data, inDims, outDims, out.data);
    return out;
  }

  backward(gradient: Matrix, rate: number): Matrix {
    const { inDims } = this.#shape;
    const back = matrix(gradient.rows, inDims[0] * inDims[1] * inDims[2]);
    // The input's gradient is of the weights that made the output: before they move.
    this.#eachTap(gradient, (g, weight, source, count) => {
      for (let i = 0; i < count; i++)
        back.data[source + i] = (back.data[source + i] ?? 0) + g * (this.weights[weight + i] ?? 0);
    });
    const step = rate / gradient.rows;
    const x = this.#input.data;
    this.#eachTap(gradient, (g, weight, source, count) => {
      const move = step * g;
      for (let i = 0; i < count; i++)
        this.weights[weight + i] = (this.weights[weight + i] ?? 0) - move * (x[source + i] ?? 0);
    });
    const [outputs, ...plane] = this.#shape.outDims;
    const area = plane[0] * plane[1];
    gradient.data.forEach((g, e) => {
      const o = Math.floor(e / area) % outputs;
      this.bias[o] = (this.bias[o] ?? 0) - step * g;
    });
    return back;
  }

  /** Calls `visit` for each gradient that is not zero and each row of the kernel under it: runs of weights and of inputs that belong together. */
  #eachTap(gradient: Matrix, visit: (g: number, weight: number, source: number, count: number) => void): void {
    const { inDims, outDims, kernel, strides, pads } = this.#shape;
    const [channels, height, width] = inDims;
    const [outputs, outHeight, outWidth] = outDims;
    const [kh, kw] = kernel;
    let at = 0;
    for (let row = 0; row < gradient.rows; row++) {
      for (let o = 0; o < outputs; o++) {
        for (let oy = 0; oy < outHeight; oy++) {
          for (let ox = 0; ox < outWidth; ox++) {
            const g = gradient.data[at++] ?? 0;
            if (g === 0) continue;
            const [y0, x0] = [oy * strides[0] - pads[0], ox * strides[1] - pads[1]];
            const [firstY, lastY] = [Math.max(0, -y0), Math.min(kh, height - y0)];
            const [firstX, lastX] = [Math.max(0, -x0), Math.min(kw, width - x0)];
            for (let c = 0; c < channels; c++) {
              for (let ky = firstY; ky < lastY; ky++) {
                const weight = ((o * channels + c) * kh + ky) * kw + firstX;
                const source = ((row * channels + c) * height + y0 + ky) * width + x0 + firstX;
                visit(g, weight, source, lastX - firstX);
              }
            }
          }
        }
      }
    }
  }
}
