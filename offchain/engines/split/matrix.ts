// SPDX-License-Identifier: GPL-3.0-or-later
import { SplitError } from "./errors.ts";

// Only + - x / sqrt, each sum in one fixed order: IEEE arithmetic then gives the same bits on every machine.

/** Row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export const matrix = (
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Matrix => ({
  rows,
  columns,
  data,
});

export function pickRows(m: Matrix, indices: readonly number[]): Matrix {
  const picked = matrix(indices.length, m.columns);
  indices.forEach((row, at) =>
    picked.data.set(m.data.subarray(row * m.columns, (row + 1) * m.columns), at * m.columns),
  );
  return picked;
}

export function pickColumns(m: Matrix, indices: readonly number[]): Matrix {
  const picked = matrix(m.rows, indices.length);
  for (let row = 0; row < m.rows; row++)
    for (let at = 0; at < indices.length; at++)
      picked.data[row * indices.length + at] = m.data[row * m.columns + (indices[at] ?? 0)] ?? 0;
  return picked;
}

export function columnMeans({ rows, columns, data }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < columns; c++) means[c] = (means[c] ?? 0) + (data[row * columns + c] ?? 0);
  for (let c = 0; c < columns; c++) means[c] = (means[c] ?? 0) / rows;
  return means;
}

export function centred(m: Matrix, means: Float64Array): Matrix {
  const out = matrix(m.rows, m.columns);
  for (let i = 0; i < out.data.length; i++) out.data[i] = (m.data[i] ?? 0) - (means[i % m.columns] ?? 0);
  return out;
}

export function transposed(m: Matrix): Matrix {
  const out = matrix(m.columns, m.rows);
  for (let row = 0; row < m.rows; row++)
    for (let c = 0; c < m.columns; c++) out.data[c * m.rows + row] = m.data[row * m.columns + c] ?? 0;
  return out;
}

/** a · b. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.columns);
  for (let row = 0; row < a.rows; row++) {
    const target = out.data.subarray(row * b.columns, (row + 1) * b.columns);
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[row * a.columns + k] ?? 0;
      if (factor === 0) continue;
      const source = b.data.subarray(k * b.columns, (k + 1) * b.columns);
      for (let c = 0; c < target.length; c++) target[c] = (target[c] ?? 0) + factor * (source[c] ?? 0);
    }
  }
  return out;
}

/** X of (A + penalty·I)·X = B for a symmetric positive semidefinite A, by Cholesky. Error: ATTACK_FAILED. */
export function solveRidge(a: Matrix, penalty: number, b: Matrix): Matrix {
  const n = a.rows;
  const low = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const rowI = low.subarray(i * n, i * n + i);
    for (let j = 0; j <= i; j++) {
      const rowJ = low.subarray(j * n, j * n + j);
      let sum = (a.data[i * n + j] ?? 0) + (i === j ? penalty : 0);
      for (let k = 0; k < j; k++) sum -= (rowI[k] ?? 0) * (rowJ[k] ?? 0);
      if (i !== j) low[i * n + j] = sum / (low[j * n + j] ?? 1);
      else if (sum > 0) low[i * n + i] = Math.sqrt(sum);
      else throw new SplitError("ATTACK_FAILED", { attack: "ridge" });
    }
  }
  const m = b.columns;
  const x = matrix(n, m, b.data.slice());
  const subtract = (target: number, source: number, factor: number) => {
    if (factor === 0) return;
    const [to, from] = [x.data.subarray(target * m, target * m + m), x.data.subarray(source * m, source * m + m)];
    for (let c = 0; c < m; c++) to[c] = (to[c] ?? 0) - factor * (from[c] ?? 0);
  };
  const divide = (row: number, by: number) => {
    for (let c = row * m; c < row * m + m; c++) x.data[c] = (x.data[c] ?? 0) / by;
  };
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtract(i, k, low[i * n + k] ?? 0);
    divide(i, low[i * n + i] ?? 1);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) subtract(i, k, low[k * n + i] ?? 0);
    divide(i, low[i * n + i] ?? 1);
  }
  return x;
}

/** Sum of squared differences. */
export function squaredError(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) {
    const d = (a.data[i] ?? 0) - (b.data[i] ?? 0);
    sum += d * d;
  }
  return sum;
}
