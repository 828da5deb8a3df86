// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchFlags } from "../../../offchain/core/batch.ts";
import { policyTableHash } from "../../../offchain/core/policy-rules.ts";
import { planJob } from "../../../offchain/sdk/plan-job.ts";
import type { Market } from "../../../offchain/sdk/read-market.ts";
import {
  CLASS_T,
  ENCLAVE,
  FLAG_ACCEPT_DOWNGRADE,
  FLAG_ACCEPT_EXPOSURE,
  FLAG_CRITICAL,
  FLAG_JOIN,
  FLAG_SMALL_POOL,
  OPTIMISTIC,
  PROOF,
  VOTE,
  ZERO_ADDRESS,
} from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";

const TOKEN = 10n ** 18n;
const word = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, "0")}`;

const market: Market = {
  set: {
    minWindow: 15,
    minWork: 10,
    minReveal: 8,
    hung: 20,
    hungLast: 60,
    clientTime: 15,
    moveTime: 15,
    jobLife: 1800,
    lateCourt: 600,
    feeBps: 200,
    forceUninsured: true,
    localOnly: true,
  },
  time: 1_800_000_000,
  model: { acceptedMasks: 1 << VOTE, workUnits: 1000n, stages: 1 },
  minPrice: 0n,
  maxUnits: 2n ** 64n - 1n,
  workers: 16,
  ticketedStake: 16n * 4400n * TOKEN,
  openRisk: 0n,
  minimumStake: 4400n * TOKEN,
  maxInsured: 440n * TOKEN,
  supported: 3,
  policyTable: policyTableHash(),
  available: { total: 16, proof: 16, cipher: 0, enclaves: {} },
};
const job = {
  modelId: word(1),
  inDigest: word(2),
  inputRef: word(0),
  client: ZERO_ADDRESS,
  resultKey: word(3),
  paramsVersion: 0,
};

/** A parameter set that insures. */
const main = {
  ...market.set,
  forceUninsured: false,
  localOnly: false,
  minWindow: 600,
  minWork: 60,
  minReveal: 120,
  jobLife: 604_800,
};
const floats: Market["model"] = { ...market.model, acceptedMasks: (1 << VOTE) | CLASS_T };

describe("planJob", () => {
  it("default", () => {
    const { spec, escrow, rounds } = planJob({}, market, job);
    expect(spec.policy).to.deep.include({ mask: VOTE, k: 5, window: 0, tWork: 10, tReveal: 8, flags: FLAG_SMALL_POOL });
    expect(spec.seatReward).to.equal(TOKEN);
    expect(spec.policy.seatStake).to.equal(44n * TOKEN);
    expect(rounds).to.equal(1);
    // 1.02 · 5 R + 6 · R/20
    expect(escrow).to.equal((540n * TOKEN) / 100n);
    expect(spec.expiry).to.equal(market.time + 1740);
  });

  it("behavior: the class' price is the least reward", () => {
    const { spec } = planJob(
      {},
      { ...market, minPrice: TOKEN / 100n, minimumStake: 440_000n * TOKEN, ticketedStake: 10n ** 25n },
      job,
    );
    expect(spec.seatReward).to.equal(100n * TOKEN);
    const dear = planJob({}, { ...market, minPrice: TOKEN / 500n }, job);
    expect(dear.spec.seatReward).to.equal(2n * TOKEN);
  });

  it("behavior: a large pool needs no consent to fewer rounds", () => {
    const { spec, rounds } = planJob({}, { ...market, workers: 39 }, job);
    expect(spec.policy.flags).to.equal(0);
    expect(rounds).to.equal(2);
  });

  it("behavior: insured jobs wait out the window", () => {
    const { spec } = planJob({ insuredValue: TOKEN }, { ...market, set: main, workers: 39 }, job);
    expect(spec.policy.window).to.equal(600);
  });

  it("behavior: R28 a model of floats is voted on within its tolerance, and one larger committee is enough", () => {
    const { spec, rounds } = planJob({}, { ...market, model: floats }, job);
    expect(spec.policy).to.deep.include({ mask: VOTE, cls: 1, k: 5, flags: 0 });
    expect(rounds).to.equal(1);
  });

  it("behavior: R58 fast-enclave asks one enclave, and audits a fiftieth", () => {
    const { spec } = planJob({ preset: "fast-enclave" }, { ...market, workers: 39, supported: 31 }, job);
    expect(spec.policy).to.deep.include({ mask: ENCLAVE | OPTIMISTIC, k: 3, auditBps: 200, window: 15 });
    expect(spec.policy.seatStake).to.equal(53n * spec.seatReward);
  });

  const wrong: readonly (readonly [string, string, Parameters<typeof planJob>[0], Partial<Market>])[] = [
    ["NOT_SUPPORTED", "pairs of enclaves of a hub without their judge", { preset: "critical-enclave" }, {}],
    ["NOT_SUPPORTED", "enclaves of a hub without their judge", { preset: "fast-enclave" }, {}],
    ["NOT_SUPPORTED", "enclaves in a policy of one's own", { policy: { mask: ENCLAVE } }, { supported: 31 }],
    ["NOT_SUPPORTED", "a deployment without adapters", { preset: "critical-proof" }, { supported: 1 }],
    ["POLICY_UNSAFE", "insuring under a set that insures nothing", { insuredValue: 1n }, { workers: 39 }],
    ["POLICY_UNSAFE", "too little stake for the reward", { policy: { seatStake: 43n * TOKEN } }, {}],
    ["POLICY_UNSAFE", "more open risk than the pool carries", {}, { openRisk: (16n * 4400n * TOKEN) / 8n }],
    ["SPEC_INVALID", "insuring floats", { insuredValue: TOKEN }, { model: floats, set: main, workers: 39 }],
    ["POOL_TOO_SMALL", "fewer workers than seats", {}, { workers: 4 }],
    ["SPEC_INVALID", "a job that expires too early", { expiry: market.time + 10 }, {}],
    ["SPEC_INVALID", "a committee of four", { policy: { k: 4 } }, {}],
    ["SPEC_INVALID", "less time to work than the set's least", { policy: { tWork: 9 } }, {}],
  ];
  for (const [code, what, wishes, change] of wrong)
    it(`error: ${code} for ${what}`, async () => {
      await expectCode(code, () => planJob(wishes, { ...market, ...change }, job));
    });

  it("R62: a pair of enclaves is planned for models of any number of stages", () => {
    for (const stages of [1, 3, 6]) {
      const model = { ...market.model, stages, acceptedMasks: 1 << (ENCLAVE | PROOF) };
      const { spec } = planJob({ preset: "critical-enclave" }, { ...market, supported: 31, workers: 39, model }, job);
      expect(spec).to.include({ stages });
      expect(spec.policy).to.include({ mask: ENCLAVE | PROOF, k: 2, auditBps: 0 });
      expect(spec.policy.flags & 1).to.equal(1);
    }
  });

  // VOTE, PROOF and OPTIMISTIC.
  const zoo = { ...market, supported: 19, model: { ...market.model, acceptedMasks: 65_542 } };
  const general = { criticality: "general" } as const;
  const critical = { criticality: "critical" } as const;

  it("R5: a scenario chooses the preset", () => {
    const masks = [general, { ...general, cheapest: true }, critical].map((scenario) => {
      const { spec, resolved } = planJob({ scenario }, zoo, job);
      expect(resolved?.policy.mask).to.equal(spec.policy.mask);
      return [spec.policy.mask, spec.policy.flags];
    });
    expect(masks).to.deep.equal([
      [VOTE, FLAG_SMALL_POOL],
      [OPTIMISTIC, FLAG_SMALL_POOL],
      [PROOF, FLAG_CRITICAL],
    ]);
    // What workers advertise lengthens the stage's time.
    const slow = planJob({ scenario: { ...general, cost: { p99Seconds: 20 } } }, zoo, job);
    expect(slow.spec.policy.tWork).to.equal(60);
  });

  it("R6: a critical scenario is weakened by the requester's consent alone, and the spec carries it", async () => {
    const weaker = { scenario: critical, preset: "general-vote" } as const;
    await expectCode("POLICY_WEAKER", () => planJob(weaker, zoo, job));
    const { spec } = planJob({ ...weaker, acceptDowngrade: true }, zoo, job);
    expect(spec.policy).to.deep.include({ mask: VOTE, flags: FLAG_SMALL_POOL | FLAG_CRITICAL | FLAG_ACCEPT_DOWNGRADE });
    // Without a scenario the preset's own flag asks for the same consent.
    const own = { preset: "critical-proof", policy: { mask: VOTE, k: 5, seatStake: 500n * TOKEN } } as const;
    const reward = { seatReward: TOKEN };
    const large = { ...zoo, workers: 39, ticketedStake: 10n ** 30n };
    await expectCode("CRITICAL_NEEDS_CONSENT", () => planJob({ ...own, ...reward }, large, job));
    expect(planJob({ ...own, ...reward, acceptDowngrade: true }, large, job).spec.policy.mask).to.equal(VOTE);
    // A general scenario has nothing to consent to.
    const cheap = { scenario: general, preset: "economy", acceptDowngrade: true } as const;
    await expectCode("POLICY_WEAKER", () => planJob(cheap, zoo, job));
  });

  it("R5: error: POLICY_WEAKER, NO_WORKERS, WISHES_CONTRADICT, NO_POLICY, POLICY_TABLE_DIFFERS before anything is sent", async () => {
    await expectCode("POLICY_WEAKER", () => planJob({ scenario: general, policy: { k: 3 } }, zoo, job));
    const unproven = { ...zoo, available: { total: 16, proof: 0, cipher: 0, enclaves: {} } };
    await expectCode("NO_WORKERS", () => planJob({ scenario: critical }, unproven, job));
    await expectCode("WISHES_CONTRADICT", () => planJob({ scenario: { ...critical, cheapest: true } }, zoo, job));
    const hurried = { ...critical, latencyBudgetSec: 10, cost: { p99Seconds: 1, proofSeconds: 8 } };
    await expectCode("NO_POLICY", () => planJob({ scenario: hurried }, zoo, job));
    await expectCode("POLICY_TABLE_DIFFERS", () =>
      planJob({ scenario: general }, { ...zoo, policyTable: word(9) }, job),
    );
    expect(planJob({}, { ...zoo, policyTable: word(9) }, job).resolved).to.equal(null);
  });

  it("behavior: R53 a joined job says so in its flags, and is voted on", async () => {
    const { spec } = planJob({}, market, { ...job, joins: true });
    expect(spec.policy.flags).to.equal(FLAG_SMALL_POOL | FLAG_JOIN);
    await expectCode("NOT_SUPPORTED", () => planJob({ policy: { mask: OPTIMISTIC } }, market, { ...job, joins: true }));
  });

  it("behavior: a model that keeps stages with its client is split by default: three seats a stage, a window (R46)", async () => {
    const split = { ...market, model: { ...market.model, stages: 3 } };
    const shown = (recoveryPpm: number) => [{ boundary: "b", figures: { recoveryPpm, dcorPpm: 700_000 } }];
    const within = { ...job, isSplit: true, exposure: shown(400_000) };
    const { spec, rounds } = planJob({}, split, within);
    expect(spec.policy).to.deep.include({ mask: VOTE, k: 3, window: 15, flags: FLAG_SMALL_POOL });
    expect([spec.stages, rounds]).to.deep.equal([3, 1]);
    const above = { ...job, isSplit: true, exposure: shown(400_001) };
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => planJob({}, split, above));
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => planJob({ preset: "general-vote" }, split, above));
    const consent = planJob({ acceptExposure: true }, split, above);
    expect(consent.spec.policy.flags).to.equal(FLAG_SMALL_POOL | FLAG_ACCEPT_EXPOSURE);
    const unknown = { ...job, isSplit: true, exposure: [{ boundary: "b", figures: null }] };
    await expectCode("LEAKAGE_UNKNOWN", () => planJob({ acceptExposure: true }, split, unknown));
    await expectCode("NOT_SUPPORTED", () => planJob({ preset: "general-split" }, split, job));
  });

  it("behavior: a batch's count stands in its flags, and the class' price counts for every input", async () => {
    const priced = { ...market, minPrice: TOKEN / 500n };
    const single = planJob({}, priced, job);
    const { spec } = planJob({}, priced, { ...job, inputs: 10 });
    expect(spec.policy.flags).to.equal(batchFlags(single.spec.policy.flags, 10));
    expect(spec.seatReward).to.equal(10n * single.spec.seatReward);
    await expectCode("NOT_SUPPORTED", () => planJob({ policy: { mask: OPTIMISTIC } }, priced, { ...job, inputs: 10 }));
  });
});
