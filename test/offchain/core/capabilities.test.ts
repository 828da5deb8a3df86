// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { CAPABILITIES, capabilityBits, capabilityNames, isCapability } from "../../../offchain/core/capabilities.ts";
import { EVIDENCE } from "../../../offchain/core/policy.ts";

describe("R17: capabilities", () => {
  it("default: names and bits are each other's inverse, and the low byte is a policy's mask", () => {
    for (const name of CAPABILITIES) expect(capabilityNames(capabilityBits([name]))).to.deep.equal([name]);
    expect(capabilityNames(capabilityBits(CAPABILITIES))).to.deep.equal(CAPABILITIES);
    for (const [name, mask] of Object.entries(EVIDENCE)) {
      const capability = name.toLowerCase();
      expect(isCapability(capability), name).to.equal(true);
      if (isCapability(capability)) expect(capabilityBits([capability])).to.equal(BigInt(mask));
    }
  });

  it("behavior: bits of another version keep a name; what is no name is none", () => {
    expect(capabilityNames(1n << 40n)).to.deep.equal(["bit 40"]);
    expect(isCapability("toString")).to.equal(false);
  });
});
