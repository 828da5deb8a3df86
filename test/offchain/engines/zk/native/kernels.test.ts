// SPDX-License-Identifier: GPL-3.0-or-later
// Every path of the native kernels against BigInt arithmetic, on what breaks such code: the ends of ranges, infinity, equal and opposite
// points, scalars all alike, small negative ones, sizes around blocks and lanes.
import { expect } from "chai";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import type { NativeAddon, NativeKernels } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import {
  elements,
  GROUPS,
  integers,
  inverseOf,
  MODULI,
  nativeOrReason,
  pointsOfLogs,
  R,
  randomBigints,
  type GroupName,
} from "./reference.ts";

const native = nativeOrReason();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const OPERATIONS = ["add", "subtract", "multiply", "negate", "invert", "toMontgomery", "fromMontgomery"] as const;

describe("native kernels", function () {
  this.timeout(120_000);

  before(function () {
    if (native.addon === undefined) {
      console.warn(`      skipped: the native prover is not here: ${native.reason}`);
      this.skip(); // nothing was built on this machine
    }
  });

  const paths = native.addon?.paths() ?? ["portable" as const];
  for (const path of paths)
    describe(path, () => {
      let addon: NativeAddon;
      let kernels: NativeKernels;
      before(() => {
        addon = native.addon as NativeAddon;
        kernels = addon.openKernels(path, 2);
      });

      for (const field of ["base", "scalar"] as const)
        it(`default: the ${field} field computes what BigInt does`, () => {
          const m = MODULI[field];
          const random = randomBigints(7);
          const edges = [0n, 1n, 2n, m - 1n, m - 2n, (m - 1n) / 2n, (m + 1n) / 2n, R % m, (R * R) % m];
          const words = [64n, 128n, 192n].flatMap((bits) => [(1n << bits) - 1n, 1n << bits]);
          const values = [...edges, ...words, ...Array.from({ length: 40 }, () => random(m))];
          const [a, b] = [values.flatMap((x) => values.map(() => x)), values.flatMap(() => values)];
          const inverseR = inverseOf(R % m, m);
          const want = {
            add: (x: bigint, y: bigint) => (x + y) % m,
            subtract: (x: bigint, y: bigint) => (x - y + m) % m,
            multiply: (x: bigint, y: bigint) => (x * y * inverseR) % m,
            negate: (x: bigint) => (m - x) % m,
            // Montgomery forms: (x/R)⁻¹·R.
            invert: (x: bigint) => (inverseOf(x, m) * R * R) % m,
            toMontgomery: (x: bigint) => (x * R) % m,
            fromMontgomery: (x: bigint) => (x * inverseR) % m,
          };
          for (const operation of OPERATIONS) {
            const binary = want[operation].length === 2;
            const [left, right] = binary ? [a, b] : [values, values];
            const got = integers(addon.field(kernels, field, operation, elements(left), elements(right)));
            for (const [i, value] of got.entries())
              expect(value, `${operation} ${left[i]} ${right[i]}`).to.equal(
                want[operation](left[i] as bigint, right[i] as bigint),
              );
          }
        });

      /** Σ scalar·log, and the same of the kernels. */
      function check(group: GroupName, logs: readonly bigint[], scalars: readonly bigint[], what: string): void {
        const total = logs.reduce((sum, log, i) => (sum + log * (scalars[i] ?? 0n)) % FIELD, 0n);
        const got = addon.sum(kernels, group, pointsOfLogs(group, logs), elements(scalars));
        expect(hex(got), what).to.equal(hex(pointsOfLogs(group, [total])));
      }
      const pool = Array.from({ length: 24 }, (_, i) => BigInt(i) ** 9n + 3n);
      const somePoints = (count: number): bigint[] =>
        Array.from({ length: count }, (_, i) => pool[(i * 7) % pool.length] as bigint);

      for (const group of ["g1", "g2"] as const) {
        const sizes = group === "g1" ? [0, 1, 2, 7, 8, 9, 63, 65, 1000, 12_289] : [0, 1, 2, 7, 8, 9, 65, 700, 6_145];

        it(`default: sums in ${group} of every size and kind of scalar`, () => {
          const random = randomBigints(11);
          const kinds: Readonly<Record<string, (i: number) => bigint>> = {
            zeros: () => 0n,
            ones: () => 1n,
            "minus ones": () => FIELD - 1n,
            bits: () => random(2n),
            bytes: () => random(256n),
            "small negatives": () => (FIELD - random(129n)) % FIELD,
            "around 16 bits": (i) => 65_535n + BigInt(i % 3),
            "around 64 bits": (i) => (1n << 64n) - 1n + BigInt(i % 3),
            "around r/2": (i) => (FIELD - 1n) / 2n - 2n + BigInt(i % 5),
            "full width": () => random(FIELD),
            "all kinds": (i) =>
              [0n, 1n, FIELD - 1n, random(200n), FIELD - random(70_000n) - 1n, random(FIELD)][i % 6] as bigint,
          };
          for (const size of sizes)
            for (const [kind, scalar] of Object.entries(kinds)) {
              // The large sizes are for the blocks; a few kinds of scalar are enough there.
              if (size > 1000 && !["ones", "full width", "all kinds"].includes(kind)) continue;
              check(
                group,
                somePoints(size),
                Array.from({ length: size }, (_, i) => scalar(i)),
                `${size} ${kind}`,
              );
            }
        });

        it(`behavior: in ${group}, infinity, one point again and again, and opposite points add up right`, () => {
          const random = randomBigints(13);
          const scalars = Array.from({ length: 300 }, () => random(FIELD));
          check(
            group,
            scalars.map(() => 0n),
            scalars,
            "infinity alone",
          );
          check(
            group,
            scalars.map(() => 5n),
            scalars,
            "one point",
          );
          check(
            group,
            scalars.map(() => 5n),
            scalars.map(() => 1n),
            "one point, ones",
          );
          check(
            group,
            scalars.map((_, i) => (i % 2 === 0 ? 5n : FIELD - 5n)),
            scalars,
            "a point and its opposite",
          );
          const alternating = scalars.map((_, i) => (i % 2 === 0 ? 5n : FIELD - 5n));
          check(
            group,
            alternating,
            scalars.map(() => 9n),
            "everything cancels",
          );
          check(
            group,
            scalars.map((_, i) => [0n, 5n, FIELD - 5n, 5n, 10n][i % 5] as bigint),
            scalars,
            "all of these",
          );
          check(
            group,
            scalars.map((_, i) => BigInt(i % 3)),
            scalars.map(() => FIELD - 1n),
            "minus one times few points",
          );
        });

        it(`behavior: sums in ${group} take points and scalars by their places`, () => {
          const random = randomBigints(17);
          const [logs, scalars] = [somePoints(20), Array.from({ length: 30 }, () => random(FIELD))];
          const scalarOf = Uint32Array.from({ length: 50 }, () => Number(random(30n)));
          const pointOf = Uint32Array.from({ length: 50 }, () => Number(random(20n)));
          let total = 0n;
          for (const [i, place] of pointOf.entries())
            total += (logs[place] as bigint) * (scalars[scalarOf[i] as number] as bigint);
          const got = addon.sum(kernels, group, pointsOfLogs(group, logs), elements(scalars), scalarOf, pointOf);
          expect(hex(got)).to.equal(hex(pointsOfLogs(group, [total])));
        });

        it(`default: multiples of one point of ${group} by tables`, () => {
          const random = randomBigints(19);
          const edges = [
            0n,
            1n,
            2n,
            3n,
            255n,
            256n,
            65_535n,
            65_536n,
            FIELD - 1n,
            FIELD - 2n,
            (FIELD - 1n) / 2n,
            (FIELD + 1n) / 2n,
          ];
          for (const count of [1, 12, 30]) {
            const scalars = Array.from({ length: count }, (_, i) => edges[i] ?? random(FIELD));
            const got = addon.multiplyBase(kernels, group, pointsOfLogs(group, [3n]), elements(scalars));
            expect(hex(got)).to.equal(
              hex(
                pointsOfLogs(
                  group,
                  scalars.map((scalar) => 3n * scalar),
                ),
              ),
            );
          }
          const [sum, point] = [pointsOfLogs(group, [4n]), pointsOfLogs(group, [5n])];
          for (const scalar of edges)
            expect(hex(addon.addMultiple(kernels, group, sum, point, elements([scalar])))).to.equal(
              hex(pointsOfLogs(group, [4n + 5n * scalar])),
            );
        });

        it(`error: the first point off the curve or not reduced is found in ${group}`, () => {
          const good = pointsOfLogs(group, [1n, 2n, 0n, FIELD - 1n, ...somePoints(40)]);
          const size = GROUPS[group].bytes(GROUPS[group].zero as never).length;
          const count = good.length / size;
          expect(addon.firstBadPoint(kernels, group, good)).to.equal(count);
          for (let coordinate = 0; coordinate < size / 32; coordinate++)
            for (const at of [0, 3, count - 1]) {
              const changed = good.slice();
              const offset = at * size + 32 * coordinate;
              changed[offset] = (changed[offset] ?? 0) ^ 1;
              expect(addon.firstBadPoint(kernels, group, changed)).to.equal(at);
              const [value = 0n] = integers(good.subarray(offset, offset + 32));
              changed.set(elements([value + MODULI.base]), offset);
              expect(addon.firstBadPoint(kernels, group, changed), "the same coordinate plus the modulus").to.equal(at);
            }
        });
      }

      it("default: the quotient is that of interpolated polynomials, for every domain up to 2^9", () => {
        const random = randomBigints(23);
        for (let log = 1; log <= 9; log++) checkQuotient(log, (bound) => random(bound));
        checkQuotient(7, () => 0n);
        checkQuotient(7, (bound) => bound - 1n);
      });

      // The portable path is what the others are held against.
      const besides = path === "portable" ? [] : [10, 12, 13, 14, 15];
      for (const log of besides)
        it(`behavior: a domain of 2^${log} gives what it gives on the portable path`, () => {
          const portable = addon.openKernels("portable", 1);
          const random = randomBigints(29);
          const system = randomSystem(log, random);
          expect(hex(addon.quotient(kernels, log, ...system)), `2^${log}`).to.equal(
            hex(addon.quotient(portable, log, ...system)),
          );
        });

      type System = [
        Uint32Array,
        Uint32Array,
        Uint32Array,
        Uint32Array,
        Uint32Array,
        Uint32Array,
        Uint8Array,
        Uint8Array,
      ];
      /** Rows of up to three entries over 16 wires; coefficients 1, −1 and others, in Montgomery form. */
      function randomSystem(log: number, random: (bound: bigint) => bigint): System {
        const rows = 2 ** log;
        const constants = [1n, FIELD - 1n, 0n, random(FIELD), random(FIELD)];
        const matrix = (): [Uint32Array, Uint32Array, Uint32Array] => {
          const offsets = new Uint32Array(rows + 1);
          for (let row = 0; row < rows; row++) offsets[row + 1] = (offsets[row] ?? 0) + (row % 4);
          const entries = offsets[rows] ?? 0;
          const some = (below: number) => Uint32Array.from({ length: entries }, (_, i) => (i * 5 + (i >> 3)) % below);
          return [offsets, some(16), some(constants.length)];
        };
        const witness = Array.from({ length: 16 }, () => random(FIELD));
        const montgomery = constants.map((value) => (value * R) % FIELD);
        return [...matrix(), ...matrix(), elements(montgomery), elements(witness)];
      }

      function checkQuotient(log: number, random: (bound: bigint) => bigint): void {
        const system = randomSystem(log, random);
        const [aOffsets, aWires, aCoefficients, bOffsets, bWires, bCoefficients, constantBytes, witnessBytes] = system;
        const rows = 2 ** log;
        const inverseR = inverseOf(R % FIELD, FIELD);
        const constants = integers(constantBytes).map((value) => (value * inverseR) % FIELD);
        const witness = integers(witnessBytes);
        const evaluate = (offsets: Uint32Array, wires: Uint32Array, coefficients: Uint32Array): bigint[] =>
          Array.from({ length: rows }, (_, row) => {
            let sum = 0n;
            for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i++)
              sum += (constants[coefficients[i] ?? 0] ?? 0n) * (witness[wires[i] ?? 0] ?? 0n);
            return sum % FIELD;
          });
        const a = evaluate(aOffsets, aWires, aCoefficients);
        const b = evaluate(bOffsets, bWires, bCoefficients);
        const c = a.map((value, i) => (value * (b[i] as bigint)) % FIELD);
        // snarkjs's roots: 5 to the power of (r − 1)/2^28, squared down.
        let root2n = 1n;
        for (let bit = 0n, base = 5n, rest = (FIELD - 1n) >> 28n; rest > 0n; rest >>= 1n, bit++) {
          if ((rest & 1n) === 1n) root2n = (root2n * base) % FIELD;
          base = (base * base) % FIELD;
        }
        for (let i = 28; i > log + 1; i--) root2n = (root2n * root2n) % FIELD;
        const powers = [1n];
        for (let i = 1; i < 2 * rows; i++) powers.push(((powers[i - 1] as bigint) * root2n) % FIELD);
        // The value at the odd coset's point j of the polynomial through `values`, by barycentric weights: x^n − 1 = −2 there.
        const scale = ((FIELD - 2n) * inverseOf(BigInt(rows), FIELD)) % FIELD;
        const onCoset = (values: readonly bigint[], j: number): bigint => {
          const x = powers[2 * j + 1] as bigint;
          let sum = 0n;
          for (let i = 0; i < rows; i++) {
            const w = powers[2 * i] as bigint;
            sum += ((w * (values[i] as bigint)) % FIELD) * inverseOf((x - w + FIELD) % FIELD, FIELD);
          }
          return ((sum % FIELD) * scale) % FIELD;
        };
        const got = integers(addon.quotient(kernels, log, ...system));
        const places =
          rows <= 16 ? Array.from({ length: rows }, (_, i) => i) : [0, 1, rows / 8 - 1, rows / 8, rows / 2, rows - 1];
        for (const j of places) {
          const want = (onCoset(a, j) * onCoset(b, j) - onCoset(c, j) + FIELD) % FIELD;
          expect(got[j], `2^${log}, place ${j}`).to.equal((want + FIELD) % FIELD);
        }
      }
    });
});
