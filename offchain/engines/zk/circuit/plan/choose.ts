// SPDX-License-Identifier: GPL-3.0-or-later
import type { Interval } from "../../../../core/program/bounds.ts";
import { bitLength, RangeShapes, MAX_TABLE_BITS, MIN_TABLE_BITS, shapeCost } from "./range-shapes.ts";
import {
  clampCost,
  clampedRange,
  clampRanges,
  functionSteps,
  MAX_STEP_KEYS,
  stepCost,
  tableCost,
  type SiteClass,
  type SiteForm,
} from "./sites.ts";

/** Range checks that do not depend on a site's form. */
export interface PlainRange {
  readonly exact: boolean;
  readonly bits: number;
  readonly count: number;
}

/** Elements whose byte can come from a sign bit or from a table of (value, byte). */
export interface SignedElements {
  readonly key: string;
  readonly lo: number;
  readonly hi: number;
  readonly count: number;
  /** The value's range is proved elsewhere. */
  readonly proved: boolean;
}

/** Everything that the choice of range tables and forms decides about. */
export interface Demand {
  readonly sites: readonly SiteClass[];
  readonly ranges: readonly PlainRange[];
  readonly signed: readonly SignedElements[];
  /** Two-column tables that exist whatever is chosen, by function: first and last row. */
  readonly fixedRows: ReadonlyMap<string, readonly [bigint, bigint]>;
  /** lo <= x <= hi for so many elements. */
  readonly intervals: readonly { readonly lo: bigint; readonly hi: bigint; readonly count: number }[];
  /** Constraints that no choice changes. */
  readonly fixedConstraints: number;
}

export interface Plan {
  /** Widths in bits of the range tables. */
  readonly tables: readonly number[];
  readonly forms: ReadonlyMap<string, SiteForm>;
  /** Keys that a function's table of steps covers, by function. */
  readonly stepHulls: ReadonlyMap<string, Interval>;
  /** Boundary elements by key: through a sign bit or through the byte table. */
  readonly signed: ReadonlyMap<string, "sign" | "table">;
  /** Constraints that the formulas promise; the linked circuit has exactly as many. */
  readonly constraints: number;
}

/** Above it a function's table is never worth its rows. */
const MAX_TABLE_ROWS = 1n << 16n;
const PUBLIC_ROWS = 4;
/** One product a circuit with three-column tables. */
const RHO_SQUARE = 1;

/** Size of the evaluation domain: Groth16 adds one row a public input, and the constant. */
export const domainBits = (constraints: number, publics = PUBLIC_ROWS): number =>
  Math.ceil(Math.log2(constraints + publics));

/** Every set of one to three table widths. */
export function* tableSets(): Generator<readonly number[]> {
  for (let a = MIN_TABLE_BITS; a <= MAX_TABLE_BITS; a++) {
    yield [a];
    for (let b = a + 1; b <= MAX_TABLE_BITS; b++) {
      yield [a, b];
      for (let c = b + 1; c <= MAX_TABLE_BITS; c++) yield [a, b, c];
    }
  }
}

/** One exact range where the interval fills it and that is no dearer, else a loose one for each side. */
export function intervalCost(lo: bigint, hi: bigint, shapes: RangeShapes): number {
  const bits = bitLength(hi - lo);
  const [exact, sides] = [shapeCost(shapes.exact(bits)), 2 * shapeCost(shapes.loose(bits))];
  return hi - lo + 1n === 1n << BigInt(bits) ? Math.min(exact, sides) : sides;
}

export const signCost = ({ lo, hi, proved }: SignedElements, shapes: RangeShapes): number => {
  const edge = shapeCost(shapes.loose(8));
  return 1 + shapeCost(shapes.exact(7)) + (proved ? 0 : (lo > -128 ? edge : 0) + (hi < 127 ? edge : 0));
};

interface Choice {
  readonly cost: number;
  /** Keys of the table of steps, where form S was chosen. */
  readonly hull?: Interval;
  readonly forms: ReadonlyMap<string, SiteForm>;
}

/**
 * Forms for the sites of one function. A table pays for its rows once, so T is taken by all sites whose rows fit a common hull: every
 * site's own range is tried as the widest.
 */
function chooseForms(
  sites: readonly SiteClass[],
  shapes: RangeShapes,
  fixed: readonly [bigint, bigint] | undefined,
): Choice {
  const rows = (site: SiteClass) => site.hMax - site.hMin;
  const ordered = sites.toSorted((x, y) => (rows(x) < rows(y) ? -1 : rows(x) > rows(y) ? 1 : 0));
  const costs = ordered.map((site) => {
    const plain = clampCost(clampRanges(site, shapes));
    return { plain: site.function.table === null ? plain : plain + 2, table: tableCost(site, shapes) };
  });
  const hasTable = sites[0]?.function.table !== null;
  let best: Choice | undefined;
  // `widest`: sites up to this one may use T.
  for (let widest = -1; widest < ordered.length; widest++) {
    if (widest >= 0 && rows(ordered[widest] as SiteClass) >= MAX_TABLE_ROWS) break;
    let hull = fixed;
    const cover = (lo: bigint, hi: bigint) => {
      hull = hull === undefined ? [lo, hi] : [lo < hull[0] ? lo : hull[0], hi > hull[1] ? hi : hull[1]];
    };
    const forms = new Map<string, SiteForm>();
    let cost = 0;
    for (const [i, site] of ordered.entries()) {
      const { plain = 0, table = 0 } = costs[i] ?? {};
      const { lo, hi } = clampedRange(site);
      if (lo === hi) {
        forms.set(site.key, "constant");
        continue;
      }
      const useTable = i <= widest && (table <= plain || i === widest);
      forms.set(site.key, useTable ? "T" : hasTable ? "RT" : "R");
      cost += site.count * (useTable ? table : plain);
      if (useTable) cover(site.hMin, site.hMax);
      else if (hasTable) cover(lo, hi);
    }
    if (hull !== undefined) cost += Number(hull[1] - hull[0]) + 2;
    if (best === undefined || cost < best.cost) best = { cost, forms };
  }
  const steps = stepChoice(ordered, shapes);
  if (fixed === undefined && steps !== null && best !== undefined && steps.cost < best.cost) return steps;
  return best ?? { cost: 0, forms: new Map() };
}

/** Form S for all sites of a function; null where the keys are too many to walk. */
function stepChoice(sites: readonly SiteClass[], shapes: RangeShapes): Choice | null {
  const forms = new Map<string, SiteForm>();
  const open: SiteClass[] = [];
  for (const site of sites) {
    const { lo, hi } = clampedRange(site);
    forms.set(site.key, lo === hi ? "constant" : "S");
    if (lo !== hi) open.push(site);
  }
  const hull = open.reduce<Interval | undefined>(
    (h, { hMin, hMax }) => ({ lo: h && h.lo < hMin ? h.lo : hMin, hi: h && h.hi > hMax ? h.hi : hMax }),
    undefined,
  );
  const fn = sites[0]?.function;
  if (hull === undefined || fn === undefined || hull.hi - hull.lo >= MAX_STEP_KEYS) return null;
  const rows = functionSteps(fn, Number(hull.lo), Number(hull.hi)).length;
  const cost = open.reduce((sum, site) => sum + site.count * stepCost(hull, site.shift, shapes), rows + 1);
  return { cost, forms, hull };
}

function evaluate(demand: Demand, tables: readonly number[]): Plan {
  const shapes = new RangeShapes(tables);
  let constraints = demand.fixedConstraints + tables.reduce((sum, width) => sum + 2 ** width + 1, 0);
  for (const { exact, bits, count } of demand.ranges)
    constraints += count * shapeCost(exact ? shapes.exact(bits) : shapes.loose(bits));
  for (const { lo, hi, count } of demand.intervals) constraints += count * intervalCost(lo, hi, shapes);
  const functions = Map.groupBy(demand.sites, (site) => site.function.key);
  const forms = new Map<string, SiteForm>();
  const stepHulls = new Map<string, Interval>();
  for (const [key, sites] of functions) {
    const choice = chooseForms(sites, shapes, demand.fixedRows.get(key));
    constraints += choice.cost;
    for (const [site, form] of choice.forms) forms.set(site, form);
    if (choice.hull !== undefined) stepHulls.set(key, choice.hull);
  }
  if (stepHulls.size > 0) constraints += RHO_SQUARE;
  for (const [key, [first, last]] of demand.fixedRows) if (!functions.has(key)) constraints += Number(last - first) + 2;
  const signed = new Map<string, "sign" | "table">();
  // One byte table serves all elements that use it; with few kinds of boundary, all or none is the whole choice.
  const bySign = demand.signed.reduce((sum, elements) => sum + elements.count * signCost(elements, shapes), 0);
  const lo = Math.min(...demand.signed.map((elements) => elements.lo));
  const hi = Math.max(...demand.signed.map((elements) => elements.hi));
  const byTable = demand.signed.reduce((sum, { count }) => sum + 2 * count, hi - lo + 2);
  const sameRange = demand.signed.every((elements) => elements.proved || (elements.lo === lo && elements.hi === hi));
  const useTable = demand.signed.length > 0 && sameRange && byTable < bySign;
  for (const { key } of demand.signed) signed.set(key, useTable ? "table" : "sign");
  if (demand.signed.length > 0) constraints += useTable ? byTable : bySign;
  return { tables, forms, stepHulls, signed, constraints };
}

/** The plan with the smallest domain, then the fewest constraints, then the fewest tables. The first of equals: deterministic. */
export function choosePlan(demand: Demand): Plan {
  let best: Plan | undefined;
  for (const tables of tableSets()) {
    const plan = evaluate(demand, tables);
    if (best === undefined || isBetter(plan, best)) best = plan;
  }
  return best as Plan;
}

function isBetter(plan: Plan, than: Plan): boolean {
  const order = [
    domainBits(plan.constraints) - domainBits(than.constraints),
    plan.constraints - than.constraints,
    plan.tables.length - than.tables.length,
  ];
  return (order.find((difference) => difference !== 0) ?? 0) < 0;
}
