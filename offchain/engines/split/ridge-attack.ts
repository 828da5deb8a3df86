// SPDX-License-Identifier: GPL-3.0-or-later
import {
  centred,
  columnMeans,
  multiply,
  pickColumns,
  pickRows,
  solveRidge,
  squaredError,
  transposed,
  type Matrix,
} from "./matrix.ts";

/** Penalties as powers of ten times the mean diagonal of the Gram matrix. */
export const PENALTY_EXPONENTS = [-6, -5, -4, -3, -2, -1, 0] as const;
const PENALTIES = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1] as const;
const FOLDS = 5;
/** The penalty is chosen on at most so many rows and targets; the attack itself uses all. */
const SEARCH_ROWS = 600;
const SEARCH_TARGETS = 64;

export type Predict = (boundary: Matrix) => Matrix;

/** The linear map with the least penalised error, whichever of its two closed forms is smaller. */
function fitter(z: Matrix, x: Matrix): (penalty: number) => Predict {
  const [zMeans, xMeans] = [columnMeans(z), columnMeans(x)];
  const [zc, xc] = [centred(z, zMeans), centred(x, xMeans)];
  const zt = transposed(zc);
  const isWide = z.columns > z.rows;
  const gram = isWide ? multiply(zc, zt) : multiply(zt, zc);
  const right = isWide ? xc : multiply(zt, xc);
  let diagonal = 0;
  for (let i = 0; i < gram.rows; i++) diagonal += gram.data[i * gram.columns + i] ?? 0;
  // A boundary that never changes tells nothing; any penalty says so.
  const unit = diagonal > 0 ? diagonal / gram.rows : 1;
  return (penalty) => {
    const solved = solveRidge(gram, penalty * unit, right);
    const weights = isWide ? multiply(zt, solved) : solved;
    return (boundary) => {
      const out = multiply(centred(boundary, zMeans), weights);
      for (let i = 0; i < out.data.length; i++) out.data[i] = (out.data[i] ?? 0) + (xMeans[i % out.columns] ?? 0);
      return out;
    };
  };
}

const variances = (x: Matrix): Float64Array => {
  const c = centred(x, columnMeans(x));
  for (let i = 0; i < c.data.length; i++) c.data[i] = (c.data[i] ?? 0) * (c.data[i] ?? 0);
  return columnMeans(c);
};

/**
 * Linear inversion: estimates the input from the boundary by ridge regression on the attacker's rows, the penalty found
 * by 5-fold search over 7 powers of ten. Returns the estimator and the exponent chosen. Error: ATTACK_FAILED.
 */
export function ridgeAttack(z: Matrix, x: Matrix): { predict: Predict; exponent: number } {
  const spread = variances(x);
  const order = Array.from(spread.keys()).toSorted((a, b) => (spread[b] ?? 0) - (spread[a] ?? 0) || a - b);
  const targets = pickColumns(x, order.slice(0, SEARCH_TARGETS));
  const rows = Array.from({ length: Math.min(SEARCH_ROWS, z.rows) }, (_, row) => row);
  const errors = PENALTIES.map(() => 0);
  for (let fold = 0; fold < FOLDS; fold++) {
    const train = rows.filter((row) => row % FOLDS !== fold);
    const held = rows.filter((row) => row % FOLDS === fold);
    const fit = fitter(pickRows(z, train), pickRows(targets, train));
    const [heldZ, heldX] = [pickRows(z, held), pickRows(targets, held)];
    PENALTIES.forEach((penalty, index) => {
      errors[index] = (errors[index] ?? 0) + squaredError(fit(penalty)(heldZ), heldX);
    });
  }
  const chosen = errors.reduce((least, error, index) => (error < (errors[least] ?? Infinity) ? index : least), 0);
  return { predict: fitter(z, x)(PENALTIES[chosen] ?? 1), exponent: PENALTY_EXPONENTS[chosen] ?? 0 };
}
