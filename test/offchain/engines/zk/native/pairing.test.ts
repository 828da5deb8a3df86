// SPDX-License-Identifier: GPL-3.0-or-later
// Every path of the native pairing against noble's: bilinearity, infinity, opposite pairs, sizes around a loop's chunks, points of the twist
// that are outside G2.
import { expect } from "chai";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { FIELD_Q } from "../../../../../offchain/core/zk/field.ts";
import { pairsToOne } from "../../../../../offchain/core/zk/noble-pairing.ts";
import { CURVE_G1, CURVE_G2, curveG2, pointOfG2, type CurveG2 } from "../../../../../offchain/core/zk/points.ts";
import { lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import type { NativeAddon, NativeKernels } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { nativeAddon, nativeMissing, nativePaths } from "../../../../support/native-addon.ts";
import { strayG2 } from "../../../../support/stray-point.ts";
import { elements, join, pointsOfLogs, randomBigints } from "./reference.ts";

const X = 4_965_661_367_192_848_881n;
/** The twist has order r·COFACTOR. */
const COFACTOR = 2n * FIELD_Q - FIELD;

/** Multiples of the generators, by their logarithms: e(aG, bH)·… is 1 exactly if Σ a·b is 0. */
type LogPair = readonly [a: bigint, b: bigint];

/** Pairs whose product is 1: the last one makes it so. */
function cancelling(count: number, random: (bound: bigint) => bigint): LogPair[] {
  const pairs = Array.from({ length: count - 1 }, (): LogPair => [random(40n) + 1n, random(40n) + 1n]);
  const sum = pairs.reduce((total, [a, b]) => total + a * b, 0n);
  return [...pairs, [FIELD - (sum % FIELD), 1n]];
}

/** By a factor that may exceed r, as orders outside G2 do. */
function timesLong(point: CurveG2, factor: bigint): CurveG2 {
  let [product, power] = [CURVE_G2.ZERO, point];
  for (let rest = factor; rest > 0n; rest >>= 1n, power = power.double())
    if ((rest & 1n) === 1n) product = product.add(power);
  return product;
}

describe("native pairing", function () {
  this.timeout(120_000);

  before(function () {
    if (nativePaths.length > 0) return;
    console.warn(`      skipped: the native prover is not here: ${nativeMissing}`);
    this.skip(); // nothing was built on this machine
  });

  it("default: the membership test's claim: what its endomorphism annihilates has order r", () => {
    // η = (x+1) + x·ψ + x·ψ² − 2x·ψ³, reduced by ψ² = t·ψ − q to c + d·ψ, has the norm c² + c·d·t + d²·q.
    const t = 6n * X * X + 1n;
    expect(FIELD_Q + 1n - t).to.equal(FIELD);
    let [power, c, d] = [[1n, 0n] as readonly [bigint, bigint], 0n, 0n];
    for (const factor of [X + 1n, X, X, -2n * X]) {
      [c, d] = [c + factor * power[0], d + factor * power[1]];
      power = [-power[1] * FIELD_Q, power[0] + power[1] * t];
    }
    const norm = c * c + c * d * t + d * d * FIELD_Q;
    let [a, b] = [norm < 0n ? -norm : norm, FIELD * COFACTOR];
    while (b !== 0n) [a, b] = [b, a % b];
    expect(a).to.equal(FIELD);
  });

  for (const path of nativePaths)
    describe(path, () => {
      let addon: NativeAddon;
      let kernels: NativeKernels;
      before(() => {
        addon = nativeAddon();
        kernels = addon.openKernels(path, 2);
      });
      const isOne = (pairs: readonly LogPair[]): boolean => {
        const [left, right] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
        return addon.pairsToOne(kernels, pointsOfLogs("g1", left), pointsOfLogs("g2", right));
      };

      it("default: products are 1 where the logarithms say so, whatever their number", () => {
        const random = randomBigints(31);
        expect(isOne([]), "the empty product").to.equal(true);
        for (const count of [2, 3, 4, 5, 7, 63, 64, 65, 129, 200]) {
          const pairs = cancelling(count, random);
          expect(isOne(pairs), `${count}`).to.equal(true);
          const [a, b] = pairs[count >> 1] as LogPair;
          expect(isOne(pairs.with(count >> 1, [a + 1n, b])), `${count}, one changed`).to.equal(false);
          expect(isOne(pairs.slice(1)), `${count}, one missing`).to.equal(false);
        }
      });

      it("default: it is bilinear on points of full size, as noble's is", () => {
        const random = randomBigints(37);
        for (let i = 0; i < 6; i++) {
          const [a, b] = [random(FIELD), random(FIELD)];
          const both: LogPair[] = [
            [a, b],
            [FIELD - ((a * b) % FIELD), 1n],
          ];
          expect(isOne(both)).to.equal(true);
          expect(isOne([both[0] as LogPair, [random(FIELD), 1n]])).to.equal(false);
          const curve = both.map(([x, y]) => [CURVE_G1.BASE.multiply(x), CURVE_G2.BASE.multiply(y)] as const);
          expect(pairsToOne(curve)).to.equal(true);
        }
      });

      it("behavior: pairs with infinity are left out, alone and among others", () => {
        const random = randomBigints(41);
        for (const nothing of [
          [0n, 0n],
          [0n, 5n],
          [5n, 0n],
        ] as const) {
          expect(isOne([nothing]), "alone").to.equal(true);
          for (const at of [0, 2, 4]) {
            expect(isOne(cancelling(4, random).toSpliced(at, 0, nothing))).to.equal(true);
            expect(
              isOne(
                [
                  [1n, 1n],
                  [2n, 3n],
                ].toSpliced(at, 0, [...nothing]) as unknown as LogPair[],
              ),
            ).to.equal(false);
          }
        }
        expect(isOne(Array.from({ length: 130 }, () => [0n, 1n] as const))).to.equal(true);
      });

      it("behavior: equal, opposite and repeated pairs", () => {
        expect(isOne([[1n, 1n]])).to.equal(false);
        expect(
          isOne([
            [1n, 1n],
            [FIELD - 1n, 1n],
          ]),
        ).to.equal(true);
        expect(
          isOne([
            [1n, 1n],
            [1n, FIELD - 1n],
          ]),
        ).to.equal(true);
        expect(
          isOne([
            [FIELD - 1n, FIELD - 1n],
            [FIELD - 1n, 1n],
          ]),
        ).to.equal(true);
        expect(
          isOne([
            [1n, 1n],
            [1n, 1n],
          ]),
        ).to.equal(false);
        const half = Array.from({ length: 70 }, () => [3n, 2n] as const);
        expect(isOne([...half, ...half.map(([a, b]) => [FIELD - a, b] as const)])).to.equal(true);
      });

      it("R31: multiples of the generator are in G2; the rest of the twist is not", () => {
        const member = (bytes: Uint8Array): boolean => addon.inSubgroup(kernels, bytes);
        const random = randomBigints(43);
        for (const log of [1n, 2n, FIELD - 1n, random(FIELD), random(FIELD)])
          expect(member(pointsOfLogs("g2", [log]))).to.equal(true);
        const stray = curveG2(strayG2());
        expect(member(lemOfG2(pointOfG2(stray)))).to.equal(false);
        expect(timesLong(stray, FIELD * COFACTOR).is0(), "the twist's order").to.equal(true);
        expect(member(lemOfG2(pointOfG2(timesLong(stray, COFACTOR)))), "the cofactor clears").to.equal(true);
        // The smallest orders there are, alone and hidden behind a part of order r.
        for (const order of [10_069n, 5_864_401n]) {
          expect(COFACTOR % order).to.equal(0n);
          const small = timesLong(stray, (FIELD * COFACTOR) / order);
          expect(small.is0()).to.equal(false);
          for (const point of [small, small.add(CURVE_G2.BASE), small.double()])
            expect(member(lemOfG2(pointOfG2(point))), `${order}`).to.equal(false);
        }
      });

      it("error: the addon refuses what the pairing takes for granted", () => {
        const [g1, g2] = [pointsOfLogs("g1", [1n]), pointsOfLogs("g2", [1n])];
        const stray = lemOfG2(strayG2());
        const off = join([elements([1n]), elements([1n])]);
        const unreduced = g1.map((byte, i) => (i === 31 ? byte | 0x80 : byte));
        const pairs: readonly (readonly [Uint8Array, Uint8Array])[] = [
          [g1, stray],
          [off, g2],
          [unreduced, g2],
          [g1, new Uint8Array()],
          [g1.subarray(1), g2],
        ];
        for (const [a, b] of pairs) expect(() => addon.pairsToOne(kernels, a, b)).to.throw(TypeError);
        for (const point of [new Uint8Array(127), join([g2, g2]), elements([1n, 1n, 1n, 1n])])
          expect(() => addon.inSubgroup(kernels, point)).to.throw(TypeError);
      });

      it("behavior: points off both curves never make a product 1", async () => {
        // Past the addon's checks: the binding that verifiers use answers false.
        const session = addon.openSession(path, 2);
        const one = elements([1n]);
        const [x, y] = [CURVE_G1.BASE, CURVE_G2.BASE].map((point) => point.toAffine()) as [
          { x: bigint; y: bigint },
          { x: { c0: bigint; c1: bigint }; y: { c0: bigint; c1: bigint } },
        ];
        const g1 = elements([x.x, x.y]);
        const g2 = elements([y.x.c0, y.x.c1, y.y.c0, y.y.c1]);
        const infinity = [new Uint8Array(64), new Uint8Array(128)] as const;
        const ask = (a: Uint8Array, b: Uint8Array) => addon.productIsOne(session, a, one, Uint32Array.of(1), b);
        expect(await ask(g1, infinity[1])).to.equal(true);
        expect(await ask(infinity[0], g2)).to.equal(true);
        // y = 0 would make every line trivial.
        for (const bad of [
          elements([1n, 0n]),
          elements([0n, 1n]),
          elements([x.x, x.y + FIELD_Q]),
          elements([FIELD_Q, 0n]),
        ]) {
          expect(await ask(bad, infinity[1])).to.equal(false);
          expect(await ask(bad, g2)).to.equal(false);
        }
        for (const bad of [
          elements([1n, 0n, 0n, 0n]),
          elements([FIELD_Q, 0n, 0n, 0n]),
          elements([0n, 0n, 0n, FIELD_Q]),
        ])
          expect(await ask(infinity[0], bad)).to.equal(false);
        await addon.closeSession(session);
      });
    });
});
