// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import * as lite from "poseidon-lite";
import { bytesToBig, toHex } from "../../../offchain/core/bytes.ts";
import { poseidon, poseidonFold, toWords } from "../../../offchain/core/poseidon.ts";
import { FIELD } from "../../../offchain/core/poseidon-constants.ts";
import { expectCode } from "../../support/expect-code.ts";

const oracle = (inputs: readonly bigint[]): bigint => {
  const hash = (lite as unknown as Record<string, (list: readonly bigint[]) => bigint>)[`poseidon${inputs.length}`];
  return hash?.(inputs) ?? -1n;
};
const element = fc.bigInt(0n, FIELD - 1n);

/** The fold of zk.md section 4, written down again over the oracle. */
function foldOracle(bytes: Uint8Array, salt: Uint8Array): bigint {
  let hash = oracle([2n ** 64n + BigInt(bytes.length), bytesToBig(salt)]);
  const padded = new Uint8Array(Math.ceil(bytes.length / 465) * 465);
  padded.set(bytes);
  for (let at = 0; at < padded.length; at += 465) {
    const words = Array.from({ length: 15 }, (_, i) => bytesToBig(padded.subarray(at + 31 * i, at + 31 * i + 31)));
    hash = oracle([hash, ...words]);
  }
  return hash;
}

describe("poseidon", () => {
  it("default: R34 equals poseidon-lite for 1 to 16 inputs, extremes included", () => {
    for (let n = 1; n <= 16; n++) {
      for (const value of [0n, 1n, FIELD - 1n]) {
        const inputs = Array<bigint>(n).fill(value);
        expect(poseidon(inputs), `${n} inputs of ${value}`).to.equal(oracle(inputs));
      }
      fc.assert(
        fc.property(fc.array(element, { minLength: n, maxLength: n }), (inputs) => poseidon(inputs) === oracle(inputs)),
        { numRuns: 4 },
      );
    }
  }).timeout(120_000);

  it("behavior: R34 the fold equals its definition over the oracle, at every border", () => {
    const salt = new Uint8Array(31).fill(0xff);
    for (const length of [0, 1, 30, 31, 32, 464, 465, 466, 930, 931, 2000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 255);
      expect(bytesToBig(poseidonFold(bytes, salt)), `${length} bytes`).to.equal(foldOracle(bytes, salt));
    }
  });

  it("behavior: trailing zeros change the digest, though words are zero-filled", () => {
    const salt = new Uint8Array(31).fill(1);
    const digests = [0, 1, 2, 31, 464, 465].map((length) => toHex(poseidonFold(new Uint8Array(length), salt)));
    expect(new Set(digests).size).to.equal(digests.length);
    expect(toWords(Uint8Array.of(1))).to.deep.equal([1n << 240n]);
  });

  it("error: FIELD_ELEMENT, NUMBER_OUT_OF_RANGE, SALT_INVALID", async () => {
    await expectCode("FIELD_ELEMENT", () => poseidon([FIELD]));
    await expectCode("FIELD_ELEMENT", () => poseidon([-1n]));
    await expectCode("NUMBER_OUT_OF_RANGE", () => poseidon([]));
    await expectCode("NUMBER_OUT_OF_RANGE", () => poseidon(Array<bigint>(17).fill(0n)));
    await expectCode("SALT_INVALID", () => poseidonFold(new Uint8Array(1), new Uint8Array(32)));
  });
});
