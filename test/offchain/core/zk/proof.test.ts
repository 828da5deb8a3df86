// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bigToBytes, concatBytes, toHex } from "../../../../offchain/core/bytes.ts";
import { FIELD_Q, FIELD_R, modR, toScalar } from "../../../../offchain/core/zk/field.ts";
import { g2Failure } from "../../../../offchain/core/zk/points.ts";
import { decodeProof, encodeProof, proofOfWords, wordsOfProof } from "../../../../offchain/core/zk/proof.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { g1Of, g2Of } from "../../../support/simulated-proof.ts";
import { strayG2 } from "../../../support/stray-point.ts";

const proof = { a: g1Of(3n), b: g2Of(5n), c1: g1Of(7n), c2: g1Of(11n) };

describe("proof encoding", () => {
  it("default: 320 bytes there and back", () => {
    const bytes = encodeProof(proof);
    expect(bytes.length).to.equal(320);
    expect(decodeProof(bytes)).to.deep.equal(proof);
    expect(proofOfWords(wordsOfProof(proof))).to.deep.equal(proof);
  });

  it("behavior: G2 coordinates stand in the order of EIP-197", () => {
    const bytes = encodeProof(proof);
    const word = (i: number): string => toHex(bytes.subarray(32 * i, 32 * i + 32));
    const { x, y } = proof.b;
    expect([2, 3, 4, 5].map(word)).to.deep.equal([x[1], x[0], y[1], y[0]].map((value) => toHex(bigToBytes(value, 32))));
  });

  it("R31: another length is refused", async () => {
    const bytes = encodeProof(proof);
    for (const wrong of [
      new Uint8Array(),
      bytes.subarray(1),
      concatBytes(bytes, new Uint8Array(1)),
      new Uint8Array(256),
    ])
      await expectCode("PROOF_MALFORMED", () => decodeProof(wrong));
    await expectCode("PROOF_MALFORMED", () => proofOfWords([1n, 2n]));
    await expectCode("PROOF_MALFORMED", () => proofOfWords(wordsOfProof(proof).with(3, 1n << 256n)));
  });

  it("R31: no coordinate has a second spelling", async () => {
    const words = wordsOfProof(proof);
    for (let i = 0; i < words.length; i++) {
      await expectCode("PROOF_MALFORMED", () => proofOfWords(words.with(i, (words[i] ?? 0n) + FIELD_Q)));
      await expectCode("PROOF_MALFORMED", () => proofOfWords(words.with(i, FIELD_Q)));
      await expectCode("PROOF_MALFORMED", () => proofOfWords(words.with(i, (1n << 256n) - 1n)));
    }
  });

  it("R31: points off their curve, outside their group or at infinity are refused", async () => {
    const off = { x: 1n, y: 3n };
    const stray = strayG2();
    expect(g2Failure(stray, "B")).to.equal("B is not a point of G2");
    const wrong = [
      { ...proof, a: off },
      { ...proof, c1: off },
      { ...proof, c2: off },
      { ...proof, b: stray },
      { ...proof, b: { x: proof.b.y, y: proof.b.x } },
      { ...proof, a: { x: 0n, y: 0n } },
      { ...proof, b: { x: [0n, 0n], y: [0n, 0n] } as const },
      { ...proof, c2: { x: 0n, y: 0n } },
      // Half an infinity is a point off the curve.
      { ...proof, c1: { x: 0n, y: 1n } },
    ];
    for (const one of wrong) await expectCode("PROOF_MALFORMED", () => decodeProof(encodeProof(one)));
  });

  it("behavior: C1 may be at infinity: that is how a one-round proof is written", () => {
    const one = { ...proof, c1: { x: 0n, y: 0n } };
    expect(decodeProof(encodeProof(one))).to.deep.equal(one);
  });

  it("behavior: hashes are reduced into the field", () => {
    expect(toScalar(toHex(bigToBytes(FIELD_R + 5n, 32)))).to.equal(5n);
    expect(modR(-1n)).to.equal(FIELD_R - 1n);
  });
});
