// SPDX-License-Identifier: MIT
import type { Word } from "../tagged-hash.ts";
import type { DigestKind } from "../types.ts";
import type { LeakageFigures, LeakageLimits } from "./leakage-limits.ts";

/** Operators by how their cost a multiply-add differs; workers calibrate each. The order is hashed. */
export const OP_CLASSES = ["dense", "conv", "attention", "other", "cipher"] as const;
export type OpClass = (typeof OP_CLASSES)[number];

/** Privacy mode of a stage (split.md §1). The order is hashed. */
export const PRIVACY_MODES = ["OPEN", "SPLIT", "MASKED", "CIPHER", "ENCLAVE"] as const;
export type PrivacyMode = (typeof PRIVACY_MODES)[number];

/** The order is hashed. */
export const OBJECTIVES = ["throughput", "latency"] as const;
export type Objective = (typeof OBJECTIVES)[number];

export const MAX_PLAN_STAGES = 32;
/** What the lottery draws (protocol.md); more need another algorithm. */
export const MAX_CANDIDATES = 12;

/** A tensor that enters or leaves a stage, for the job's whole batch. */
export interface PlanBoundary {
  readonly bytes: number;
  readonly kind: DigestKind;
  /** Null where no report speaks about it: then no SPLIT stage may touch it. */
  readonly leakage: LeakageFigures | null;
}

/** A stage that runs on the network. Stages on the client are not planned. Sizes and counts are the whole batch's. */
export interface PlanStage {
  /** Number in the manifest. */
  readonly stage: number;
  /** Manifest numbers of the producers, or PRODUCER_INPUT; client stages may be among them. */
  readonly producers: readonly number[];
  /** One per producer. */
  readonly inputs: readonly PlanBoundary[];
  readonly output: PlanBoundary;
  readonly mode: PrivacyMode;
  /** LANES of core/salts: 0, or the lane of a MASKED stage. */
  readonly lane: 0 | 1 | 2;
  /** First or last network stage of the *model*, whatever part of it is planned now. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly macs: Readonly<Record<OpClass, number>>;
  readonly weightBytes: number;
  readonly peakActivationBytes: number;
  /** Capability bits, all of which a worker must offer (CIPHER profile and the like). */
  readonly demands: number;
  /** Enclave families that may not run this stage: those of a critical replica's other copy. */
  readonly excludedFamilies: readonly number[];
}

/** A worker's signed calibration record: whole picoseconds and bytes, so that sums need no floating point. */
export interface Rates {
  /** Workers of one class are clamped to their common median. */
  readonly rateClass: number;
  readonly rttNs: number;
  readonly bytesPerSecond: number;
  readonly psPerMac: Readonly<Record<OpClass, number>>;
  readonly keccakPsPerByte: number;
  readonly poseidonPsPerByte: number;
}

/** A worker, or an enclave (tee.md §10), that the lottery drew. */
export interface Candidate {
  /** Worker id, or enclave key. */
  readonly id: Word;
  readonly operator: Word;
  /** Enclave vendor family; 0 outside enclaves. */
  readonly family: number;
  /** TCB status, 0 the best; 0 outside enclaves. */
  readonly status: number;
  readonly isDenied: boolean;
  readonly capabilities: number;
  /** Bit s: it hosts stage s of the model (s < 32). */
  readonly hosts: number;
  /** Memory that it declares for work; of an enclave EPC, VM or GPU memory. */
  readonly memoryBytes: number;
  /** Unix seconds. */
  readonly expiry: number;
  readonly rates: Rates;
  /** Leakage limits for this operator where the requester set other ones than the policy's. */
  readonly limits: LeakageLimits | null;
}

/** What operators hold already: committed prefixes, standbys and earlier attempts of the same job. */
export interface Held {
  readonly first: readonly Word[];
  readonly last: readonly Word[];
  readonly laneA: readonly Word[];
  readonly laneB: readonly Word[];
  readonly families: readonly number[];
}

export interface PlanConstraints {
  /** Unix seconds: a candidate's record must not expire before. */
  readonly deadline: number;
  /** No operator holds both the first and the last network stage. Default on. */
  readonly noEndToEnd: boolean;
  /** An operator at most once in the plan. Implied by MASKED lanes: then no operator can meet both. */
  readonly operatorOnce: boolean;
  /** Enclave families that the whole plan must reach. */
  readonly minFamilies: number;
  /** The worst TCB status admitted. */
  readonly maxStatus: number;
  /** No stage with a SALTED or BLINDED end outside an enclave. */
  readonly enclaveForPrivate: boolean;
  readonly limits: LeakageLimits;
  readonly held: Held;
}

export interface PlanRequest {
  readonly jobId: Word;
  readonly objective: Objective;
  /** Manifest order. */
  readonly stages: readonly PlanStage[];
  /** In any order: they are sorted by id. */
  readonly candidates: readonly Candidate[];
  readonly constraints: PlanConstraints;
}

/** Consecutive stages of one worker. */
export interface PlanRun {
  /** Manifest numbers. */
  readonly first: number;
  readonly last: number;
  readonly worker: Word;
  readonly plannedNs: number;
}

export interface Plan {
  readonly jobId: Word;
  /** Hash of everything that was planned from but the job id. */
  readonly candidatesHash: Word;
  readonly objective: Objective;
  readonly runs: readonly PlanRun[];
}

export const NOTHING_HELD: Held = { first: [], last: [], laneA: [], laneB: [], families: [] };
