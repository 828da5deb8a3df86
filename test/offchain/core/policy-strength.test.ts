// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { explainPolicy, wordsOf } from "../../../offchain/core/explain-policy.ts";
import { EVIDENCE, FLAG, type PolicyTerms } from "../../../offchain/core/policy.ts";
import { PRESETS, type PresetName } from "../../../offchain/core/policy-presets.ts";
import { assertNotWeaker, weaknessOf } from "../../../offchain/core/policy-strength.ts";
import type { ResolvedPolicy } from "../../../offchain/core/resolve-policy.ts";
import { expectCode } from "../../support/expect-code.ts";

const R = 1_000n;

/** What a preset's smallest committee is, for an insured job. */
function termsOf(name: PresetName): PolicyTerms {
  const { mask, sizes, auditBps, window } = PRESETS[name];
  const [size] = sizes;
  if (size === undefined) throw new RangeError(name);
  const flags = name.startsWith("critical-") ? FLAG.CRITICAL : 0;
  const seatStake = BigInt(size.stakePerReward) * R;
  return { mask, k: size.k, auditBps, cls: 0, flags, seatStake, window, tWork: 60, tReveal: 120 };
}
const resolved = (name: PresetName): ResolvedPolicy => ({
  preset: name,
  policy: termsOf(name),
  answerSec: 49,
  finalSec: 649,
  explanation: { ...PRESETS[name].explanation, why: "because" },
});

describe("policy strength", () => {
  it("R5, R6: which preset stands in for which: every pair", () => {
    const names = Object.keys(PRESETS) as PresetName[];
    const accepted = Object.fromEntries(
      names.map((wanted) => [wanted, names.filter((given) => weaknessOf(termsOf(given), resolved(wanted)) === null)]),
    );
    expect(accepted).to.deep.equal({
      "general-vote": ["general-vote", "critical-cipher", "critical-proof", "critical-enclave"],
      "general-split": ["general-vote", "general-split", "critical-cipher", "critical-proof", "critical-enclave"],
      "critical-cipher": ["critical-cipher"],
      "critical-proof": ["critical-proof", "critical-enclave"],
      "critical-enclave": ["critical-enclave"],
      "fast-enclave": ["critical-enclave", "fast-enclave"],
      economy: ["general-vote", "general-split", "critical-cipher", "critical-proof", "critical-enclave", "economy"],
    });
  });

  const weaker: readonly (readonly [string, PresetName, Partial<PolicyTerms>])[] = [
    ["mask", "critical-proof", { mask: EVIDENCE.VOTE }],
    ["mask", "fast-enclave", { mask: EVIDENCE.OPTIMISTIC }],
    ["mask", "critical-cipher", { mask: EVIDENCE.VOTE }],
    ["k", "general-vote", { k: 3 }],
    ["auditBps", "economy", { auditBps: 799 }],
    ["seatStake", "general-vote", { seatStake: 43n * R }],
    ["window", "general-split", { window: 599 }],
    ["cls", "general-vote", { cls: 1 }],
    ["flags", "critical-proof", { flags: 0 }],
    ["flags", "critical-proof", { flags: FLAG.CRITICAL | FLAG.ACCEPT_DOWNGRADE }],
    ["flags", "general-vote", { flags: FLAG.SMALL_POOL }],
    ["flags", "general-split", { flags: FLAG.ACCEPT_EXPOSURE }],
  ];
  for (const [field, name, change] of weaker)
    it(`error: POLICY_WEAKER: ${field} of ${name}`, async () => {
      const policy = { ...termsOf(name), ...change };
      expect(weaknessOf(policy, resolved(name))?.field).to.equal(field);
      await expectCode("POLICY_WEAKER", () => assertNotWeaker(policy, resolved(name)));
    });

  it("behavior: more of anything is not weaker", () => {
    const more = { ...termsOf("general-vote"), k: 7, seatStake: 99n * R, window: 700, flags: FLAG.STANDBY };
    expect(weaknessOf(more, resolved("general-vote"))).to.equal(null);
  });

  it("R74: a policy in words says why, what it costs, who sees the input and what it does not protect against", () => {
    const name = "general-split";
    const words = explainPolicy(resolved(name), { stages: 3, policy: termsOf(name) }, 9_480n);
    expect(words).to.deep.include({ seats: 9, escrow: 9_480n, stakeAtRisk: 252_000n, answerSec: 49, finalSec: 649 });
    expect(wordsOf(name, words).join("\n")).to.include("because").and.include("9480").and.include("about 49 s");
    expect(words.limits).to.include("not encryption");
    for (const preset of Object.keys(PRESETS) as PresetName[])
      for (const text of Object.values(PRESETS[preset].explanation)) expect(text, preset).to.match(/^[A-Z].{8,}\.$/);
  });
});
