// SPDX-License-Identifier: MIT
import { EVIDENCE, FLAG, type PolicyTerms } from "./policy.ts";
import type { ResolvedPolicy } from "./resolve-policy.ts";
import { RuleError } from "./rule-errors.ts";

export type Weakness = { readonly field: string; readonly have: number | bigint; readonly least: number | bigint };

/** Consents that weaken what a requester could expect: only the scenario itself may give them. */
const CONSENTS = FLAG.SMALL_POOL | FLAG.ACCEPT_EXPOSURE | FLAG.ACCEPT_DOWNGRADE;

/**
 * In what a policy gives less than the one a scenario resolved to, the first thing in the order of a policy's fields; null if in
 * nothing. A proof stands in for votes, and a vote for samples; nothing stands in for an enclave, a ciphertext or a proof. Pure.
 */
export function weaknessOf(policy: PolicyTerms, { policy: wanted }: ResolvedPolicy): Weakness | null {
  const proven = (policy.mask & EVIDENCE.PROOF) !== 0;
  const voted = (policy.mask & EVIDENCE.VOTE) !== 0;
  const coveredBy = (proven ? EVIDENCE.VOTE | EVIDENCE.OPTIMISTIC : 0) | (voted ? EVIDENCE.OPTIMISTIC : 0);
  if ((wanted.mask & ~(policy.mask | coveredBy)) !== 0) return { field: "mask", have: policy.mask, least: wanted.mask };
  // Numbers compare where the same kind decides; a stronger kind is bounded by the hub's own inequalities.
  const stronger = policy.mask & ~wanted.mask & (EVIDENCE.PROOF | EVIDENCE.VOTE);
  const numbers = ["k", "auditBps", "seatStake", "window"] as const;
  const field = numbers.find((name) => stronger === 0 && policy[name] < wanted[name]);
  if (field !== undefined) return { field, have: policy[field], least: wanted[field] };
  if (policy.cls > wanted.cls) return { field: "cls", have: policy.cls, least: wanted.cls };
  const added = policy.flags & CONSENTS & ~wanted.flags;
  const lost = wanted.flags & FLAG.CRITICAL & ~policy.flags;
  return added === 0 && lost === 0 ? null : { field: "flags", have: policy.flags & 0xff, least: wanted.flags };
}

/** Error: POLICY_WEAKER, naming the field. */
export function assertNotWeaker(policy: PolicyTerms, resolved: ResolvedPolicy): void {
  const weakness = weaknessOf(policy, resolved);
  if (weakness !== null) throw new RuleError("POLICY_WEAKER", { ...weakness, preset: resolved.preset });
}
