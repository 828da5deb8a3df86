// SPDX-License-Identifier: MIT
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { isAssayError } from "../errors.ts";
import { domainHash, keccak256 } from "../keccak.ts";
import type { Word } from "../tagged-hash.ts";
import { PlanError } from "./errors.ts";
import type { LeakageFigures, LeakageLimits } from "./leakage-limits.ts";
import {
  MAX_PLAN_STAGES,
  OBJECTIVES,
  OP_CLASSES,
  PRIVACY_MODES,
  type Candidate,
  type Plan,
  type PlanBoundary,
  type PlanConstraints,
  type PlanRequest,
  type PlanStage,
  type Rates,
} from "./types.ts";

export const PLAN_VERSION = 1;

/** Writes safe integers as u64; anything else (fractions, negatives, huge) is refused, so no float enters a plan. */
function whole(writer: ByteWriter, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new PlanError("PLAN_INPUT_INVALID", { why: `${what} is not a whole number from 0 to 2^53-1` });
  writer.u64be(BigInt(value));
}

function figures(writer: ByteWriter, value: LeakageFigures | null): void {
  writer.bool(value !== null);
  if (value === null) return;
  whole(writer, "recovery", value.recoveryPpm);
  whole(writer, "distance correlation", value.dcorPpm);
}

function limits(writer: ByteWriter, value: LeakageLimits | null): void {
  writer.bool(value !== null);
  if (value === null) return;
  whole(writer, "a limit", value.maxRecoveryPpm);
  whole(writer, "a limit", value.maxDcorPpm);
}

function boundary(writer: ByteWriter, value: PlanBoundary): void {
  whole(writer, "a boundary's size", value.bytes);
  writer.u8(value.kind);
  figures(writer, value.leakage);
}

function stage(writer: ByteWriter, value: PlanStage): void {
  writer.u16be(value.stage).u8(value.producers.length);
  for (const producer of value.producers) writer.u16be(producer);
  for (const input of value.inputs) boundary(writer, input);
  boundary(writer, value.output);
  writer.u8(PRIVACY_MODES.indexOf(value.mode)).u8(value.lane).bool(value.isFirst).bool(value.isLast);
  for (const name of OP_CLASSES) whole(writer, "a multiply-add count", value.macs[name]);
  whole(writer, "the weights' size", value.weightBytes);
  whole(writer, "the activations' size", value.peakActivationBytes);
  writer.u32be(value.demands).u8(value.excludedFamilies.length);
  for (const family of value.excludedFamilies) writer.u8(family);
}

function rates(writer: ByteWriter, value: Rates): void {
  writer.u8(value.rateClass);
  whole(writer, "a round trip", value.rttNs);
  whole(writer, "a bandwidth", value.bytesPerSecond);
  for (const name of OP_CLASSES) whole(writer, "a rate", value.psPerMac[name]);
  whole(writer, "a digest rate", value.keccakPsPerByte);
  whole(writer, "a digest rate", value.poseidonPsPerByte);
}

function candidate(writer: ByteWriter, value: Candidate): void {
  writer.fixed(value.id, 32, "A candidate's id").fixed(value.operator, 32, "An operator");
  writer.u8(value.family).u8(value.status).bool(value.isDenied).u32be(value.capabilities).u32be(value.hosts);
  whole(writer, "memory", value.memoryBytes);
  whole(writer, "an expiry", value.expiry);
  rates(writer, value.rates);
  limits(writer, value.limits);
}

function constraints(writer: ByteWriter, value: PlanConstraints): void {
  whole(writer, "the deadline", value.deadline);
  writer.bool(value.noEndToEnd).bool(value.operatorOnce).u8(value.minFamilies).u8(value.maxStatus);
  writer.bool(value.enclaveForPrivate);
  limits(writer, value.limits);
  const { first, last, laneA, laneB, families } = value.held;
  for (const operators of [first, last, laneA, laneB]) {
    writer.u16be(operators.length);
    for (const operator of operators) writer.fixed(operator, 32, "An operator");
  }
  writer.u8(families.length);
  for (const family of families) writer.u8(family);
}

/**
 * keccak256 over stages, candidates in the order of their ids, constraints and objective: who recomputes a plan starts
 * from the same facts. `candidates` must be sorted. Error: PLAN_INPUT_INVALID.
 */
export function candidatesHash({ objective, stages, candidates, constraints: rules }: PlanRequest): Word {
  const writer = new ByteWriter().u8(PLAN_VERSION).u8(OBJECTIVES.indexOf(objective));
  try {
    writer.u8(stages.length);
    for (const value of stages) stage(writer, value);
    writer.u8(candidates.length);
    for (const value of candidates) candidate(writer, value);
    constraints(writer, rules);
  } catch (error) {
    if (!isAssayError(error) || error.code === "PLAN_INPUT_INVALID") throw error;
    throw new PlanError("PLAN_INPUT_INVALID", { why: error.message }, { cause: error });
  }
  return toHex(keccak256(domainHash("assay.v1.candidates"), writer.finish()));
}

/** u8 version, 32 job id, 32 candidates' hash, u8 objective, u8 n, n × (u16be first, u16be last, 32 worker, u64be ns). */
export function encodePlan({ jobId, candidatesHash: hash, objective, runs }: Plan): Uint8Array {
  const writer = new ByteWriter().u8(PLAN_VERSION).fixed(jobId, 32, "The job id").fixed(hash, 32, "The hash");
  writer.u8(OBJECTIVES.indexOf(objective)).u8(runs.length);
  for (const { first, last, worker, plannedNs } of runs)
    writer.u16be(first).u16be(last).fixed(worker, 32, "A worker").u64be(BigInt(plannedNs));
  return writer.finish();
}

/** What receipts, channels and envelopes name a plan by; `scheduleHash` of tee.md. */
export function planHash(bytes: Uint8Array): Word {
  return toHex(keccak256(domainHash("assay.v1.plan"), bytes));
}

/** Reads plan bytes from anyone. It does not say that the plan is right: recompute it. Error: PLAN_MALFORMED. */
export function decodePlan(bytes: Uint8Array): Plan {
  const malformed = (why: string, cause?: unknown) => new PlanError("PLAN_MALFORMED", { why }, { cause });
  let plan: Plan;
  try {
    const reader = new ByteReader(bytes, "The plan");
    const version = reader.u8();
    if (version !== PLAN_VERSION) throw malformed(`version ${version} is unknown`);
    const [jobId, hash] = [toHex(reader.raw(32)), toHex(reader.raw(32))];
    const objective = OBJECTIVES[reader.u8()];
    if (objective === undefined) throw malformed("its objective is unknown");
    const count = reader.u8();
    if (count < 1 || count > MAX_PLAN_STAGES) throw malformed(`it has ${count} runs`);
    const runs = Array.from({ length: count }, () => ({
      first: reader.u16be(),
      last: reader.u16be(),
      worker: toHex(reader.raw(32)),
      plannedNs: Number(reader.u64be()),
    }));
    reader.end();
    plan = { jobId, candidatesHash: hash, objective, runs };
  } catch (error) {
    if (!isAssayError(error) || error.code === "PLAN_MALFORMED") throw error;
    throw malformed(error.message, error);
  }
  if (plan.runs.some(({ first, last }) => first > last)) throw malformed("a run ends before it begins");
  if (plan.runs.some(({ plannedNs }) => !Number.isSafeInteger(plannedNs))) throw malformed("a time is out of range");
  if (!equalBytes(encodePlan(plan), bytes)) throw malformed("it is not canonical");
  return plan;
}
