// SPDX-License-Identifier: GPL-3.0-or-later
import { matrix, type Matrix } from "./matrix.ts";

/** Euclidean distances of all pairs of rows, U-centred (Székely, Rizzo 2013), which takes the bias of few rows out. */
function centredDistances({ rows: n, columns, data }: Matrix): Matrix {
  const d = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) {
        const difference = (data[i * columns + c] ?? 0) - (data[j * columns + c] ?? 0);
        sum += difference * difference;
      }
      d.data[i * n + j] = Math.sqrt(sum);
      d.data[j * n + i] = d.data[i * n + j] ?? 0;
    }
  }
  const sums = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sums[i] = (sums[i] ?? 0) + (d.data[i * n + j] ?? 0);
    total += sums[i] ?? 0;
  }
  const grand = total / ((n - 1) * (n - 2));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const at = i * n + j;
      d.data[at] = i === j ? 0 : (d.data[at] ?? 0) - (sums[i] ?? 0) / (n - 2) - (sums[j] ?? 0) / (n - 2) + grand;
    }
  }
  return d;
}

/** Bias-corrected distance correlation of the rows of two matrices, 0 to 1: 0 also where it is not told from independence. */
export function distanceCorrelation(a: Matrix, b: Matrix): number {
  const [p, q] = [centredDistances(a), centredDistances(b)];
  let [pq, pp, qq] = [0, 0, 0];
  for (let i = 0; i < p.data.length; i++) {
    const [u, v] = [p.data[i] ?? 0, q.data[i] ?? 0];
    pq += u * v;
    pp += u * u;
    qq += v * v;
  }
  if (pq <= 0 || pp <= 0 || qq <= 0) return 0;
  return Math.min(1, Math.sqrt(pq / Math.sqrt(pp * qq)));
}
