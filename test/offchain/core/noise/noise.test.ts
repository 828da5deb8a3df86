// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { discreteGaussian } from "../../../../offchain/core/noise/discrete-gaussian.ts";
import {
  ceilSqrt,
  epsilonOf,
  noiseLabel,
  releaseRho,
  rhoBudget,
  type NoiseMechanism,
} from "../../../../offchain/core/noise/mechanism.ts";
import { clipRow, noiseBoundary, type NoiseParameters } from "../../../../offchain/core/noise/noise-boundary.ts";
import { streamOf } from "../../../../offchain/core/noise/random-stream.ts";
import type { Tensor } from "../../../../offchain/core/tensor.ts";
import { chiSquaredP } from "../../../support/chi-squared.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { seededBytes } from "../../../support/seeded-bytes.ts";

const DRAWS = 1_000_000;

const parameters = (change: Partial<NoiseParameters> = {}): NoiseParameters => ({
  mechanism: { clip: 100, varianceNumerator: 50, varianceDenominator: 1 },
  lo: 0,
  hi: 127,
  jobSecret: new Uint8Array(32).fill(5),
  boundary: 0,
  ...change,
});

const tensor = (rows: number, width: number, seed: number): Tensor => {
  const rng = new Prng(seed);
  return { dtype: "i8", dims: [rows, width], data: Int8Array.from({ length: rows * width }, () => rng.int(0, 127)) };
};

/** epsilon by floating point, from the formula alone. */
const epsilonFloat = ({ clip, varianceNumerator, varianceDenominator }: NoiseMechanism) => {
  const sigma2 = varianceNumerator / varianceDenominator;
  const rho = (2 * clip) ** 2 / (2 * sigma2);
  return rho + 2 * Math.sqrt(rho * Math.log(1e6));
};

describe("noise", () => {
  it("R54: default: draws follow the discrete Gaussian (chi-squared)", function () {
    this.timeout(300_000);
    for (const [numerator, denominator, seed] of [
      [1, 4, 1],
      [7, 2, 2],
      [400, 1, 3],
      [2 ** 40, 2 ** 20, 4],
    ] as const) {
      const sample = discreteGaussian(numerator, denominator);
      const bytes = seededBytes(seed);
      const random = streamOf(() => bytes(4096));
      const sigma = Math.sqrt(numerator / denominator);
      const draws = sigma > 100 ? DRAWS / 10 : DRAWS;
      // Wide distributions are counted in bins of whole numbers.
      const bin = Math.max(1, Math.floor(sigma / 4));
      const reach = Math.ceil((6 * sigma) / bin) + 1;
      const seen = Array.from({ length: 2 * reach + 1 }, () => 0);
      const place = (y: number) => Math.max(0, Math.min(2 * reach, Math.floor(y / bin) + reach));
      for (let n = 0; n < draws; n++) {
        const at = place(sample(random));
        seen[at] = (seen[at] ?? 0) + 1;
      }
      const wanted = seen.map(() => 0);
      let total = 0;
      const far = bin * (reach + 2);
      for (let y = -far; y <= far; y++) {
        const weight = Math.exp((-y * y) / (2 * sigma * sigma));
        total += weight;
        wanted[place(y)] = (wanted[place(y)] ?? 0) + weight;
      }
      const p = chiSquaredP(
        seen,
        wanted.map((weight) => (weight / total) * draws),
      );
      expect(p, `sigma² ${numerator}/${denominator}`).to.be.greaterThan(0.001);
    }
  });

  it("behavior: numbers below a bound are unbiased, and need no more than the stream gives", () => {
    const bytes = seededBytes(9);
    const random = streamOf(() => bytes(64));
    for (const bound of [1, 3, 200, 256, 257, 70_000]) {
      const cells = Math.min(bound, 100);
      const seen = Array.from({ length: cells }, () => 0);
      for (let n = 0; n < 20_000; n++) {
        const value = random.below(bound);
        expect(value).to.be.within(0, bound - 1);
        const at = Math.floor((value * cells) / bound);
        seen[at] = (seen[at] ?? 0) + 1;
      }
      const width = (cell: number) => Math.ceil(((cell + 1) * bound) / cells) - Math.ceil((cell * bound) / cells);
      const wanted = seen.map((_, cell) => (20_000 * width(cell)) / bound);
      if (cells > 10) expect(chiSquaredP(seen, wanted), `below ${bound}`).to.be.greaterThan(0.001);
      expect(random.belowBig(BigInt(bound))).to.satisfy((value: bigint) => value >= 0n && value < BigInt(bound));
    }
  });

  it("R54: behavior: rows are clipped to the norm in integers, before the noise", () => {
    const rng = new Prng(1);
    for (let n = 0; n < 300; n++) {
      const row = Int8Array.from({ length: rng.int(1, 200) }, () => rng.int(-127, 127));
      const clip = rng.int(1, 2000);
      const clipped = clipRow(row, clip);
      const square = (values: Int8Array) => values.reduce((sum, value) => sum + value ** 2, 0);
      expect(square(clipped)).to.be.at.most(clip ** 2);
      if (square(row) <= clip ** 2) expect(clipped).to.deep.equal(row);
      expect(clipped.every((value, i) => value === 0 || Math.sign(value) === Math.sign(row[i] ?? 0))).to.equal(true);
    }
    // A clip of 1 leaves next to nothing of a large row, so hardly any of it can be seen behind the noise.
    const mechanism = { clip: 1, varianceNumerator: 1, varianceDenominator: 100 };
    const loud: Tensor = { dtype: "i8", dims: [1, 64], data: new Int8Array(64).fill(127) };
    expect(noiseBoundary(loud, parameters({ mechanism })).data.every((value) => value <= 1)).to.equal(true);
  });

  it("R54: behavior: epsilon agrees with an independent formula, never below it, and adds up in rho", () => {
    const rng = new Prng(2);
    for (let n = 0; n < 500; n++) {
      const mechanism = {
        clip: rng.int(1, 2000),
        varianceNumerator: rng.int(1, 2 ** 31),
        varianceDenominator: rng.int(1, 1000),
      };
      const rho = releaseRho(mechanism);
      const exact = epsilonFloat(mechanism);
      const reported = Number(epsilonOf(rho)) / 1000;
      expect(reported).to.be.at.least(exact * (1 - 1e-12));
      // A thousandth for epsilon's rounding, and what a millionth of rho can add.
      expect(reported).to.be.at.most(exact + 0.001 + 1e-6 + 2 * Math.sqrt(1e-6 * Math.log(1e6)) + 1e-9 * exact);
    }
    // rho = 1/2: 0.5 + 2 sqrt(0.5 ln 10^6) = 5.75652...
    expect(epsilonOf(500_000n)).to.equal(5757n);
    expect(epsilonOf(0n)).to.equal(0n);
    for (const epsilon of [1n, 500n, 1000n, 8000n, 123_456n]) {
      expect(epsilonOf(rhoBudget(epsilon)) <= epsilon).to.equal(true);
      expect(epsilonOf(rhoBudget(epsilon) + 1n) > epsilon).to.equal(true);
    }
    expect([1000n, 1001n, 8000n, 8001n].map(noiseLabel)).to.deep.equal(["strong", "moderate", "moderate", "cosmetic"]);
    for (let value = 0n; value < 2000n; value++) {
      const root = ceilSqrt(value);
      expect(root * root >= value && (value === 0n || (root - 1n) ** 2n < value)).to.equal(true);
    }
  });

  it("R54: behavior: a retry sends identical bytes; other data, jobs and boundaries get other noise", () => {
    const input = tensor(3, 40, 4);
    const noised = noiseBoundary(input, parameters());
    expect(noiseBoundary(input, parameters())).to.deep.equal(noised);
    expect(noised.dims).to.deep.equal(input.dims);
    expect(noised.data.every((value) => value >= 0 && value <= 127)).to.equal(true);
    // In an unclipped row the noise is the difference.
    const quiet: Tensor = { dtype: "i8", dims: [1, 64], data: new Int8Array(64).fill(10) };
    const wide = { lo: -127, hi: 127 };
    const noiseOf = (data: Tensor, change: Partial<NoiseParameters>) =>
      noiseBoundary(data, parameters({ ...wide, ...change })).data.map((value, i) => value - (data.data[i] ?? 0));
    const base = noiseOf(quiet, {});
    const near: Tensor = { ...quiet, data: Int8Array.from(quiet.data, (value, i) => (i === 0 ? value + 1 : value)) };
    expect(noiseOf(near, {})).to.not.deep.equal(base);
    expect(noiseOf(quiet, { boundary: 1 })).to.not.deep.equal(base);
    expect(noiseOf(quiet, { jobSecret: new Uint8Array(32).fill(6) })).to.not.deep.equal(base);
  });

  it("error: NOISE_INVALID", async () => {
    const input = tensor(1, 4, 1);
    const mechanisms: NoiseMechanism[] = [
      { clip: 0, varianceNumerator: 1, varianceDenominator: 1 },
      { clip: 1.5, varianceNumerator: 1, varianceDenominator: 1 },
      { clip: 1, varianceNumerator: 0, varianceDenominator: 1 },
      { clip: 1, varianceNumerator: 2 ** 41, varianceDenominator: 1 },
      { clip: 1, varianceNumerator: 1, varianceDenominator: 0 },
    ];
    for (const mechanism of mechanisms) {
      await expectCode("NOISE_INVALID", () => noiseBoundary(input, parameters({ mechanism })));
      await expectCode("NOISE_INVALID", () => releaseRho(mechanism));
    }
    await expectCode("NOISE_INVALID", () =>
      noiseBoundary({ ...input, dtype: "i32", data: new Int32Array(4) }, parameters()),
    );
    await expectCode("NOISE_INVALID", () => noiseBoundary(input, parameters({ lo: -128 })));
    await expectCode("LENGTH_WRONG", () => noiseBoundary(input, parameters({ jobSecret: new Uint8Array(31) })));
  });
});
