// SPDX-License-Identifier: MIT
import { batchCount } from "./batch.ts";
import { CANDIDATES } from "./draw.ts";
import {
  leastSeatStake,
  leastStakeBySampling,
  mostInsuredByReward,
  mostInsuredByStake,
  quoteEscrow,
} from "./economics.ts";
import { RuleError } from "./rule-errors.ts";
import {
  CIPHER,
  ENCLAVE,
  FLAG_ACCEPT_DOWNGRADE,
  FLAG_ACCEPT_EXPOSURE,
  FLAG_CRITICAL,
  FLAG_JOIN,
  FLAG_SMALL_POOL,
  FLAG_STANDBY,
  OPTIMISTIC,
  PROOF,
  VOTE,
  MAX_STAGES,
} from "./types.ts";

/** Bits of `Policy.mask`. */
export const EVIDENCE = { VOTE, PROOF, ENCLAVE, CIPHER, OPTIMISTIC } as const;
/** Bits of `Policy.flags`. */
export const FLAG = {
  CRITICAL: FLAG_CRITICAL,
  ACCEPT_DOWNGRADE: FLAG_ACCEPT_DOWNGRADE,
  SMALL_POOL: FLAG_SMALL_POOL,
  STANDBY: FLAG_STANDBY,
  ACCEPT_EXPOSURE: FLAG_ACCEPT_EXPOSURE,
  JOIN: FLAG_JOIN,
} as const;

/** What every hub counts by itself; a deployment adds the kinds that its evidence router has adapters for. */
export const SUPPORTED_EVIDENCE: number = EVIDENCE.VOTE | EVIDENCE.OPTIMISTIC;
const NO_STAKE_SUFFICES = 2n ** 256n - 1n;
export const MAX_SEATS = 31;

/** The Policy struct without its ticket class. Times in seconds, stake in wei. */
export type PolicyTerms = {
  readonly mask: number;
  readonly k: number;
  readonly auditBps: number;
  readonly cls: number;
  readonly flags: number;
  readonly seatStake: bigint;
  readonly window: number;
  readonly tWork: number;
  readonly tReveal: number;
};

/** The part of a Spec that `request` checks. */
export type PolicySpec = {
  readonly stages: number;
  readonly policy: PolicyTerms;
  readonly seatReward: bigint;
  readonly pokeFee: bigint;
  readonly insuredValue: bigint;
  readonly expiry: number;
};

/** The part of a ParameterSet that `request` checks. */
export type PolicySet = {
  readonly minWindow: number;
  readonly minWork: number;
  readonly minReveal: number;
  readonly hungLast: number;
  readonly jobLife: number;
  readonly feeBps: number;
  readonly forceUninsured: boolean;
};

/** The state of the chain that a request meets. */
export type PolicyLimits = {
  readonly supported: number;
  readonly time: number;
  readonly minimumStake: bigint;
  readonly maxInsured: bigint;
  readonly enclaveCap: bigint;
  readonly openRisk: bigint;
  readonly ticketedStake: bigint;
  readonly workers: number;
};

const has = (mask: number, bits: number): boolean => (mask & bits) !== 0;
const UINT32 = 2 ** 32 - 1;

function assertRange(field: string, value: number | bigint, least: number | bigint, most: number | bigint): void {
  if (value < least || value > most) throw new RuleError("SPEC_INVALID", { field, value, least, most });
}

function assertSafe(inequality: number, have: bigint, bound: bigint, safe: boolean): void {
  if (!safe) throw new RuleError("POLICY_UNSAFE", { inequality, have, bound });
}

/**
 * Everything that `request` demands of a job but its model and price, in the hub's order: shape, times, money, pool.
 * Errors: NOT_SUPPORTED, SPEC_INVALID, CRITICAL_NEEDS_CONSENT, POLICY_UNSAFE, POOL_TOO_SMALL. Mirror of PolicyLib.check.
 */
export function checkPolicy(spec: PolicySpec, set: PolicySet, limits: PolicyLimits) {
  checkShape(spec.policy, spec.stages, limits.supported);
  checkTimes(spec, set, limits.time);
  const risk = BigInt(spec.stages * spec.policy.k) * spec.policy.seatStake;
  checkMoney(spec, set, limits, risk);
  return { rounds: roundsOf(spec, limits.workers), escrow: quoteEscrow(spec, set.feeBps), risk };
}

/** The policy alone: known bits, an allowed committee, no silent weakening. */
export function checkShape(policy: PolicyTerms, stages: number, supported: number): void {
  const { mask, k, flags } = policy;
  if (has(mask, ~supported)) throw new RuleError("NOT_SUPPORTED", { what: "mask" });
  // Floats are only voted on.
  if (policy.cls > 1 || (policy.cls === 1 && mask !== EVIDENCE.VOTE))
    throw new RuleError("NOT_SUPPORTED", { what: "class T" });
  // An audit opens with one auditor, candidates owe nothing, and sketches name their seats: no standbys there.
  // Proofs speak of one input tensor, and batches and floats have no joins.
  const voted = mask === EVIDENCE.VOTE && policy.cls === 0;
  const more = voted ? FLAG.STANDBY | (batchCount(flags) === 0 ? FLAG.JOIN : 0) : 0;
  if (has(flags & 0xff, ~(FLAG.CRITICAL | FLAG.ACCEPT_DOWNGRADE | FLAG.SMALL_POOL | FLAG.ACCEPT_EXPOSURE | more)))
    throw new RuleError("NOT_SUPPORTED", { what: "flags" });
  // Many inputs in one job are voted on or sampled by their root. Proofs, quotes and sketches are of one tensor.
  const carried = policy.cls === 0 && (mask === EVIDENCE.VOTE || mask === EVIDENCE.OPTIMISTIC);
  if (batchCount(flags) !== 0 && !carried) throw new RuleError("NOT_SUPPORTED", { what: "batch" });
  const sampled = has(mask, EVIDENCE.OPTIMISTIC);
  const votes = sampled || has(mask, EVIDENCE.VOTE);
  const cipherAlone = has(mask, EVIDENCE.CIPHER) && (!has(mask, EVIDENCE.VOTE) || has(mask, EVIDENCE.ENCLAVE));
  const sampledMore = sampled && has(mask, ~(EVIDENCE.OPTIMISTIC | EVIDENCE.ENCLAVE));
  // Unaudited, enclaves may only share a program: of one stage there are samples.
  const lone = mask === EVIDENCE.ENCLAVE && stages === 1;
  if (mask === 0 || cipherAlone || sampledMore || lone) throw new RuleError("NOT_SUPPORTED", { what: "mask" });

  // 1, 2, 3, 5 or 7; a vote of one compares nothing.
  const pair = mask === (EVIDENCE.ENCLAVE | EVIDENCE.PROOF);
  const leastK = votes ? 2 : 1;
  const mostK = votes ? 7 : pair ? 2 : 1;
  if (k < leastK || k > mostK || k === 4 || k === 6)
    throw new RuleError("SPEC_INVALID", { field: "k", value: k, least: leastK, most: mostK });
  assertRange("stages", stages, 1, sampled ? 1 : MAX_STAGES);
  assertRange("stages", stages, 1, Math.floor((votes ? MAX_SEATS : CANDIDATES) / k));
  if (sampled) assertRange("auditBps", policy.auditBps, 0, 10_000);
  else if (policy.auditBps !== 0 && policy.auditBps !== 10_000)
    throw new RuleError("SPEC_INVALID", { field: "auditBps", value: policy.auditBps, least: 0, most: 10_000 });
  const critical = (flags & (FLAG.CRITICAL | FLAG.ACCEPT_DOWNGRADE)) === FLAG.CRITICAL;
  if (critical && !has(mask, EVIDENCE.PROOF | EVIDENCE.CIPHER)) throw new RuleError("CRITICAL_NEEDS_CONSENT", { mask });
}

/** The longest a job can take, in seconds, if every stage is challenged twice. */
export function longestJob({ stages, policy }: Pick<PolicySpec, "stages" | "policy">, set: PolicySet): number {
  const window = Math.max(policy.window, set.minWindow);
  // A proposal and its opening take as long as one more round, and so does filling a stage's seats again.
  const standbys = has(policy.flags, FLAG.STANDBY) ? stages : 0;
  const rounds = 3 * stages + standbys + (has(policy.mask, EVIDENCE.OPTIMISTIC) ? 1 : 0);
  return rounds * (2 * policy.tWork + policy.tReveal) + (1 + 4 * stages) * window + set.hungLast;
}

function checkTimes(spec: PolicySpec, set: PolicySet, time: number): void {
  const { policy } = spec;
  assertRange("tWork", policy.tWork, set.minWork, UINT32);
  assertRange("tReveal", policy.tReveal, set.minReveal, UINT32);
  if (spec.insuredValue !== 0n && !has(policy.mask, EVIDENCE.PROOF))
    assertRange("window", policy.window, set.minWindow, UINT32);
  // What nobody audited must at least be open to challenge.
  if (has(policy.mask, EVIDENCE.OPTIMISTIC)) assertRange("window", policy.window, 1, UINT32);
  assertRange("expiry", spec.expiry, time + longestJob(spec, set), time + set.jobLife);
}

function checkMoney(spec: PolicySpec, set: PolicySet, limits: PolicyLimits, risk: bigint): void {
  const { insuredValue, seatReward, stages } = spec;
  const { k, mask, seatStake, auditBps } = spec.policy;
  const least = leastSeatStake(k, seatReward);
  assertSafe(1, seatStake, least, seatStake >= least);
  const insures = (inequality: number, most: bigint) =>
    assertSafe(inequality, insuredValue, most, insuredValue <= most);
  if (!has(mask, EVIDENCE.PROOF)) {
    if (has(mask, EVIDENCE.VOTE)) {
      insures(2, mostInsuredByStake(k, seatStake));
      insures(3, mostInsuredByReward(k, stages, seatReward));
    }
    // Without audits nothing but a challenger's own interest speaks for the answer: it may insure nothing.
    if (has(mask, EVIDENCE.OPTIMISTIC)) {
      if (auditBps === 0) insures(4, 0n);
      else {
        const stake = leastStakeBySampling(auditBps, k, insuredValue, seatReward) ?? NO_STAKE_SUFFICES;
        assertSafe(4, seatStake, stake, seatStake >= stake);
      }
    }
  }
  const cap =
    mask === EVIDENCE.ENCLAVE && limits.enclaveCap < limits.maxInsured ? limits.enclaveCap : limits.maxInsured;
  insures(5, set.forceUninsured ? 0n : cap);
  assertSafe(6, seatStake, limits.minimumStake / 4n, seatStake <= limits.minimumStake / 4n);
  const open = risk + limits.openRisk;
  assertSafe(6, open, limits.ticketedStake / 8n, open <= limits.ticketedStake / 8n);
}

/** The escalation rounds that a class of `workers` can always seat; fewer than two only for uninsured jobs that accept it. */
export function roundsOf(
  { stages, policy, insuredValue }: Pick<PolicySpec, "stages" | "policy" | "insuredValue">,
  workers: number,
): 0 | 1 | 2 {
  const { mask, k, flags } = policy;
  const seats = stages * k;
  const votes = has(mask, EVIDENCE.VOTE);
  const least = votes ? seats : Math.max(seats, CANDIDATES);
  const proven = has(mask, EVIDENCE.PROOF);
  const assertPool = (need: number) => {
    if (workers < need) throw new RuleError("POOL_TOO_SMALL", { have: workers, need });
  };
  if (!votes && !has(mask, EVIDENCE.OPTIMISTIC)) {
    assertPool(least); // only a proof, or an enclave's signature, can decide here
    return 0;
  }
  // Of class T one escalation is judged: nothing may be insured by it.
  const tolerant = policy.cls === 1;
  if (tolerant) assertRange("insuredValue", insuredValue, 0n, 0n);
  const full = Math.max(seats + (tolerant ? 2 * k + 1 : 6 * k + 4), least);
  if (workers >= full) return tolerant ? 1 : 2;
  if (!proven) {
    if (!has(flags, FLAG.SMALL_POOL)) assertPool(full);
    assertRange("insuredValue", insuredValue, 0n, 0n);
  }
  assertPool(least);
  return workers >= seats + 2 * k + 1 ? 1 : 0;
}
