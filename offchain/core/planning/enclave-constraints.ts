// SPDX-License-Identifier: MIT
import type { Hex } from "../bytes.ts";
import { DEFAULT_LEAKAGE_LIMITS } from "./leakage-limits.ts";
import { NOTHING_HELD, type Candidate, type PlanConstraints, type Rates } from "./types.ts";
import { enclaveId } from "../schedule-order.ts";
import type { Word } from "../tagged-hash.ts";
import { TCB_STATUSES, type PlatformKind, type TcbStatus } from "../enclave-status.ts";

/** SGX and TDX stand and fall together, so they are one family. A GPU counts as the family of the CPU it hangs on. */
export const FAMILIES: Readonly<Record<Exclude<PlatformKind, "nvidia-gpu">, number>> = {
  "intel-sgx": 1,
  "intel-tdx": 1,
  "amd-snp": 2,
  "aws-nitro": 3,
};

/** A registered enclave as the registry and its own signed calibration describe it. */
export interface EnclaveNode {
  /** Address of the claim-signing key. */
  readonly key: Hex;
  readonly operator: Word;
  readonly platform: keyof typeof FAMILIES;
  readonly status: TcbStatus;
  readonly isDenied: boolean;
  readonly isSimulated: boolean;
  /** Unix seconds. */
  readonly registered: bigint;
  readonly expiry: bigint;
  /** EPC, VM memory, or GPU memory where the work happens. */
  readonly memoryBytes: number;
  readonly capabilities: number;
  /** Bit s: it hosts stage s. */
  readonly hosts: number;
  readonly calibration: Rates;
  /** Who signed the calibration: only the enclave itself is believed. */
  readonly calibratedBy: Hex;
}

export interface SchedulePolicy {
  /** Unix seconds. */
  readonly deadline: bigint;
  readonly now: bigint;
  /** Critical: only the newest firmware, registered within a day. */
  readonly isCritical: boolean;
  readonly minFamilies: number;
  readonly simulatedAllowed: boolean;
}

const CRITICAL_AGE = 86_400n;
const GENERAL_AGE = 7n * 86_400n;

/** 0 is best; what the vendor manages is as good as up to date, because nothing better can be known. */
const statusRank = (status: TcbStatus): number =>
  status === "VendorManaged" ? 0 : TCB_STATUSES.findIndex((known) => known === status);

/** An enclave for `planStages`: what the policy rules out is denied, so that the planner names it if nobody is left. */
export function enclaveCandidate(node: EnclaveNode, policy: SchedulePolicy): Candidate {
  const age = policy.now - node.registered;
  const isStale = age < 0n || age > (policy.isCritical ? CRITICAL_AGE : GENERAL_AGE);
  const isClaimed = node.calibratedBy.toLowerCase() !== node.key.toLowerCase();
  return {
    id: enclaveId(node.key),
    operator: node.operator,
    family: FAMILIES[node.platform],
    status: statusRank(node.status),
    isDenied: node.isDenied || isStale || isClaimed || (node.isSimulated && !policy.simulatedAllowed),
    capabilities: node.capabilities,
    hosts: node.hosts,
    memoryBytes: node.memoryBytes,
    expiry: Number(node.expiry),
    rates: node.calibration,
    limits: null,
  };
}

/** Hard constraints of an enclave policy: one run an operator, enough vendor families, nothing private outside. */
export function enclaveConstraints({ deadline, isCritical, minFamilies }: SchedulePolicy): PlanConstraints {
  return {
    deadline: Number(deadline),
    noEndToEnd: true,
    operatorOnce: true,
    minFamilies,
    maxStatus: isCritical ? statusRank("UpToDate") : statusRank("SWHardeningNeeded"),
    enclaveForPrivate: true,
    limits: DEFAULT_LEAKAGE_LIMITS,
    held: NOTHING_HELD,
  };
}
