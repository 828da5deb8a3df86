// SPDX-License-Identifier: MIT
import { isBlock, type BlockOp } from "../analyse-block.ts";
import { roundShift } from "../bounds.ts";
import type { Analysis } from "../analyse.ts";
import { inputsOf, isLinear, type Finish, type LinearOp, type Op, type Program } from "../types.ts";
import { concatSources, transposeSources } from "./move.ts";

function finishExact(acc: readonly bigint[], finish: Finish, channels: number, inner: number): readonly bigint[] {
  if (finish.kind === "exact") return acc;
  const [lo, hi] = [BigInt(finish.lo), BigInt(finish.hi)];
  return acc.map((value, e) => {
    const shift = finish.shifts[finish.shifts.length === 1 ? 0 : Math.floor(e / inner) % channels] ?? 0;
    const rounded = roundShift(value, shift);
    const clamped = rounded < lo ? lo : rounded > hi ? hi : rounded;
    return finish.table === null ? clamped : BigInt(finish.table[Number(clamped - lo)] ?? 0);
  });
}

type Window = Extract<Op, { kernel: readonly [number, number] }>;

/** Calls `visit` with (output index, input index, kernel index) for every tap of every window inside the image. */
function eachTap(
  op: Window,
  inDims: readonly number[],
  outDims: readonly number[],
  visit: (output: number, y: number, x: number, tap: number) => void,
): void {
  const [, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  for (let output = 0; output < outHeight * outWidth; output++) {
    const y0 = Math.floor(output / outWidth) * op.strides[0] - op.pads[0];
    const x0 = (output % outWidth) * op.strides[1] - op.pads[1];
    for (let tap = 0; tap < op.kernel[0] * op.kernel[1]; tap++) {
      const y = y0 + Math.floor(tap / op.kernel[1]);
      const x = x0 + (tap % op.kernel[1]);
      if (y >= 0 && y < height && x >= 0 && x < width) visit(output, y, x, tap);
    }
  }
}

function accumulate(
  op: LinearOp,
  sources: readonly (readonly bigint[])[],
  inDims: readonly number[],
  outDims: readonly number[],
  batch: number,
): bigint[] {
  const x = sources[0] ?? [];
  if (op.kind === "add") {
    const [a, b] = [BigInt(op.multipliers[0]), BigInt(op.multipliers[1])];
    return x.map((value, i) => a * value + b * (sources[1]?.[i] ?? 0n));
  }
  if (op.kind === "dense") {
    const width = op.weights.length / op.outputs;
    const acc: bigint[] = [];
    for (let row = 0; row < x.length; row += width) {
      for (let o = 0; o < op.outputs; o++) {
        let sum = op.bias[o] ?? 0n;
        for (let i = 0; i < width; i++) sum += BigInt(op.weights[o * width + i] ?? 0) * (x[row + i] ?? 0n);
        acc.push(sum);
      }
    }
    return acc;
  }
  const [channels = 1, height = 1, width = 1] = inDims;
  const [outChannels = 1, outHeight = 1, outWidth = 1] = outDims;
  const [size, taps] = [outHeight * outWidth, op.kernel[0] * op.kernel[1]];
  const acc: bigint[] = Array.from({ length: batch * outChannels * size }, () => 0n);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outChannels; o++) {
      const base = (n * outChannels + o) * size;
      if (op.kind === "conv") acc.fill(op.bias[o] ?? 0n, base, base + size);
      for (let c = op.kind === "conv" ? 0 : o; c < (op.kind === "conv" ? channels : o + 1); c++) {
        eachTap(op, inDims, outDims, (output, y, column, tap) => {
          const weight = op.kind === "conv" ? (op.weights[(o * channels + c) * taps + tap] ?? 0) : op.multiplier;
          const value = x[((n * channels + c) * height + y) * width + column] ?? 0n;
          acc[base + output] = (acc[base + output] ?? 0n) + BigInt(weight) * value;
        });
      }
    }
  }
  return acc;
}

/**
 * The reference for the polynomial family: exact integers of any size. Same contract as `runQuantised`.
 * Slow on purpose: it is the definition that faster executors and circuits are compared with.
 */
export function runPolynomial(
  program: Program,
  analysis: Analysis,
  inputs: readonly (readonly bigint[])[],
  batch: number,
  probe: number | null,
): { values: (readonly bigint[])[]; accumulator: readonly bigint[] | null } {
  const values = [...inputs];
  let accumulator: readonly bigint[] | null = null;
  for (const [index, op] of program.ops.entries()) {
    const sources = inputsOf(op).map((value) => values[value] ?? []);
    const dims = inputsOf(op).map((value) => analysis.values[value]?.dims ?? []);
    const [x, inDims, outDims] = [sources[0] ?? [], dims[0] ?? [], analysis.ops[index]?.output.dims ?? []];
    if (isBlock(op)) continue; // refused in this family by analyseProgram
    if (isLinear(op)) {
      const acc = accumulate(op, sources, inDims, outDims, batch);
      if (index === probe) accumulator = acc;
      const spatial = op.kind === "conv" || op.kind === "sumPool";
      const channels = op.kind === "dense" ? op.outputs : spatial ? (outDims[0] ?? 1) : 1;
      values.push(finishExact(acc, op.finish, channels, spatial ? (outDims[1] ?? 1) * (outDims[2] ?? 1) : 1));
    } else values.push(runPlain(op, sources, dims, x, inDims, outDims, batch));
  }
  return { values, accumulator };
}

function runPlain(
  op: Exclude<Op, LinearOp | BlockOp>,
  sources: readonly (readonly bigint[])[],
  dims: readonly (readonly number[])[],
  x: readonly bigint[],
  inDims: readonly number[],
  outDims: readonly number[],
  batch: number,
): readonly bigint[] {
  switch (op.kind) {
    case "square":
      return x.map((value) => value * value);
    case "reshape":
      return x;
    case "map":
      return x.map((value) => BigInt(op.table[Number(value) - op.lo] ?? 0));
    case "transpose":
      return Array.from(transposeSources(inDims, op.perm, batch), (source) => x[source] ?? 0n);
    case "concat": {
      const { part, index } = concatSources(dims, op.axis, batch);
      return Array.from(part, (p, e) => sources[p]?.[index[e] ?? 0] ?? 0n);
    }
    case "maxPool": {
      const [channels = 1, height = 1, width = 1] = inDims;
      const size = (outDims[1] ?? 1) * (outDims[2] ?? 1);
      const best: (bigint | undefined)[] = Array.from({ length: batch * channels * size });
      for (let plane = 0; plane < batch * channels; plane++) {
        eachTap(op, inDims, outDims, (output, y, column) => {
          const value = x[(plane * height + y) * width + column] ?? 0n;
          const target = plane * size + output;
          const old = best[target];
          if (old === undefined || value > old) best[target] = value;
        });
      }
      return best.map((value) => value ?? 0n);
    }
  }
}
