// SPDX-License-Identifier: MIT
import type { LinearMap } from "./linear-map.ts";

/**
 * How a linear map runs on packed slots (hybrid diagonals; Juvekar et al., GAZELLE, 2018): babies rotations of the input by 0 to
 * babies - 1, products with diagonals, giants sums joined by rotations of `babies` (Horner), then folds: v += v rotated. Numbers
 * are in units of `interleave` slots.
 */
export interface Packing {
  readonly babies: number;
  readonly giants: number;
  readonly folds: readonly number[];
  /** Diagonal of giant step a and baby step b, one number a unit; undefined if all zero. Weights are integers. */
  diagonal(a: number, b: number): Float64Array | undefined;
  /** Where output o stands. */
  readonly outputs: readonly number[];
  /** Slots repeat with this period; 0: only `outputs` are meaningful. */
  readonly period: number;
  /** Bias of each slot: index of the output that stands there, or -1. */
  readonly bias: Int32Array;
}

/** Index of the input in each slot of the client's packing; -1 is zero. */
export type SlotMap = Int32Array;

export const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

const doublings = (from: number, below: number): number[] => {
  const all: number[] = [];
  for (let r = from; r < below; r *= 2) all.push(r);
  return all;
};

const undefinedIfZero = (values: Float64Array): Float64Array | undefined =>
  values.some((value) => value !== 0) ? values : undefined;

const lookUp = ({ rows }: LinearMap) => {
  const found = rows.map(({ columns, weights }) => new Map(columns.map((column, k) => [column, weights[k] ?? 0])));
  return (row: number, column: number): number => found[row]?.get(column) ?? 0;
};

const replicated = (count: number, period: number, slots: number) => ({
  outputs: Array.from({ length: count }, (_, o) => o),
  period,
  bias: Int32Array.from({ length: slots }, (_, s) => (s % period < count ? s % period : -1)),
});

/**
 * First map, each tap of an output in a block of its own, gathered by the client: one product. Needs taps · outputs <= slots;
 * undefined otherwise.
 */
export function packGathered(map: LinearMap, slots: number): { packing: Packing; input: SlotMap } | undefined {
  const out = powerOfTwo(map.rows.length);
  const taps = powerOfTwo(Math.max(...map.rows.map(({ columns }) => columns.length)));
  if (taps * out > slots) return undefined;
  const place = (s: number) => {
    const row = map.rows[s % out];
    const tap = Math.floor(s / out) % taps;
    return { column: row?.columns[tap] ?? -1, weight: row?.weights[tap] ?? 0 };
  };
  const input = Int32Array.from({ length: slots }, (_, s) => place(s).column);
  const weights = Float64Array.from({ length: slots }, (_, s) => place(s).weight);
  const packing: Packing = {
    babies: 1,
    giants: 1,
    folds: doublings(out, taps * out),
    diagonal: () => weights,
    ...replicated(map.rows.length, out, slots),
  };
  return { packing, input };
}

/** Chooses how many baby rotations `diagonals` diagonals get. */
export type SplitRule = (diagonals: number) => number;

/**
 * First map in hybrid diagonals: the slots hold several replicas of the input, each rotated further by the client, so that one
 * product serves as many diagonals.
 */
export function packReplicated(
  map: LinearMap,
  slots: number,
  split: SplitRule,
): { packing: Packing; input: SlotMap } | undefined {
  const out = powerOfTwo(map.rows.length);
  const width = Math.max(powerOfTwo(map.inputs), out);
  const replicas = slots / width;
  const diagonals = out / replicas;
  if (replicas < 1 || diagonals < 1) return undefined;
  const columnOf = (s: number) => ((s % width) + Math.floor(s / width) * diagonals) % width;
  const input = Int32Array.from({ length: slots }, (_, s) => (columnOf(s) < map.inputs ? columnOf(s) : -1));
  const packing = hybrid(map, slots, out, diagonals, split(diagonals), columnOf, doublings(out, slots));
  return { packing, input };
}

/** A map over slots that repeat with `period`. */
export function packPeriodic(map: LinearMap, slots: number, period: number, split: SplitRule): Packing | undefined {
  const out = powerOfTwo(map.rows.length);
  if (out > slots) return undefined;
  const diagonals = Math.min(period, out);
  return hybrid(map, slots, out, diagonals, split(diagonals), (s) => s % period, doublings(out, period));
}

/** The last map, if outputs · period fit the slots: one product, output o at slot o · period, other slots meaningless. */
export function packFew(map: LinearMap, slots: number, period: number): Packing | undefined {
  if (map.rows.length * period > slots) return undefined;
  const weight = lookUp(map);
  const weights = Float64Array.from({ length: slots }, (_, s) => weight(Math.floor(s / period), s % period));
  const bias = new Int32Array(slots).fill(-1);
  for (const o of map.rows.keys()) bias[o * period] = o;
  return {
    babies: 1,
    giants: 1,
    folds: doublings(1, period),
    diagonal: () => weights,
    outputs: map.rows.map((_, o) => o * period),
    period: 0,
    bias,
  };
}

function hybrid(
  map: LinearMap,
  slots: number,
  out: number,
  diagonals: number,
  babies: number,
  columnOf: (s: number) => number,
  folds: readonly number[],
): Packing {
  const weight = lookUp(map);
  return {
    babies,
    giants: diagonals / babies,
    folds,
    // The giant rotation comes after the sum, so the plaintext is shifted back by it.
    diagonal: (a, b) =>
      undefinedIfZero(
        Float64Array.from({ length: slots }, (_, s) =>
          weight((((s - a * babies) % out) + out) % out, columnOf((s + b) % slots)),
        ),
      ),
    ...replicated(map.rows.length, out, slots),
  };
}
