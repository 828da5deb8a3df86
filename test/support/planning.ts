// SPDX-License-Identifier: GPL-3.0-or-later
import { DEFAULT_LEAKAGE_LIMITS } from "../../offchain/core/planning/leakage-limits.ts";
import {
  NOTHING_HELD,
  type Candidate,
  type PlanBoundary,
  type PlanConstraints,
  type PlanRequest,
  type PlanStage,
  type PrivacyMode,
} from "../../offchain/core/planning/types.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { PRODUCER_INPUT, type DigestKind } from "../../offchain/core/types.ts";
import type { Prng } from "./prng.ts";

export const planBoundary = (change: Partial<PlanBoundary> = {}): PlanBoundary => ({
  bytes: 1024,
  kind: 2,
  leakage: { recoveryPpm: 100_000, dcorPpm: 500_000 },
  ...change,
});

export const planStage = (stage: number, count: number, change: Partial<PlanStage> = {}): PlanStage => ({
  stage,
  producers: [stage === 0 ? PRODUCER_INPUT : stage - 1],
  inputs: [planBoundary()],
  output: planBoundary(),
  mode: "OPEN",
  lane: 0,
  isFirst: stage === 0,
  isLast: stage === count - 1,
  macs: { dense: 1_000_000, conv: 0, attention: 0, other: 0, cipher: 0 },
  weightBytes: 10_000,
  peakActivationBytes: 2_000,
  demands: 0,
  excludedFamilies: [],
  ...change,
});

export const planChain = (count: number, change: Partial<PlanStage> = {}): PlanStage[] =>
  Array.from({ length: count }, (_, stage) => planStage(stage, count, change));

export const planCandidate = (id: number, change: Partial<Candidate> = {}): Candidate => ({
  id: toWord(id),
  operator: toWord(1000 + id),
  family: 0,
  status: 0,
  isDenied: false,
  capabilities: 0,
  hosts: 0xffffffff,
  memoryBytes: 1_000_000,
  expiry: 2_000,
  rates: {
    rateClass: 0,
    rttNs: 1_000_000,
    bytesPerSecond: 100_000_000,
    psPerMac: { dense: 100, conv: 100, attention: 200, other: 50, cipher: 100_000 },
    keccakPsPerByte: 9_000,
    poseidonPsPerByte: 900_000,
  },
  limits: null,
  ...change,
});

export const planConstraints = (change: Partial<PlanConstraints> = {}): PlanConstraints => ({
  deadline: 1_000,
  noEndToEnd: true,
  operatorOnce: false,
  minFamilies: 0,
  maxStatus: 255,
  enclaveForPrivate: false,
  limits: DEFAULT_LEAKAGE_LIMITS,
  held: NOTHING_HELD,
  ...change,
});

export const planRequest = (change: Partial<PlanRequest> = {}): PlanRequest => ({
  jobId: toWord(77),
  objective: "throughput",
  stages: planChain(4),
  candidates: [1, 2, 3, 4].map((id) => planCandidate(id)),
  constraints: planConstraints(),
  ...change,
});

/** A random request whose constraints bite often: branches, lanes, shared operators, tight memory, leaks, families. */
export function randomPlanRequest(rng: Prng, maxStages: number, maxWorkers: number): PlanRequest {
  const count = rng.int(1, maxStages);
  const isEnclave = rng.chance(0.3);
  const kinds: [DigestKind, ...DigestKind[]] = [0, 1, 2];
  const modes: [PrivacyMode, ...PrivacyMode[]] = isEnclave ? ["ENCLAVE", "OPEN"] : ["OPEN", "SPLIT", "SPLIT"];
  const boundary = (): PlanBoundary => ({
    bytes: rng.int(0, 200_000),
    kind: rng.pick(kinds),
    leakage: rng.chance(0.1) ? null : { recoveryPpm: rng.int(0, 450_000), dcorPpm: rng.int(0, 870_000) },
  });
  const lanes = rng.chance(0.15);
  const stages = Array.from({ length: count }, (_, stage): PlanStage => {
    const branch = stage > 0 && rng.chance(0.2);
    const joins = stage > 1 && rng.chance(0.15);
    const producers = branch
      ? [PRODUCER_INPUT]
      : joins
        ? [stage - 1, stage - 2]
        : [stage === 0 ? PRODUCER_INPUT : stage - 1];
    const lane = lanes ? (rng.int(0, 2) as 0 | 1 | 2) : 0;
    return planStage(stage, count, {
      producers,
      inputs: producers.map(() => boundary()),
      output: boundary(),
      mode: lane === 0 ? rng.pick(modes) : "MASKED",
      lane,
      isFirst: producers.includes(PRODUCER_INPUT),
      macs: {
        dense: rng.int(0, 9_000_000),
        conv: rng.int(0, 5_000_000),
        attention: 0,
        other: rng.int(0, 9999),
        cipher: 0,
      },
      weightBytes: rng.int(0, 30_000),
      peakActivationBytes: rng.int(0, 5_000),
      demands: rng.chance(0.1) ? 1 : 0,
      excludedFamilies: rng.chance(0.1) ? [1] : [],
    });
  });
  const workers = rng.int(1, maxWorkers);
  const candidates = Array.from({ length: workers }, (_, id) =>
    planCandidate(id, {
      id: toWord(rng.bigint(255) + 1n),
      operator: toWord(1000 + rng.int(0, rng.chance(0.5) ? 2 : 9)),
      family: isEnclave ? rng.int(0, 2) : 0,
      status: rng.int(0, 2),
      isDenied: rng.chance(0.05),
      capabilities: rng.int(0, 3),
      hosts: rng.chance(0.7) ? 0xffffffff : rng.next(),
      memoryBytes: rng.int(20_000, 120_000),
      expiry: rng.chance(0.1) ? 500 : 2_000,
      rates: {
        rateClass: rng.int(0, 1),
        rttNs: rng.int(0, 5_000_000),
        bytesPerSecond: rng.int(0, 200_000_000),
        psPerMac: { dense: rng.int(1, 900), conv: rng.int(1, 900), attention: 1, other: rng.int(1, 90), cipher: 1 },
        keccakPsPerByte: rng.int(1_000, 20_000),
        poseidonPsPerByte: rng.int(100_000, 2_000_000),
      },
      limits: rng.chance(0.1) ? { maxRecoveryPpm: 1_000_000, maxDcorPpm: 1_000_000 } : null,
    }),
  );
  const some = () => (rng.chance(0.15) ? [toWord(1000 + rng.int(0, 9))] : []);
  return planRequest({
    objective: rng.pick(["throughput", "latency"]),
    stages,
    candidates,
    constraints: planConstraints({
      noEndToEnd: rng.chance(0.7),
      operatorOnce: rng.chance(0.3),
      minFamilies: isEnclave ? rng.int(0, 2) : 0,
      maxStatus: rng.int(1, 2),
      enclaveForPrivate: isEnclave && rng.chance(0.5),
      held: { first: some(), last: some(), laneA: some(), laneB: some(), families: rng.chance(0.2) ? [1] : [] },
    }),
  });
}
