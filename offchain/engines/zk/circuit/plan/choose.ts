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
  clampedRange,
  functionSteps,
  MAX_STEP_KEYS,
  MAX_TABLE_SHIFT,
  siteClampCost,
  stepCost,
  tableCost,
  type SiteClass,
  type SiteForm,
  type TableFunction,
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
export const oneHotCost = (rows: number): number => (rows === 1 ? 2 : rows + 2);

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

const cover = (hull: Interval | undefined, { lo, hi }: Interval): Interval =>
  hull === undefined ? { lo, hi } : { lo: lo < hull.lo ? lo : hull.lo, hi: hi > hull.hi ? hi : hull.hi };

/**
 * Forms for the sites of one function. A table pays for its rows once, so T is taken by all sites whose rows fit a common hull: sites
 * join in the order of their own rows, and the cheapest prefix wins.
 */
function chooseForms(group: SiteGroup, shapes: RangeShapes, pairs: PairDemand | undefined): Choice {
  const { open, function: fn } = group;
  const forms = new Map<string, SiteForm>(group.constant.map((site) => [site.key, "constant"]));
  const hasTable = fn.table !== null;
  let hull: Interval | undefined = pairs && { lo: pairs.first, hi: pairs.last };
  if (hasTable) for (const { clamped } of open) hull = cover(hull, clamped);
  const rows = () => (hull === undefined ? 0 : Number(hull.hi - hull.lo) + 2);
  const plain = open.map(({ site }) => siteClampCost(site, shapes) + (hasTable ? PAIR : 0));
  let sites = open.reduce((sum, { site }, i) => sum + site.count * (plain[i] ?? 0), 0);
  let best = { cost: sites + rows(), members: new Set<number>() };
  const members: number[] = [];
  for (const [i, { site }] of open.entries()) {
    if (site.hMax - site.hMin >= MAX_TABLE_ROWS) break;
    if (site.shift > MAX_TABLE_SHIFT) continue;
    const saved = (plain[i] ?? 0) - tableCost(site, shapes);
    if (saved < 0) continue;
    members.push(i);
    sites -= site.count * saved;
    hull = cover(hull, { lo: site.hMin, hi: site.hMax });
    if (sites + rows() < best.cost) best = { cost: sites + rows(), members: new Set(members) };
  }
  const steps = pairs === undefined ? stepChoice(group, shapes) : null;
  if (steps !== null && steps.cost < best.cost) return { ...steps, forms: new Map([...forms, ...steps.forms]) };
  for (const [i, { site }] of open.entries()) forms.set(site.key, best.members.has(i) ? "T" : hasTable ? "RT" : "R");
  return { cost: best.cost, forms };
}

/** Without challenges: clamp by bits, and a one-hot table at each site that has a function. */
function chooseBitForms({ open, constant, function: fn }: SiteGroup, shapes: RangeShapes): Choice {
  const forms = new Map<string, SiteForm>(constant.map((site) => [site.key, "constant"]));
  let cost = 0;
  for (const { site, clamped } of open) {
    forms.set(site.key, fn.table === null ? "R" : "RT");
    const table = fn.table === null ? 0 : oneHotCost(Number(clamped.hi - clamped.lo) + 1);
    cost += site.count * (siteClampCost(site, shapes) + table);
  }
  return { cost, forms };
}

/** Form S for all sites of a function; null where the keys are too many to walk. */
function stepChoice({ open, steps }: SiteGroup, shapes: RangeShapes): Choice | null {
  if (steps === null) return null;
  const { hull, rows } = steps;
  const cost = open.reduce((sum, { site }) => sum + site.count * stepCost(hull, site.shift, shapes), rows + 1);
  return { cost, forms: new Map(open.map(({ site }) => [site.key, "S"])), hull };
}

/** The sites of one function, with what does not depend on the tables. */
interface SiteGroup {
  readonly key: string;
  readonly function: TableFunction;
  /** Sites with one possible value. */
  readonly constant: readonly SiteClass[];
  /** The others, by the number of their own rows. */
  readonly open: readonly { readonly site: SiteClass; readonly clamped: Interval }[];
  /** Rows of the table of steps over all keys; null where these are too many, or none. */
  readonly steps: { readonly hull: Interval; readonly rows: number } | null;
}

function groupSites(sites: readonly SiteClass[]): SiteGroup[] {
  return [...Map.groupBy(sites, (site) => site.function.key)].map(([key, members]) => {
    const fn = (members[0] as SiteClass).function;
    const all = members.map((site) => ({ site, clamped: clampedRange(site), rows: site.hMax - site.hMin }));
    const open = all.filter(({ clamped }) => clamped.lo !== clamped.hi);
    open.sort((x, y) => (x.rows < y.rows ? -1 : x.rows > y.rows ? 1 : 0));
    const hull = open.reduce<Interval | undefined>(
      (h, { site }) => cover(h, { lo: site.hMin, hi: site.hMax }),
      undefined,
    );
    const narrow = open.every(({ site }) => site.shift <= MAX_TABLE_SHIFT);
    const walked = narrow && hull !== undefined && hull.hi - hull.lo < MAX_STEP_KEYS;
    return {
      key,
      function: fn,
      constant: all.filter(({ clamped }) => clamped.lo === clamped.hi).map(({ site }) => site),
      open,
      steps: walked ? { hull, rows: functionSteps(fn, Number(hull.lo), Number(hull.hi)).length } : null,
    };
  });
}

/** Cost of the pairs of one function whose sites, if any, have their own choice: its rows then are counted there. */
function pairCost({ first, last, count }: PairDemand, challenges: boolean, counted: boolean): number {
  if (!challenges) return count * oneHotCost(Number(last - first) + 1);
  return count * PAIR + (counted ? 0 : Number(last - first) + 2);
}

function evaluate(demand: Demand, groups: readonly SiteGroup[], shapes: RangeShapes): Plan {
  const { challenges } = demand;
  let constraints = demand.fixedConstraints + shapes.tables.reduce((sum, width) => sum + 2 ** width + 1, 0);
  for (const { exact, bits, count } of demand.ranges)
    if (count > 0) constraints += count * shapeCost(exact ? shapes.exact(bits) : shapes.loose(bits));
  for (const { lo, hi, count } of demand.intervals) constraints += count * intervalCost(lo, hi, shapes);
  const forms = new Map<string, SiteForm>();
  const stepHulls = new Map<string, Interval>();
  for (const group of groups) {
    const pairs = demand.pairs.get(group.key);
    const choice = challenges ? chooseForms(group, shapes, pairs) : chooseBitForms(group, shapes);
    constraints += choice.cost;
    for (const [site, form] of choice.forms) forms.set(site, form);
    if (choice.hull !== undefined) stepHulls.set(group.key, choice.hull);
  }
  if (stepHulls.size > 0) constraints += RHO_SQUARE;
  const counted = new Set(groups.map(({ key }) => key));
  for (const [key, pairs] of demand.pairs) constraints += pairCost(pairs, challenges, counted.has(key));
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
  const groups = groupSites(demand.sites);
  if (!demand.challenges) return evaluate(demand, groups, new BitShapes());
  let best: Plan | undefined;
  for (const tables of tableSets()) {
    const plan = evaluate(demand, groups, new TableShapes(tables));
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
