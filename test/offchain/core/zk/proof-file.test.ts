// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import { KEY_CEREMONY } from "../../../../offchain/core/zk/key-record.ts";
import {
  decodeProofFile,
  encodeProofFile,
  MAX_PROOF_FILE_BYTES,
  verifyProofFile,
  type ProofFile,
} from "../../../../offchain/core/zk/proof-file.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { provenReceipt } from "../../../support/proven-receipt.ts";
import { hashOf, signerOf } from "../../../support/sample-receipt.ts";
import { sampleProofFile } from "../../../support/sample-proof-file.ts";

const failing = (file: ProofFile, expected = {}, options = {}): string[] =>
  verifyProofFile(file, expected, options)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe("proof files", function () {
  this.timeout(120_000);
  const one = sampleProofFile(1);
  const three = sampleProofFile(3);

  it("default: R31 R33 hold all that is needed to check a program's stages", () => {
    for (const file of [one, three]) {
      const bytes = encodeProofFile(file);
      const again = decodeProofFile(bytes);
      expect(encodeProofFile(again)).to.deep.equal(bytes);
      const report = verifyProofFile(again);
      expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(report.keyIds.length).to.equal(file.stages.length);
    }
  });

  it("R31 R32: any flipped byte is refused", () => {
    const bytes = encodeProofFile(one);
    // Every third: each word's every place is hit, in one word or another.
    for (let at = 0; at < bytes.length; at += 3) {
      const flipped = bytes.with(at, (bytes[at] ?? 0) ^ 1);
      let ok = false;
      try {
        ({ ok } = verifyProofFile(decodeProofFile(flipped)));
      } catch (error) {
        if (!isAssayError(error)) throw error;
      }
      expect(ok, `byte ${at}`).to.equal(false);
    }
  });

  it("R33: stages swapped, repeated, replaced or cut from the front are refused", () => {
    const [a, b, c] = three.stages;
    if (!a || !b || !c) throw new TypeError("fixture");
    for (const stages of [
      [b, a, c],
      [a, a, b, c],
      [b, c],
      [a, c],
      [a, b, { ...c, producers: [0] }],
      [a, b, { ...c, producers: [2] }],
      [a, { ...b, outDigest: c.outDigest }, c],
      [a, { ...b, weightsX: c.weightsX, weightsY: c.weightsY }, c],
      [a, b, { ...c, weightsX: ZERO_BYTES32, weightsY: ZERO_BYTES32 }],
      [a, b, { ...c, key: b.key }],
      [a, b, { ...c, worker: signerOf(1) }],
    ])
      expect(failing({ ...three, stages })).to.not.deep.equal([]);
    // A beginning is true, and says so by its result.
    expect(failing({ ...three, stages: [a, b] })).to.deep.equal([]);
    expect(failing({ ...three, stages: [a, b] }, { outDigest: c.outDigest })).to.deep.equal(["expected"]);
  });

  it("R32: what the verifier knows must agree", () => {
    const { manifest } = provenReceipt(3);
    const report = verifyProofFile(three);
    const knows = (expected: object): boolean => verifyProofFile(three, expected).ok;
    const { chainId, hub, jobId, inDigest } = three;
    const good = { chainId, hub, jobId, inDigest, outDigest: report.outDigest, keyIds: report.keyIds };
    expect(knows({ ...good, stages: manifest.stages })).to.equal(true);
    for (const wrong of [
      { chainId: 1n },
      { hub: signerOf(3) },
      { jobId: hashOf("x") },
      { inDigest: hashOf("x") },
      { outDigest: hashOf("x") },
      { keyIds: report.keyIds.slice(1) },
      { stages: manifest.stages.slice(1) },
      { stages: manifest.stages.map((info) => ({ ...info, keyId: hashOf("key") })) },
      { stages: manifest.stages.map((info) => ({ ...info, weightsX: hashOf("weights") })) },
    ])
      expect(knows({ ...good, ...wrong }), Object.keys(wrong).join()).to.equal(false);
  });

  it("R35: development keys are named, and refused off the local chain or on demand", () => {
    expect(verifyProofFile(one).development).to.equal(true);
    expect(failing(one, {}, { refuseDevelopmentKeys: true })).to.deep.equal(["keys"]);
    expect(failing({ ...one, chainId: 1n })).to.include("keys");
    const ceremony = sampleProofFile(2, { cls: KEY_CEREMONY });
    expect(failing(ceremony, {}, { refuseDevelopmentKeys: true })).to.deep.equal([]);
    expect(verifyProofFile(ceremony).development).to.equal(false);
  });

  it("error: PROOF_FILE_INVALID and the encodings' own codes for bytes that are no file", async () => {
    const bytes = encodeProofFile(one);
    await expectCode("PROOF_FILE_INVALID", () => decodeProofFile(bytes.with(0, 0)));
    await expectCode("VERSION_UNKNOWN", () => decodeProofFile(bytes.with(4, 2)));
    await expectCode("BYTES_TRUNCATED", () => decodeProofFile(bytes.subarray(0, 3)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeProofFile(bytes.subarray(0, -32)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeProofFile(concatBytes(bytes, new Uint8Array(32))));
    await expectCode("TOO_LARGE", () => decodeProofFile(new Uint8Array(MAX_PROOF_FILE_BYTES + 1)));
    await expectCode("PROOF_FILE_INVALID", () => encodeProofFile({ ...one, stages: [] }));
    const [stage] = one.stages;
    const many = Array.from({ length: 9 }, () => stage as (typeof one.stages)[0]);
    await expectCode("PROOF_FILE_INVALID", () => encodeProofFile({ ...one, stages: many }));
    expect(failing({ ...one, stages: many })).to.include("form");
  });
});
