// SPDX-License-Identifier: GPL-3.0-or-later
import {
  ALWAYS,
  type Finish,
  type ForestOp,
  type LayerNormOp,
  type MatmulOp,
  type ScaledTable,
  type SoftmaxOp,
} from "../../../core/program/types.ts";
import { layerNormBounds } from "../../../core/program/block-bounds.ts";
import type { Interval } from "../../../core/program/bounds.ts";
import { layerNormRows, matmulAccumulate, softmaxRows, variances } from "../../../core/program/run/block.ts";
import { finishAccumulator } from "../../../core/program/run/linear.ts";
import type { Activation, FloatOp } from "./float-graph.ts";
import { activate } from "./run-float.ts";

/** An operator without its inputs' numbers, the real value of one step of its result, and the relative squared error. */
export interface BlockSolution<T> {
  readonly op: T;
  readonly step: number;
  readonly error: number;
}

type Float<K extends FloatOp["kind"]> = Extract<FloatOp, { kind: K }>;

const COVERAGE = [1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];
/** Rows of a table of reciprocals or inverse roots: each costs a constraint, and 2048 are finer than eight bits need. */
const MAX_ROWS = 2048;

const roundHalfUp = (value: number) => Math.floor(value + 0.5);
const peakOf = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);

function relativeError(result: Int32Array, step: number, target: Float64Array): number {
  let [error, power] = [0, 1e-300];
  for (let e = 0; e < result.length; e++) {
    const real = target[e] ?? 0;
    error += ((result[e] ?? 0) * step - real) ** 2;
    power += real ** 2;
  }
  return error / power;
}

const best = <T>(solutions: readonly BlockSolution<T>[]): BlockSolution<T> =>
  solutions.reduce((found, next) => (next.error < found.error ? next : found));

/** A product of two values: the shift decides its step; the one with the smallest error wins. */
export function quantiseMatmul(
  op: Float<"matmul">,
  inputs: readonly [number, number],
  sides: readonly [Int32Array, Int32Array],
  steps: readonly [number, number],
  shape: readonly [number, number, number],
  target: Float64Array,
): BlockSolution<MatmulOp> {
  const acc = matmulAccumulate(...sides, shape, op.transposed, new Int32Array(target.length));
  const unit = steps[0] * steps[1] * op.scale;
  const fit = Math.max(0, Math.ceil(Math.log2(peakOf(target) / unit / 127)));
  const shifts = [fit, fit - 1, fit - 2].filter((shift) => shift >= 0 && shift <= 30);
  return best(
    shifts.map((shift) => {
      const finish: Finish = { kind: "scale", dtype: "i8", shifts: [shift], lo: -127, hi: 127, table: null };
      const step = unit * 2 ** shift;
      const error = relativeError(finishAccumulator(acc, finish, 1, 1), step, target);
      const { transposed } = op;
      return { op: { kind: "matmul", inputs, transposed, finish }, step, error };
    }),
  );
}

/** Weights of 8 bits; a result step of 2^-7 or less, where no row puts all its weight on one element. */
const EXP_PEAK = 255;
/** So that R of a flat row still has six bits, as far as R of a peaked one fits 16. */
const softmaxShift = (width: number) => Math.max(11, Math.min(14, Math.ceil(Math.log2(64 * EXP_PEAK * width)) - 7));

export function quantiseSoftmax(
  op: Float<"softmax">,
  input: number,
  x: Int32Array,
  range: Interval,
  stepIn: number,
  width: number,
  target: Float64Array,
): BlockSolution<SoftmaxOp> {
  const length = Number(range.hi - range.lo) + 1;
  const exp = Uint16Array.from({ length }, (_, d) => roundHalfUp(EXP_PEAK * Math.exp(-d * stepIn * op.scale)));
  let sumShift = 0;
  while (((width - 1) * EXP_PEAK) / 2 ** sumShift > MAX_ROWS) sumShift++;
  const at = (sum: number) => Math.floor(sum / 2 ** sumShift + (sumShift === 0 ? 0 : 0.5));
  const [lo, hi] = [at(EXP_PEAK), at(EXP_PEAK * width)];
  const shift = softmaxShift(width);
  return best(
    [7, 8, 9, 10, 11].map((bits) => {
      const values = Uint16Array.from({ length: hi - lo + 1 }, (_, i) =>
        Math.min(65535, roundHalfUp(2 ** (shift + bits) / ((lo + i) * 2 ** sumShift))),
      );
      const reciprocal: ScaledTable = { shift: sumShift, lo, values };
      const made: SoftmaxOp = { kind: "softmax", input, exp, reciprocal, shift, hi: 127 };
      const step = 2 ** -bits;
      return { op: made, step, error: relativeError(softmaxRows(made, x, width), step, target) };
    }),
  );
}

/** Above this many steps for the smallest R, its rounding is no worse than that of the eight-bit result. */
const LEAST_FACTOR = 64;
/** int32 less the rounding term of the largest shift. */
const ROOM = 2n ** 31n - 2n ** 24n;

export function quantiseLayerNorm(
  op: Float<"layerNorm">,
  input: number,
  x: Int32Array,
  range: Interval,
  stepIn: number,
  target: Float64Array,
): BlockSolution<LayerNormOp> {
  const width = op.weights.length;
  const seen = variances(x, width);
  const most = 2 * seen.reduce((peak, v) => Math.max(peak, v), 1);
  const least = seen.reduce((low, v) => Math.min(low, v), Infinity) / 4;
  let tableShift = 0;
  while (most / 2 ** tableShift > MAX_ROWS / 2) tableShift++;
  const lo = Math.max(1, Math.floor(least / 2 ** tableShift));
  const rows = Math.floor(most / 2 ** tableShift) - lo + 1;
  // V is in steps of n·x; so is what epsilon adds to it.
  const epsilon = (width ** 3 * op.epsilon) / stepIn ** 2;
  const inverse = (v: number) => Math.sqrt(width / (v + epsilon));
  // Equal weights (none, in effect) leave the whole scale to the table.
  const peak = peakOf(op.weights);
  const unit = op.weights.every((weight) => weight === op.weights[0]) && peak > 1e-9 ? peak : peak / 127;
  const weights = Int8Array.from(op.weights, (weight) => roundHalfUp(weight / unit));
  const make = (step: number, shift: number): LayerNormOp => {
    const scale = (2 ** shift * unit) / step;
    const values = Uint16Array.from({ length: rows }, (_, i) =>
      Math.min(65535, roundHalfUp(scale * inverse((lo + i) * 2 ** tableShift))),
    );
    const bias = Array.from(op.bias, (value) => BigInt(roundHalfUp((value / step) * 2 ** shift)));
    const finish: Finish = { kind: "scale", dtype: "i8", shifts: [shift], lo: -127, hi: 127, table: null };
    return { kind: "layerNorm", input, weights, bias, rsqrt: { shift: tableShift, lo, values }, finish };
  };
  const fits = (made: LayerNormOp) =>
    layerNormBounds(made, range, width).accumulators.every(({ lo: low, hi: high }) => -low < ROOM && high < ROOM);
  return best(
    COVERAGE.map((coverage) => {
      const step = (peakOf(target) * coverage) / 127;
      let shift = 0;
      while (shift < 24 && (2 ** shift * unit * inverse(most)) / step < LEAST_FACTOR) shift++;
      // Long rows leave less room: a coarser R instead of a refusal.
      while (shift > 0 && !fits(make(step, shift))) shift--;
      const made = make(step, shift);
      return { op: made, step, error: relativeError(layerNormRows(made, x).value, step, target) };
    }),
  );
}

/** Sums of leaves stay below this: their rounding is then far finer than any label needs, and fp32 holds them. */
const SUM_LIMIT = 2 ** 22;
const TABLE_REACH = { sigmoid: 8, tanh: 4 } as const;

/** x <= t for x = q·step is q <= floor(t / step). */
const integerThreshold = (t: number, step: number) => Math.max(-(2 ** 31), Math.min(ALWAYS, Math.floor(t / step)));

/** Trees over integer features: thresholds lose nothing, leaves are rounded to a power of two. */
export function quantiseForest(
  op: Float<"forest">,
  input: number,
  stepIn: number,
  activation: Activation | null,
): BlockSolution<ForestOp> {
  const { outputs, depth, features } = op;
  const perTree = 2 ** depth * outputs;
  let worst = peakOf(op.bias);
  for (let tree = 0; tree < op.leaves.length; tree += perTree)
    worst += peakOf(op.leaves.subarray(tree, tree + perTree));
  const table = activation?.type === "sigmoid" || activation?.type === "tanh" ? activation : null;
  const reach = table === null ? worst : Math.min(worst, TABLE_REACH[table.type]);
  const stepTable = reach / 127;
  let shift = 0;
  const most = table === null ? 0 : 30;
  while (shift < most && (worst / stepTable) * 2 ** (shift + 1) < SUM_LIMIT) shift++;
  const unit = table === null ? 2 ** Math.ceil(Math.log2(worst / SUM_LIMIT)) : stepTable / 2 ** shift;
  const thresholds = Int32Array.from(op.thresholds, (t) => integerThreshold(t, stepIn));
  const leaves = Int32Array.from(op.leaves, (leaf) => roundHalfUp(leaf / unit));
  const bias = Array.from(op.bias, (value) => BigInt(roundHalfUp(value / unit)));
  const looked = (fn: Activation) =>
    Int8Array.from({ length: 255 }, (_, i) => roundHalfUp(activate(fn, (i - 127) * stepTable) * 127));
  const finish: Finish =
    table === null
      ? { kind: "exact" }
      : { kind: "scale", dtype: "i8", shifts: [shift], lo: -127, hi: 127, table: looked(table) };
  const made: ForestOp = { kind: "forest", input, outputs, depth, features, thresholds, leaves, bias, finish };
  return { op: made, step: table === null ? unit : 1 / 127, error: 0 };
}
