// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  decodeTolerance,
  encodeTolerance,
  packSketch,
  scaleOf,
  sketchA,
  sketchB,
  sketchSeedB,
  tallySketches,
  toleranceOf,
  unpackSketch,
  type SketchVote,
} from "../../../offchain/core/sketch.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectCode } from "../../support/expect-code.ts";
import { NumberVectors } from "../../support/number-vectors.ts";
import { dataOf, dataWords } from "../../support/sketch-data.ts";

const seed = toWord(7);
const commitSet = toWord(8);
const one = toleranceOf(1, 3);

describe("sketch", () => {
  it("default: agrees with the vectors that Solidity reads", () => {
    const c = new NumberVectors("sketch");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const word = c.word();
      const tolerance = decodeTolerance(word);
      expect(encodeTolerance(tolerance)).to.equal(word);
      const n = c.number();
      const words = c.words(Math.ceil(n / 8));
      const outputs = dataOf(words, n);
      expect(dataWords(outputs)).to.deep.equal(words);
      const [draw, commits] = [c.word(), c.word()];
      expect(sketchSeedB(commits, draw)).to.equal(c.word());
      expect(sketchA(outputs, tolerance, draw)).to.equal(c.word());
      expect(sketchB(outputs, tolerance, draw, commits)).to.equal(c.word());
    }
    expect(c.isDone).to.equal(true);
  });

  it("default: tallies agree with the vectors that Solidity reads", () => {
    const c = new NumberVectors("sketch-vote");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const tau = c.number();
      const votes = Array.from({ length: c.number() }, (): SketchVote | undefined =>
        c.flag() ? { a: c.word(), b: c.word() } : undefined,
      );
      const tally = tallySketches(votes, tau);
      expect([tally.medianA, tally.medianB]).to.deep.equal(c.words(2));
      expect(tally.agreeing).to.deep.equal(votes.map(() => c.flag()));
      expect(tally.delivered === undefined ? 0 : tally.delivered + 1).to.equal(c.number());
    }
    expect(c.isDone).to.equal(true);
  });

  it("behavior: up to 16 outputs stand as they are, ties rounded up, coordinate 0 first; B is 0", () => {
    const outputs = Float32Array.of(0, 0.5, -0.5, 1.5, -1.5, 2.499, -2.501, -0);
    expect(unpackSketch(sketchA(outputs, one, seed)).slice(0, 9)).to.deep.equal([0, 1, 0, 2, -1, 2, -3, 0, 0]);
    expect(sketchA(Float32Array.of(1), one, seed)).to.equal(`0x0001${"0".repeat(60)}`);
    expect(sketchA(Float32Array.of(-1), one, seed)).to.equal(`0xffff${"0".repeat(60)}`);
    expect(sketchB(outputs, one, seed, commitSet)).to.equal(toWord(0));
  });

  it("behavior: coordinates saturate, also where elements pass every range", () => {
    const big = Float32Array.of(40_000, -40_000, 3.4e38, -3.4e38, 32_767.4, -32_768.4);
    expect(unpackSketch(sketchA(big, one, seed)).slice(0, 6)).to.deep.equal([
      32_767, -32_768, 32_767, -32_768, 32_767, -32_768,
    ]);
    const sums = unpackSketch(sketchA(new Float32Array(17).fill(3.4e38), one, seed));
    expect(sums.every((value) => value === 32_767 || value === -32_768)).to.equal(true);
  });

  it("behavior: 17 outputs are projected by both, with other signs", () => {
    const outputs = Float32Array.from({ length: 17 }, (_, i) => 2 ** i / 16);
    const [a, b] = [sketchA(outputs, one, seed), sketchB(outputs, one, seed, commitSet)];
    expect(a).to.not.equal(b);
    expect(a).to.not.equal(sketchA(outputs, one, toWord(9)));
    expect(b).to.equal(sketchA(outputs, one, sketchSeedB(commitSet, seed)));
  });

  it("behavior: a tolerance is one word, and its scale is exact", () => {
    for (const scale of [1, 0.1, 3e-5, 2 ** -149, 2 ** 31, 4_294_967_295, 1 / 3]) {
      const tolerance = toleranceOf(scale, 12);
      expect(scaleOf(tolerance)).to.equal(scale);
      expect(decodeTolerance(encodeTolerance(tolerance))).to.deep.equal(tolerance);
    }
    expect(encodeTolerance(toleranceOf(1.5, 2))).to.equal(`0x0002ffff0000000000000003${"0".repeat(40)}`);
  });

  it("error: NOT_FINITE for infinities and NaN, in either sketch, wherever they stand", async () => {
    for (const value of [Number.NaN, Infinity, -Infinity])
      for (const length of [1, 16, 17, 300]) {
        const outputs = new Float32Array(length);
        outputs[length - 1] = value;
        await expectCode("NOT_FINITE", () => sketchA(outputs, one, seed));
        await expectCode("NOT_FINITE", () => sketchB(outputs, one, seed, commitSet));
      }
  });

  it("error: SKETCH_INVALID for scales, taus, words and coordinates that are none", async () => {
    for (const scale of [0, -1, Number.NaN, Infinity, 2 ** 32, 2 ** -150])
      await expectCode("SKETCH_INVALID", () => toleranceOf(scale, 1));
    for (const tau of [0, -1, 1.5, 32_768]) await expectCode("SKETCH_INVALID", () => toleranceOf(1, tau));
    for (const tolerance of [
      { tau: 1, mantissa: 2n, exponent: 0 },
      { tau: 1, mantissa: 0n, exponent: 0 },
      { tau: 1, mantissa: 2n ** 53n + 1n, exponent: -60 },
      { tau: 1, mantissa: 1n, exponent: -150 },
      { tau: 1, mantissa: 3n, exponent: 31 },
    ])
      await expectCode("SKETCH_INVALID", () => sketchA(new Float32Array(1), tolerance, seed));
    const good = BigInt(encodeTolerance(toleranceOf(0.75, 9)));
    for (const flip of [1n, 1n << 159n, 1n << 160n, 1n << 223n])
      await expectCode("SKETCH_INVALID", () => decodeTolerance(toWord(good ^ flip)));
    await expectCode("SKETCH_INVALID", () => decodeTolerance(toWord(0)));
    await expectCode("SKETCH_INVALID", () => packSketch([1]));
    await expectCode("SKETCH_INVALID", () => packSketch(Array.from({ length: 16 }, () => 32_768)));
    await expectCode("SKETCH_INVALID", () => sketchA(new Float32Array(0), one, seed));
    await expectCode("SKETCH_INVALID", () => tallySketches([], 0));
  });

  it("behavior: nobody revealed: nobody agrees, nothing is delivered", () => {
    const { agreeing, delivered, medianA } = tallySketches([undefined, undefined], 1);
    expect([agreeing, delivered, medianA]).to.deep.equal([[false, false], undefined, toWord(0)]);
  });
});
