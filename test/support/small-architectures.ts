// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConvOp, DenseOp, Finish, Op, Program } from "../../offchain/core/program/types.ts";
import { isWeighted } from "../../offchain/engines/zk/circuit/architecture.ts";
import type { Prng } from "./prng.ts";

type Scale = Extract<Finish, { kind: "scale" }>;
export const relu = (shift: number): Scale => ({
  kind: "scale",
  dtype: "i8",
  shifts: [shift],
  lo: 0,
  hi: 127,
  table: null,
});
export const signedOut = (shift: number): Scale => ({ ...relu(shift), lo: -127 });

/** The same architecture after another training. */
export const retrained = (program: Program, prng: Prng): Program => ({
  ...program,
  ops: program.ops.map((op): Op =>
    isWeighted(op)
      ? {
          ...op,
          weights: Int8Array.from(op.weights, () => prng.int(-127, 127)),
          bias: op.bias.map(() => BigInt(prng.int(-3000, 3000))),
        }
      : op,
  ),
});

export const dense = (input: number, taps: number, outputs: number, finish: Finish): DenseOp => ({
  kind: "dense",
  input,
  outputs,
  weights: new Int8Array(taps * outputs),
  bias: Array.from({ length: outputs }, () => 0n),
  finish,
});

export function conv(
  input: number,
  [channels, outputs]: readonly [number, number],
  kernel: ConvOp["kernel"],
  rest: { strides?: ConvOp["strides"]; pads?: ConvOp["pads"]; finish: Finish },
): ConvOp {
  const { strides = [1, 1], pads = [0, 0, 0, 0], finish } = rest;
  const weights = new Int8Array(outputs * channels * kernel[0] * kernel[1]);
  const bias = Array.from({ length: outputs }, () => 0n);
  return { kind: "conv", input, outputs, weights, bias, kernel, strides, pads, finish };
}

export const stage = (dims: readonly number[], ops: readonly Op[], lo = -127): Program => ({
  family: "quantised",
  inputs: [{ dtype: "i8", dims, lo, hi: 127 }],
  ops,
  output: ops.length,
});
