// SPDX-License-Identifier: GPL-3.0-or-later
import { leastStakeBySampling, mostInsuredBySampling } from "../../offchain/core/economics.ts";
import { longestJob, type PolicyLimits, type PolicySet, type PolicySpec } from "../../offchain/core/policy.ts";
import { Prng } from "./prng.ts";

export type PolicyCase = { readonly spec: PolicySpec; readonly set: PolicySet; readonly limits: PolicyLimits };

/** A request that would be accepted, except for up to two numbers. */
export function policyCase(seed: number): PolicyCase {
  const rng = new Prng(seed);
  const mask = rng.pick([1, 1, 1, 1, 2, 4, 6, 9, 3, 5, 16, 16, 16, 20]);
  const sampled = mask >= 16;
  const votes = sampled || (mask & 1) === 1;
  const k = votes ? rng.pick(sampled ? [3, 3, 5, 5, 7] : [2, 3, 5, 5, 7]) : mask === 6 ? rng.int(1, 2) : 1;
  const stages = sampled ? 1 : rng.int(1, Math.min(8, Math.floor((votes ? 31 : 12) / k)));
  const cls = mask === 1 && rng.chance(0.2) ? 1 : 0;
  const R = rng.bigint(rng.int(10, 80)) + 1n;
  const auditBps = sampled ? rng.pick([0, 200, 800, 2_000, 10_000]) : rng.pick([0, 10_000]);
  const bySampling = auditBps === 0 || !sampled ? 0n : (leastStakeBySampling(auditBps, k, 0n, R) ?? 0n);
  const byRounds = BigInt(4 * (2 * k + 1)) * R;
  const seatStake = (byRounds > bySampling ? byRounds : bySampling) + rng.bigint(8);
  const set = {
    minWindow: rng.pick([600, 15]),
    minWork: rng.pick([60, 10]),
    minReveal: rng.pick([120, 8]),
    hungLast: rng.pick([86_400, 60]),
    jobLife: 604_800,
    feeBps: rng.int(0, 500),
    forceUninsured: rng.chance(0.1),
  };
  const insured = cls === 0 && !set.forceUninsured && rng.chance(0.4);
  const byReward = (R * 5n ** BigInt(k)) / BigInt(20 * stages);
  const byStake = (BigInt(8 * Math.floor((2 * k + 2) / 3)) * seatStake) / 10n;
  const byAudits = auditBps === 0 ? 0n : mostInsuredBySampling(auditBps, k, seatStake, R);
  const insuredValue = !insured ? 0n : sampled ? byAudits : byReward < byStake ? byReward : byStake;
  const policy = {
    mask,
    k,
    auditBps,
    cls,
    flags: rng.pick([0, 0, 2, 4, insured ? 0 : 4, (mask & 10) === 0 ? 3 : 1, mask === 1 && cls === 0 ? 8 : 0]),
    seatStake,
    window: insured || sampled || rng.chance(0.5) ? set.minWindow + rng.int(0, 600) : 0,
    tWork: set.minWork + rng.int(0, 60),
    tReveal: set.minReveal + rng.int(0, 60),
  };
  const time = 1_800_000_000 + rng.int(0, 1_000_000);
  const spec = { stages, policy, seatReward: R, pokeFee: R / 20n, insuredValue, expiry: 0 };
  const expiry = time + rng.int(longestJob(spec, set), set.jobLife);
  const risk = BigInt(stages * k) * seatStake;
  const openRisk = rng.bigint(70);
  const limits = {
    supported: 31,
    time,
    minimumStake: 4n * seatStake + rng.bigint(10),
    maxInsured: insuredValue + rng.bigint(20),
    enclaveCap: insuredValue + rng.bigint(10),
    openRisk,
    ticketedStake: 8n * (risk + openRisk) + rng.bigint(10),
    workers: Math.max(votes && !sampled ? 0 : 12, stages * k) + (insured ? 6 * k + 4 : rng.int(0, 6 * k + 8)),
  };
  const good = { spec: { ...spec, expiry }, set, limits };
  return rng.chance(0.3) ? good : spoil(rng, rng.chance(0.2) ? spoil(rng, good) : good);
}

function spoil(rng: Prng, { spec, set, limits }: PolicyCase): PolicyCase {
  const policy = (part: Partial<PolicySpec["policy"]>): PolicyCase => ({
    spec: { ...spec, policy: { ...spec.policy, ...part } },
    set,
    limits,
  });
  const job = (part: Partial<PolicySpec>): PolicyCase => ({ spec: { ...spec, ...part }, set, limits });
  const chain = (part: Partial<PolicyLimits>): PolicyCase => ({ spec, set, limits: { ...limits, ...part } });
  const off = rng.chance(0.5) ? 1 : rng.int(1, 1000);
  const { k, seatStake, window, tWork, tReveal } = spec.policy;
  const cap = (value: bigint) => (value < 0n ? 0n : value);
  const spoilers: [() => PolicyCase, ...(() => PolicyCase)[]] = [
    () => policy({ mask: rng.int(0, 31) }),
    () => policy({ k: rng.int(0, 9) }),
    () => policy({ auditBps: rng.int(1, 9_999) }),
    () => policy({ cls: rng.int(0, 2) }),
    () => policy({ flags: rng.int(0, 31) }),
    () => policy({ flags: 1 }),
    () => policy({ flags: spec.policy.flags + 256 * rng.int(0, 2 ** 24 - 1) }),
    () => policy({ seatStake: BigInt(4 * (2 * k + 1)) * spec.seatReward - 1n }),
    () => policy({ seatStake: seatStake + rng.bigint(20) }),
    () => policy({ window: Math.max(0, window - off) }),
    () => policy({ tWork: Math.max(0, tWork - off) }),
    () => policy({ tReveal: Math.max(0, tReveal - off) }),
    () => job({ stages: rng.int(0, 10) }),
    () => job({ insuredValue: spec.insuredValue + BigInt(off) }),
    () => job({ insuredValue: spec.insuredValue * 3n + 1n }),
    () => job({ expiry: limits.time + longestJob(spec, set) - off }),
    () => job({ expiry: limits.time + set.jobLife + off }),
    () => policy({ seatStake: seatStake - 1n }),
    () => policy({ window: 0 }),
    () => chain({ supported: rng.int(0, 31) }),
    () => chain({ minimumStake: 4n * seatStake - 1n }),
    () => chain({ maxInsured: cap(spec.insuredValue - BigInt(off)) }),
    () => chain({ enclaveCap: 0n }),
    () => chain({ openRisk: limits.openRisk + BigInt(off) * seatStake }),
    () => chain({ ticketedStake: cap(limits.ticketedStake - rng.bigint(12)) }),
    () => chain({ workers: rng.int(0, spec.stages * k + 6 * k + 4) }),
  ];
  return rng.pick(spoilers)();
}
