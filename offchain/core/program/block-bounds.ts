// SPDX-License-Identifier: MIT
import { roundShift, type Interval } from "./bounds.ts";
import type { ForestOp, LayerNormOp, ScaledTable, SoftmaxOp } from "./types.ts";

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);
const clamp = (value: bigint, { lo, hi }: Interval) => (value < lo ? lo : value > hi ? hi : value);

/** Interval of a·b. */
export function productBounds(a: Interval, b: Interval): Interval {
  const ends = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
  return { lo: ends.reduce(smaller), hi: ends.reduce(larger) };
}

/** Largest integer whose square is at most `value`. */
export function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  while (root * root > value) root--;
  while ((root + 1n) * (root + 1n) <= value) root++;
  return root;
}

/** First and last index of a table that values in `range` can reach. */
export function tableReach(table: ScaledTable, range: Interval): { first: number; last: number } {
  const ends = { lo: BigInt(table.lo), hi: BigInt(table.lo + table.values.length - 1) };
  const at = (value: bigint) => Number(clamp(roundShift(value, table.shift), ends)) - table.lo;
  return { first: at(range.lo), last: at(range.hi) };
}

const span = (values: Uint16Array): Interval => ({
  lo: BigInt(values.reduce((least, v) => Math.min(least, v), 65535)),
  hi: BigInt(values.reduce((most, v) => Math.max(most, v), 0)),
});

/** Ranges of S, of R and of e·R for rows of `width`. The largest element has d = 0, so S is at least exp[0]. */
export function softmaxBounds(op: SoftmaxOp, width: number): { sum: Interval; factor: Interval; product: Interval } {
  const e = span(op.exp);
  const [first, rest] = [BigInt(op.exp[0] ?? 0), BigInt(width - 1)];
  const sum = { lo: first + rest * e.lo, hi: first + rest * e.hi };
  const reach = tableReach(op.reciprocal, sum);
  const factor = span(op.reciprocal.values.subarray(reach.first, reach.last + 1));
  return { sum, factor, product: { lo: e.lo * factor.lo, hi: e.hi * factor.hi } };
}

/** Ranges of d_i, V, R, d_i·R (jointly: a large R belongs to a small V, and d_i² ≤ V·(n-1)/n) and each accumulator. */
export function layerNormBounds(
  op: LayerNormOp,
  source: Interval,
  width: number,
): { difference: Interval; variance: Interval; factor: Interval; scaled: Interval; accumulators: Interval[] } {
  const n = BigInt(width);
  const spread = source.hi - source.lo;
  const reachable = (n - 1n) * spread;
  // Popoviciu: Σ(x - mean)² ≤ n·spread²/4, and V is n² times that.
  const variance = { lo: 0n, hi: (n * n * n * spread * spread) / 4n };
  const { shift, lo, values } = op.rsqrt;
  const reach = tableReach(op.rsqrt, variance);
  let most = 0n;
  for (let i = reach.first; i <= reach.last; i++) {
    const index = BigInt(lo + i);
    // The largest V that rounds to this index; the table's last entry takes everything above it too.
    const end = shift === 0 ? index : (2n * index + 1n) * 2n ** BigInt(shift - 1) - 1n;
    const v = i === reach.last ? variance.hi : smaller(end, variance.hi);
    const d = smaller(reachable, integerRoot((v * (n - 1n)) / n));
    most = larger(most, d * BigInt(values[i] ?? 0));
  }
  const accumulators = op.bias.map((bias, i) => {
    const weight = BigInt(Math.abs(op.weights[i] ?? 0));
    return { lo: bias - weight * most, hi: bias + weight * most };
  });
  return {
    difference: { lo: -reachable, hi: reachable },
    variance,
    factor: span(values.subarray(reach.first, reach.last + 1)),
    scaled: { lo: -most, hi: most },
    accumulators,
  };
}

/** Worst sum of leaves per output. */
export function forestBounds(op: ForestOp): Interval[] {
  const perTree = 2 ** op.depth * op.outputs;
  return op.bias.map((bias, output) => {
    let [lo, hi] = [0, 0];
    for (let tree = 0; tree < op.leaves.length; tree += perTree) {
      let [least, most] = [Infinity, -Infinity];
      for (let leaf = tree + output; leaf < tree + perTree; leaf += op.outputs) {
        least = Math.min(least, op.leaves[leaf] ?? 0);
        most = Math.max(most, op.leaves[leaf] ?? 0);
      }
      [lo, hi] = [lo + least, hi + most];
    }
    return { lo: BigInt(lo) + bias, hi: BigInt(hi) + bias };
  });
}
