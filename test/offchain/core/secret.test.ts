// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { format, inspect } from "node:util";
import { Secret } from "../../../offchain/core/secret.ts";

describe("Secret", () => {
  it("default: R73 no way of printing shows the value", () => {
    const secret = new Secret("canary");
    const holder = { secret, list: [secret] };
    const prints = [
      String(secret),
      JSON.stringify(holder),
      inspect(holder, { showHidden: true }),
      format("%s %o", secret, secret),
    ];
    for (const print of prints) expect(print).to.include("[secret]").and.not.include("canary");
    expect(Object.keys(secret)).to.deep.equal([]);
    expect(secret.reveal()).to.equal("canary");
  });
});
