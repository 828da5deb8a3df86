// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { centred, inverse, mod } from "../../../../../offchain/engines/zk/circuit/field.ts";
import {
  NOT_SHORT,
  ShortConstants,
  shortConstants,
} from "../../../../../offchain/engines/zk/witness/short-constants.ts";
import { randomElement } from "../../../../support/field-cases.ts";
import { Prng } from "../../../../support/prng.ts";

/** numerator / 2^scale in the field. */
const fraction = (numerator: bigint, scale: number): bigint => mod(numerator * inverse(1n << BigInt(scale)));

describe("ShortConstants", () => {
  it("default: a short integer over a power of two has the least scale that makes it one", () => {
    for (const numerator of [1n, -1n, 3n, -127n, (1n << 53n) - 1n, 1n - (1n << 53n)])
      for (const scale of [0, 1, 7, 30, 32]) {
        const constants = new ShortConstants([fraction(numerator, scale)]);
        expect(constants.scales[0], `${numerator} / 2^${scale}`).to.equal(scale);
        expect(constants.scaled(scale)[0]).to.equal(Number(numerator));
        expect(constants.big(0)).to.equal(centred(fraction(numerator, scale)));
      }
  });

  it("edge: beyond 2^53 or 2^32 it is not short, nor is it at a scale too small or too large", () => {
    const prng = new Prng(3);
    const wide = [
      1n << 53n,
      -(1n << 53n),
      1n << 240n,
      fraction(1n, 33),
      ...Array.from({ length: 50 }, () => randomElement(prng)),
    ];
    const constants = new ShortConstants(wide.map(mod));
    for (const id of wide.keys()) {
      expect(constants.scales[id]).to.equal(NOT_SHORT);
      expect(constants.scaled(0)[id]).to.deep.equal(Number.NaN);
      expect(constants.scaled(32)[id]).to.deep.equal(Number.NaN);
    }
    const half = new ShortConstants([fraction(1n, 1), 1n << 52n]);
    expect([...half.scaled(0)]).to.deep.equal([Number.NaN, 2 ** 52]);
    expect([...half.scaled(1)]).to.deep.equal([1, Number.NaN]);
  });

  it("behavior: a circuit's are made once", () => {
    const r1cs = { constants: [1n, 2n] };
    expect(shortConstants(r1cs)).to.equal(shortConstants(r1cs));
  });
});
