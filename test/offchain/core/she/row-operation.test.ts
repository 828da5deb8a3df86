// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bigToBytes, toHex } from "../../../../offchain/core/bytes.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import {
  decodeRowOperation,
  encodeRowOperation,
  NO_OPERATION,
  operandsAt,
  valueAt,
  type RowOperation,
  type RowReference,
} from "../../../../offchain/core/she/row-operation.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { automorphism, fromRow, type Polynomial } from "../../../support/she/schoolbook.ts";
import { smallProfile } from "../../../support/she/small-profile.ts";

const profile = sheProfile(1);
const at = (source: RowReference["source"], depth: number, position: number): RowReference => ({
  source,
  depth,
  position,
});
const [a, b, c] = [at("trace", 13, 77), at("keys", 9, 0), at("weights", 38, 2 ** 38 - 1)];

const SAMPLES: readonly RowOperation[] = [
  NO_OPERATION,
  { ...NO_OPERATION, op: "mac", prime: 3, a, b },
  { ...NO_OPERATION, op: "mac", prime: 3, a, b, c },
  { ...NO_OPERATION, op: "add", prime: 5, a, b },
  { ...NO_OPERATION, op: "scale", prime: 1, a, factor: 1073233921 },
  { ...NO_OPERATION, op: "divide", prime: 0, a, b, factor: 7 },
  { ...NO_OPERATION, op: "divide", prime: 0, a, b, c, factor: 0 },
  { ...NO_OPERATION, op: "permute", prime: 2, a, galois: 16383 },
  { ...NO_OPERATION, op: "lift", prime: 2, other: 5, a },
  { ...NO_OPERATION, op: "forward", prime: 4, passBits: 12, a },
  { ...NO_OPERATION, op: "inverse", prime: 4, passBits: 0, a },
  { ...NO_OPERATION, op: "copy", prime: 0, a: at("input", 0, 0) },
];

describe("row operations", () => {
  it("behavior: a record is 32 bytes, read back as it was", () => {
    for (const operation of SAMPLES) {
      const record = encodeRowOperation(operation);
      expect(record.length).to.equal(32);
      expect(decodeRowOperation(record, profile)).to.deep.equal(operation);
    }
    expect(toHex(encodeRowOperation(SAMPLES[2] ?? NO_OPERATION))).to.equal(
      "0x0103000013400000004d32400000000049bfffffffff00000000000000000000",
    );
  });

  it("error: STEP_REFUSED for fields out of range, and operands that the operation has not", async () => {
    const wrong: readonly Partial<RowOperation>[] = [
      { op: "mac", prime: 3, a },
      { op: "mac", prime: 6, a, b },
      { op: "add", prime: 0, a, b, c },
      { op: "add", prime: 0, a, b, other: 1 },
      { op: "add", prime: 0, a, b, factor: 1 },
      { op: "add", prime: 0, a, b, galois: 3 },
      { op: "scale", prime: 0, a, factor: profile.primes[0] ?? 0 },
      { op: "scale", prime: 0, factor: 1 },
      { op: "divide", prime: 0, a, c, factor: 1 },
      { op: "permute", prime: 0, a, galois: 2 },
      { op: "permute", prime: 0, a, galois: 0 },
      { op: "permute", prime: 0, a, galois: 16385 },
      { op: "lift", prime: 0, other: 6, a },
      { op: "lift", prime: 0, other: 1, a, b },
      { op: "forward", prime: 0, passBits: 13, a },
      { op: "copy", prime: 0, passBits: 1, a },
      { op: "copy", prime: 0 },
      { op: "none", prime: 1 },
      { op: "none", a },
      { op: "copy", prime: 0, a: at("trace", 3, 8) },
      { op: "copy", prime: 0, a: at("trace", 39, 0) },
    ];
    for (const change of wrong)
      await expectCode("STEP_REFUSED", () =>
        decodeRowOperation(encodeRowOperation({ ...NO_OPERATION, ...change }), profile),
      );
    for (const word of [10n << 248n, 5n << 220n, (9n << 248n) | (5n << 220n) | (1n << 218n)])
      await expectCode("STEP_REFUSED", () => decodeRowOperation(bigToBytes(word, 32), profile));
    const copy = encodeRowOperation(SAMPLES.at(-1) ?? NO_OPERATION);
    for (const bytes of [copy.slice(0, 31), new Uint8Array(33), new Uint8Array(0)])
      await expectCode("STEP_REFUSED", () => decodeRowOperation(bytes, profile));
  });

  it("behavior: no operation has two records: what is read is written as it was, whatever bits change", () => {
    const rng = new Prng(8);
    let read = 0;
    for (let i = 0; i < (process.env["ASSAY_DEEP"] === "1" ? 300_000 : 30_000); i++) {
      const record = encodeRowOperation(SAMPLES[i % SAMPLES.length] ?? NO_OPERATION);
      for (let n = rng.int(1, 2); n > 0; n--) {
        const place = rng.int(0, 31);
        record[place] = (record[place] ?? 0) ^ (1 << rng.int(0, 7));
      }
      let operation: RowOperation;
      try {
        operation = decodeRowOperation(record, profile);
      } catch (error) {
        expect((error as { code?: string }).code).to.equal("STEP_REFUSED");
        continue;
      }
      expect(toHex(encodeRowOperation(operation))).to.equal(toHex(record));
      read++;
    }
    expect(read).to.be.greaterThan(300);
  });

  it("behavior: operations give what their names say, against arithmetic on coefficients", () => {
    const small = smallProfile(64);
    const rng = new Prng(3);
    const [p, q] = [small.primes[0] ?? 1, small.primes[2] ?? 1];
    const row = (prime: number) => Array.from({ length: 64 }, () => rng.int(0, prime - 1));
    const [x, y, z] = [row(p), row(p), row(p)] as const;
    const apply = (operation: Partial<RowOperation>, rows: readonly (readonly number[])[]) => {
      const whole: RowOperation = { ...NO_OPERATION, prime: 0, ...operation };
      const sources = [whole.a, whole.b, whole.c];
      return Array.from({ length: 64 }, (_, k) => {
        const values = operandsAt(whole, k, 64).map(
          (place) => rows[sources.findIndex((source) => source === place.row)]?.[place.coordinate] ?? 0,
        );
        return valueAt(whole, k, values, small);
      });
    };
    const big = (f: (k: number) => bigint) =>
      Array.from({ length: 64 }, (_, k) => Number(((f(k) % BigInt(p)) + BigInt(p)) % BigInt(p)));
    const [X, Y, Z] = [x, y, z].map((values) => values.map(BigInt)) as [bigint[], bigint[], bigint[]];
    const v = (values: readonly bigint[], k: number) => values[k] ?? 0n;
    expect(apply({ op: "mac", a, b, c }, [x, y, z])).to.deep.equal(big((k) => v(X, k) * v(Y, k) + v(Z, k)));
    expect(apply({ op: "mac", a, b }, [x, y])).to.deep.equal(big((k) => v(X, k) * v(Y, k)));
    expect(apply({ op: "add", a, b }, [x, y])).to.deep.equal(big((k) => v(X, k) + v(Y, k)));
    expect(apply({ op: "scale", a, factor: 12345 }, [x])).to.deep.equal(big((k) => v(X, k) * 12345n));
    expect(apply({ op: "divide", a, b, c, factor: 99 }, [x, y, z])).to.deep.equal(
      big((k) => (v(X, k) - v(Y, k)) * 99n + v(Z, k)),
    );
    expect(apply({ op: "copy", a }, [x])).to.deep.equal(x);
    const other = row(q);
    expect(apply({ op: "lift", other: 2, a }, [other])).to.deep.equal(
      big((k) => BigInt(other[k] ?? 0) - ((other[k] ?? 0) > (q - 1) / 2 ? BigInt(q) : 0n)),
    );
    // Whole transforms: back gives the coefficients that the schoolbook finds, and forth the row again.
    let coefficients: number[] = x;
    for (let passBits = 5; passBits >= 0; passBits--)
      coefficients = apply({ op: "inverse", passBits, a }, [coefficients]);
    const scaled = big((k) => BigInt(coefficients[k] ?? 0) * inverse(64n, BigInt(p)));
    const polynomial: Polynomial = fromRow(X, BigInt(small.roots[0] ?? 0), BigInt(p));
    expect(scaled).to.deep.equal(polynomial.map(Number));
    let back: number[] = scaled;
    for (let passBits = 0; passBits < 6; passBits++) back = apply({ op: "forward", passBits, a }, [back]);
    expect(back).to.deep.equal(x);
    const turned = fromRow(
      apply({ op: "permute", galois: 27, a }, [x]).map(BigInt),
      BigInt(small.roots[0] ?? 0),
      BigInt(p),
    );
    expect(turned).to.deep.equal(automorphism(polynomial, 27, BigInt(p)));
  });
});

function inverse(value: bigint, p: bigint): bigint {
  let result = 1n;
  for (let e = p - 2n, base = value; e > 0n; e >>= 1n, base = (base * base) % p)
    if (e & 1n) result = (result * base) % p;
  return result;
}
