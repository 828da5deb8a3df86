// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { Evaluator, type Cipher } from "../../../../offchain/engines/she/evaluator/evaluator.ts";
import {
  allocateScratch,
  rotateHoisted,
  squareRelinearise,
} from "../../../../offchain/engines/she/evaluator/operations.ts";
import { KernelMemory } from "../../../../offchain/engines/she/kernel/kernel.ts";
import { galoisElement } from "../../../../offchain/core/she/modular.ts";
import { nodeKernel } from "../../../../offchain/engines/she/kernel/node-kernel.ts";
import { Ring } from "../../../../offchain/engines/she/kernel/ring.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import {
  addPolynomials,
  automorphism,
  centred,
  divideRounded,
  fromRow,
  mod,
  multiply,
  type Polynomial,
} from "../../../support/she/schoolbook.ts";
import { smallProfile } from "../../../support/she/small-profile.ts";

const DEGREE = 64;

/** Random residues as operands, with the same numbers as coefficient lists for the reference. */
function setUp(seed: number) {
  const profile = smallProfile(DEGREE);
  const ring = new Ring(profile, nodeKernel(), KernelMemory.ofSize(2 ** 22));
  const evaluator = new Evaluator(ring);
  const rng = new Prng(seed);
  const primes = profile.primes.map(BigInt);
  const prime = (index: number) => primes[index] ?? 1n;
  const fill = (pointer: number, indices: readonly number[]) =>
    indices.forEach((index, position) => {
      const row = ring.row(pointer, position);
      for (let i = 0; i < DEGREE; i++) row[i] = rng.int(0, Number(prime(index)) - 1);
    });
  const data = (level: number) => Array.from({ length: level }, (_, i) => i);
  /** Coefficients of a polynomial's rows, by position. */
  const read = (pointer: number, indices: readonly number[]): Polynomial[] =>
    indices.map((index, position) =>
      fromRow(Array.from(ring.row(pointer, position), BigInt), BigInt(profile.roots[index] ?? 0), prime(index)),
    );
  const cipher = (level: number): Cipher => {
    const made = evaluator.allocateCipher(level);
    fill(made.c0, data(level));
    fill(made.c1, data(level));
    return made;
  };
  const special = ring.levels;
  const key = (galois: number, level: number) => {
    const made = evaluator.allocateKey(galois, level);
    for (const pointer of [...made.b, ...made.a]) fill(pointer, [...data(level), special]);
    return made;
  };
  /** Key switch by definition: centred digits times key, divided by the special prime. */
  const switched = (c1: readonly Polynomial[], key0: readonly number[], keyLevel: number, level: number) => {
    const indices = [...data(level), special];
    const digits = c1.map((row, j) => row.map((x) => centred(x, prime(j))));
    const sums = indices.map((index, position) => {
      let sum: bigint[] = Array.from({ length: DEGREE }, () => 0n);
      for (let j = 0; j < level; j++) {
        const rows = read(key0[j] ?? 0, [...data(keyLevel), special]);
        const row = rows[position === level ? keyLevel : position] ?? [];
        const digit = (digits[j] ?? []).map((x) => mod(x, prime(index)));
        sum = addPolynomials(sum, multiply(digit, row, prime(index)), prime(index));
      }
      return sum;
    });
    return divideRounded(sums, indices.map(prime), level);
  };
  return {
    ring,
    evaluator,
    cipher,
    key,
    read,
    data,
    prime,
    special,
    switched,
    fill,
    scratch: allocateScratch(evaluator),
  };
}

describe("evaluator against schoolbook arithmetic, N = 64", () => {
  for (const level of [3, 2, 1])
    it(`behavior: a hoisted rotation at level ${level}, with a key of level 3, shares digits with another`, () => {
      const t = setUp(level);
      const source = t.cipher(level);
      const keys = [1, 5].map((steps) => t.key(galoisElement(steps, DEGREE), 3));
      const before = { c0: t.read(source.c0, t.data(level)), c1: t.read(source.c1, t.data(level)) };
      t.evaluator.decompose(source.c1, level);
      for (const key of keys) {
        const target = t.evaluator.allocateCipher(level);
        rotateHoisted(t.evaluator, source, key, target, t.scratch);
        const [s0, s1] = [key.b, key.a].map((half) => t.switched(before.c1, half, 3, level));
        for (const i of t.data(level)) {
          const p = t.prime(i);
          const c0 = addPolynomials(s0?.[i] ?? [], before.c0[i] ?? [], p);
          expect(t.read(target.c0, t.data(level))[i]).to.deep.equal(automorphism(c0, key.galois, p));
          expect(t.read(target.c1, t.data(level))[i]).to.deep.equal(automorphism(s1?.[i] ?? [], key.galois, p));
        }
      }
    });

  it("behavior: square, relinearise and rescale", () => {
    const t = setUp(9);
    const source = t.cipher(3);
    const key = t.key(0, 3);
    const [c0, c1] = [source.c0, source.c1].map((pointer) => t.read(pointer, t.data(3)));
    const target = t.evaluator.allocateCipher(3);
    squareRelinearise(t.evaluator, source, key, target, t.scratch);
    const square = (c1 ?? []).map((row, i) => multiply(row, row, t.prime(i)));
    const halves = [key.b, key.a].map((half) => t.switched(square, half, 3, 3));
    const expected = [0, 1].map((k) =>
      t.data(3).map((i) => {
        const p = t.prime(i);
        const [x, y] = [c0?.[i] ?? [], c1?.[i] ?? []];
        const own = k === 0 ? multiply(x, x, p) : multiply(x, y, p).map((v) => mod(2n * v, p));
        return addPolynomials(own, halves[k]?.[i] ?? [], p);
      }),
    );
    expect([t.read(target.c0, t.data(3)), t.read(target.c1, t.data(3))]).to.deep.equal(expected);
    const lower = t.evaluator.allocateCipher(2);
    t.evaluator.rescale(target, lower);
    const primes = t.data(3).map(t.prime);
    expect([t.read(lower.c0, t.data(2)), t.read(lower.c1, t.data(2))]).to.deep.equal(
      expected.map((rows) => divideRounded(rows, primes, 2)),
    );
  });

  it("behavior: what was extended divides back exactly, and extended products use the stored special row", () => {
    const t = setUp(12);
    const { evaluator, ring } = t;
    const source = t.cipher(2);
    const [wide, back] = [ring.allocate(4), ring.allocate(4)];
    evaluator.extend(source.c0, wide, 2);
    evaluator.divideBy(t.special, 2, [{ source: wide, target: back, addend: 0 }]);
    for (const i of t.data(2)) expect([...ring.row(back, i)]).to.deep.equal([...ring.row(source.c0, i)]);
    const plain = ring.allocate(4);
    t.fill(plain, [0, 1, 2, 3]);
    const a = ring.allocate(4);
    t.fill(a, [0, 1, 3]);
    evaluator.dot([[a, plain]], back, 2, true, 3);
    for (const [position, index, at] of [
      [0, 0, 0],
      [1, 1, 1],
      [2, 3, 3],
    ] as const) {
      const [x, y] = [ring.row(a, position), ring.row(plain, at)];
      const expected = Array.from(x, (v, i) => Number((BigInt(v) * BigInt(y[i] ?? 0)) % t.prime(index)));
      expect([...ring.row(back, position)]).to.deep.equal(expected);
    }
  });

  it("error: LEVEL_MISMATCH for a key that is too short and a target of the wrong level", async () => {
    const t = setUp(3);
    const source = t.cipher(3);
    t.evaluator.decompose(source.c1, 3);
    const short = t.key(3, 2);
    await expectCode("LEVEL_MISMATCH", () =>
      rotateHoisted(t.evaluator, source, short, t.evaluator.allocateCipher(3), t.scratch),
    );
    await expectCode("LEVEL_MISMATCH", () => t.evaluator.rescale(source, t.evaluator.allocateCipher(3)));
    await expectCode("LEVEL_MISMATCH", () => t.evaluator.loadCipher(t.evaluator.storeCipher(source), t.cipher(2)));
    await expectCode("LEVEL_MISMATCH", () => t.evaluator.loadKey(t.evaluator.storeCipher(source), short));
  });
});
