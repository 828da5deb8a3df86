// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "../../../offchain/core/bytes.ts";
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

function expectEither(action: () => unknown): void {
  let code = "";
  try {
    action();
  } catch (error) {
    code = String(Reflect.get(Object(error), "code"));
  }
  expect(code).to.be.oneOf(["NOT_CANONICAL", "BYTES_TRUNCATED"]);
}

describe("sealed-input", () => {
  it("default: round trip of a client's input and of salts alone", () => {
    expect(decodeSealedInput(encodeSealedInput(sample))).to.deep.equal(sample);
    const salts = { stage: 3, salts: [{ boundary: 2, salt: bytes(31) }], tensors: [] };
    expect(decodeSealedInput(encodeSealedInput(salts))).to.deep.equal(salts);
  });

  it("error: BYTES_TRUNCATED or NOT_CANONICAL for every prefix, BYTES_TRAILING for more", async () => {
    const good = encodeSealedInput(sample);
    for (let length = 0; length < good.length; length += 1)
      expectEither(() => decodeSealedInput(good.slice(0, length)));
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
    for (const input of bad) expectEither(() => encodeSealedInput(input));
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

  const parts = [
    { salt: bytes(32), tensor: bytes(40) },
    { digest: toHex(bytes(32, 9)) },
    { absent: bytes(12) },
    { salt: bytes(0), tensor: bytes(1) },
  ] as const;
  const joined = { stage: 0, salts: [{ boundary: 0, salt: bytes(32) }], tensors: [], parts };

  it("default: R53 round trip of a joined input's parts: opened, by digest, left out", () => {
    expect(decodeSealedInput(encodeSealedInput(joined))).to.deep.equal(joined);
    const inner = { stage: 1, salts: [], tensors: [{ boundary: 0, tensor: bytes(3) }], parts: parts.slice(0, 2) };
    expect(decodeSealedInput(encodeSealedInput(inner))).to.deep.equal(inner);
  });

  it("error: R53 every prefix, any more, one part, nine parts, unknown tags, salt sizes, empty tensors, an input given twice", async () => {
    const good = encodeSealedInput(joined);
    for (let length = 0; length < good.length; length += 1)
      expectEither(() => decodeSealedInput(good.slice(0, length)));
    await expectCode("BYTES_TRAILING", () => decodeSealedInput(Uint8Array.of(...good, 0)));
    // The first part's tag stands behind the head, one salt, no tensors and the count.
    const tag = 4 + 1 + 2 + 1 + 35 + 1 + 1;
    expect(good[tag]).to.equal(1);
    await expectCode("NOT_CANONICAL", () => decodeSealedInput(good.with(tag, 3)));
    await expectCode("BYTES_TRAILING", () => decodeSealedInput(good.with(4, 1)));
    const [open] = parts;
    const bad = [
      { ...joined, parts: [open] },
      { ...joined, parts: [] },
      { ...joined, parts: [open, { ...open, salt: bytes(16) }] },
      { ...joined, parts: [open, { ...open, tensor: bytes(0) }] },
      { ...joined, parts: [open, { absent: bytes(0) }] },
      { ...joined, salts: [{ boundary: JOB_INPUT, salt: bytes(32) }] },
      { ...joined, tensors: [{ boundary: JOB_INPUT, tensor: bytes(4) }] },
    ];
    for (const input of bad) expectEither(() => encodeSealedInput(input));
    const nine = { ...joined, parts: Array.from({ length: 9 }, () => open) };
    await expectCode("TOO_LARGE", () => encodeSealedInput(nine));
  });

  it("behavior: R53 hostile parts never decode to something that encodes differently", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), (noise, from) => {
        const mutated = encodeSealedInput(joined);
        for (const [i, byte] of noise.entries()) mutated[(from + i * 3) % mutated.length] = byte;
        try {
          expect(encodeSealedInput(decodeSealedInput(mutated))).to.deep.equal(mutated);
        } catch (error) {
          expect(Reflect.get(Object(error), "code")).to.be.a("string");
        }
      }),
    );
  });
});
