// SPDX-License-Identifier: GPL-3.0-or-later
import type { Op, Program } from "../../../offchain/core/program/types.ts";
import type { Prng } from "../prng.ts";

export const EXACT = { kind: "exact" } as const;
export const ROUNDED = {
  kind: "scale",
  dtype: "i32",
  shifts: [40],
  lo: -1_000_000,
  hi: 1_000_000,
  table: null,
} as const;

/** Builders of random polynomial programs' operators. */
export function toyOperators(rng: Prng) {
  const weights = (length: number) => Int8Array.from({ length }, () => rng.int(-60, 60));
  const bias = (length: number) => Array.from({ length }, () => BigInt(rng.int(-3000, 3000)));
  const dense = (input: number, inputs: number, outputs: number, isLast = false): Op => ({
    kind: "dense",
    input,
    outputs,
    weights: weights(inputs * outputs),
    bias: bias(outputs),
    finish: isLast ? ROUNDED : EXACT,
  });
  const conv = (input: number, channels: number, outputs: number, kernel: number, stride: number, pad: number): Op => ({
    kind: "conv",
    input,
    outputs,
    kernel: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    weights: weights(outputs * channels * kernel * kernel),
    bias: bias(outputs),
    finish: EXACT,
  });
  return { dense, conv };
}

export const square = (input: number): Op => ({ kind: "square", input });

export function polynomial(dims: readonly number[], ops: readonly Op[], lo = -127): Program {
  return { family: "polynomial", inputs: [{ dtype: "i8", dims, lo, hi: 127 }], ops, output: ops.length };
}

export function randomInput({ inputs: [input] }: Program, rng: Prng): number[] {
  const { dims = [], lo = 0, hi = 0 } = input ?? {};
  return Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.int(lo, hi));
}

/** A multilayer perceptron with squares between its layers. */
export function polyPerceptron(widths: readonly number[], rng: Prng, lo = -127): Program {
  const { dense } = toyOperators(rng);
  const ops: Op[] = [];
  for (let i = 1; i < widths.length; i++) {
    if (i > 1) ops.push(square(ops.length));
    ops.push(dense(ops.length, widths[i - 1] ?? 0, widths[i] ?? 0, i === widths.length - 1));
  }
  return polynomial([widths[0] ?? 0], ops, lo);
}

/** Five maps of 2 x 2 with stride 2 over 28 x 28, square, 980 to 100, square, 100 to 10: the shape of LoLa's network. */
export function polyConvolution(rng: Prng): Program {
  const { dense, conv } = toyOperators(rng);
  const ops: Op[] = [
    conv(0, 1, 5, 2, 2, 0),
    { kind: "reshape", input: 1, dims: [980] },
    square(2),
    dense(3, 980, 100),
    square(4),
    dense(5, 100, 10, true),
  ];
  return polynomial([1, 28, 28], ops, 0);
}
