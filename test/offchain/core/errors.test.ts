// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { CoreError } from "../../../offchain/core/core-errors.ts";
import { defineErrors, errorRegistry, hasCode, isAssayError } from "../../../offchain/core/errors.ts";
import { expectCode } from "../../support/expect-code.ts";

const TEXT = { text: "Peer {peer} is not worker {worker}.", fix: "Look at {peer}.", retry: "never" } as const;

describe("defineErrors", () => {
  it("default: ids, filled text and fix, typed meta, a brand", () => {
    const SampleError = defineErrors("sample", 97, { IDENTITY_MISMATCH: { n: 3, ...TEXT } });
    const error = new SampleError(
      "IDENTITY_MISMATCH",
      { peer: "p", worker: 7n },
      { cause: new CoreError("SEALED_CONTEXT") },
    );
    expect(error).to.include({ id: "E9703", code: "IDENTITY_MISMATCH", module: "sample", retry: "never" });
    expect(error.message).to.equal("Peer p is not worker 7.");
    expect(error.fix).to.equal("Look at p.");
    expect(isAssayError(error)).to.equal(true);
    expect(hasCode(error, "IDENTITY_MISMATCH")).to.equal(true);
    expect(error.toJSON()).to.deep.include({ id: "E9703", meta: { peer: "p", worker: "7" } });
    expect(error.toJSON()["cause"]).to.include({ code: "SEALED_CONTEXT" });
    expect(errorRegistry().map(({ id }) => id)).to.include.members(["E9703", "E0102"]);
  });

  it("behavior: a foreign cause keeps its name only, for its text may hold anything", () => {
    const json = JSON.stringify(new CoreError("SEALED_CONTEXT", {}, { cause: new RangeError("canary") }));
    expect(json).to.include("RangeError").and.not.include("canary");
  });

  it("behavior: a brand is not inherited by look-alikes", () => {
    expect(isAssayError({ id: "E0101", code: "HEX_INVALID" })).to.equal(false);
    expect(isAssayError(new Error("no"))).to.equal(false);
  });

  it("error: ERROR_ID_TAKEN", async () => {
    defineErrors("sample", 96, { FIRST: { n: 1, ...TEXT } });
    await expectCode("ERROR_ID_TAKEN", () => defineErrors("sample", 96, { SECOND: { n: 1, ...TEXT } }));
  });
});
