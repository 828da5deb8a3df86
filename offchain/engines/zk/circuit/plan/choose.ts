// SPDX-License-Identifier: GPL-3.0-or-later
import type { Interval } from "../../../../core/program/bounds.ts";
import {
  BitShapes,
  bitLength,
  MAX_TABLE_BITS,
  MIN_TABLE_BITS,
  shapeCost,
  TableShapes,
  type RangeShapes,
} from "./range-shapes.ts";
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

export interface PairDemand {
  readonly first: bigint;
  readonly last: bigint;
  readonly count: number;
}

/** Everything that the choice of range tables and forms decides about. */
export interface Demand {
  readonly sites: readonly SiteClass[];
  readonly ranges: readonly PlainRange[];
  readonly signed: readonly SignedElements[];
  /** Lookups of (x, f(x)) that exist whatever is chosen, by function: first and last row, and how many. */
  readonly pairs: ReadonlyMap<string, PairDemand>;
  /** False: no lookups, so ranges are bits and a table is one-hot at each use. */
  readonly challenges: boolean;
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
const PAIR = 2;

/** Constraints of one (x, f(x)) without challenges: a bit a row, x and y as their sums. */
export const oneHotCost = (rows: number): number => rows + 2;

/** Size of the evaluation domain: Groth16 adds one row a public input, and the constant. */
export const domainBits = (constraints: number, publics = PUBLIC_ROWS): number =>
  Math.ceil(Math.log2(constraints + publics));

/** Every set of up to three table widths. */
export function* tableSets(): Generator<readonly number[]> {
  yield [];
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
function chooseForms(sites: readonly SiteClass[], shapes: RangeShapes, pairs: PairDemand | undefined): Choice {
  const rows = (site: SiteClass) => site.hMax - site.hMin;
  const ordered = sites.toSorted((x, y) => (rows(x) < rows(y) ? -1 : rows(x) > rows(y) ? 1 : 0));
  const costs = ordered.map((site) => {
    const plain = clampCost(clampRanges(site, shapes));
    return { plain: site.function.table === null ? plain : plain + PAIR, table: tableCost(site, shapes) };
  });
  const hasTable = sites[0]?.function.table !== null;
  let best: Choice | undefined;
  // `widest`: sites up to this one may use T.
  for (let widest = -1; widest < ordered.length; widest++) {
    if (widest >= 0 && rows(ordered[widest] as SiteClass) >= MAX_TABLE_ROWS) break;
    let hull: Interval | undefined = pairs && { lo: pairs.first, hi: pairs.last };
    const cover = ({ lo, hi }: Interval) => {
      hull = hull === undefined ? { lo, hi } : { lo: lo < hull.lo ? lo : hull.lo, hi: hi > hull.hi ? hi : hull.hi };
    };
    const forms = new Map<string, SiteForm>();
    let cost = 0;
    for (const [i, site] of ordered.entries()) {
      const { plain = 0, table = 0 } = costs[i] ?? {};
      const range = clampedRange(site);
      if (range.lo === range.hi) {
        forms.set(site.key, "constant");
        continue;
      }
      const useTable = i <= widest && (table <= plain || i === widest);
      forms.set(site.key, useTable ? "T" : hasTable ? "RT" : "R");
      cost += site.count * (useTable ? table : plain);
      if (useTable) cover({ lo: site.hMin, hi: site.hMax });
      else if (hasTable) cover(range);
    }
    if (hull !== undefined) cost += Number(hull.hi - hull.lo) + 2;
    if (best === undefined || cost < best.cost) best = { cost, forms };
  }
  const steps = stepChoice(ordered, shapes);
  if (pairs === undefined && steps !== null && best !== undefined && steps.cost < best.cost) return steps;
  return best ?? { cost: 0, forms: new Map() };
}

/** Without challenges: clamp by bits, and a one-hot table at each site that has a function. */
function chooseBitForms(sites: readonly SiteClass[], shapes: RangeShapes): Choice {
  const forms = new Map<string, SiteForm>();
  let cost = 0;
  for (const site of sites) {
    const { lo, hi } = clampedRange(site);
    const hasTable = site.function.table !== null;
    forms.set(site.key, lo === hi ? "constant" : hasTable ? "RT" : "R");
    if (lo === hi) continue;
    cost += site.count * (clampCost(clampRanges(site, shapes)) + (hasTable ? oneHotCost(Number(hi - lo) + 1) : 0));
  }
  return { cost, forms };
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

/** Cost of the pairs of one function whose sites, if any, have their own choice: its rows then are counted there. */
function pairCost({ first, last, count }: PairDemand, challenges: boolean, counted: boolean): number {
  if (!challenges) return count * oneHotCost(Number(last - first) + 1);
  return count * PAIR + (counted ? 0 : Number(last - first) + 2);
}

function evaluate(demand: Demand, shapes: RangeShapes): Plan {
  const { challenges } = demand;
  let constraints = demand.fixedConstraints + shapes.tables.reduce((sum, width) => sum + 2 ** width + 1, 0);
  for (const { exact, bits, count } of demand.ranges)
    if (count > 0) constraints += count * shapeCost(exact ? shapes.exact(bits) : shapes.loose(bits));
  for (const { lo, hi, count } of demand.intervals) constraints += count * intervalCost(lo, hi, shapes);
  const functions = Map.groupBy(demand.sites, (site) => site.function.key);
  const forms = new Map<string, SiteForm>();
  const stepHulls = new Map<string, Interval>();
  for (const [key, sites] of functions) {
    const choice = challenges ? chooseForms(sites, shapes, demand.pairs.get(key)) : chooseBitForms(sites, shapes);
    constraints += choice.cost;
    for (const [site, form] of choice.forms) forms.set(site, form);
    if (choice.hull !== undefined) stepHulls.set(key, choice.hull);
  }
  if (stepHulls.size > 0) constraints += RHO_SQUARE;
  for (const [key, pairs] of demand.pairs) constraints += pairCost(pairs, challenges, functions.has(key));
  const signed = chooseSigned(demand, shapes);
  return { tables: shapes.tables, forms, stepHulls, signed: signed.through, constraints: constraints + signed.cost };
}

/** One byte table serves all elements that use it; with few kinds of boundary, all or none is the whole choice. */
function chooseSigned({ signed, challenges }: Demand, shapes: RangeShapes) {
  const through = new Map<string, "sign" | "table">();
  if (signed.length === 0) return { through, cost: 0 };
  const bySign = signed.reduce((sum, elements) => sum + elements.count * signCost(elements, shapes), 0);
  const lo = Math.min(...signed.map((elements) => elements.lo));
  const hi = Math.max(...signed.map((elements) => elements.hi));
  const byTable = signed.reduce((sum, { count }) => sum + PAIR * count, hi - lo + 2);
  // The table's rows are the range check of an input: all inputs must want the same one.
  const sameRange = signed.every((elements) => elements.proved || (elements.lo === lo && elements.hi === hi));
  const useTable = challenges && sameRange && byTable < bySign;
  for (const { key } of signed) through.set(key, useTable ? "table" : "sign");
  return { through, cost: useTable ? byTable : bySign };
}

/** The plan with the smallest domain, then the fewest constraints, then the fewest tables. The first of equals: deterministic. */
export function choosePlan(demand: Demand): Plan {
  if (!demand.challenges) return evaluate(demand, new BitShapes());
  let best: Plan | undefined;
  for (const tables of tableSets()) {
    const plan = evaluate(demand, new TableShapes(tables));
    if (best === undefined || isBetter(plan, best)) best = plan;
  }
  return best as Plan;
}

function isBetter(plan: Plan, than: Plan): boolean {
  if (plan.constraints === Infinity || than.constraints === Infinity) return plan.constraints < than.constraints;
  const order = [
    domainBits(plan.constraints) - domainBits(than.constraints),
    plan.constraints - than.constraints,
    plan.tables.length - than.tables.length,
  ];
  return (order.find((difference) => difference !== 0) ?? 0) < 0;
}
