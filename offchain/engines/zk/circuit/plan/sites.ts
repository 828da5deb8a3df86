// SPDX-License-Identifier: GPL-3.0-or-later
import { roundShift, type Interval } from "../../../../core/program/bounds.ts";
import type { Finish } from "../../../../core/program/types.ts";
import { FIELD } from "../field.ts";
import { bitLength, shapeBits, shapeCost, type RangeShape, type RangeShapes } from "./range-shapes.ts";

type Scale = Extract<Finish, { kind: "scale" }>;

/** A function of a clamped integer: what a two-column table holds. */
export interface TableFunction {
  /** Equal keys, equal functions: they share a table. */
  readonly key: string;
  readonly lo: number;
  readonly hi: number;
  readonly table: ArrayLike<number> | null;
}

/** Sites with the same function, shift and bounds: one channel of a layer, or several. */
export interface SiteClass {
  readonly key: string;
  readonly function: TableFunction;
  readonly shift: number;
  /** Bounds of t = acc + 2^(shift-1). */
  readonly tMin: bigint;
  readonly tMax: bigint;
  /** Bounds of h = floor(t / 2^shift). */
  readonly hMin: bigint;
  readonly hMax: bigint;
  count: number;
}

/**
 * `constant`: the bounds leave one value. `R`: clamp by ranges. `T`: the pair (h, y) in the function's table. `RT`: clamp, then the
 * pair (clamped, y): zk.md section 4. `S`: (first, last, y) in the table of the function's steps, first <= h <= last by two ranges.
 */
export type SiteForm = "constant" | "R" | "T" | "RT" | "S";

export function tableFunction(lo: number, hi: number, table: ArrayLike<number> | null): TableFunction {
  return { key: `${lo}..${hi}${table === null ? "" : `:${Array.from(table).join()}`}`, lo, hi, table };
}

/**
 * The same function under a key of its own: its table has the rows that its users name and no others. Where membership itself is the
 * proof of a range, a table shared with sites that stretch it beyond its ends would prove nothing.
 */
export const exactFunction = (fn: TableFunction): TableFunction => ({ ...fn, key: `exact ${fn.key}` });

/** Value of a clamped, tabulated function at any integer. */
export const functionValue =
  ({ lo, hi, table }: TableFunction) =>
  (key: number): number => {
    const clamped = Math.min(hi, Math.max(lo, key));
    return table === null ? clamped : (table[clamped - lo] ?? 0);
  };

/** Sites of one function over accumulators within an interval. */
export function siteOf(fn: TableFunction, shift: number, { lo, hi }: Interval): SiteClass {
  const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
  const [hMin, hMax] = [roundShift(lo, shift), roundShift(hi, shift)];
  const key = `${shift}|${lo}|${hi}|${fn.key}`;
  return { key, function: fn, shift, tMin: lo + half, tMax: hi + half, hMin, hMax, count: 0 };
}

export const siteClass = (finish: Scale, channel: number, bounds: Interval): SiteClass =>
  siteOf(
    tableFunction(finish.lo, finish.hi, finish.table),
    finish.shifts[finish.shifts.length === 1 ? 0 : channel] ?? 0,
    bounds,
  );

const clampTo = (value: bigint, lo: number, hi: number): bigint =>
  value < BigInt(lo) ? BigInt(lo) : value > BigInt(hi) ? BigInt(hi) : value;

/** What the bounds allow the clamped value to be. */
export const clampedRange = ({ function: { lo, hi }, hMin, hMax }: SiteClass): Interval => ({
  lo: clampTo(hMin, lo, hi),
  hi: clampTo(hMax, lo, hi),
});

/** Range checks of one clamp, as shapes; `null` where none is needed. */
export interface ClampRanges {
  readonly under: RangeShape | null;
  readonly over: RangeShape | null;
  /** [lo, lo + 2^b) in one, where the interval has exactly that many values. */
  readonly whole: RangeShape | null;
  /** y - lo >= 0 */
  readonly below: RangeShape | null;
  /** hi - y >= 0 */
  readonly above: RangeShape | null;
  /** null: shift 0 leaves no remainder, an equality stands instead. */
  readonly rest: RangeShape | null;
}

/**
 * Ranges for y: exact on each side where clamping happens, loose where the bounds on t cannot pass it: there y is the quotient
 * itself, and the range only keeps it an integer.
 */
export function clampRanges(site: SiteClass, shapes: RangeShapes): ClampRanges {
  const { lo, hi } = clampedRange(site);
  const low = site.hMin < BigInt(site.function.lo);
  const high = site.hMax > BigInt(site.function.hi);
  const bits = bitLength(hi - lo);
  const under = low ? shapes.loose(bitLength(BigInt(site.function.lo) - site.hMin)) : null;
  const over = high ? shapes.loose(bitLength(site.hMax - BigInt(site.function.hi))) : null;
  const rest = site.shift === 0 ? null : shapes.exact(site.shift);
  const one = shapes.loose(bits);
  if (low && high) {
    const exact = shapes.exact(bits);
    if (hi - lo + 1n === 1n << BigInt(bits) && shapeCost(exact) <= 2 * shapeCost(one))
      return { under, over, whole: exact, below: null, above: null, rest };
    return { under, over, whole: null, below: one, above: one, rest };
  }
  return { under, over, whole: null, below: high ? null : one, above: high ? one : null, rest };
}

const cost = (shape: RangeShape | null): number => (shape === null ? 0 : shapeCost(shape));

/** Constraints of a clamp at one site. */
function clampCost(ranges: ClampRanges): number {
  const { under, over, whole, below, above, rest } = ranges;
  const products = (under === null ? 0 : 1) + (over === null ? 0 : 1);
  const remainder = rest === null ? 1 : cost(rest);
  return products + remainder + cost(under) + cost(over) + cost(whole) + cost(below) + cost(above);
}

/** Largest |2^s (y + over − under) + rest| that the range checks admit, plus |t|: below r, equality in the field is equality. */
function clampReach(site: SiteClass, ranges: ClampRanges): bigint {
  const bound = (shape: RangeShape | null) => (shape === null ? 0n : 1n << BigInt(shapeBits(shape)));
  const y = bound(ranges.whole) + bound(ranges.below) + bound(ranges.above) + BigInt(Math.abs(site.function.lo));
  const sum = y + BigInt(Math.abs(site.function.hi)) + bound(ranges.under) + bound(ranges.over);
  const t = site.tMax > -site.tMin ? site.tMax : -site.tMin;
  return (sum << BigInt(site.shift)) + bound(ranges.rest) + t;
}

/** Bounds and shifts below it are far from the field, whatever the tables: no need to look. */
const NARROW_SHIFT = 64;
const NARROW = 1n << 128n;

/** Whether a sum that the ranges admit could wrap around the field, and so be another integer's. */
export function clampWraps(site: SiteClass, ranges: ClampRanges): boolean {
  if (site.shift <= NARROW_SHIFT && site.tMax < NARROW && site.tMin > -NARROW) return false;
  return 2n * clampReach(site, ranges) >= FIELD;
}

/** Constraints of a clamp in these tables; infinite where it would wrap. */
export function siteClampCost(site: SiteClass, shapes: RangeShapes): number {
  const ranges = clampRanges(site, shapes);
  return clampWraps(site, ranges) ? Infinity : clampCost(ranges);
}

/** Constraints of one site of form T without its share of the table. */
export const tableCost = (site: SiteClass, shapes: RangeShapes): number =>
  2 + (site.shift === 0 ? 0 : shapeCost(shapes.exact(site.shift)));

/** Steps of a function over [first, last]: maximal intervals with one value. */
export function functionSteps(
  fn: TableFunction,
  first: number,
  last: number,
): { first: number; last: number; y: number }[] {
  const value = functionValue(fn);
  const steps: { first: number; last: number; y: number }[] = [];
  // Outside the clamp nothing changes: its inside is walked, and the ends are stretched.
  for (let key = Math.max(first, fn.lo); key <= Math.min(last, fn.hi); key++) {
    const y = value(key);
    const before = steps.at(-1);
    if (before?.y === y) before.last = key;
    else steps.push({ first: key, last: key, y });
  }
  if (steps.length === 0) return [{ first, last, y: value(first) }];
  Object.assign(steps[0] as object, { first });
  Object.assign(steps.at(-1) as object, { last });
  return steps;
}

/** 2^shift times a table's key stays below r: keys are below 2^17 beyond the site's own. */
export const MAX_TABLE_SHIFT = 200;

/** A step table's keys are walked one by one. */
export const MAX_STEP_KEYS = 1n << 16n;

/** Constraints of one site of form S without its share of the table: three columns, two sides. */
export const stepCost = (hull: Interval, shift: number, shapes: RangeShapes): number =>
  3 + 2 * shapeCost(stepRange(hull, shift, shapes));

/** t - 2^s·first and 2^s·(last + 1) - 1 - t are below 2^s times the keys that the table covers. */
export const stepRange = (hull: Interval, shift: number, shapes: RangeShapes): RangeShape =>
  shapes.loose(bitLength((hull.hi - hull.lo + 1n) << BigInt(shift)));
