// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { loadConfig } from "../../../../offchain/node/config.ts";
import { judgeAttester, type AttesterFacts } from "../../../../offchain/node/attester/check-attester.ts";
import { attesterOptions, configuredRoots } from "../../../../offchain/node/attester/open-attester.ts";
import { PRODUCTION_ROOTS } from "../../../../offchain/engines/tee/roots.ts";
import { expectCode } from "../../../support/expect-code.ts";

describe("the doctor about attesting", () => {
  const ready: AttesterFacts = {
    member: { slot: 3, leftAt: 0, reserve: 100n },
    isLeaving: false,
    stake: 100n,
    balance: 250n,
  };

  it("default: a member with free stakes is well, and so is who leaves", () => {
    expect(judgeAttester(ready)).to.deep.equal({ ok: true, detail: "2 verdicts can be staked, reserve 100", fix: "" });
    expect(judgeAttester({ ...ready, isLeaving: true }).ok).to.equal(true);
    expect(judgeAttester({ ...ready, isLeaving: true, member: null }).detail).to.contain("has left");
  });

  for (const [what, poor, fix] of [
    ["no member", { member: null }, "--join"],
    ["fined out", { member: { slot: 3, leftAt: 9, reserve: 40n } }, "leave"],
    ["nothing to stake", { balance: 99n }, "Deposit"],
  ] as const)
    it(`behavior: ${what}`, () => {
      const found = judgeAttester({ ...ready, ...poor });
      expect([found.ok, found.fix.includes(fix)]).to.deep.equal([false, true]);
    });
});

describe("the settings of attesting", () => {
  const flags = { "chain.rpcUrl": "http://127.0.0.1:1", "chain.id": "1", "chain.hub": `0x${"1".repeat(40)}` };
  const load = (more: Readonly<Record<string, string>> = {}) => loadConfig({ flags: { ...flags, ...more } }).config;

  it("default: off, by the vendors' roots, and never with a clock that is off by more than a minute", () => {
    expect(load().attester.duty).to.equal("off");
    expect(configuredRoots(load())).to.equal(PRODUCTION_ROOTS);
    expect(attesterOptions(load())).to.include({ maxSkewSec: 60, isLeaving: false, payEverySec: 3_600, verdicts: 4 });
    expect(attesterOptions(load({ "attester.duty": "leave", "rewards.claimMinutes": "0" }))).to.include({ isLeaving: true, payEverySec: 300 }); // prettier-ignore
  });

  it("error: DEVELOPMENT_REFUSED for a simulated root off the local chain", async () => {
    const simulatedRoot = { "attester.simulatedRoot": `0x${"5".repeat(64)}` };
    await expectCode("DEVELOPMENT_REFUSED", () => load(simulatedRoot));
    const config = load({ ...simulatedRoot, "chain.id": "31337", "node.development": "true" });
    expect(configuredRoots(config).simulatedAllowed).to.equal(true);
    await expectCode("CONFIG_INVALID", () => load({ "attester.duty": "maybe" }));
  });
});
