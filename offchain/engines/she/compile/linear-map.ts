// SPDX-License-Identifier: MIT
import { elementsOf } from "../../../core/program/analyse.ts";
import type { ConvOp, LinearOp, SumPoolOp } from "../../../core/program/types.ts";

/** One output: which inputs it sums, with which integer weights. Columns ascend, no weight is zero. */
export interface SparseRow {
  readonly columns: readonly number[];
  readonly weights: readonly number[];
}

/** y = rows · x + bias over integers, elements in row-major order. */
export interface LinearMap {
  readonly inputs: number;
  readonly rows: readonly SparseRow[];
  readonly bias: readonly bigint[];
}

export const identityMap = (size: number): LinearMap => ({
  inputs: size,
  rows: Array.from({ length: size }, (_, i) => ({ columns: [i], weights: [1] })),
  bias: Array.from({ length: size }, () => 0n),
});

type Term = readonly [weight: number, source: LinearMap, row: number];

/** A row of weighted sums of rows of other maps over the same inputs. */
function combine(terms: readonly Term[], constant: bigint): { row: SparseRow; bias: bigint } {
  const sums = new Map<number, number>();
  let bias = constant;
  for (const [weight, source, at] of terms) {
    if (weight === 0) continue;
    bias += BigInt(weight) * (source.bias[at] ?? 0n);
    const { columns = [], weights = [] } = source.rows[at] ?? {};
    for (const [k, column] of columns.entries()) sums.set(column, (sums.get(column) ?? 0) + weight * (weights[k] ?? 0));
  }
  const columns = [...sums.keys()].filter((column) => sums.get(column) !== 0).toSorted((a, b) => a - b);
  return { row: { columns, weights: columns.map((column) => sums.get(column) ?? 0) }, bias };
}

function fromTerms(inputs: number, all: readonly (readonly Term[])[], constants: (i: number) => bigint): LinearMap {
  const made = all.map((terms, i) => combine(terms, constants(i)));
  return { inputs, rows: made.map(({ row }) => row), bias: made.map(({ bias }) => bias) };
}

/** Input positions of every window of a channel, by output position; -1 is padding. */
function windows(op: ConvOp | SumPoolOp, inDims: readonly number[], outDims: readonly number[]): number[][] {
  const [, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  const [kernelHeight, kernelWidth] = op.kernel;
  return Array.from({ length: outHeight * outWidth }, (_, out) => {
    const top = Math.floor(out / outWidth) * op.strides[0] - op.pads[0];
    const left = (out % outWidth) * op.strides[1] - op.pads[1];
    return Array.from({ length: kernelHeight * kernelWidth }, (_tap, tap) => {
      const [y, x] = [top + Math.floor(tap / kernelWidth), left + (tap % kernelWidth)];
      return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
    });
  });
}

/** A linear operator after the maps of its sources (over the same inputs): its accumulator, before any finish. */
export function applyLinear(
  op: LinearOp,
  sources: readonly LinearMap[],
  inDims: readonly number[],
  outDims: readonly number[],
): LinearMap {
  const [first, second] = sources;
  if (first === undefined) return identityMap(0);
  const size = elementsOf(outDims);
  if (op.kind === "add") {
    const [a, b] = op.multipliers;
    const terms = Array.from({ length: size }, (_, i): Term[] => [
      [a, first, i],
      [b, second ?? first, i],
    ]);
    return fromTerms(first.inputs, terms, () => 0n);
  }
  if (op.kind === "dense") {
    const width = op.weights.length / op.outputs;
    const terms = Array.from({ length: size }, (_, i) => {
      const [group, output] = [Math.floor(i / op.outputs), i % op.outputs];
      return Array.from({ length: width }, (_k, k): Term => [
        op.weights[output * width + k] ?? 0,
        first,
        group * width + k,
      ]);
    });
    return fromTerms(first.inputs, terms, (i) => op.bias[i % op.outputs] ?? 0n);
  }
  const [channels = 1, height = 1, width = 1] = inDims;
  const positions = windows(op, inDims, outDims);
  const perChannel = (channel: number, at: readonly number[], weight: (tap: number) => number): Term[] =>
    at.flatMap((position, tap): Term[] =>
      position < 0 ? [] : [[weight(tap), first, channel * height * width + position]],
    );
  if (op.kind === "sumPool")
    return fromTerms(
      first.inputs,
      Array.from({ length: size }, (_, i) =>
        perChannel(Math.floor(i / positions.length), positions[i % positions.length] ?? [], () => op.multiplier),
      ),
      () => 0n,
    );
  const taps = op.kernel[0] * op.kernel[1];
  return fromTerms(
    first.inputs,
    Array.from({ length: size }, (_, i) => {
      const output = Math.floor(i / positions.length);
      return Array.from({ length: channels }, (_c, channel) =>
        perChannel(
          channel,
          positions[i % positions.length] ?? [],
          (tap) => op.weights[(output * channels + channel) * taps + tap] ?? 0,
        ),
      ).flat();
    }),
    (i) => op.bias[Math.floor(i / positions.length)] ?? 0n,
  );
}
