// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { hasCode, isAssayError } from "../../../offchain/core/errors.ts";
import { EVIDENCE, FLAG, checkPolicy, longestJob } from "../../../offchain/core/policy.ts";
import { PRESETS, type PresetName } from "../../../offchain/core/policy-presets.ts";
import type { AvailableWorkers } from "../../../offchain/core/available-workers.ts";
import { POLICY_RULES, policyTableHash } from "../../../offchain/core/policy-rules.ts";
import { mostInsured, resolvePolicy, type Modality, type Scenario } from "../../../offchain/core/resolve-policy.ts";
import { expectCode } from "../../support/expect-code.ts";

const R = 1000n;
const ALL = 31;
const ANY_MASK = 0xffff_ffff;
const SET_1 = {
  minWindow: 600,
  minWork: 60,
  minReveal: 120,
  hungLast: 86_400,
  jobLife: 604_800,
  feeBps: 200,
  forceUninsured: false,
  localOnly: false,
};
const SET_0 = {
  ...SET_1,
  minWindow: 15,
  minWork: 10,
  minReveal: 8,
  hungLast: 60,
  jobLife: 1800,
  forceUninsured: true,
  localOnly: true,
};

/** A model that keeps its first stage with the client, and shows little of it. */
const SHOWN = (recoveryPpm = 300_000) => [{ boundary: "b", figures: { recoveryPpm, dcorPpm: 700_000 } }];

const MANY: AvailableWorkers = { total: 200, proof: 200, cipher: 200, enclaves: { sgx: 50, snp: 50 } };

const scenario = (part: Partial<Omit<Scenario, "model">> & { model?: Partial<Scenario["model"]> } = {}): Scenario => ({
  criticality: "general",
  modality: "tabular",
  cheapest: false,
  privacy: "open",
  insuredValue: 0n,
  seatReward: R,
  workers: MANY,
  ...part,
  model: {
    acceptedMasks: ANY_MASK,
    stages: 1,
    polynomial: false,
    p99Seconds: 1,
    ...(part.privacy === "raw-stays" && part.criticality !== "critical" ? { exposure: SHOWN() } : {}),
    ...part.model,
  },
});

/** protocol.md section 8 and decision 030, read once more, for one stage; its "2.7 R" is 2.698 R by inequality 4. */
function expected(s: Scenario): PresetName | "NO_POLICY" | "WISHES_CONTRADICT" {
  if (s.cheapest && (s.criticality === "critical" || s.privacy === "sealed")) return "WISHES_CONTRADICT";
  // Set 1 has blocks of 12 s, and an answer needs four.
  const isLate = s.latencyBudgetSec !== undefined && s.latencyBudgetSec < 49;
  return isLate ? "NO_POLICY" : required(s);
}

function required(s: Scenario): PresetName | "NO_POLICY" {
  const hidden = s.privacy !== "open";
  const byStake = s.insuredValue <= 140_800n;
  if (s.criticality === "critical") {
    if (hidden && s.model.polynomial) return byStake ? "critical-cipher" : "NO_POLICY";
    return hidden ? "critical-enclave" : "critical-proof";
  }
  if (s.privacy === "sealed") {
    if (s.model.polynomial) return byStake ? "critical-cipher" : "NO_POLICY";
    return "critical-enclave";
  }
  if (hidden) return byStake ? "general-split" : "NO_POLICY";
  if (s.insuredValue === 0n && s.latencyBudgetSec === 9) return "fast-enclave";
  if (s.insuredValue <= 2_698n && s.cheapest) return "economy";
  return s.insuredValue <= 140_000n ? "general-vote" : "critical-proof";
}

const MODALITIES: readonly Modality[] = ["tabular", "image", "text", "audio", "multimodal"];

function cells(budgets: readonly (number | undefined)[] = [undefined, 9, 60]): Scenario[] {
  const bools = [false, true];
  return (["critical", "general"] as const).flatMap((criticality) =>
    (["open", "raw-stays", "sealed"] as const).flatMap((privacy) =>
      bools.flatMap((polynomial) =>
        budgets.flatMap((latencyBudgetSec) =>
          bools.flatMap((cheapest) =>
            [0n, 1n, 2_698n, 2_699n, 140_000n, 140_001n, 141_000n].flatMap((insuredValue) =>
              MODALITIES.map((modality) =>
                scenario({
                  criticality,
                  modality,
                  privacy,
                  latencyBudgetSec,
                  cheapest,
                  insuredValue,
                  model: { polynomial },
                }),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

const plain = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

function outcomeOf(s: Scenario, supported: number, blockSec?: number): string {
  try {
    return resolvePolicy(s, { set: SET_1, supported, blockSec }).preset;
  } catch (error) {
    return isAssayError(error) ? error.code : String(error);
  }
}

describe("resolvePolicy", () => {
  it("R5: every cell of the table resolves as the protocol says", () => {
    expect(cells().length).to.equal(2520);
    for (const s of cells()) expect(outcomeOf(s, ALL), JSON.stringify(s, plain)).to.equal(expected(s));
  });

  it("R5: every row of the table is some cell's, and on a fast chain a tight budget is met", () => {
    const hit = new Set(cells().map((s) => outcomeOf(s, ALL, 1)));
    for (const { preset } of POLICY_RULES) expect(hit).to.include(preset);
    const tight = cells([9]).filter(({ cheapest }) => !cheapest);
    for (const s of tight) expect(outcomeOf(s, ALL, 1)).to.equal(required(s));
  });

  it("R5: what a hub cannot check yet is NOT_SUPPORTED, never something else", () => {
    for (const s of cells()) {
      const want = expected(s);
      const served = want === "general-vote" || want === "general-split" || want === "WISHES_CONTRADICT";
      const answer = outcomeOf(s, EVIDENCE.VOTE);
      if (want === "NO_POLICY") expect(answer).to.be.oneOf(["NO_POLICY", "NOT_SUPPORTED"]);
      else expect(answer).to.equal(served ? want : "NOT_SUPPORTED");
    }
  });

  it("R5: error: NO_WORKERS at once for what no available set of workers can serve, naming all that is missing", () => {
    const sealed = { criticality: "critical", privacy: "sealed" } as const;
    const few = (change: Partial<AvailableWorkers>): AvailableWorkers => ({ ...MANY, ...change });
    const rows: readonly (readonly [string, Parameters<typeof scenario>[0], AvailableWorkers])[] = [
      ["workers (10 of 39)", {}, few({ total: 10 })],
      ["workers (3 of 5)", { smallPool: true }, few({ total: 3 })],
      ["workers (10 of 12)", { criticality: "critical" }, few({ total: 10 })],
      ["workers that prove (0 of 1)", { criticality: "critical" }, few({ proof: 0 })],
      ["workers that evaluate ciphertexts (0 of 5)", { ...sealed, model: { polynomial: true } }, few({ cipher: 0 })],
      [
        "workers with an attested enclave (1 of 2), enclave vendors (1 of 2)",
        sealed,
        few({ enclaves: { sgx: 1, snp: 0 } }),
      ],
      ["enclave vendors (1 of 2)", sealed, few({ enclaves: { sgx: 9 } })],
      ["workers with an attested enclave (0 of 1)", { latencyBudgetSec: 9 }, few({ enclaves: {} })],
      ["stake that open jobs may put at risk (200000 of 220000)", {}, few({ freeRisk: 200_000n })],
    ];
    for (const [missing, part, workers] of rows) {
      let error: unknown;
      try {
        resolvePolicy(scenario({ ...part, workers }), { set: SET_1, supported: ALL });
      } catch (thrown) {
        error = thrown;
      }
      expect(hasCode(error, "NO_WORKERS"), missing).to.equal(true);
      expect(String(error)).to.include(`missing ${missing}`);
    }
    // Exactly enough is enough.
    const exact: AvailableWorkers = { total: 39, proof: 0, cipher: 0, enclaves: {}, freeRisk: 220_000n };
    expect(resolvePolicy(scenario({ workers: exact }), { set: SET_1 }).preset).to.equal("general-vote");
  });

  it("R5: error: WISHES_CONTRADICT, naming both", async () => {
    const table = { set: SET_1, supported: ALL };
    const contradictions: readonly Parameters<typeof scenario>[0][] = [
      { criticality: "critical", cheapest: true },
      { privacy: "sealed", acceptExposure: true },
      { privacy: "sealed", cheapest: true },
      { insuredValue: 1n, smallPool: true },
      { latencyBudgetSec: 2, model: { p99Seconds: 3 } },
    ];
    for (const part of contradictions)
      await expectCode("WISHES_CONTRADICT", () => resolvePolicy(scenario(part), table));
  });

  it("R5: a latency budget is compared with the model's cost under the required evidence; nothing weaker is taken", async () => {
    const table = { set: SET_1, supported: ALL, blockSec: 1 };
    const cost = { p99Seconds: 1, proofSeconds: 20, cipherSeconds: 100, stages: 2 };
    const critical = (part: Partial<Scenario>) => scenario({ criticality: "critical", ...part, model: cost });
    const proven = resolvePolicy(critical({ latencyBudgetSec: 26 }), table);
    expect([proven.answerSec, proven.finalSec]).to.deep.equal([26, 26]);
    await expectCode("NO_POLICY", () => resolvePolicy(critical({ latencyBudgetSec: 25 }), table));
    const cipher = { ...critical({ privacy: "sealed" }), model: { ...critical({}).model, polynomial: true } };
    expect(resolvePolicy(cipher, table).answerSec).to.equal(204);
    expect(resolvePolicy(cipher, table).finalSec).to.equal(804);
    expect(resolvePolicy(cipher, table).policy.tWork).to.equal(330);
    expect(resolvePolicy(scenario({ latencyBudgetSec: 10 }), table).preset).to.equal("general-vote");
  });

  it("R6: no critical scenario resolves to anything but critical presets, with the flag set", () => {
    for (const s of cells().filter(({ criticality }) => criticality === "critical")) {
      const answer = outcomeOf(s, ALL);
      expect(answer).to.match(/^critical-|^NO_POLICY$|^WISHES_CONTRADICT$/);
      if (!answer.startsWith("critical-")) continue;
      const { policy } = resolvePolicy(s, { set: SET_1, supported: ALL });
      expect(policy.flags & FLAG.CRITICAL).to.equal(FLAG.CRITICAL);
      expect(policy.mask & (EVIDENCE.PROOF | EVIDENCE.CIPHER)).to.not.equal(0);
    }
    expect(
      POLICY_RULES.filter(({ criticality, preset }) => criticality === "critical" && !preset.startsWith("critical")),
    ).to.deep.equal([]);
  });

  it("R6: a critical scenario that its preset cannot serve is refused", async () => {
    const critical = { criticality: "critical", privacy: "sealed" } as const;
    const table = { set: SET_1, supported: ALL };
    const masks = ANY_MASK & ~(1 << 6);
    await expectCode("NO_POLICY", () =>
      resolvePolicy(scenario({ ...critical, model: { acceptedMasks: masks } }), table),
    );
    await expectCode("NO_POLICY", () => resolvePolicy(scenario({ ...critical, model: { stages: 7 } }), table));
    await expectCode("NO_POLICY", () =>
      resolvePolicy(scenario({ ...critical, insuredValue: 141_000n, model: { polynomial: true } }), table),
    );
  });

  it("default: a devnet job gets set 0's times and no window", () => {
    const { preset, policy, explanation } = resolvePolicy(scenario({ smallPool: true, model: { p99Seconds: 0.1 } }), {
      set: SET_0,
    });
    expect(preset).to.equal("general-vote");
    expect(policy).to.deep.equal({
      mask: 1,
      k: 5,
      auditBps: 10_000,
      cls: 0,
      flags: FLAG.SMALL_POOL,
      seatStake: 44n * R,
      window: 0,
      tWork: 10,
      tReveal: 8,
    });
    for (const text of Object.values(explanation)) expect(text.length).to.be.greaterThan(10);
  });

  it("behavior: splits take three seats a stage, and five where more is insured", () => {
    const split = (insuredValue: bigint) =>
      resolvePolicy(scenario({ privacy: "raw-stays", insuredValue, model: { stages: 3 } }), { set: SET_1 }).policy.k;
    expect([split(0n), split(2_083n), split(2_084n), split(52_083n)]).to.deep.equal([3, 3, 5, 5]);
  });

  it("error: NO_POLICY for a hidden input of a model that keeps no stage with the client, or shows too much of it (R46)", async () => {
    const table = { set: SET_1 };
    const hidden = (recoveryPpm: number, acceptExposure = false) =>
      resolvePolicy(scenario({ privacy: "raw-stays", acceptExposure, model: { exposure: SHOWN(recoveryPpm) } }), table);
    expect(hidden(400_000).policy.flags).to.equal(0);
    await expectCode("NO_POLICY", () => hidden(400_001));
    expect(hidden(400_001, true).policy.flags).to.equal(FLAG.ACCEPT_EXPOSURE);
    await expectCode("NO_POLICY", () =>
      resolvePolicy(scenario({ privacy: "raw-stays", model: { exposure: [] } }), table),
    );
    const unknown = [{ boundary: "b", figures: null }];
    const silent = scenario({ privacy: "raw-stays", acceptExposure: true, model: { exposure: unknown } });
    await expectCode("NO_POLICY", () => resolvePolicy(silent, table));
    // Workers refuse such a model under any preset; where nothing is kept back there is nothing to consent to.
    const voted = scenario({ model: { exposure: SHOWN(400_001) } });
    await expectCode("NO_POLICY", () => resolvePolicy(voted, table));
    expect(resolvePolicy(scenario({ acceptExposure: true }), table).policy.flags).to.equal(0);
  });

  it("behavior: whatever resolves, the hub accepts", () => {
    const limits = {
      supported: ALL,
      time: 1_800_000_000,
      minimumStake: 10n ** 12n,
      maxInsured: 10n ** 12n,
      enclaveCap: 0n,
      openRisk: 0n,
      ticketedStake: 10n ** 12n,
      workers: 100,
    };
    let accepted = 0;
    for (const s of cells([undefined]).filter(({ modality }) => modality === "tabular"))
      for (const stages of [1, 2, 3, 5, 8]) {
        const job = { ...s, model: { ...s.model, stages } };
        let policy;
        try {
          ({ policy } = resolvePolicy(job, { set: SET_1, supported: ALL }));
        } catch (error) {
          expect(isAssayError(error) && error.code, String(error)).to.be.oneOf(["NO_POLICY", "WISHES_CONTRADICT"]);
          continue;
        }
        const spec = { stages, policy, seatReward: R, pokeFee: 50n, insuredValue: s.insuredValue, expiry: 0 };
        const expiry = limits.time + longestJob(spec, SET_1);
        expect(checkPolicy({ ...spec, expiry }, SET_1, limits).rounds).to.be.at.most(2);
        accepted++;
      }
    expect(accepted).to.be.greaterThan(200);
  });

  it("behavior: each branch of a multimodal program resolves like any other, and says so", () => {
    const one = resolvePolicy(scenario(), { set: SET_1 });
    const branch = resolvePolicy(scenario({ modality: "multimodal" }), { set: SET_1 });
    expect(branch.policy).to.deep.equal(one.policy);
    expect(branch.explanation.why).to.include("weakest");
  });

  it("error: SPEC_INVALID for numbers that mean nothing", async () => {
    const table = { set: SET_1 };
    for (const stages of [0, 9, 1.5, NaN])
      await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ model: { stages } }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ model: { p99Seconds: NaN } }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ insuredValue: -1n }), table));
    for (const total of [-1, 1.5, NaN])
      await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ workers: { ...MANY, total } }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ latencyBudgetSec: -1 }), table));
    await expectCode("NO_POLICY", () => resolvePolicy(scenario({ insuredValue: 1n }), { set: SET_0 }));
  });

  it("behavior: presets insure what the protocol's table says", () => {
    const most = (name: PresetName, k: number, stages: number) => mostInsured(PRESETS[name], k, stages, R);
    expect(most("general-vote", 5, 1)).to.equal(140_000n);
    expect(most("general-split", 3, 3)).to.equal(2_083n);
    expect(most("general-split", 5, 3)).to.equal(52_083n);
    expect(most("fast-enclave", 3, 1)).to.equal(0n);
    expect(most("economy", 5, 1)).to.equal(2_698n);
    expect(most("critical-proof", 1, 8)).to.equal(2n ** 96n - 1n);
  });

  it("R5: the table's hash is fixed; a change needs a new deployment of ProtocolParams", () => {
    expect(policyTableHash()).to.equal("0x8c57999524ec5b100f769c32caec6a0d373d9e76698133051768c8d0ee4119cc");
  });
});
