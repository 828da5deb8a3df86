// SPDX-License-Identifier: GPL-3.0-or-later
import { runReach } from "../../../core/planning/plan-constraints.ts";
import { clampRates, workerCosts } from "../../../core/planning/plan-costs.ts";
import { planStages, type PlannedStages } from "../../../core/planning/plan-stages.ts";
import { MAX_CANDIDATES, type Candidate, type PlanRequest } from "../../../core/planning/types.ts";

const SWAPS = 300;
/** Halvings of the bottleneck's range: to a part in a million. */
const HALVINGS = 20;

interface Worker {
  readonly candidate: Candidate;
  readonly reach: readonly number[];
  readonly entry: readonly number[];
  readonly stage: readonly number[];
}

/** mulberry32 from a fixed seed: the same swaps on every machine. */
function swaps(): (below: number) => number {
  let state = 0x6173_7361;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Workers in this order, each taking all stages that fit under `limit`; undefined if stages remain. */
function fill(order: readonly Worker[], stageCount: number, limit: number, once: boolean): Worker[] | undefined {
  const used: Worker[] = [];
  let start = 0;
  for (const worker of order) {
    if (start === stageCount || used.length === MAX_CANDIDATES) break;
    if (once && used.some(({ candidate }) => candidate.operator === worker.candidate.operator)) continue;
    let time = worker.entry[start] ?? 0;
    let end = start;
    for (; end <= (worker.reach[start] ?? -1); end++) {
      time += worker.stage[end] ?? 0;
      if (time > limit) break;
    }
    if (end > start) used.push(worker);
    start = end;
  }
  return start === stageCount ? used : undefined;
}

function tightest(order: readonly Worker[], stageCount: number, high: number, once: boolean) {
  let found = fill(order, stageCount, high, once);
  if (found === undefined) return undefined;
  let [low, top] = [0, high];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = Math.floor((low + top) / 2);
    const used = fill(order, stageCount, middle, once);
    if (used === undefined) low = middle;
    else [top, found] = [middle, used];
  }
  return { limit: top, used: found };
}

/** Fastest first; equal ones by id. */
function bySpeed(workers: readonly Worker[]): Worker[] {
  const total = ({ stage }: Worker): number => stage.reduce((sum, ns) => sum + ns, 0);
  return workers.toSorted((a, b) => total(a) - total(b) || (a.candidate.id < b.candidate.id ? -1 : 1));
}

/**
 * The candidates worth an exact search: those of the best greedy filling, then the fastest of each vendor family, then the
 * fastest. Greedy: binary search on the slowest run over seeded changes of the order.
 */
export function chooseCandidates(request: PlanRequest, keep: number = MAX_CANDIDATES): Candidate[] {
  const { stages, constraints } = request;
  const candidates = request.candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const rates = clampRates(candidates);
  const workers = bySpeed(
    candidates.flatMap((candidate, index): Worker[] => {
      const reach = runReach(request, candidate);
      const own = rates[index];
      // Who can run nothing would only take a place.
      if (own === undefined || reach.every((last) => last < 0)) return [];
      return [{ candidate, reach, ...workerCosts(stages, own) }];
    }),
  );
  const once = constraints.operatorOnce || stages.some(({ lane }) => lane !== 0);
  const random = swaps();
  let high = workers.reduce((most, { entry, stage }) => Math.max(most, ...entry) + stage.reduce((a, b) => a + b, 0), 0);
  let order = workers;
  let best: readonly Worker[] = [];
  for (let round = 0; round < SWAPS && workers.length > 0; round++) {
    const next = [...order];
    const changes = round === 0 ? 0 : 3;
    for (let swap = 0; swap < changes; swap++) {
      const [i, j] = [random(next.length), random(next.length)];
      const [a, b] = [next[i], next[j]];
      if (a !== undefined && b !== undefined) [next[i], next[j]] = [b, a];
    }
    const found = tightest(next, stages.length, best.length === 0 ? high : high - 1, once);
    if (found !== undefined) [high, order, best] = [found.limit, next, found.used];
  }
  const families = [...new Set(workers.map(({ candidate }) => candidate.family))];
  const firsts = families.flatMap((family) => workers.find(({ candidate }) => candidate.family === family) ?? []);
  const chosen = new Set([...best.slice(0, keep), ...firsts, ...workers].slice(0, 4 * keep + firsts.length).map(({ candidate }) => candidate)); // prettier-ignore
  return [...chosen].slice(0, keep);
}

/**
 * Plans over any number of enclaves: up to twelve exactly, as `planStages`; beyond by an exact plan over the twelve best
 * ones. Deterministic, whatever the candidates' order. For fleets only: a job's candidates are drawn, never chosen. Errors:
 * PLAN_INPUT_INVALID, PLAN_INFEASIBLE, where more than twelve may miss a plan that exists.
 */
export function planFleet(request: PlanRequest): PlannedStages {
  if (request.candidates.length <= MAX_CANDIDATES) return planStages(request);
  const candidates = chooseCandidates(request);
  return planStages({ ...request, candidates: candidates.length === 0 ? request.candidates.slice(0, 1) : candidates });
}
