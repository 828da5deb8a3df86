// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { EVIDENCE, FLAG, checkPolicy, longestJob } from "../../../offchain/core/policy.ts";
import { PRESETS, type PresetName } from "../../../offchain/core/policy-presets.ts";
import {
  POLICY_RULES,
  mostInsured,
  policyTableHash,
  resolvePolicy,
  type Scenario,
} from "../../../offchain/core/resolve-policy.ts";
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

const scenario = (part: Partial<Omit<Scenario, "model">> & { model?: Partial<Scenario["model"]> } = {}): Scenario => ({
  criticality: "general",
  modality: "tabular",
  latency: "normal",
  cheapest: false,
  hideInput: false,
  insuredValue: 0n,
  seatReward: R,
  ...part,
  model: {
    acceptedMasks: ANY_MASK,
    stages: 1,
    polynomial: false,
    p99Seconds: 1,
    ...(part.hideInput === true && part.criticality !== "critical" ? { exposure: SHOWN() } : {}),
    ...part.model,
  },
});

/** protocol.md section 8, read once more, for one stage; its "2.7 R" is 2.698 R by inequality 4. */
function expected(s: Scenario): PresetName | "NO_POLICY" {
  if (s.criticality === "critical") {
    if (s.hideInput && s.model.polynomial) return s.insuredValue <= 140_800n ? "critical-cipher" : "NO_POLICY";
    return s.hideInput ? "critical-enclave" : "critical-proof";
  }
  if (s.hideInput) return s.insuredValue <= 140_800n ? "general-split" : "NO_POLICY";
  if (s.insuredValue === 0n && s.latency === "tight") return "fast-enclave";
  if (s.insuredValue <= 2_698n && s.cheapest) return "economy";
  return s.insuredValue <= 140_000n ? "general-vote" : "critical-proof";
}

function cells(): Scenario[] {
  const bools = [false, true];
  return (["critical", "general"] as const).flatMap((criticality) =>
    bools.flatMap((hideInput) =>
      bools.flatMap((polynomial) =>
        (["normal", "tight"] as const).flatMap((latency) =>
          bools.flatMap((cheapest) =>
            [0n, 1n, 2_698n, 2_699n, 140_000n, 140_001n, 141_000n].map((insuredValue) =>
              scenario({ criticality, hideInput, latency, cheapest, insuredValue, model: { polynomial } }),
            ),
          ),
        ),
      ),
    ),
  );
}

function outcomeOf(s: Scenario, supported: number): string {
  try {
    return resolvePolicy(s, { set: SET_1, supported }).preset;
  } catch (error) {
    return isAssayError(error) ? error.code : String(error);
  }
}

describe("resolvePolicy", () => {
  it("R5: every cell of the table resolves as the protocol says", () => {
    expect(cells().length).to.equal(224);
    for (const s of cells()) expect(outcomeOf(s, ALL)).to.equal(expected(s));
  });

  it("R5: what a hub cannot check yet is NOT_SUPPORTED, never something else", () => {
    for (const s of cells()) {
      const want = expected(s);
      const voted = want === "general-vote" || want === "general-split";
      const answer = outcomeOf(s, EVIDENCE.VOTE);
      if (want === "NO_POLICY") expect(answer).to.be.oneOf(["NO_POLICY", "NOT_SUPPORTED"]);
      else expect(answer).to.equal(voted ? want : "NOT_SUPPORTED");
    }
  });

  it("R6: no critical scenario resolves to anything but critical presets, with the flag set", () => {
    for (const s of cells().filter(({ criticality }) => criticality === "critical")) {
      const answer = outcomeOf(s, ALL);
      expect(answer).to.match(/^critical-|^NO_POLICY$/);
      if (answer === "NO_POLICY") continue;
      const { policy } = resolvePolicy(s, { set: SET_1, supported: ALL });
      expect(policy.flags & FLAG.CRITICAL).to.equal(FLAG.CRITICAL);
      expect(policy.mask & (EVIDENCE.PROOF | EVIDENCE.CIPHER)).to.not.equal(0);
    }
    expect(
      POLICY_RULES.filter(({ criticality, preset }) => criticality === "critical" && !preset.startsWith("critical")),
    ).to.deep.equal([]);
  });

  it("R6: a critical scenario that its preset cannot serve is refused", async () => {
    const critical = { criticality: "critical", hideInput: true } as const;
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
    for (const text of Object.values(explanation)) expect(text.length).to.be.greaterThan(20);
  });

  it("behavior: splits take three seats a stage, and five where more is insured", () => {
    const split = (insuredValue: bigint) =>
      resolvePolicy(scenario({ hideInput: true, insuredValue, model: { stages: 3 } }), { set: SET_1 }).policy.k;
    expect([split(0n), split(2_083n), split(2_084n), split(52_083n)]).to.deep.equal([3, 3, 5, 5]);
  });

  it("error: NO_POLICY for a hidden input of a model that keeps no stage with the client, or shows too much of it (R46)", async () => {
    const table = { set: SET_1 };
    const hidden = (recoveryPpm: number, acceptExposure = false) =>
      resolvePolicy(scenario({ hideInput: true, acceptExposure, model: { exposure: SHOWN(recoveryPpm) } }), table);
    expect(hidden(400_000).policy.flags).to.equal(0);
    await expectCode("NO_POLICY", () => hidden(400_001));
    expect(hidden(400_001, true).policy.flags).to.equal(FLAG.ACCEPT_EXPOSURE);
    await expectCode("NO_POLICY", () => resolvePolicy(scenario({ hideInput: true, model: { exposure: [] } }), table));
    const unknown = [{ boundary: "b", figures: null }];
    const silent = scenario({ hideInput: true, acceptExposure: true, model: { exposure: unknown } });
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
    for (const s of cells())
      for (const stages of [1, 2, 3, 5, 8]) {
        const job = { ...s, model: { ...s.model, stages } };
        let policy;
        try {
          ({ policy } = resolvePolicy(job, { set: SET_1, supported: ALL }));
        } catch (error) {
          expect(isAssayError(error) && error.code, String(error)).to.equal("NO_POLICY");
          continue;
        }
        const spec = { stages, policy, seatReward: R, pokeFee: 50n, insuredValue: s.insuredValue, expiry: 0 };
        const expiry = limits.time + longestJob(spec, SET_1);
        expect(checkPolicy({ ...spec, expiry }, SET_1, limits).rounds).to.be.at.most(2);
        accepted++;
      }
    expect(accepted).to.be.greaterThan(600);
  });

  it("behavior: each branch of a multimodal program resolves like any other, and says so", () => {
    const one = resolvePolicy(scenario(), { set: SET_1 });
    const branch = resolvePolicy(scenario({ modality: "multimodal" }), { set: SET_1 });
    expect(branch.policy).to.deep.equal(one.policy);
    expect(branch.explanation.why).to.include("weakest");
  });

  it("error: SPEC_INVALID for numbers that mean nothing and for an insured job in a small pool", async () => {
    const table = { set: SET_1 };
    for (const stages of [0, 9, 1.5, NaN])
      await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ model: { stages } }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ model: { p99Seconds: NaN } }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ insuredValue: -1n }), table));
    await expectCode("SPEC_INVALID", () => resolvePolicy(scenario({ insuredValue: 1n, smallPool: true }), table));
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
    expect(policyTableHash()).to.equal("0x1424a11a93fb670f2409a70a6cb75d392e4f212f656b3f6e7039ce6838ec6beb");
  });
});
