// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchFlags } from "../../../offchain/core/batch.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { FLAG, checkPolicy, longestJob, roundsOf, type PolicyTerms } from "../../../offchain/core/policy.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectCode } from "../../support/expect-code.ts";
import { NumberVectors } from "../../support/number-vectors.ts";
import { policyCase } from "../../support/policy-cases.ts";

const SET = {
  minWindow: 600,
  minWork: 60,
  minReveal: 120,
  hungLast: 86_400,
  jobLife: 604_800,
  feeBps: 200,
  forceUninsured: false,
};
const LIMITS = {
  supported: 31,
  time: 1_800_000_000,
  minimumStake: 10n ** 12n,
  maxInsured: 10n ** 12n,
  enclaveCap: 500n,
  openRisk: 0n,
  ticketedStake: 10n ** 12n,
  workers: 100,
};
const POLICY = {
  mask: 1,
  k: 5,
  auditBps: 10_000,
  cls: 0,
  flags: 0,
  seatStake: 44_000n,
  window: 600,
  tWork: 60,
  tReveal: 120,
};
const job = (policy: Partial<PolicyTerms> = {}, part: { stages?: number; insuredValue?: bigint } = {}) => {
  const spec = {
    stages: 1,
    seatReward: 1000n,
    pokeFee: 50n,
    insuredValue: 0n,
    ...part,
    policy: { ...POLICY, ...policy },
    expiry: 0,
  };
  return { ...spec, expiry: LIMITS.time + longestJob(spec, SET) };
};
const meta = async (code: string, action: () => unknown) => {
  const error = await expectCode(code, action);
  return isAssayError(error) ? error.meta : {};
};

describe("policy", () => {
  it("default: the vectors that Solidity reads come from this check", () => {
    const c = new NumberVectors("economics");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const { spec, set, limits } = policyCase(i);
      const { policy } = spec;
      expect(c.numbers(5)).to.deep.equal([policy.mask, policy.k, policy.auditBps, policy.cls, policy.flags]);
      expect(c.big()).to.equal(policy.seatStake);
      c.bigs(23);
      const refused = c.word() !== toWord(0);
      const [rounds, escrow, risk, longest] = c.bigs(4);
      expect(BigInt(longestJob(spec, set))).to.equal(longest);
      let thrown: unknown;
      try {
        const numbers = checkPolicy(spec, set, limits);
        expect([BigInt(numbers.rounds), numbers.escrow, numbers.risk]).to.deep.equal([rounds, escrow, risk]);
      } catch (error) {
        thrown = error;
      }
      expect(isAssayError(thrown), String(thrown)).to.equal(refused);
    }
    expect(c.isDone).to.equal(true);
  });

  it("R9: a job costs its seats' rewards, 2% and six pokes", () => {
    expect(checkPolicy(job(), SET, LIMITS)).to.deep.equal({ rounds: 2, escrow: 5400n, risk: 220_000n });
  });

  it("behavior: the six inequalities hold at their bounds and fail one beyond, with the numbers that the hub names", async () => {
    const fails = async (
      [inequality, have, bound]: readonly [number, bigint, bigint],
      spec: ReturnType<typeof job>,
      limits = LIMITS,
      set = SET,
    ) => {
      const told = await meta("POLICY_UNSAFE", () => checkPolicy(spec, set, limits));
      expect(told).to.include({ inequality, have, bound });
    };
    for (const [k, least] of [
      [2, 20_000n],
      [3, 28_000n],
      [5, 44_000n],
      [7, 60_000n],
    ] as const) {
      checkPolicy(job({ k, seatStake: least }), SET, LIMITS);
      await fails([1, least - 1n, least], job({ k, seatStake: least - 1n }));
    }
    checkPolicy(job({}, { insuredValue: 140_800n }), SET, LIMITS);
    await fails([2, 140_801n, 140_800n], job({}, { insuredValue: 140_801n }));
    checkPolicy(job({ k: 3, seatStake: 28_000n }, { insuredValue: 6_250n }), SET, LIMITS);
    await fails([3, 6_251n, 6_250n], job({ k: 3, seatStake: 28_000n }, { insuredValue: 6_251n }));
    checkPolicy(job({ k: 3, seatStake: 28_000n }, { stages: 3, insuredValue: 2_083n }), SET, LIMITS);
    await fails([3, 2_084n, 2_083n], job({ k: 3, seatStake: 28_000n }, { stages: 3, insuredValue: 2_084n }));
    const economy = { mask: 16, auditBps: 800, window: 3600 };
    checkPolicy(job(economy, { insuredValue: 2_698n }), SET, LIMITS);
    await fails([4, 44_000n, 44_006n], job(economy, { insuredValue: 2_699n }));
    checkPolicy(job({ ...economy, seatStake: 44_006n }, { insuredValue: 2_699n }), SET, LIMITS);
    await fails([4, 1n, 0n], job({ ...economy, auditBps: 0 }, { insuredValue: 1n }));
    await fails([4, 44_000n, 2n ** 256n - 1n], job({ ...economy, k: 2 }));
    checkPolicy(job({}, { insuredValue: 99n }), SET, { ...LIMITS, maxInsured: 99n });
    await fails([5, 100n, 99n], job({}, { insuredValue: 100n }), { ...LIMITS, maxInsured: 99n });
    await fails([5, 1n, 0n], job({}, { insuredValue: 1n }), LIMITS, { ...SET, forceUninsured: true });
    // Several of them: alone, an unaudited one is no policy.
    const enclave = { mask: 4, k: 1, auditBps: 0, seatStake: 12_000n };
    checkPolicy(job(enclave, { stages: 2, insuredValue: 500n }), SET, LIMITS);
    await fails([5, 501n, 500n], job(enclave, { stages: 2, insuredValue: 501n }));
    await expectCode("NOT_SUPPORTED", () => checkPolicy(job(enclave), SET, LIMITS));
    checkPolicy(job(), SET, { ...LIMITS, minimumStake: 176_000n });
    await fails([6, 44_000n, 43_999n], job(), { ...LIMITS, minimumStake: 175_999n });
    checkPolicy(job(), SET, { ...LIMITS, openRisk: 30_000n, ticketedStake: 2_000_000n });
    await fails([6, 250_001n, 250_000n], job(), { ...LIMITS, openRisk: 30_001n, ticketedStake: 2_000_000n });
  });

  it("behavior: PROOF lifts what a committee's stake bounds, but not the cap of the randomness", () => {
    const proof = { mask: 2, k: 1, auditBps: 0, seatStake: 12_000n, window: 0 };
    expect(checkPolicy(job(proof, { insuredValue: 10n ** 12n }), SET, LIMITS).rounds).to.equal(0);
  });

  it("R6: error: CRITICAL_NEEDS_CONSENT", async () => {
    await expectCode("CRITICAL_NEEDS_CONSENT", () => checkPolicy(job({ flags: FLAG.CRITICAL }), SET, LIMITS));
    checkPolicy(job({ flags: FLAG.CRITICAL | FLAG.ACCEPT_DOWNGRADE }), SET, LIMITS);
  });

  it("error: NOT_SUPPORTED", async () => {
    const vote = { ...LIMITS, supported: 1 };
    for (let mask = 2; mask < 32; mask++)
      await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ mask }), SET, vote));
    await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ cls: 2 }), SET, LIMITS));
    for (const mask of [2, 4, 6, 16, 20])
      await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ mask, cls: 1 }), SET, LIMITS));
    await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ flags: 64 }), SET, LIMITS));
    // Standbys are for plain votes.
    checkPolicy(job({ flags: FLAG.STANDBY }), SET, LIMITS);
    for (const change of [{ mask: 3 }, { mask: 16 }, { cls: 1 }])
      await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ ...change, flags: FLAG.STANDBY }), SET, LIMITS));
    // So are joined inputs, one at a time.
    checkPolicy(job({ flags: FLAG.JOIN | FLAG.STANDBY }), SET, LIMITS);
    for (const change of [{ mask: 3 }, { mask: 2, k: 1 }, { mask: 16 }, { cls: 1 }])
      await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ ...change, flags: FLAG.JOIN }), SET, LIMITS));
    await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ flags: batchFlags(FLAG.JOIN, 2) }), SET, LIMITS));
    for (const mask of [0, 8, 10, 12, 13, 17, 18, 24])
      await expectCode("NOT_SUPPORTED", () => checkPolicy(job({ mask }), SET, LIMITS));
  });

  it("error: SPEC_INVALID names the field and its bounds", async () => {
    const field = async (spec: ReturnType<typeof job>) =>
      (await meta("SPEC_INVALID", () => checkPolicy(spec, SET, LIMITS)))["field"];
    for (const k of [0, 1, 4, 6, 8]) expect(await field(job({ k }))).to.equal("k");
    expect(await field(job({}, { stages: 0 }))).to.equal("stages");
    expect(await field(job({}, { stages: 9 }))).to.equal("stages");
    expect(await field(job({}, { stages: 7 }))).to.equal("stages"); // 35 seats
    expect(await field(job({ auditBps: 5000 }))).to.equal("auditBps");
    expect(await field(job({ tWork: 59 }))).to.equal("tWork");
    expect(await field(job({ tReveal: 119 }))).to.equal("tReveal");
    expect(await field(job({ window: 599 }, { insuredValue: 1n }))).to.equal("window");
    const good = job();
    expect(await field({ ...good, expiry: good.expiry - 1 })).to.equal("expiry");
    expect(await field({ ...good, expiry: LIMITS.time + SET.jobLife + 1 })).to.equal("expiry");
    checkPolicy({ ...good, expiry: LIMITS.time + SET.jobLife }, SET, LIMITS);
  });

  it("R24: rounds follow the pool; error: POOL_TOO_SMALL", async () => {
    const small = job({ flags: FLAG.SMALL_POOL });
    expect([roundsOf(job(), 39), roundsOf(small, 38), roundsOf(small, 16), roundsOf(small, 15)]).to.deep.equal([
      2, 1, 1, 0,
    ]);
    await expectCode("POOL_TOO_SMALL", () => roundsOf(job(), 38));
    await expectCode("POOL_TOO_SMALL", () => roundsOf(small, 4));
    await expectCode("SPEC_INVALID", () => roundsOf(job({ flags: FLAG.SMALL_POOL }, { insuredValue: 1n }), 38));
    await expectCode("POOL_TOO_SMALL", () => roundsOf(job({ mask: 2, k: 1 }), 11));
    expect(roundsOf(job({ mask: 2, k: 1 }), 12)).to.equal(0);
  });
});
