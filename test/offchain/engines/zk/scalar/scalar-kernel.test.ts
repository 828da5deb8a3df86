// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FIELD, inverse, mod } from "../../../../../offchain/engines/zk/circuit/field.ts";
import { MONTGOMERY_BITS } from "../../../../../offchain/engines/zk/scalar/product-code.ts";
import { FIRST_ELEMENT, ScalarKernel, scalarKernel } from "../../../../../offchain/engines/zk/scalar/scalar-kernel.ts";
import { DistinctInverses } from "../../../../../offchain/engines/zk/witness/distinct-inverses.ts";
import { EDGE_ELEMENTS, randomElement } from "../../../../support/field-cases.ts";
import { Prng } from "../../../../support/prng.ts";

const [A, B, OUT] = [FIRST_ELEMENT, FIRST_ELEMENT + 1, FIRST_ELEMENT + 2];
type Operation = "montgomery" | "multiply" | "add" | "subtract";
const OVER_R = inverse(1n << MONTGOMERY_BITS);

describe("ScalarKernel", () => {
  const kernel = new ScalarKernel();
  const pairs: (readonly [bigint, bigint])[] = EDGE_ELEMENTS.flatMap((a) => EDGE_ELEMENTS.map((b) => [a, b] as const));
  const prng = new Prng(29);
  for (let i = 0; i < 2_000; i++) pairs.push([randomElement(prng), randomElement(prng)]);

  it("default: products, sums and differences are those of big integers, reduced", () => {
    for (const [a, b] of pairs) {
      kernel.setBig(A, a);
      kernel.setBig(B, b);
      const of = (operation: Operation): bigint => {
        kernel[operation](A, B, OUT);
        return kernel.big(OUT);
      };
      expect(of("montgomery")).to.equal(mod(a * b * OVER_R));
      expect(of("multiply")).to.equal(mod(a * b));
      expect(of("add")).to.equal(mod(a + b));
      expect(of("subtract")).to.equal(mod(a - b));
      expect([kernel.big(A), kernel.big(B)]).to.deep.equal([a, b]);
    }
  });

  it("edge: the result may lie where an operand does", () => {
    for (const [a, b] of pairs.slice(-50)) {
      const into = (operation: Operation, target: number): bigint => {
        kernel.setBig(A, a);
        kernel.setBig(B, b);
        kernel[operation](A, B, target);
        return kernel.big(target);
      };
      for (const target of [A, B]) {
        expect(into("montgomery", target)).to.equal(mod(a * b * OVER_R));
        expect(into("add", target)).to.equal(mod(a + b));
        expect(into("subtract", target)).to.equal(mod(a - b));
      }
      expect(into("multiply", A)).to.equal(mod(a * b));
    }
  });

  it("behavior: memory grows without losing anything, and is empty after clearing", () => {
    const own = new ScalarKernel();
    own.setNumber(FIRST_ELEMENT, -5);
    own.reserve(10_000);
    expect(own.big(FIRST_ELEMENT)).to.equal(FIELD - 5n);
    own.setBig(9_999, 7n);
    own.copy(9_999, 9_998);
    expect(own.equal(9_999, 9_998)).to.equal(true);
    expect(own.isZero(9_997)).to.equal(true);
    own.clear(FIRST_ELEMENT, 10_000);
    expect(own.bytes(FIRST_ELEMENT, 10_000).every((byte) => byte === 0)).to.equal(true);
    own.setBig(A, 3n);
    own.setBig(B, 4n);
    own.multiply(A, B, OUT);
    expect(own.big(OUT), "its constants stay").to.equal(12n);
  });

  it("behavior: one kernel a thread", () => {
    expect(scalarKernel()).to.equal(scalarKernel());
  });
});

describe("DistinctInverses", () => {
  const base = FIRST_ELEMENT + 3;
  for (const count of [1, 2, 3, 70])
    it(`default: ${count} elements, each asked for twice, are inverted once`, () => {
      const kernel = new ScalarKernel();
      kernel.reserve(base + DistinctInverses.elements(count));
      const inverses = new DistinctInverses(kernel, base, count);
      const prng = new Prng(count);
      for (let level = 0; level < 3; level++) {
        const distinct = Array.from({ length: count }, (_, i) =>
          i % 2 === 0 ? randomElement(prng) : FIELD - BigInt(i),
        );
        // Equal lowest bits alone do not make elements equal.
        if (count > 2) distinct[1] = (distinct[0] ?? 0n) ^ (1n << 40n);
        const asked = [...distinct, ...distinct.toReversed()];
        inverses.clear();
        const places = asked.map((value) => {
          kernel.setBig(inverses.next, value);
          return inverses.add();
        });
        expect(new Set(places).size).to.equal(count);
        inverses.invert();
        for (const [i, place] of places.entries())
          expect(kernel.big(inverses.at(place))).to.equal(inverse(asked[i] ?? 0n));
      }
    });

  it("edge: nothing to invert", () => {
    const inverses = new DistinctInverses(new ScalarKernel(), base, 0);
    inverses.clear();
    inverses.invert();
    expect(inverses.next).to.equal(base);
  });
});
