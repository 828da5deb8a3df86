// SPDX-License-Identifier: GPL-3.0-or-later
import { SplitError } from "./errors.ts";
import { centred, columnMeans, matrix, type Matrix } from "./matrix.ts";
import type { Predict } from "./ridge-attack.ts";
import { Seeded } from "./seeded.ts";

export const HIDDEN = 256;

/** Root mean square over all elements, 1 if all are zero. */
function scaleOf(m: Matrix): number {
  let sum = 0;
  for (let i = 0; i < m.data.length; i++) sum += (m.data[i] ?? 0) * (m.data[i] ?? 0);
  return sum > 0 ? Math.sqrt(sum / m.data.length) : 1;
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** [inputs, outputs] */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

function layer(random: Seeded, inputs: number, outputs: number, gain: number): Layer {
  const scale = Math.sqrt(gain / inputs);
  const weights = Float64Array.from({ length: inputs * outputs }, () => scale * random.normal());
  return { inputs, outputs, weights, bias: new Float64Array(outputs) };
}

function forward({ inputs, outputs, weights, bias }: Layer, source: Float64Array, target: Float64Array): void {
  target.set(bias);
  for (let i = 0; i < inputs; i++) {
    const value = source[i] ?? 0;
    if (value === 0) continue;
    const row = weights.subarray(i * outputs, (i + 1) * outputs);
    for (let o = 0; o < outputs; o++) target[o] = (target[o] ?? 0) + value * (row[o] ?? 0);
  }
}

/** One step down the gradient; `back` receives the gradient of the source where it is wanted. */
function descend(
  l: Layer,
  source: Float64Array,
  gradient: Float64Array,
  rate: number,
  back: Float64Array | null,
): void {
  const { inputs, outputs, weights, bias } = l;
  for (let i = 0; i < inputs; i++) {
    const row = weights.subarray(i * outputs, (i + 1) * outputs);
    if (back !== null) {
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += (gradient[o] ?? 0) * (row[o] ?? 0);
      back[i] = sum;
    }
    const step = rate * (source[i] ?? 0);
    if (step !== 0) for (let o = 0; o < outputs; o++) row[o] = (row[o] ?? 0) - step * (gradient[o] ?? 0);
  }
  for (let o = 0; o < outputs; o++) bias[o] = (bias[o] ?? 0) - rate * (gradient[o] ?? 0);
}

/**
 * Non-linear inversion: boundary → 256 ReLU → input, stochastic gradient descent over a fixed number of passes, fixed
 * seed, falling step. Error: ATTACK_FAILED if it diverges.
 */
export function mlpAttack(z: Matrix, x: Matrix, options: { readonly seed: number; readonly passes: number }): Predict {
  const random = new Seeded(options.seed);
  const [zMeans, xMeans] = [columnMeans(z), columnMeans(x)];
  const [zc, xc] = [centred(z, zMeans), centred(x, xMeans)];
  const [zScale, xScale] = [scaleOf(zc), scaleOf(xc)];
  const first = layer(random, z.columns, HIDDEN, 2);
  const second = layer(random, HIDDEN, x.columns, 1);
  const source = new Float64Array(z.columns);
  const hidden = new Float64Array(HIDDEN);
  const output = new Float64Array(x.columns);
  const back = new Float64Array(HIDDEN);
  const run = (row: number, from: Matrix) => {
    for (let c = 0; c < source.length; c++) source[c] = (from.data[row * from.columns + c] ?? 0) / zScale;
    forward(first, source, hidden);
    for (let h = 0; h < HIDDEN; h++) if ((hidden[h] ?? 0) < 0) hidden[h] = 0;
    forward(second, hidden, output);
  };
  for (let pass = 0; pass < options.passes; pass++) {
    // Steps that no layer's width turns into divergence: inputs have unit mean square, and what comes back to the hidden
    // layer grows with the number of outputs.
    const fall = 1 - pass / options.passes;
    const rateB = (0.3 * fall) / HIDDEN;
    const rateA = (0.3 * fall) / (z.columns * (1 + x.columns / HIDDEN));
    for (const row of random.order(z.rows)) {
      run(row, zc);
      for (let c = 0; c < output.length; c++)
        output[c] = (output[c] ?? 0) - (xc.data[row * x.columns + c] ?? 0) / xScale;
      descend(second, hidden, output, rateB, back);
      for (let h = 0; h < HIDDEN; h++) if ((hidden[h] ?? 0) <= 0) back[h] = 0;
      descend(first, source, back, rateA, null);
    }
  }
  return (boundary) => {
    const from = centred(boundary, zMeans);
    const out = matrix(boundary.rows, x.columns);
    for (let row = 0; row < boundary.rows; row++) {
      run(row, from);
      for (let c = 0; c < x.columns; c++) out.data[row * x.columns + c] = (output[c] ?? 0) * xScale + (xMeans[c] ?? 0);
    }
    if (out.data.some((value) => !Number.isFinite(value))) throw new SplitError("ATTACK_FAILED", { attack: "MLP" });
    return out;
  };
}
