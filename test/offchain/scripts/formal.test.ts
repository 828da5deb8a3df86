// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { assertions, PROPERTIES, prove } from "../../../scripts/formal/prove.ts";

describe("formal proofs of the accounting", function () {
  this.timeout(60_000);

  for (const property of PROPERTIES)
    it(`behavior: ${property.sentence} Proved for every input, and not with the fault`, () => {
      const all = assertions(property.contract);
      expect(all).to.be.greaterThan(0);
      expect(prove(property, false)).to.deep.equal({ proved: all, refuted: 0, unknown: 0 });
      expect(prove(property, true).refuted).to.be.greaterThan(0);
    });
});
