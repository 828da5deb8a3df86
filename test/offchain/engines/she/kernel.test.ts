// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { KernelMemory } from "../../../../offchain/engines/she/kernel/kernel.ts";
import { galoisElement, galoisMap, mulMod, shoupOf } from "../../../../offchain/core/she/modular.ts";
import { nodeKernel } from "../../../../offchain/engines/she/kernel/node-kernel.ts";
import { Ring } from "../../../../offchain/engines/she/kernel/ring.ts";
import { kernelFile } from "../../../../offchain/engines/she/kernel/sources.mjs";
import { compileKernel } from "../../../../scripts/she/build.mjs";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { fromRow, toRow } from "../../../support/she/schoolbook.ts";
import { smallProfile } from "../../../support/she/small-profile.ts";

const ring = (degree: number, primes?: number) =>
  new Ring(smallProfile(degree, primes), nodeKernel(), KernelMemory.ofSize(2 ** 22));
const big = (values: Iterable<number>) => Array.from(values, BigInt);
const random = (rng: Prng, length: number, below: number) => Uint32Array.from({ length }, () => rng.int(0, below - 1));

describe("arithmetic kernel", () => {
  it("is compiled to the same bytes everywhere", async function () {
    const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    expect(hash(readFileSync(kernelFile("plain")))).to.equal("847c47a94f05e8b7");
    expect(hash(readFileSync(kernelFile("shared")))).to.equal("129c026cfa6631f3");
    if (process.env["ASSAY_DEEP"] === "1") expect(hash(await compileKernel("plain"))).to.equal("847c47a94f05e8b7");
  });

  for (const degree of [64, 128])
    it(`behavior: transforms are evaluations at the odd powers of the root, N = ${degree}`, () => {
      const own = ring(degree);
      const rng = new Prng(degree);
      for (const index of own.tables.keys()) {
        const { prime } = own.table(index);
        const psi = BigInt(own.profile.roots[index] ?? 0);
        const values = random(rng, degree, prime);
        const pointer = own.allocate(1);
        own.row(pointer, 0).set(values);
        own.forward(index, pointer, pointer);
        const row = big(own.row(pointer, 0));
        expect(row).to.deep.equal(toRow(big(values), psi, BigInt(prime)));
        expect(fromRow(row, psi, BigInt(prime))).to.deep.equal(big(values));
        own.inverse(index, pointer, pointer);
        expect([...own.row(pointer, 0)]).to.deep.equal([...values]);
      }
    });

  it("property: transforms of extreme and random rows at N = 8192 and 16384 invert, also from lazy ranges", () => {
    for (const id of [2, 3]) {
      const full = new Ring(sheProfile(id), nodeKernel(), KernelMemory.ofSize(2 ** 24));
      const { degree } = full;
      const [a, b] = [full.allocate(1), full.allocate(1)];
      const rng = new Prng(id);
      for (const index of full.tables.keys()) {
        const { prime } = full.table(index);
        const rows = [
          new Uint32Array(degree).fill(prime - 1),
          new Uint32Array(degree).fill(4 * prime - 1),
          random(rng, degree, 4 * prime),
          Uint32Array.from({ length: degree }, (_, i) => (i % 2 === 0 ? 0 : 4 * prime - 1)),
        ];
        for (const row of rows) {
          full.row(a, 0).set(row);
          full.forward(index, a, b);
          expect(full.row(b, 0).every((x) => x < prime)).to.equal(true);
          full.inverse(index, b, b);
          expect(full.row(b, 0).every((x, i) => x === (row[i] ?? 0) % prime)).to.equal(true);
          // The same residues, each represented above its prime.
          full.forward(index, a, b);
          const lazy = full.row(b, 0).map((x) => x + prime);
          full.row(a, 0).set(lazy);
          full.inverse(index, a, a);
          expect(full.row(a, 0).every((x, i) => x === (row[i] ?? 0) % prime)).to.equal(true);
        }
      }
    }
  });

  it("property: sums of products, of any length and of the largest residues, are exact", () => {
    const own = ring(64);
    const { kernel, memory, degree } = own;
    const rng = new Prng(7);
    const [listA, listB, listC] = [0, 1, 2].map(() => memory.allocate(256)) as [number, number, number];
    const [out, out2] = [own.allocate(1), own.allocate(1)];
    const rows = Array.from({ length: 120 }, () => own.allocate(1));
    for (const { prime, radix, radixShoup, mu } of own.tables)
      for (const count of [1, 2, 14, 15, 16, 29, 30, 31, 40])
        for (const extreme of [false, true]) {
          for (const row of rows) own.row(row, 0).set(extreme ? [] : random(rng, degree, prime));
          if (extreme) for (const row of rows) own.row(row, 0).fill(prime - 1);
          for (let k = 0; k < count; k++) {
            memory.words(listA, 64)[k] = rows[3 * k] ?? 0;
            memory.words(listB, 64)[k] = rows[3 * k + 1] ?? 0;
            memory.words(listC, 64)[k] = rows[3 * k + 2] ?? 0;
          }
          const sum = (which: number, i: number) => {
            let total = 0n;
            for (let k = 0; k < count; k++)
              total +=
                BigInt(own.row(rows[3 * k] ?? 0, 0)[i] ?? 0) * BigInt(own.row(rows[3 * k + which] ?? 0, 0)[i] ?? 0);
            return Number(total % BigInt(prime));
          };
          kernel.dot(listA, listB, count, out, degree, prime, radix, radixShoup, mu);
          expect([...own.row(out, 0)]).to.deep.equal(Array.from({ length: degree }, (_, i) => sum(1, i)));
          kernel.dotPair(listA, listB, listC, count, out, out2, degree, prime, radix, radixShoup, mu);
          expect([...own.row(out, 0)]).to.deep.equal(Array.from({ length: degree }, (_, i) => sum(1, i)));
          expect([...own.row(out2, 0)]).to.deep.equal(Array.from({ length: degree }, (_, i) => sum(2, i)));
        }
  });

  it("property: element-wise operations agree with their definitions", () => {
    const own = ring(64);
    const { kernel, degree } = own;
    const rng = new Prng(11);
    const [a, b, c, out, out1, out2] = Array.from({ length: 6 }, () => own.allocate(1)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (const { prime: p, radix, radixShoup, mu } of own.tables)
      for (let round = 0; round < 50; round++) {
        const pick = () => (round === 0 ? new Uint32Array(degree).fill(p - 1) : random(rng, degree, p));
        const [x, y, z] = [pick(), pick(), pick()];
        for (const [pointer, row] of [[a, x] as const, [b, y] as const, [c, z] as const]) own.row(pointer, 0).set(row);
        const w = round === 0 ? p - 1 : rng.int(0, p - 1);
        const is = (pointer: number, expected: (i: number) => number) =>
          expect([...own.row(pointer, 0)]).to.deep.equal(Array.from({ length: degree }, (_, i) => expected(i)));
        const at = (row: Uint32Array, i: number) => row[i] ?? 0;
        kernel.add(a, b, out, degree, p);
        is(out, (i) => (at(x, i) + at(y, i)) % p);
        kernel.subtract(a, b, out, degree, p);
        is(out, (i) => (at(x, i) + p - at(y, i)) % p);
        kernel.scale(a, w, shoupOf(w, p), out, degree, p);
        is(out, (i) => Number((BigInt(at(x, i)) * BigInt(w)) % BigInt(p)));
        kernel.shift(a, w, out, degree, p);
        is(out, (i) => (at(x, i) + w) % p);
        kernel.lift(a, w, out, degree);
        is(out, (i) => at(x, i) + w);
        kernel.divide(a, b, w, shoupOf(w, p), 0, out, degree, p);
        is(out, (i) => mulMod((at(x, i) + p - at(y, i)) % p, w, p));
        kernel.divide(a, b, w, shoupOf(w, p), c, out, degree, p);
        is(out, (i) => (mulMod((at(x, i) + p - at(y, i)) % p, w, p) + at(z, i)) % p);
        kernel.square(a, b, out, out1, out2, degree, p, radix, radixShoup, mu);
        is(out, (i) => mulMod(at(x, i), at(x, i), p));
        is(out1, (i) => (2 * mulMod(at(x, i), at(y, i), p)) % p);
        is(out2, (i) => mulMod(at(y, i), at(y, i), p));
        const galois = galoisElement(rng.int(1, degree / 2 - 1), degree);
        kernel.permute(a, out, own.map(galois), degree);
        is(out, (i) => at(x, galoisMap(galois, degree)[i] ?? 0));
      }
  });

  it("error: MEMORY_EXHAUSTED instead of a write past the end", async () => {
    await expectCode("MEMORY_EXHAUSTED", () => new Ring(sheProfile(1), nodeKernel(), KernelMemory.ofSize(2 ** 17)));
  });
});
