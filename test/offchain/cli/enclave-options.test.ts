// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { enclaveWishes } from "../../../offchain/cli/enclave-options.ts";
import { COMMITTEE_RULES, DEVELOPMENT_RULES } from "../../../offchain/core/threshold/draw-committee.ts";
import { expectError } from "../../support/expect-error.ts";

describe("options of fast-enclave requests", () => {
  const wishes = (change: Partial<Parameters<typeof enclaveWishes>[0]> = {}) =>
    enclaveWishes({ preset: "fast-enclave", committee: undefined, allowSimulated: false, ...change });

  it("R63: default: standard and development committees, simulated enclaves only when asked for", () => {
    expect(wishes()).to.deep.equal({ enclaves: { allowSimulated: false } });
    expect(wishes({ committee: "standard" }).committee).to.equal(COMMITTEE_RULES);
    const development = wishes({ committee: "development", allowSimulated: true });
    expect(development).to.deep.equal({ enclaves: { allowSimulated: true }, committee: DEVELOPMENT_RULES });
    expect(COMMITTEE_RULES.perFamily).to.be.lessThan(COMMITTEE_RULES.t);
    expect(COMMITTEE_RULES.allowSimulated).to.equal(false);
  });

  it("error: USAGE with other presets: they would be ignored, and the input sealed to seats", () => {
    for (const preset of [undefined, "general-vote", "critical-proof"]) {
      expect(wishes({ preset })).to.deep.equal({});
      expectError(() => wishes({ preset, committee: "standard" }), "USAGE");
      expectError(() => wishes({ preset, allowSimulated: true }), "USAGE");
    }
  });
});
