// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { CURVE_G1, curveG1, pointOfG1, type CurveG1 } from "../../../../../offchain/core/zk/points.ts";
import { g1OfLem, lemOfG1 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { uniformScalar } from "../../../../../offchain/engines/zk/prover/uniform-scalar.ts";
import { widthClasses } from "../../../../../offchain/engines/zk/prover/width-classes.ts";
import { asWords, bigintOfWords } from "../../../../../offchain/engines/zk/r1cs/field-words.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";

const numberOf = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);

describe("uniformScalar", () => {
  it("default: below r, never twice", () => {
    const seen = new Set(Array.from({ length: 200 }, () => numberOf(uniformScalar())));
    expect(seen.size).to.equal(200);
    for (const value of seen) expect(value < FIELD).to.equal(true);
    // Masked to 253 bits, none of them would pass 2^253; r is 1.5 times that.
    expect([...seen].some((value) => value >= 2n ** 253n)).to.equal(true);
  });

  it("behavior: what is not below r is drawn again, not reduced", () => {
    const draws = [FIELD, FIELD + 5n, 2n ** 254n - 1n, FIELD - 1n];
    let drawn = 0;
    const scalar = uniformScalar((bytes) => bytes.set(elementBytes(draws[drawn++] ?? 0n)));
    expect(drawn).to.equal(4);
    expect(bigintOfWords(asWords(scalar), 0)).to.equal(FIELD - 1n);
  });

  it("behavior: the two bits above r are dropped, so that three draws in four are of use", () => {
    const scalar = uniformScalar((bytes) => {
      bytes.fill(0);
      bytes[31] = 0xc1;
    });
    expect(scalar[31]).to.equal(1);
  });
});

describe("widthClasses", () => {
  const points = Array.from({ length: 8 }, (_, i) => CURVE_G1.BASE.multiply(BigInt(i * i + 1)));
  const sumOf = (classes: ReturnType<typeof widthClasses>): CurveG1 => {
    let sum = CURVE_G1.ZERO;
    for (const { width, points: chosen, scalars } of classes)
      for (let i = 0; i * width < scalars.length; i++) {
        const point = g1OfLem(chosen.subarray(i * 64, i * 64 + 64));
        const scalar = numberOf(scalars.subarray(i * width, (i + 1) * width));
        if (point.x !== 0n || point.y !== 0n) sum = sum.add(curveG1(point).multiplyUnsafe(scalar));
      }
    return sum;
  };
  const edges = [0n, 1n, 2n, 255n, 256n, 65535n, 65536n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n, 2n ** 64n];
  const value = fc.oneof(
    fc.constantFrom(...edges, ...edges.slice(1).map((edge) => FIELD - edge), FIELD / 2n, FIELD / 2n + 1n),
    fc.bigInt({ min: 0n, max: FIELD - 1n }),
  );

  it("default: the sum stays the same for any mix of widths, signs, zeros and points at infinity", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), fc.nat(8), (values, infinity) => {
        const lem = new Uint8Array(values.length * 64);
        values.forEach((_, i) => {
          if (i !== infinity) lem.set(lemOfG1(pointOfG1(points[i] as CurveG1)), i * 64);
        });
        let expected = CURVE_G1.ZERO;
        values.forEach((scalar, i) => {
          if (i !== infinity) expected = expected.add((points[i] as CurveG1).multiplyUnsafe(scalar));
        });
        const classes = widthClasses(lem, Uint8Array.from(values.flatMap((scalar) => [...elementBytes(scalar)])));
        expect(sumOf(classes).equals(expected)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

  it("behavior: every scalar lands in the narrowest class, small negatives too; zeros in none", () => {
    const widthOf = (scalar: bigint): number | undefined => {
      const classes = widthClasses(lemOfG1(pointOfG1(CURVE_G1.BASE)), elementBytes(scalar));
      expect(classes.length).to.equal(scalar === 0n ? 0 : 1);
      return classes[0]?.width;
    };
    for (const [scalar, width] of [
      [0n, undefined],
      [1n, 1],
      [255n, 1],
      [256n, 2],
      [65536n, 4],
      [2n ** 32n, 8],
      [2n ** 64n, 32],
      [FIELD - 1n, 1],
      [FIELD - 255n, 1],
      [FIELD - 256n, 2],
      [FIELD - 2n ** 64n + 1n, 8],
      [FIELD - 2n ** 64n, 32],
      [FIELD / 2n, 32],
    ] as const)
      expect(widthOf(scalar), String(scalar)).to.equal(width);
  });
});
