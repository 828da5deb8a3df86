// SPDX-License-Identifier: GPL-3.0-or-later
import { runReach } from "../../../core/planning/plan-constraints.ts";
import { clampRates, workerCosts } from "../../../core/planning/plan-costs.ts";
import { compareFound, isOperatorOnce, passesOf, type Ends, type Found } from "../../../core/planning/plan-stages.ts";
import type { PlanRequest } from "../../../core/planning/types.ts";

/** Partial plans kept at each boundary, for each number of vendor families reached; times the candidates. */
const NARROW = { plans: 1_280, least: 8, most: 32 };
/** What the narrow search found is tried to better with these, and what it did not find is looked for. */
const WIDE = { plans: 6_400, least: 32, most: 256 };
/** How much faster the wide search must be able to be before it goes on: this part of the slowest run. */
const BETTER = 256;
/** The slowest run is searched to this part of itself. */
const PRECISION = 4_096;
/** A program's work in the units in which workers are valued: sums of them stay exact. */
const WORK_UNITS = 2 ** 20;
const MAX_FAMILY_BITS = 31;

/** A partial plan: its last run, and what it follows. */
interface Partial {
  readonly before: Partial | null;
  readonly start: number;
  readonly worker: number;
  /** Workers that may not follow, as bits. */
  readonly taken: Uint32Array;
  /** Per boundary: what those workers would be worth from there on. */
  readonly spent: Float64Array;
  readonly maxNs: number;
  readonly sumNs: number;
  readonly families: number;
}

interface Extension {
  readonly rank: number;
  readonly sumNs: number;
  readonly timeNs: number;
  readonly before: Partial;
  readonly start: number;
  readonly worker: number;
}

interface Tables {
  readonly stageCount: number;
  readonly once: boolean;
  readonly operators: readonly string[];
  /** Per worker, per stage; see planStages. */
  readonly reach: readonly (readonly number[])[];
  readonly entry: readonly (readonly number[])[];
  readonly stage: readonly (readonly number[])[];
  readonly excludes: readonly Uint32Array[];
  /** Per stage: its share of WORK_UNITS. */
  readonly work: readonly number[];
  readonly familyBit: readonly number[];
  readonly heldFamilies: number;
  readonly minFamilies: number;
}

function makeTables(request: PlanRequest): Tables {
  const { stages, candidates, constraints } = request;
  const once = isOperatorOnce(request);
  const costs = clampRates(candidates).map((rates) => workerCosts(stages, rates));
  const excludes = candidates.map(({ operator }, index) => {
    const bits = new Uint32Array(Math.ceil(candidates.length / 32));
    candidates.forEach((other, at) => {
      if (at === index || (once && other.operator === operator)) bits[at >> 5] = (bits[at >> 5] ?? 0) | (1 << (at & 31));
    });
    return bits;
  }); // prettier-ignore
  const middle = stages.map((_, s) => costs.map(({ stage }) => stage[s] ?? 0).toSorted((a, b) => a - b)[(costs.length - 1) >> 1] ?? 0); // prettier-ignore
  const total = middle.reduce((sum, ns) => sum + ns, 0);
  const families = [...new Set([...constraints.held.families, ...candidates.map(({ family }) => family)])].filter((f) => f !== 0); // prettier-ignore
  // Families beyond the bits share the last one: fewer are counted than there are, never more.
  const bitOf = (family: number) => (family === 0 ? 0 : 1 << Math.min(families.indexOf(family), MAX_FAMILY_BITS - 1));
  return {
    stageCount: stages.length,
    once,
    operators: candidates.map(({ operator }) => operator),
    reach: candidates.map((candidate) => runReach(request, candidate)),
    entry: costs.map(({ entry }) => entry),
    stage: costs.map(({ stage }) => stage),
    excludes,
    work: middle.map((ns) => Math.max(1, Math.floor(ns / Math.max(1, total / WORK_UNITS)))),
    familyBit: candidates.map(({ family }) => bitOf(family)),
    heldFamilies: constraints.held.families.reduce((bits, family) => bits | bitOf(family), 0),
    minFamilies: constraints.minFamilies,
  };
}

/** `reach` without the runs that `ends` forbids. */
function withinEnds(request: PlanRequest, { reach }: Tables, { first, last }: Ends): number[][] {
  return reach.map((of, worker) =>
    of.map((end, start) => {
      const barred = request.stages.findIndex(
        ({ isFirst, isLast }, at) =>
          at >= start && at <= end && ((isFirst && !first(worker)) || (isLast && !last(worker))),
      );
      const until = barred === -1 ? end : barred - 1;
      return until < start ? -1 : until;
    }),
  );
}

const countBits = (bits: number): number => {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
};

/**
 * Per boundary and worker: the work that it could take within `limit`, summed over the stages from there on where its run might
 * begin. What a plan has spent on the way to a boundary is the sum of these; the less, the more is left.
 */
function valueWorkers(tables: Tables, reach: readonly (readonly number[])[], limit: number): Float64Array {
  const { stageCount: S, entry, stage, work, once, operators } = tables;
  const W = reach.length;
  const values = new Float64Array((S + 1) * W);
  for (let w = 0; w < W; w++) {
    for (let i = S - 1; i >= 0; i--) {
      let [time, units] = [entry[w]?.[i] ?? 0, 0];
      for (let j = i; j <= (reach[w]?.[i] ?? -1); j++) {
        time += stage[w]?.[j] ?? 0;
        if (time > limit) break;
        units += work[j] ?? 0;
      }
      values[i * W + w] = (values[(i + 1) * W + w] ?? 0) + units;
    }
  }
  if (!once || new Set(operators).size === W) return values;
  // With one worker of an operator all of them are gone, so each is worth the best of them.
  for (let i = 0; i < S; i++) {
    const best = new Map<string, number>();
    operators.forEach((operator, w) => best.set(operator, Math.max(best.get(operator) ?? 0, values[i * W + w] ?? 0)));
    operators.forEach((operator, w) => (values[i * W + w] = best.get(operator) ?? 0));
  }
  return values;
}

const sameBits = (a: Uint32Array, b: Uint32Array): boolean => a.every((bits, at) => bits === b[at]);

/** The best `width` extensions at one boundary; of those that leave the same workers the best one. Ties go to what was found first. */
class Keeper {
  #held: Extension[] = [];
  #least = Infinity;
  readonly #width: number;
  readonly #tables: Tables;

  constructor(width: number, tables: Tables) {
    this.#width = width;
    this.#tables = tables;
  }

  offer(extension: Extension): void {
    if (extension.rank > this.#least) return;
    this.#held.push(extension);
    if (this.#held.length >= 8 * this.#width) this.best();
  }

  best(): readonly { extension: Extension; taken: Uint32Array }[] {
    const sorted = this.#held.toSorted((a, b) => a.rank - b.rank || a.sumNs - b.sumNs);
    const kept: { extension: Extension; taken: Uint32Array }[] = [];
    for (const extension of sorted) {
      if (kept.length === this.#width) break;
      const own = this.#tables.excludes[extension.worker];
      const taken = extension.before.taken.map((bits, at) => bits | (own?.[at] ?? 0));
      let isKnown = false;
      for (let at = kept.length - 1; at >= 0 && kept[at]?.extension.rank === extension.rank && !isKnown; at--)
        isKnown = sameBits(kept[at]?.taken ?? taken, taken);
      if (!isKnown) kept.push({ extension, taken });
    }
    this.#held = kept.map(({ extension }) => extension);
    if (kept.length === this.#width) this.#least = kept.at(-1)?.extension.rank ?? Infinity;
    return kept;
  }
}

function foundOf(last: Extension, stageCount: number, isThroughput: boolean): Found {
  const runs = [{ start: last.start, end: stageCount - 1, worker: last.worker }];
  for (let at: Partial | null = last.before; at !== null && at.worker >= 0; at = at.before)
    runs.unshift({ start: at.start, end: (runs[0]?.start ?? 0) - 1, worker: at.worker });
  const maxNs = Math.max(last.before.maxNs, last.timeNs);
  return { primary: isThroughput ? maxNs : last.sumNs, secondary: isThroughput ? last.sumNs : maxNs, runs };
}

/**
 * From boundary to boundary, `width` partial plans each, no run slower than `limit`: kept are those that spent least of the workers'
 * worth, or with `isSum` least time. Null if none reaches the end.
 */
function beam(tables: Tables, reach: readonly (readonly number[])[], limit: number, width: number, isSum: boolean, isThroughput: boolean): Found | null {
  const { stageCount: S, entry, stage, familyBit, heldFamilies, minFamilies } = tables;
  const W = reach.length;
  const values = valueWorkers(tables, reach, limit);
  const classes = minFamilies + 1;
  const keepers = Array.from({ length: (S + 1) * classes }, () => new Keeper(width, tables));
  let best: Found | null = null;
  const extend = (from: Partial, i: number): void => {
    for (let w = 0; w < W; w++) {
      if ((((from.taken[w >> 5] ?? 0) >>> (w & 31)) & 1) === 1) continue;
      const reached = minFamilies === 0 ? 0 : Math.min(minFamilies, countBits(from.families | (familyBit[w] ?? 0)));
      let time = entry[w]?.[i] ?? 0;
      for (let j = i; j <= (reach[w]?.[i] ?? -1); j++) {
        time += stage[w]?.[j] ?? 0;
        if (time > limit) break;
        const sumNs = from.sumNs + time;
        const rank = isSum ? sumNs : (from.spent[j + 1] ?? 0) + (values[(j + 1) * W + w] ?? 0);
        const extension = { rank, sumNs, timeNs: time, before: from, start: i, worker: w };
        if (j < S - 1) keepers[(j + 1) * classes + reached]?.offer(extension);
        else if (reached === minFamilies) {
          const found = foundOf(extension, S, isThroughput);
          if (best === null || compareFound(found, best) < 0) best = found;
        }
      }
    }
  };
  const none = { before: null, start: 0, worker: -1, maxNs: 0, sumNs: 0, families: heldFamilies };
  extend({ ...none, taken: new Uint32Array(Math.ceil(W / 32)), spent: new Float64Array(S + 1) }, 0);
  for (let i = 1; i < S; i++) {
    for (let reached = 0; reached < classes; reached++) {
      for (const { extension, taken } of keepers[i * classes + reached]?.best() ?? []) {
        const { before, start, worker, timeNs, sumNs } = extension;
        const spent = before.spent.map((units, at) => units + (values[at * W + worker] ?? 0));
        const families = before.families | (familyBit[worker] ?? 0);
        extend({ before, start, worker, taken, spent, maxNs: Math.max(before.maxNs, timeNs), sumNs, families }, i);
      }
    }
  }
  return best;
} // prettier-ignore

const widthOf = ({ plans, least, most }: typeof WIDE, count: number): number =>
  Math.min(most, Math.max(least, Math.floor(plans / count)));

/** Halves in the limit between `low`, under which nothing is, and a plan. */
function halve(below: (limit: number) => Found | null, least: number, from: Found): Found {
  let [low, best] = [least, from];
  while (best.primary - low > Math.floor(best.primary / PRECISION)) {
    const middle = low + Math.floor((best.primary - low) / 2);
    const found = below(middle);
    if (found === null) low = middle + 1;
    else best = found;
  }
  return best;
}

/** The best plan found under `known`. */
function searchPass(tables: Tables, reach: readonly (readonly number[])[], known: number): Found | null {
  const narrow = (limit: number) => beam(tables, reach, limit, widthOf(NARROW, reach.length), false, true);
  const wide = (limit: number) => beam(tables, reach, limit, widthOf(WIDE, reach.length), false, true);
  // No run is faster than the fastest way to do the slowest stage.
  const low = tables.work.reduce((most, _, s) => {
    const times = reach.flatMap((of, w) => ((of[s] ?? -1) >= s ? [tables.stage[w]?.[s] ?? 0] : []));
    return Math.max(most, Math.min(...times));
  }, 0);
  const first = narrow(known - 1) ?? wide(known - 1);
  if (first === null) return null;
  const coarse = halve(narrow, low, first);
  // A narrow beam may fail under one limit and not under a lower one.
  const better = wide(coarse.primary - 1 - Math.floor(coarse.primary / BETTER));
  return better === null ? coarse : halve(wide, low, better);
}

function searchSum(tables: Tables, reach: readonly (readonly number[])[]): Found | null {
  const width = widthOf(WIDE, reach.length);
  return beam(tables, reach, Infinity, width, true, false) ?? beam(tables, reach, Infinity, width, false, false);
}

/**
 * A good plan over sorted candidates, any number of them; for `planBy`. Bottleneck first: a limit on the slowest run is halved in, and
 * under each a beam goes from boundary to boundary. Whole numbers and fixed orders: the same plan on every machine.
 */
export function searchBeam(request: PlanRequest): Found | null {
  const tables = makeTables(request);
  const isThroughput = request.objective === "throughput";
  return passesOf(request).reduce<Found | null>((winner, ends) => {
    const reach = withinEnds(request, tables, ends);
    const found = isThroughput ? searchPass(tables, reach, winner?.primary ?? Infinity) : searchSum(tables, reach);
    return winner === null || (found !== null && compareFound(found, winner) < 0) ? found : winner;
  }, null);
}
