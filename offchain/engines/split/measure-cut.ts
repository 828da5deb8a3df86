// SPDX-License-Identifier: GPL-3.0-or-later
import type { LeakageFigures } from "../../core/planning/leakage-limits.ts";
import { distanceCorrelation } from "./distance-correlation.ts";
import { columnMeans, matrix, pickRows, type Matrix } from "./matrix.ts";
import { mlpAttack } from "./mlp-attack.ts";
import { ridgeAttack } from "./ridge-attack.ts";

/** One side of the measurement: inputs, what was transmitted for them, labels. Rows belong together. */
export interface LeakageRows {
  readonly inputs: Matrix;
  readonly boundary: Matrix;
  readonly labels: Int32Array;
}

export interface CutOptions {
  readonly modality: "image" | "tabular" | "tokens";
  readonly seed: number;
  readonly passes: number;
  readonly classes: number;
  /** Text: rows of tokens and of places, whose sums are the input, and the true token of each place of each test row. */
  readonly tokens?: { readonly table: Matrix; readonly places: Matrix; readonly truth: Int32Array };
}

export interface CutLeakage extends LeakageFigures {
  readonly ridgePpm: number;
  readonly ridgeExponent: number;
  readonly mlpPpm: number;
  readonly worstAttributePpm: number | null;
  readonly tokenPpm: number | null;
  readonly labelPpm: number;
  /** Estimates of the test inputs by the attack that recovered more. */
  readonly estimate: Matrix;
}

const DCOR_ROWS = 300;

export const toPpm = (share: number): number => Math.max(0, Math.min(1_000_000, Math.round(share * 1e6)));

/** 1 - Σ(x - x̂)² / Σ(x - x̄)², over all columns or one; 0 for a column that does not vary. */
export function recoveredVariance(truth: Matrix, estimate: Matrix, column?: number): number {
  const means = columnMeans(truth);
  let [error, spread] = [0, 0];
  for (let i = 0; i < truth.data.length; i++) {
    const c = i % truth.columns;
    if (column !== undefined && c !== column) continue;
    const value = truth.data[i] ?? 0;
    const [wrong, away] = [value - (estimate.data[i] ?? 0), value - (means[c] ?? 0)];
    error += wrong * wrong;
    spread += away * away;
  }
  return spread > 0 ? 1 - error / spread : 0;
}

/** What a guess recovers that knows only the label: the class mean of the attacker's rows. */
export function classMeanRecovery(auxiliary: LeakageRows, test: LeakageRows, classes: number): number {
  const estimate = matrix(test.inputs.rows, test.inputs.columns);
  const all = columnMeans(auxiliary.inputs);
  const means = Array.from({ length: classes }, (_, label) => {
    const rows = Array.from(auxiliary.labels.keys()).filter((row) => auxiliary.labels[row] === label);
    return rows.length === 0 ? all : columnMeans(pickRows(auxiliary.inputs, rows));
  });
  test.labels.forEach((label, row) => estimate.data.set(means[label] ?? all, row * estimate.columns));
  return recoveredVariance(test.inputs, estimate);
}

/** Share of test labels that a linear map of the boundary, fitted on the attacker's rows, gets right. */
function labelProbe(auxiliary: LeakageRows, test: LeakageRows, classes: number): number {
  const wanted = matrix(auxiliary.labels.length, classes);
  auxiliary.labels.forEach((label, row) => (wanted.data[row * classes + label] = 1));
  const scores = ridgeAttack(auxiliary.boundary, wanted).predict(test.boundary);
  let right = 0;
  test.labels.forEach((label, row) => {
    const line = scores.data.subarray(row * classes, (row + 1) * classes);
    const best = line.reduce((most, score, at) => (score > (line[most] ?? -Infinity) ? at : most), 0);
    if (best === label) right++;
  });
  return right / Math.max(1, test.labels.length);
}

/** Share of places whose nearest embedding is the true token's. */
function tokenRecovery(estimate: Matrix, { table, places, truth }: NonNullable<CutOptions["tokens"]>): number {
  const width = table.columns;
  const guess = new Float64Array(width);
  let right = 0;
  for (let place = 0; place < truth.length; place++) {
    let [best, nearest] = [-1, Infinity];
    const shift = (place % places.rows) * width;
    for (let c = 0; c < width; c++) guess[c] = (estimate.data[place * width + c] ?? 0) - (places.data[shift + c] ?? 0);
    for (let token = 0; token < table.rows; token++) {
      let distance = 0;
      for (let c = 0; c < width && distance < nearest; c++) {
        const d = (guess[c] ?? 0) - (table.data[token * width + c] ?? 0);
        distance += d * d;
      }
      if (distance < nearest) [best, nearest] = [token, distance];
    }
    if (best === truth[place]) right++;
  }
  return right / Math.max(1, truth.length);
}

/**
 * Attacks one boundary: the attacker learns on `auxiliary`, and is judged on `test`. The same rows and options give the
 * same numbers on every machine. Error: ATTACK_FAILED.
 */
export function measureCut(auxiliary: LeakageRows, test: LeakageRows, options: CutOptions): CutLeakage {
  const ridge = ridgeAttack(auxiliary.boundary, auxiliary.inputs);
  const [linear, deep] = [
    ridge.predict(test.boundary),
    mlpAttack(auxiliary.boundary, auxiliary.inputs, options)(test.boundary),
  ];
  const [ridgeShare, mlpShare] = [linear, deep].map((estimate) => recoveredVariance(test.inputs, estimate));
  const attributes = Array.from({ length: test.inputs.columns }, (_, column) =>
    options.modality !== "tabular"
      ? 0
      : Math.max(recoveredVariance(test.inputs, linear, column), recoveredVariance(test.inputs, deep, column)),
  );
  const { tokens } = options;
  const named = tokens === undefined ? null : Math.max(tokenRecovery(linear, tokens), tokenRecovery(deep, tokens));
  const first = Array.from({ length: Math.min(DCOR_ROWS, test.inputs.rows) }, (_, row) => row);
  const figures = {
    ridgePpm: toPpm(ridgeShare ?? 0),
    ridgeExponent: ridge.exponent,
    mlpPpm: toPpm(mlpShare ?? 0),
    worstAttributePpm:
      options.modality === "tabular" ? toPpm(attributes.reduce((most, share) => Math.max(most, share), 0)) : null,
    tokenPpm: named === null ? null : toPpm(named),
    labelPpm: toPpm(labelProbe(auxiliary, test, options.classes)),
    dcorPpm: toPpm(distanceCorrelation(pickRows(test.inputs, first), pickRows(test.boundary, first))),
  };
  const { ridgePpm, mlpPpm, worstAttributePpm, tokenPpm } = figures;
  return {
    ...figures,
    recoveryPpm: Math.max(ridgePpm, mlpPpm, worstAttributePpm ?? 0, tokenPpm ?? 0),
    estimate: ridgePpm >= mlpPpm ? linear : deep,
  };
}
