// SPDX-License-Identifier: GPL-3.0-or-later
import { matrix, type Matrix } from "../matrix.ts";

/** One layer under stochastic gradient descent in float64. `backward` follows its `forward`, changes weights, and returns the input's gradient. */
export interface TrainLayer {
  forward(input: Matrix): Matrix;
  backward(gradient: Matrix, rate: number): Matrix;
}

/** y = W·x + b; weights [outputs, inputs], trained in place. */
export class DenseLayer implements TrainLayer {
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  #input: Matrix = matrix(0, 0);

  constructor(weights: Float64Array, bias: Float64Array) {
    this.weights = weights;
    this.bias = bias;
  }

  forward(input: Matrix): Matrix {
    this.#input = input;
    const outputs = this.bias.length;
    const width = this.weights.length / outputs;
    const out = matrix(input.rows, outputs);
    for (let row = 0; row < input.rows; row++) {
      const x = input.data.subarray(row * width, (row + 1) * width);
      for (let o = 0; o < outputs; o++) {
        const w = this.weights.subarray(o * width, (o + 1) * width);
        let sum = this.bias[o] ?? 0;
        for (let i = 0; i < width; i++) sum += (w[i] ?? 0) * (x[i] ?? 0);
        out.data[row * outputs + o] = sum;
      }
    }
    return out;
  }

  backward(gradient: Matrix, rate: number): Matrix {
    const outputs = this.bias.length;
    const width = this.weights.length / outputs;
    const back = matrix(gradient.rows, width);
    // The input's gradient is of the weights that made the output: before they move.
    for (let row = 0; row < gradient.rows; row++) {
      const target = back.data.subarray(row * width, (row + 1) * width);
      for (let o = 0; o < outputs; o++) {
        const g = gradient.data[row * outputs + o] ?? 0;
        if (g === 0) continue;
        const w = this.weights.subarray(o * width, (o + 1) * width);
        for (let i = 0; i < width; i++) target[i] = (target[i] ?? 0) + g * (w[i] ?? 0);
      }
    }
    const step = rate / gradient.rows;
    for (let row = 0; row < gradient.rows; row++) {
      const x = this.#input.data.subarray(row * width, (row + 1) * width);
      for (let o = 0; o < outputs; o++) {
        const g = step * (gradient.data[row * outputs + o] ?? 0);
        if (g === 0) continue;
        const w = this.weights.subarray(o * width, (o + 1) * width);
        for (let i = 0; i < width; i++) w[i] = (w[i] ?? 0) - g * (x[i] ?? 0);
        this.bias[o] = (this.bias[o] ?? 0) - g;
      }
    }
    return back;
  }
}

export class ReluLayer implements TrainLayer {
  #input: Matrix = matrix(0, 0);

  forward(input: Matrix): Matrix {
    this.#input = input;
    return matrix(
      input.rows,
      input.columns,
      input.data.map((value) => (value > 0 ? value : 0)),
    );
  }

  backward(gradient: Matrix): Matrix {
    const data = gradient.data.map((value, i) => ((this.#input.data[i] ?? 0) > 0 ? value : 0));
    return matrix(gradient.rows, gradient.columns, data);
  }
}

export const forwardAll = (layers: readonly TrainLayer[], input: Matrix): Matrix =>
  layers.reduce((value, layer) => layer.forward(value), input);

export const backwardAll = (layers: readonly TrainLayer[], gradient: Matrix, rate: number): Matrix =>
  layers.reduceRight((value, layer) => layer.backward(value, rate), gradient);

/** Cross-entropy of softmax: mean loss, and each row's gradient by the scores. */
export function softmaxLoss(scores: Matrix, labels: Int32Array): { loss: number; gradient: Matrix } {
  const { rows, columns } = scores;
  const gradient = matrix(rows, columns);
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const line = scores.data.subarray(row * columns, (row + 1) * columns);
    const most = line.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = line.map((value) => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    const label = labels[row] ?? 0;
    for (let c = 0; c < columns; c++) gradient.data[row * columns + c] = (powers[c] ?? 0) / sum - (c === label ? 1 : 0);
    loss -= Math.log((powers[label] ?? 0) / sum) / rows;
  }
  return { loss, gradient };
}
