// SPDX-License-Identifier: GPL-3.0-or-later

export interface Logistic {
  readonly weights: Float64Array;
  readonly bias: number;
}

/** Logistic regression by full-batch gradient descent on standardised columns, with an L2 penalty; same bytes on every machine. */
export function fitLogistic(
  rows: readonly Float64Array[],
  labels: ArrayLike<number>,
  options: { readonly penalty: number; readonly steps: number; readonly rate: number },
): Logistic {
  const width = rows[0]?.length ?? 0;
  const column = (i: number) => rows.map((row) => row[i] ?? 0);
  const mean = Float64Array.from({ length: width }, (_, i) => column(i).reduce((a, b) => a + b, 0) / rows.length);
  const scale = Float64Array.from({ length: width }, (_, i) => {
    const variance = column(i).reduce((sum, value) => sum + (value - (mean[i] ?? 0)) ** 2, 0) / rows.length;
    return Math.sqrt(variance) + 1e-9;
  });
  const x = rows.map((row) => row.map((value, i) => (value - (mean[i] ?? 0)) / (scale[i] ?? 1)));
  const weights = new Float64Array(width);
  let bias = 0;
  for (let step = 0; step < options.steps; step++) {
    const gradient = weights.map((weight) => options.penalty * weight);
    let biasGradient = 0;
    x.forEach((row, r) => {
      const z = row.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), bias);
      const error = (1 / (1 + Math.exp(-z)) - (labels[r] ?? 0)) / x.length;
      row.forEach((value, i) => (gradient[i] = (gradient[i] ?? 0) + error * value));
      biasGradient += error;
    });
    gradient.forEach((g, i) => (weights[i] = (weights[i] ?? 0) - options.rate * g));
    bias -= options.rate * biasGradient;
  }
  const real = weights.map((weight, i) => weight / (scale[i] ?? 1));
  return { weights: real, bias: real.reduce((sum, weight, i) => sum - weight * (mean[i] ?? 0), bias) };
}
