// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import {
  medianSketch,
  packSketch,
  sketchA,
  sketchB,
  tallySketches,
  toleranceOf,
  unpackSketch,
  withinTau,
} from "../../../offchain/core/sketch.ts";
import { keccak256 } from "../../../offchain/core/keccak.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { encodeAbi } from "../../../offchain/core/abi.ts";
import { toWord, type Word } from "../../../offchain/core/tagged-hash.ts";
import { kernelOf } from "../../support/sketch-kernel.ts";

const int16 = fc.integer({ min: -32_768, max: 32_767 });
const sketch = fc.array(int16, { minLength: 16, maxLength: 16 });
const word = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map(toWord);
const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const moderate = fc.float({ min: -1000, max: 1000, noNaN: true });
const scales = fc.constantFrom(1, 0.001, 2 ** -20, 3.7, 1e-9, 2 ** -149, 2 ** 31);

/** The definition, digit for digit, over big fractions: slow and independent. */
function sketchByDefinition(outputs: readonly number[], scale: number, seed: Word): number[] {
  const unit = 2n ** 1074n;
  const big = (value: number): bigint => {
    let [rest, shift] = [value, 0n];
    for (; !Number.isInteger(rest); shift++) rest *= 2;
    return (BigInt(rest) * unit) >> shift;
  };
  const d = big(scale);
  const most = d << 40n;
  return Array.from({ length: 16 }, (_, c) => {
    let sum = 0n;
    outputs.forEach((output, i) => {
      const bound = (value: bigint) => (value > most ? most : value < -most ? -most : value);
      const encoded = encodeAbi(
        ["string", "bytes32", "uint256", "uint256"],
        ["assay.v1.sketch", seed, BigInt(c), BigInt(Math.floor(i / 256))],
      );
      const bit = (BigInt(toHex(keccak256(encoded))) >> BigInt(i % 256)) & 1n;
      const plus = outputs.length <= 16 ? i === c : bit === 1n;
      if (outputs.length <= 16 && i !== c) return;
      sum += plus ? bound(big(output)) : -bound(big(output));
    });
    const [top, bottom] = [2n * sum + d, 2n * d];
    const floor = top / bottom - (top % bottom !== 0n && top < 0n ? 1n : 0n);
    return Number(floor > 32_767n ? 32_767n : floor < -32_768n ? -32_768n : floor);
  });
}

describe("sketch, properties", () => {
  it("behavior: both forms are exactly the definition, whatever the elements", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 40 }), scales, word, (values, scale, seed) => {
        const outputs = Float32Array.from(values);
        expect(unpackSketch(sketchA(outputs, toleranceOf(scale, 1), seed))).to.deep.equal(
          sketchByDefinition([...outputs], scale, seed),
        );
      }),
      { numRuns: 300 },
    );
    // Sums that doubles hold, and sums that they do not.
    fc.assert(
      fc.property(fc.array(moderate, { minLength: 257, maxLength: 300 }), word, (values, seed) => {
        const outputs = Float32Array.from(values, (value, i) => (i % 2 === 0 ? Math.round(value) : value));
        const whole = outputs.map(Math.round);
        for (const list of [outputs, whole])
          expect(unpackSketch(sketchA(list, toleranceOf(0.25, 1), seed))).to.deep.equal(
            sketchByDefinition([...list], 0.25, seed),
          );
      }),
      { numRuns: 5 },
    );
  });

  it("behavior: packing is a bijection", () => {
    fc.assert(
      fc.property(sketch, (s) => {
        expect(unpackSketch(packSketch(s))).to.deep.equal(s);
      }),
    );
    fc.assert(
      fc.property(word, (w) => {
        expect(packSketch(unpackSketch(w))).to.equal(w);
      }),
    );
  });

  it("invariant 23: order of seats changes neither the medians nor who agrees", () => {
    const seats = fc.array(fc.record({ a: sketch, b: sketch }), { minLength: 1, maxLength: 11 });
    fc.assert(
      fc.property(seats, fc.integer({ min: 1, max: 32_767 }), fc.nat(), (list, tau, turn) => {
        const votes = list.map(({ a, b }) => ({ a: packSketch(a), b: packSketch(b) }));
        const by = turn % votes.length;
        const turned = [...votes.slice(by), ...votes.slice(0, by)].toReversed();
        const [first, second] = [tallySketches(votes, tau), tallySketches(turned, tau)];
        expect([second.medianA, second.medianB]).to.deep.equal([first.medianA, first.medianB]);
        const agreeing = (tally: typeof first, of: typeof votes) =>
          of
            .filter((_, i) => tally.agreeing[i])
            .map(({ a, b }) => a + b)
            .toSorted();
        expect(agreeing(second, turned)).to.deep.equal(agreeing(first, votes));
        expect(first.delivered ?? -1).to.equal(first.agreeing.indexOf(true));
      }),
    );
  });

  it("invariant 26: an honest majority keeps the median, hence what is delivered, within tau of its interval", () => {
    const scenario = fc
      .record({ honest: fc.integer({ min: 1, max: 12 }), share: fc.nat(), truth: sketch })
      .chain(({ honest, share, truth }) =>
        fc.record({
          truth: fc.constant(truth),
          noise: fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 16, maxLength: 16 }), {
            minLength: honest,
            maxLength: honest,
          }),
          // Strictly fewer than the honest ones, anything in any coordinate.
          hostile: fc.array(sketch, { minLength: share % honest, maxLength: share % honest }),
          place: fc.nat(),
        }),
      );
    const hold = (value: number) => Math.max(-32_768, Math.min(32_767, value));
    fc.assert(
      fc.property(scenario, ({ truth, noise, hostile, place }) => {
        const honest = noise.map((row) => row.map((delta, c) => hold((truth[c] ?? 0) + delta)));
        const at = place % (honest.length + 1);
        const all = [...honest.slice(0, at), ...hostile, ...honest.slice(at)];
        const median = unpackSketch(medianSketch(all.map(packSketch)));
        const tau = 6;
        const tally = tallySketches(
          all.map((s) => ({ a: packSketch(s), b: packSketch(s) })),
          tau,
        );
        median.forEach((value, c) => {
          const column = honest.map((row) => row[c] ?? 0);
          expect(value).to.be.within(Math.min(...column), Math.max(...column));
        });
        // Honest seats differ by at most 6, so all of them agree; whoever delivers is as near as they are.
        all.forEach((s, i) => {
          if (honest.includes(s)) expect(tally.agreeing[i]).to.equal(true);
        });
        const delivered = all[tally.delivered ?? -1] ?? [];
        expect(withinTau(packSketch(delivered), packSketch(median), tau)).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });

  it("behavior: outputs that differ by less than a step move no coordinate by more than one", () => {
    fc.assert(
      fc.property(fc.array(moderate, { minLength: 1, maxLength: 16 }), fc.nat(), (values, at) => {
        const outputs = Float32Array.from(values);
        const other = outputs.map((value, i) => (i === at % outputs.length ? value + 0.9 : value));
        const tolerance = toleranceOf(1, 1);
        expect(withinTau(sketchA(outputs, tolerance, toWord(0)), sketchA(other, tolerance, toWord(0)), 1)).to.equal(
          true,
        );
      }),
    );
  });

  it("behavior: what lies in the kernel of A is seen by B: nobody knows B's signs when committing", () => {
    const tolerance = toleranceOf(0.01, 4);
    let passed = 0;
    for (let run = 0; run < 200; run++) {
      const [seed, commitSet] = [toWord(run), toWord(1000 + run)];
      const outputs = Float32Array.from({ length: 20 }, (_, i) => Math.sin(run + i));
      // A linear map to 16 dimensions has a kernel: found by elimination over A's signs.
      const hidden = kernelOf(20, seed);
      const bad = outputs.map((value, i) => value + (hidden[i] ?? 0));
      expect(withinTau(sketchA(bad, tolerance, seed), sketchA(outputs, tolerance, seed), 4)).to.equal(true);
      const seen = !withinTau(
        sketchB(bad, tolerance, seed, commitSet),
        sketchB(outputs, tolerance, seed, commitSet),
        4,
      );
      if (!seen) passed++;
    }
    expect(passed).to.equal(0);
  });
});
