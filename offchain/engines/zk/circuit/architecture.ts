// SPDX-License-Identifier: GPL-3.0-or-later
import {
  analyseOperator,
  analyseProgram,
  type Analysis,
  type OpInfo,
  type ValueInfo,
} from "../../../core/program/analyse.ts";
import { finishedRange, type Interval } from "../../../core/program/bounds.ts";
import type { ConvOp, DenseOp, Op, Program } from "../../../core/program/types.ts";
import { CircuitError } from "./errors.ts";
import { bitLength } from "./plan/range-shapes.ts";

/** Largest absolute weight of the int8 format. */
const MAX_WEIGHT = 127;

const unprovable = (reason: string) => new CircuitError("NOT_PROVABLE", { reason });

export const isWeighted = (op: Op): op is DenseOp | ConvOp => op.kind === "dense" || op.kind === "conv";

/** Weight q of an operator; -1 - q: bias q. */
export function weightOf(op: Op | undefined, q: number): number | bigint {
  if (op === undefined || !isWeighted(op)) return 0;
  return q >= 0 ? (op.weights[q] ?? 0) : (op.bias[-1 - q] ?? 0n);
}

/**
 * Largest absolute bias that a private layer may have: what its products can add up to, as a power of two. A fixed rule, so that the
 * bound belongs to the architecture and not to one training.
 */
export function biasLimit(op: DenseOp | ConvOp, source: Interval): bigint {
  const reach = -source.lo > source.hi ? -source.lo : source.hi;
  const taps = BigInt(op.weights.length / op.outputs);
  return 1n << BigInt(bitLength(BigInt(MAX_WEIGHT) * taps * reach));
}

/** The operator with every weight at one end of what it may be, and every bias at one end, which need not be the same. */
const extreme = (op: DenseOp | ConvOp, weight: number, bias: bigint): DenseOp | ConvOp => ({
  ...op,
  weights: new Int8Array(op.weights.length).fill(weight),
  bias: op.bias.map(() => bias),
});

function weightedInfo(op: DenseOp | ConvOp, program: Program, values: readonly ValueInfo[], name: string): OpInfo {
  const source = values[op.input] as ValueInfo;
  if (op.finish.kind === "scale" && op.finish.shifts.length > 1)
    throw unprovable(
      `${name} has a shift for each channel; private weights take one a layer, or a retraining would change the circuit`,
    );
  const limit = biasLimit(op, source);
  const outside = op.bias.findIndex((bias) => bias > limit || -bias > limit);
  if (outside >= 0) throw unprovable(`bias ${outside} of ${name} is beyond ${limit}, the limit for private weights`);
  // An input that reaches further below zero than above meets its worst weight and its worst bias with unlike signs.
  const corners = [MAX_WEIGHT, -MAX_WEIGHT].flatMap((weight) =>
    [limit, -limit].map((bias) => analyseOperator(extreme(op, weight, bias), program.family, values, name)),
  );
  const ends = corners.flatMap(({ bounds }) => bounds ?? []);
  const bound = {
    lo: ends.reduce((low, { lo }) => (lo < low ? lo : low), 0n),
    hi: ends.reduce((high, { hi }) => (hi > high ? hi : high), 0n),
  };
  const bounds = op.bias.map(() => bound);
  const [corner] = corners as [OpInfo];
  return { ...corner, bounds, output: { ...corner.output, ...finishedRange(op.finish, bounds) } };
}

/**
 * Bounds and ranges of a program whose weights are private: those of every program of this architecture (shapes, shifts, clamps,
 * tables), for any int8 weights and any biases within `biasLimit`. So the circuit, its key and its ceremony outlive a retraining, and
 * the circuit says nothing about the weights. Errors: NOT_PROVABLE; those of `analyseProgram`, BOUND_OVERFLOW also where the widest
 * accumulator of the architecture does not fit although this program's would.
 */
export function analyseArchitecture(program: Program): Analysis {
  const own = analyseProgram(program);
  const values = own.values.slice(0, program.inputs.length);
  const ops: OpInfo[] = [];
  for (const [index, op] of program.ops.entries()) {
    const name = `${op.kind}#${index}`;
    if (op.kind === "forest" || op.kind === "layerNorm")
      throw unprovable(
        `${name} has learned constants that this circuit would publish; private weights are those of dense and conv`,
      );
    const info = isWeighted(op)
      ? weightedInfo(op, program, values, name)
      : analyseOperator(op, program.family, values, name);
    ops.push(info);
    values.push(info.output);
  }
  return { ...own, values, ops };
}
