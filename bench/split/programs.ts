// SPDX-License-Identifier: GPL-3.0-or-later
// Stages of equal work: convolutions that narrow to a small boundary, about a millisecond each on one core.
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import type { ConvOp, Program } from "../../offchain/core/program/types.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";
import { loadStage, type LoadedStage } from "../../offchain/engines/program/executor.ts";
import { Random } from "../../test/support/random-program.ts";

const SIDE = 56;
const NARROW = 8;
const WIDE = 64;
/** 3 × 3 × 64 products of two 7-bit numbers: back to 7 bits, spread over them. */
const SHIFT = 10;

function conv(random: Random, input: number, channels: number, outputs: number): ConvOp {
  return {
    kind: "conv",
    input,
    outputs,
    kernel: [3, 3],
    strides: [1, 1],
    pads: [1, 1, 1, 1],
    weights: Int8Array.from({ length: outputs * channels * 9 }, () => random.integer(-40, 40)),
    bias: Array.from({ length: outputs }, () => 0n),
    finish: { kind: "scale", dtype: "i8", shifts: [SHIFT], lo: 0, hi: 127, table: null },
  };
}

/** Stage `i` of the benchmark's model, of `layers` convolutions and one that narrows. */
export function benchStage(i: number, layers: number): LoadedStage {
  const random = new Random(40 + i);
  const widths = [NARROW, ...Array.from({ length: layers }, () => WIDE), NARROW];
  const ops = widths.slice(1).map((outputs, at) => conv(random, at, widths[at] ?? NARROW, outputs));
  const program: Program = {
    family: "quantised",
    inputs: [{ dtype: "i8", dims: [NARROW, SIDE, SIDE], lo: 0, hi: 127 }],
    ops,
    output: ops.length,
  };
  return loadStage(encodeProgram(program));
}

export function benchInput(i: number): Tensor {
  const random = new Random(900 + i);
  const data = Int8Array.from({ length: NARROW * SIDE * SIDE }, () => random.integer(0, 127));
  return { dtype: "i8", dims: [1, NARROW, SIDE, SIDE], data };
}
