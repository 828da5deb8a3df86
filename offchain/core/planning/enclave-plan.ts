// SPDX-License-Identifier: MIT
import { CANDIDATES } from "../draw.ts";
import { hasCode, isAssayError } from "../errors.ts";
import { platformOf, tcbStatusOf } from "../enclave-status.ts";
import type { Hex } from "../bytes.ts";
import { toWord, type Word } from "../tagged-hash.ts";
import { PRODUCER_INPUT, type DigestKind, type StageInfo } from "../types.ts";
import { candidatesHash, decodePlan, encodePlan, planHash } from "./encode-plan.ts";
import { enclaveCandidate, enclaveConstraints } from "./enclave-constraints.ts";
import { planStages } from "./plan-stages.ts";
import { replanSuffix } from "./replan.ts";
import type { Plan, PlanRequest, PlanStage, Rates } from "./types.ts";

/** A candidate's enclave, as the chain has it. */
export interface CandidateEnclave {
  readonly workerId: number;
  readonly key: Hex;
  /** Numbers of `EnclaveLib`. */
  readonly vendor: number;
  readonly status: number;
  readonly simulated: boolean;
  /** Unix seconds. */
  readonly expiry: number;
}

/** What a job says of itself. */
export interface EnclaveJob {
  readonly jobId: Word;
  readonly table: readonly StageInfo[];
  /** Unix seconds: `spec.expiry`. */
  readonly expiry: number;
}

export interface EnclavePlan {
  readonly plan: Plan;
  readonly bytes: Uint8Array;
  readonly planHash: Word;
}

/** All enclaves count as equally fast: what they say of themselves is on no chain, and an auditor must come to the same plan. */
const EQUAL_RATES: Rates = {
  rateClass: 0,
  rttNs: 20_000_000,
  bytesPerSecond: 100_000_000,
  psPerMac: { dense: 100, conv: 100, attention: 100, other: 100, cipher: 100 },
  keccakPsPerByte: 9_000,
  poseidonPsPerByte: 900_000,
};
const EQUAL_MACS = { dense: 0, conv: 0, attention: 0, other: 1_000_000_000, cipher: 0 };

/** A manifest tells no sizes: stages count as equally large. */
function planStage(table: readonly StageInfo[], stage: number): PlanStage {
  const { producers = [], inKind = 0, outKind = 0 } = table[stage] ?? {};
  const boundary = (kind: number) => ({ bytes: 0, kind: kind as DigestKind, leakage: null });
  return {
    stage,
    producers,
    inputs: producers.map((producer) =>
      boundary(producer === PRODUCER_INPUT ? inKind : (table[producer]?.outKind ?? 0)),
    ),
    output: boundary(outKind),
    mode: "ENCLAVE",
    lane: 0,
    isFirst: stage === 0,
    isLast: stage === table.length - 1,
    macs: EQUAL_MACS,
    weightBytes: 0,
    peakActivationBytes: 0,
    demands: 0,
    excludedFamilies: [],
  };
}

/**
 * What a job's enclaves are planned from: only what the chain says, so that anybody plans alike. One run an operator, and no operator
 * with both ends. `enclaves`: those that may be used.
 */
export function enclavePlanRequest(
  { jobId, table, expiry }: EnclaveJob,
  enclaves: readonly CandidateEnclave[],
): PlanRequest {
  const deadline = BigInt(expiry);
  const policy = { deadline, now: deadline, isCritical: false, minFamilies: 1, simulatedAllowed: true };
  const candidates = enclaves.flatMap(({ workerId, key, vendor, status, simulated, ...one }) => {
    const [platform, firmware] = [platformOf(vendor), tcbStatusOf(status)];
    if (platform === undefined || firmware === undefined) return [];
    const node = {
      key,
      operator: toWord(workerId),
      platform,
      status: firmware,
      isDenied: false,
      isSimulated: simulated,
      registered: deadline,
      expiry: BigInt(one.expiry),
      memoryBytes: 0,
      capabilities: 0,
      hosts: 0xff,
      calibration: EQUAL_RATES,
      calibratedBy: key,
    };
    return [enclaveCandidate(node, policy)];
  });
  return {
    jobId,
    objective: "throughput",
    stages: table.map((_, stage) => planStage(table, stage)),
    candidates,
    constraints: enclaveConstraints(policy),
  };
}

/** The first plan. Errors: PLAN_INPUT_INVALID without any enclave, PLAN_INFEASIBLE. */
export const planEnclaves = (request: PlanRequest): EnclavePlan => planStages(request);

/**
 * The next plan after enclaves were lost: runs before stage `from` stay, the others go to who is left. Errors: PLAN_INPUT_INVALID,
 * PLAN_INFEASIBLE.
 */
export function replanEnclaves(request: PlanRequest, plan: Plan, from: number, dead: readonly Word[]): EnclavePlan {
  const suffix = replanSuffix(request, plan, from, dead);
  const next: Plan = { ...suffix.plan, runs: [...plan.runs.filter(({ last }) => last < from), ...suffix.plan.runs] };
  const bytes = encodePlan(next);
  return { plan: next, bytes, planHash: planHash(bytes) };
}

/**
 * The enclaves that a client may have admitted when it made this first plan: those of which the plan names the hash, as many as possible. All
 * of them where none fits: then the plan is not theirs.
 */
export function admittedEnclaves<E extends CandidateEnclave>(
  job: EnclaveJob,
  enclaves: readonly E[],
  plan: Uint8Array,
): readonly E[] {
  if (enclaves.length > CANDIDATES) return enclaves;
  try {
    const { candidatesHash: told } = decodePlan(plan);
    const left = Array.from({ length: 2 ** enclaves.length - 1 }, (_, bits) => bits);
    for (const bits of left.toSorted((a, b) => countOf(a) - countOf(b))) {
      const admitted = enclaves.filter((_, i) => ((bits >> i) & 1) === 0);
      const request = enclavePlanRequest(job, admitted);
      const candidates = request.candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      if (candidatesHash({ ...request, candidates }) === told) return admitted;
    }
    return enclaves;
  } catch (error) {
    if (isAssayError(error) && error.code.startsWith("PLAN_")) return enclaves;
    throw error;
  }
}

const countOf = (bits: number): number => (bits === 0 ? 0 : (bits & 1) + countOf(bits >> 1));

const sameRun = (a: Plan["runs"][number] | undefined, b: Plan["runs"][number] | undefined): boolean =>
  a !== undefined && b !== undefined && a.first === b.first && a.last === b.last && a.worker === b.worker;

/**
 * What is wrong with a job's plans, told on chain in this order, given what they must have been planned from; undefined if nothing is.
 * Who was lost is the client's word: any of the enclaves that a later plan leaves out may have been. Errors of `candidatesHash` only.
 */
export function plansFailure(request: PlanRequest, plans: readonly Uint8Array[]): string | undefined {
  const [first, ...later] = plans;
  if (first === undefined) return "no plan was told";
  try {
    const planned = planEnclaves(request);
    if (planned.planHash !== planHash(first)) return "the first plan is not the one that these enclaves give";
    let dead: readonly Word[] = [];
    let before = planned.plan;
    for (const [i, bytes] of later.entries()) {
      const told = decodePlan(bytes);
      const from = told.runs.find((run, at) => !sameRun(run, before.runs[at]))?.first;
      if (from === undefined) return `plan ${i + 1} changes nothing`;
      const lost = lostOf(request, before, told, from, dead);
      if (lost === undefined) return `plan ${i + 1} is not the one that the remaining enclaves give`;
      [dead, before] = [lost, told];
    }
    return undefined;
  } catch (error) {
    if (isAssayError(error) && error.code.startsWith("PLAN_")) return error.message;
    throw error;
  }
}

/** Which enclaves were left out, so that the told plan follows; undefined if it follows from no such choice. */
function lostOf(
  request: PlanRequest,
  before: Plan,
  told: Plan,
  from: number,
  dead: readonly Word[],
): readonly Word[] | undefined {
  // prettier-ignore
  const used = new Set(told.runs.map(({ worker }) => worker));
  const maybe = before.runs.filter(({ last, worker }) => last >= from && !used.has(worker)).map(({ worker }) => worker);
  // At most eight runs.
  for (let chosen = (1 << maybe.length) - 1; chosen >= 0; chosen -= 1) {
    const lost = [...dead, ...maybe.filter((_, i) => ((chosen >> i) & 1) === 1)];
    try {
      const again = replanEnclaves(request, before, from, lost);
      if (again.planHash === planHash(encodePlan(told))) return lost;
    } catch (error) {
      if (!hasCode(error, "PLAN_INFEASIBLE")) throw error;
    }
  }
  return undefined;
}
