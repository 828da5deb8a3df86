// SPDX-License-Identifier: MIT
import type { AssayError } from "../errors.ts";
import type { Word } from "../tagged-hash.ts";
import { KIND_NAMES } from "../types.ts";
import { candidatesHash, encodePlan, planHash } from "./encode-plan.ts";
import { PlanError } from "./errors.ts";
import { clampRates, workerCosts } from "./plan-costs.ts";
import { blockingConstraint, runReach } from "./plan-constraints.ts";
import {
  MAX_CANDIDATES,
  MAX_PLAN_STAGES,
  type Candidate,
  type Plan,
  type PlanConstraints,
  type PlanRequest,
  type PlanRun,
} from "./types.ts";

/** A plan with the bytes and the hash that name it. */
export interface PlannedStages {
  readonly plan: Plan;
  readonly bytes: Uint8Array;
  readonly planHash: Word;
  /** Time of the slowest run, and of all runs together. */
  readonly maxNs: number;
  readonly totalNs: number;
}

/** What the search needs of a checked request; workers are indices into `candidates`. */
interface Tables {
  readonly request: PlanRequest;
  /** Per worker, per stage: last stage of the longest legal run that begins there, or -1. */
  readonly reach: readonly (readonly number[])[];
  readonly entry: readonly (readonly number[])[];
  readonly stage: readonly (readonly number[])[];
  /** Per worker: itself and whoever may not work beside it, as bits. */
  readonly excludes: readonly number[];
}

/** Which workers may hold the ends in one pass of the search. */
export interface Ends {
  readonly first: (worker: number) => boolean;
  readonly last: (worker: number) => boolean;
}

/** A complete plan over indices: stages and workers of a request whose candidates are sorted. */
export interface Found {
  readonly primary: number;
  readonly secondary: number;
  readonly runs: readonly { readonly start: number; readonly end: number; readonly worker: number }[];
}

const WORD = /^0x[0-9a-f]{64}$/;

/** Whether two runs of one operator are out of the question: by rule, or because lanes must never meet. */
export const isOperatorOnce = ({ stages, constraints }: PlanRequest): boolean =>
  constraints.operatorOnce || stages.some(({ lane }) => lane !== 0);

function checkRequest(request: PlanRequest, mostCandidates: number): void {
  const { stages, candidates, jobId } = request;
  const refuse = (why: string) => new PlanError("PLAN_INPUT_INVALID", { why });
  if (stages.length < 1 || stages.length > MAX_PLAN_STAGES) throw refuse(`it has ${stages.length} stages`);
  if (candidates.length < 1 || candidates.length > mostCandidates)
    throw refuse(`it has ${candidates.length} candidates`);
  if (![jobId, ...candidates.flatMap(({ id, operator }) => [id, operator])].every((word) => WORD.test(word)))
    throw refuse("an id is not 32 bytes in lower-case hexadecimal");
  if (new Set(candidates.map(({ id }) => id)).size !== candidates.length) throw refuse("a candidate occurs twice");
  stages.forEach((stage, index) => {
    const before = stages[index - 1];
    if (!Number.isInteger(stage.stage) || stage.stage < 0 || stage.stage >= MAX_PLAN_STAGES)
      throw refuse(`stage number ${stage.stage} is not 0 to ${MAX_PLAN_STAGES - 1}`);
    if (before !== undefined && stage.stage <= before.stage) throw refuse("its stages are not in manifest order");
    if (stage.producers.length < 1 || stage.producers.length !== stage.inputs.length)
      throw refuse(`stage ${stage.stage} has not one boundary per producer`);
    if ([...stage.inputs, stage.output].some(({ kind }) => KIND_NAMES[kind] === undefined))
      throw refuse(`stage ${stage.stage} has a boundary of an unknown digest kind`);
  });
}

function makeTables(request: PlanRequest): Tables {
  const { stages, candidates } = request;
  const once = isOperatorOnce(request);
  const rates = clampRates(candidates);
  const costs = rates.map((each) => workerCosts(stages, each));
  const excludes = candidates.map((candidate, index) =>
    candidates.reduce(
      (bits, other, at) => (at === index || (once && other.operator === candidate.operator) ? bits | (1 << at) : bits),
      0,
    ),
  );
  return {
    request,
    reach: candidates.map((candidate) => runReach(request, candidate)),
    entry: costs.map(({ entry }) => entry),
    stage: costs.map(({ stage }) => stage),
    excludes,
  };
}

/**
 * Passes that together cover every plan without an operator at both ends. An operator with one candidate cannot be at
 * both, for a worker has one run and `runReach` ends it before; each other one gets a pass in which it alone holds the
 * last stage and does not hold the first.
 */
export function passesOf(request: PlanRequest): Ends[] {
  const { candidates, constraints } = request;
  const anyone = () => true;
  const operators = candidates.map(({ operator }) => operator);
  const several = [...new Set(operators.filter((operator, index) => operators.indexOf(operator) !== index))];
  if (!constraints.noEndToEnd || isOperatorOnce(request) || several.length === 0)
    return [{ first: anyone, last: anyone }];
  return [
    { first: anyone, last: (worker) => !several.includes(operators[worker] ?? "0x") },
    ...several.toSorted().map((operator) => ({
      first: (worker: number) => operators[worker] !== operator,
      last: (worker: number) => operators[worker] === operator,
    })),
  ];
}

/**
 * Dynamic program over (stages done, workers used). Exact for the primary objective; the secondary decides between
 * states of equal primary, and what is found first stays, with stages, sets, run lengths and workers ascending.
 * States worse than a complete plan (`knownPrimary`, or one found here) are dropped: nothing that wins goes through them.
 */
function search(tables: Tables, { first, last }: Ends, knownPrimary: number): Found | null {
  const { request, reach, entry, stage, excludes } = tables;
  const { stages, objective } = request;
  const [S, W] = [stages.length, request.candidates.length];
  const sets = 1 << W;
  const isThroughput = objective === "throughput";
  const primary = new Float64Array((S + 1) * sets).fill(Infinity);
  const secondary = new Float64Array((S + 1) * sets).fill(Infinity);
  const startOf = new Uint8Array((S + 1) * sets);
  const workerOf = new Uint8Array((S + 1) * sets);
  const reachOf = new Int8Array(S * W).fill(-1);
  const cost = new Float64Array(S * S * W);
  for (let w = 0; w < W; w++) {
    for (let i = 0; i < S; i++) {
      let time = entry[w]?.[i] ?? 0;
      for (let j = i; j <= (reach[w]?.[i] ?? -1); j++) {
        const each = stages[j];
        if ((each?.isFirst === true && !first(w)) || (each?.isLast === true && !last(w))) break;
        reachOf[i * W + w] = j;
        time += stage[w]?.[j] ?? 0;
        cost[(i * S + j) * W + w] = time;
      }
    }
  }
  primary[0] = 0;
  secondary[0] = 0;
  let bound = knownPrimary;
  // Some complete plan, found at once: from left to right whoever gets furthest within a limit, the limit halved in.
  const fills = (limit: number): boolean => {
    let used = 0;
    for (let i = 0; i < S;) {
      let [furthest, chosen] = [i - 1, -1];
      for (let w = 0; w < W; w++) {
        if ((used & (excludes[w] ?? 0)) !== 0) continue;
        let j = i - 1;
        while (j < (reachOf[i * W + w] ?? -1) && (cost[(i * S + j + 1) * W + w] ?? 0) <= limit) j++;
        if (j > furthest) [furthest, chosen] = [j, w];
      }
      if (chosen === -1) return false;
      used |= 1 << chosen;
      i = furthest + 1;
    }
    return reachesFamilies(request, used);
  };
  let [low, high] = [0, cost.reduce((most, time) => Math.max(most, time), 0)];
  if (isThroughput && fills(high)) {
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (fills(middle)) high = middle;
      else low = middle + 1;
    }
    bound = Math.min(bound, high);
  }
  for (let i = 0; i < S; i++) {
    let longest = -1;
    for (let w = 0; w < W; w++) longest = Math.max(longest, reachOf[i * W + w] ?? -1);
    for (let used = 0; used < sets; used++) {
      const [a, b] = [primary[i * sets + used] ?? Infinity, secondary[i * sets + used] ?? Infinity];
      if (a === Infinity || a > bound) continue;
      for (let j = i; j <= longest; j++) {
        for (let w = 0; w < W; w++) {
          if ((used & (excludes[w] ?? 0)) !== 0 || (reachOf[i * W + w] ?? -1) < j) continue;
          const time = cost[(i * S + j) * W + w] ?? 0;
          const p = isThroughput ? Math.max(a, time) : a + time;
          if (p > bound) continue;
          const s = isThroughput ? b + time : Math.max(b, time);
          const to = (j + 1) * sets + (used | (1 << w));
          const known = primary[to] ?? Infinity;
          if (p > known || (p === known && s >= (secondary[to] ?? Infinity))) continue;
          primary[to] = p;
          secondary[to] = s;
          startOf[to] = i;
          workerOf[to] = w;
          if (j === S - 1 && reachesFamilies(request, used | (1 << w))) bound = p;
        }
      }
    }
  }
  let winner: Found | null = null;
  for (let used = 0; used < sets; used++) {
    const value = primary[S * sets + used] ?? Infinity;
    if (value === Infinity || value > (winner?.primary ?? value) || !reachesFamilies(request, used)) continue;
    const runs: { start: number; end: number; worker: number }[] = [];
    for (let [done, set] = [S, used]; done > 0;) {
      const [start, worker] = [startOf[done * sets + set] ?? 0, workerOf[done * sets + set] ?? 0];
      runs.unshift({ start, end: done - 1, worker });
      [done, set] = [start, set & ~(1 << worker)];
    }
    const found: Found = { primary: value, secondary: secondary[S * sets + used] ?? 0, runs };
    if (winner === null || compareFound(found, winner) < 0) winner = found;
  }
  return winner;
}

function reachesFamilies({ candidates, constraints }: PlanRequest, used: number): boolean {
  if (constraints.minFamilies === 0) return true;
  const chosen = candidates.flatMap(({ family }, index) => (((used >> index) & 1) === 1 ? [family] : []));
  const families = new Set([...chosen, ...constraints.held.families].filter((family) => family !== 0));
  return families.size >= constraints.minFamilies;
}

/** (primary, secondary, number of runs, worker ids): negative if `a` is to be preferred. Workers are sorted by id. */
export function compareFound(a: Found, b: Found): number {
  const difference = a.primary - b.primary || a.secondary - b.secondary || a.runs.length - b.runs.length;
  if (difference !== 0) return difference;
  const at = a.runs.findIndex(({ worker }, index) => worker !== b.runs[index]?.worker);
  return at === -1 ? 0 : (a.runs[at]?.worker ?? 0) - (b.runs[at]?.worker ?? 0);
}

function findBest(request: PlanRequest): Found | null {
  const tables = makeTables(request);
  let winner: Found | null = null;
  for (const ends of passesOf(request)) {
    const found = search(tables, ends, winner?.primary ?? Infinity);
    if (found !== null && (winner === null || compareFound(found, winner) < 0)) winner = found;
  }
  return winner;
}

/** Names the constraint whose absence would allow a plan; "workers" if there are simply too few for these stages. */
function explain(request: PlanRequest, find: (request: PlanRequest) => Found | null): AssayError {
  const infeasible = (constraint: string, where: string) => new PlanError("PLAN_INFEASIBLE", { constraint, where });
  for (const stage of request.stages) {
    const name = blockingConstraint(stage, request.candidates, request.constraints);
    if (name !== null) return infeasible(name, `stage ${stage.stage}`);
  }
  const where = "the plan as a whole";
  const without = (change: Partial<PlanConstraints>, unlaned = false): boolean =>
    find({
      ...request,
      stages: unlaned ? request.stages.map((stage) => ({ ...stage, lane: 0 as const })) : request.stages,
      constraints: { ...request.constraints, ...change },
    }) !== null;
  const { constraints, stages } = request;
  const isLaned = stages.some(({ lane }) => lane !== 0);
  const relaxed: Partial<PlanConstraints> = { noEndToEnd: false, operatorOnce: false, minFamilies: 0 };
  if (constraints.minFamilies > 0 && without({ minFamilies: 0 })) return infeasible("families", where);
  if (constraints.noEndToEnd && without({ noEndToEnd: false })) return infeasible("noEndToEnd", where);
  if (isLaned && without({}, true)) return infeasible("lanes", where);
  if (constraints.operatorOnce && without({ operatorOnce: false })) return infeasible("operatorOnce", where);
  return infeasible(without(relaxed, isLaned) ? "constraints together" : "workers", where);
}

/**
 * Checks and sorts a request, lets `find` place it, and names what was found; `planStages` for any search. Errors: PLAN_INPUT_INVALID;
 * PLAN_INFEASIBLE when `find` finds nothing.
 */
export function planBy(
  request: PlanRequest,
  mostCandidates: number,
  find: (request: PlanRequest) => Found | null,
): PlannedStages {
  checkRequest(request, mostCandidates);
  const candidates: readonly Candidate[] = request.candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const sorted: PlanRequest = { ...request, candidates };
  const hash = candidatesHash(sorted);
  const winner = find(sorted);
  if (winner === null) throw explain(sorted, find);
  const rates = clampRates(candidates);
  const runs = winner.runs.map(({ start, end, worker }): PlanRun => {
    const own = rates[worker];
    const { entry, stage } = own === undefined ? { entry: [], stage: [] } : workerCosts(sorted.stages, own);
    return {
      first: sorted.stages[start]?.stage ?? 0,
      last: sorted.stages[end]?.stage ?? 0,
      worker: candidates[worker]?.id ?? "0x",
      plannedNs: stage.slice(start, end + 1).reduce((sum, ns) => sum + ns, entry[start] ?? 0),
    };
  });
  const plan: Plan = { jobId: request.jobId, candidatesHash: hash, objective: request.objective, runs };
  const bytes = encodePlan(plan);
  const times = runs.map(({ plannedNs }) => plannedNs);
  return {
    plan,
    bytes,
    planHash: planHash(bytes),
    maxNs: Math.max(...times),
    totalNs: times.reduce((sum, ns) => sum + ns, 0),
  };
}

/**
 * Places network stages on workers (split.md §3): one contiguous run a worker, `throughput` minimising (slowest run, sum,
 * runs, ids), `latency` (sum, slowest run, runs, ids). Integers only: equal requests give equal bytes on every machine,
 * whatever the candidates' order. Branches of a DAG are chains in manifest order that share the set of used workers.
 * It picks primaries; auditors come from the lottery alone. Errors: PLAN_INPUT_INVALID, PLAN_INFEASIBLE.
 */
export const planStages = (request: PlanRequest): PlannedStages => planBy(request, MAX_CANDIDATES, findBest);
