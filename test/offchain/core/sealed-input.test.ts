// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { decodeSealedInput, encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { expectCode } from "../../support/expect-code.ts";

const bytes = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const sample = {
  stage: 0,
  salts: [
    { boundary: 0, salt: bytes(32) },
    { boundary: JOB_INPUT, salt: bytes(31) },
  ],
  tensors: [{ boundary: JOB_INPUT, tensor: bytes(40) }],
};

describe("sealed-input", () => {
  it("default: round trip of a client's input and of salts alone", () => {
    expect(decodeSealedInput(encodeSealedInput(sample))).to.deep.equal(sample);
    const salts = { stage: 3, salts: [{ boundary: 2, salt: bytes(31) }], tensors: [] };
    expect(decodeSealedInput(encodeSealedInput(salts))).to.deep.equal(salts);
  });

  it("error: BYTES_TRUNCATED or NOT_CANONICAL for every prefix, BYTES_TRAILING for more", async () => {
    const good = encodeSealedInput(sample);
    for (let length = 0; length < good.length; length += 1) {
      let code = "";
      try {
        decodeSealedInput(good.slice(0, length));
      } catch (error) {
        code = String(Reflect.get(Object(error), "code"));
      }
      expect(code).to.be.oneOf(["BYTES_TRUNCATED", "NOT_CANONICAL"]);
    }
    await expectCode("BYTES_TRAILING", () => decodeSealedInput(Uint8Array.of(...good, 0)));
  });

  it("error: NOT_CANONICAL for wrong order, repeats, salt sizes, stages and boundaries", async () => {
    const bad = [
      { ...sample, salts: sample.salts.toReversed() },
      { ...sample, tensors: [...sample.tensors, ...sample.tensors] },
      { ...sample, salts: [{ boundary: 0, salt: bytes(16) }] },
      { ...sample, stage: 8 },
      { ...sample, salts: [{ boundary: 9, salt: bytes(32) }] },
      { ...sample, tensors: [{ boundary: 0, tensor: bytes(0) }] },
    ];
    for (const input of bad) {
      let code = "";
      try {
        encodeSealedInput(input);
      } catch (error) {
        code = String(Reflect.get(Object(error), "code"));
      }
      expect(code).to.be.oneOf(["NOT_CANONICAL", "BYTES_TRUNCATED"]);
    }
  });

  it("behavior: hostile bytes never decode to something that encodes differently", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        const mutated = encodeSealedInput(sample);
        for (const [i, byte] of noise.entries()) mutated[(i * 7) % mutated.length] = byte;
        try {
          expect(encodeSealedInput(decodeSealedInput(mutated))).to.deep.equal(mutated);
        } catch (error) {
          expect(Reflect.get(Object(error), "code")).to.be.a("string");
        }
      }),
    );
  });
});
