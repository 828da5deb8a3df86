// SPDX-License-Identifier: GPL-3.0-or-later
// dense, square, dense in the numbers that are encrypted: the integer network with a plan's scales divided out, so that every value
// is of about 1. What other libraries are given.
import type { LinearMap, SparseRow } from "../../offchain/engines/she/compile/linear-map.ts";

/** y = W x + b; `rows` sparse, as in LinearMap. */
export interface RealMap {
  readonly inputs: number;
  readonly rows: readonly SparseRow[];
  readonly bias: readonly number[];
}

export interface RealNetwork {
  readonly input: readonly number[];
  readonly first: RealMap;
  readonly second: RealMap;
  /** Answer of exact arithmetic. */
  readonly exact: readonly number[];
}

const scaled = ({ rows, bias, inputs }: LinearMap, by: number, biasBy: number): RealMap => ({
  inputs,
  rows: rows.map(({ columns, weights }) => ({ columns, weights: weights.map((w) => w / by) })),
  bias: bias.map((b) => Number(b) / biasBy),
});

const apply = (map: RealMap, x: readonly number[]): number[] =>
  map.rows.map(({ columns, weights }, o) =>
    weights.reduce((total, weight, k) => total + weight * (x[columns[k] ?? 0] ?? 0), map.bias[o] ?? 0),
  );

/** `meanings`: the plan's scales before, between and behind the two maps. */
export function realNetwork(
  first: LinearMap,
  second: LinearMap,
  input: readonly number[],
  meanings: readonly [number, number, number],
): RealNetwork {
  const [before, between, behind] = meanings;
  const one = scaled(first, between / before, between);
  const two = scaled(second, behind / between ** 2, behind);
  const reals = input.map((x) => x / before);
  const squared = apply(one, reals).map((x) => x * x);
  return { input: reals, first: one, second: two, exact: apply(two, squared) };
}

/** All weights of a map, row after row. */
export const denseRows = ({ inputs, rows }: RealMap): number[][] =>
  rows.map(({ columns, weights }) => {
    const row = Array.from({ length: inputs }, () => 0);
    for (const [k, weight] of weights.entries()) row[columns[k] ?? 0] = weight;
    return row;
  });
