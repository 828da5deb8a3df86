// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { inspect } from "node:util";
import { toHex } from "../../../offchain/core/bytes.ts";
import { createJobSecret, outputSalt, resultKeyPair, restoreJobSecret } from "../../../offchain/sdk/job-secret.ts";
import { nodeCrypto } from "../../../offchain/sdk/node/node-crypto.ts";
import { KIND_BLINDED, KIND_PUBLIC, KIND_SALTED } from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";

describe("jobSecret", () => {
  it("default", () => {
    const secret = createJobSecret(nodeCrypto);
    const again = restoreJobSecret(secret.reveal());
    expect(resultKeyPair(nodeCrypto, again)).to.deep.equal(resultKeyPair(nodeCrypto, secret));
    expect(outputSalt(again, 0, KIND_BLINDED)).to.deep.equal(outputSalt(secret, 0, KIND_BLINDED));
    expect(resultKeyPair(nodeCrypto, createJobSecret(nodeCrypto))).to.not.deep.equal(resultKeyPair(nodeCrypto, secret));
  });

  it("behavior: salts differ by boundary and kind", () => {
    const secret = createJobSecret(nodeCrypto);
    expect(outputSalt(secret, 0, KIND_PUBLIC)).to.equal(undefined);
    expect(outputSalt(secret, 0, KIND_SALTED)).to.have.length(31);
    expect(outputSalt(secret, 1, KIND_BLINDED)).to.not.deep.equal(outputSalt(secret, 0, KIND_BLINDED));
  });

  it("R73: a secret does not print", () => {
    const secret = createJobSecret(nodeCrypto);
    const clear = toHex(secret.reveal()).slice(2);
    for (const printed of [String(secret), JSON.stringify({ secret }), inspect({ secret }, { depth: 9 })]) {
      expect(printed).to.contain("[secret]");
      expect(printed).to.not.contain(clear);
    }
  });

  it("error: SECRET_INVALID", async () => {
    await expectCode("SECRET_INVALID", () => restoreJobSecret(new Uint8Array(31)));
  });
});
