// SPDX-License-Identifier: GPL-3.0-or-later
import type { Activation } from "./float-graph.ts";
import { activate } from "./run-float.ts";
import { finishAccumulator } from "../../../core/program/run/linear.ts";
import type { Finish } from "../../../core/program/types.ts";

export interface LinearProblem {
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  readonly outputs: number;
  /** Elements per channel in one row of the output: 1 for dense, H·W for a convolution. */
  readonly inner: number;
  /** Real value of one step of the integer input. */
  readonly stepIn: number;
  readonly activation: Activation | null;
  /** Real results before the activation, over the calibration rows. */
  readonly target: Float64Array;
  /** Integer accumulators of candidate weights over the same rows. */
  readonly accumulate: (weights: Int8Array, bias: readonly number[]) => Int32Array;
  readonly shifts: "perLayer" | "perChannel";
  readonly maxShift: number;
}

export interface LinearSolution {
  readonly weights: Int8Array;
  readonly bias: readonly bigint[];
  readonly finish: Finish;
  /** Real value of one step of the output. */
  readonly stepOut: number;
  /** Mean squared error over mean square, before the next layer sees it. */
  readonly relativeError: number;
}

/** Parts of the largest observed value that the integer range may cover: clipping rare peaks often loses less than coarse steps. */
const COVERAGE = [1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];
/** Beyond these inputs the tables are flat to 8 bits. */
const TABLE_REACH = { sigmoid: 8, tanh: 4 } as const;
/** Below minus this, GELU is zero to 8 bits. */
const GELU_REACH = 4;

const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const highest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, value), 0);
const roundHalfUp = (value: number) => Math.floor(value + 0.5);
const i8 = (value: number) => Math.max(-127, Math.min(127, roundHalfUp(value)));

interface Range {
  readonly lo: number;
  readonly hi: number;
  readonly table: Int8Array | null;
  /** Real value of one step before the table, and after it. */
  readonly stepAcc: number;
  readonly stepOut: number;
}

/** The clamp, table and steps for one coverage of the observed range. */
function rangeFor(activation: Activation | null, peak: number, coverage: number): Range {
  const step = (Math.max(peak, 1e-9) * coverage) / 127;
  if (activation === null) return { lo: -127, hi: 127, table: null, stepAcc: step, stepOut: step };
  if (activation.type === "relu") return { lo: 0, hi: 127, table: null, stepAcc: step, stepOut: step };
  if (activation.type === "clip") {
    const used = Math.min(peak * coverage, Math.max(-activation.lo, activation.hi));
    const unit = Math.max(used, 1e-9) / 127;
    return { lo: i8(activation.lo / unit), hi: i8(activation.hi / unit), table: null, stepAcc: unit, stepOut: unit };
  }
  if (activation.type === "gelu") {
    const unit = (Math.max(peak, 0.5) * coverage) / 127;
    const lo = Math.max(-127, Math.floor(-GELU_REACH / unit));
    const out = activate(activation, 127 * unit) / 127;
    const curve = Int8Array.from({ length: 128 - lo }, (_, i) => i8(activate(activation, (lo + i) * unit) / out));
    return { lo, hi: 127, table: curve, stepAcc: unit, stepOut: out };
  }
  const stepAcc = (Math.min(Math.max(peak, 1e-9), TABLE_REACH[activation.type]) * coverage) / 127;
  const table = Int8Array.from({ length: 255 }, (_, i) => i8(activate(activation, (i - 127) * stepAcc) * 127));
  return { lo: -127, hi: 127, table, stepAcc, stepOut: 1 / 127 };
}

/** Largest shift whose scaled weights still fit int8, per channel or for all. `gain` is stepIn / stepAcc. */
function chooseShifts(problem: LinearProblem, gain: number): number[] {
  const taps = problem.weights.length / problem.outputs;
  const fit = (most: number) => {
    let shift = problem.maxShift;
    while (shift > 0 && most * gain * 2 ** shift > 127.49) shift--;
    return shift;
  };
  const channels = Array.from({ length: problem.outputs }, (_, o) =>
    fit(largest(problem.weights.subarray(o * taps, (o + 1) * taps))),
  );
  return problem.shifts === "perChannel" ? channels : [Math.min(...channels)];
}

function tryRange(problem: LinearProblem, range: Range, reference: Float64Array): LinearSolution {
  const { outputs, inner, stepIn, target } = problem;
  const taps = problem.weights.length / outputs;
  const shifts = chooseShifts(problem, stepIn / range.stepAcc);
  const unit = (o: number) => range.stepAcc / 2 ** (shifts[shifts.length === 1 ? 0 : o] ?? 0);
  const weights = Int8Array.from(problem.weights, (w, i) => i8((w * stepIn) / unit(Math.floor(i / taps))));
  const limit = 2 ** 30;
  const bias = Array.from(problem.bias, (b, o) => Math.max(-limit, Math.min(limit, roundHalfUp(b / unit(o)))));
  const acc = problem.accumulate(weights, bias);

  // Rounded weights shift a channel's mean; the bias takes the mean error back.
  const drift = new Float64Array(outputs);
  for (let e = 0; e < acc.length; e++) {
    const o = Math.floor(e / inner) % outputs;
    drift[o] = (drift[o] ?? 0) + (target[e] ?? 0) / unit(o) - (acc[e] ?? 0);
  }
  const perChannel = acc.length / outputs;
  const correction = Array.from(drift, (sum) => roundHalfUp(sum / perChannel));
  for (let e = 0; e < acc.length; e++) acc[e] = (acc[e] ?? 0) + (correction[Math.floor(e / inner) % outputs] ?? 0);

  const { lo, hi, table } = range;
  const finish: Finish = { kind: "scale", dtype: "i8", shifts, lo, hi, table };
  const result = finishAccumulator(acc, finish, outputs, inner);
  let [error, power] = [0, 1e-300];
  for (let e = 0; e < result.length; e++) {
    const real = reference[e] ?? 0;
    error += ((result[e] ?? 0) * range.stepOut - real) ** 2;
    power += real ** 2;
  }
  const corrected = bias.map((b, o) => BigInt(b + (correction[o] ?? 0)));
  return { weights, bias: corrected, finish, stepOut: range.stepOut, relativeError: error / power };
}

/**
 * Finds int8 weights, shifts and an output step for one linear operator with its activation: tries several coverages of
 * the observed range and keeps the one whose integer results lie closest to the real ones.
 */
export function quantiseLinear(problem: LinearProblem): LinearSolution {
  const { activation, target } = problem;
  const reference = activation === null ? target : target.map((value) => activate(activation, value));
  const signed = activation === null || activation.type === "sigmoid" || activation.type === "tanh";
  const peak = activation?.type === "gelu" ? highest(target) : largest(signed ? target : reference);
  const solutions = COVERAGE.map((coverage) => tryRange(problem, rangeFor(activation, peak, coverage), reference));
  return solutions.reduce((best, next) => (next.relativeError < best.relativeError ? next : best));
}
