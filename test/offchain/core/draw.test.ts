// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { drawSeats, drawSeed } from "../../../offchain/core/draw.ts";
import { hasCode } from "../../../offchain/core/errors.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectCode } from "../../support/expect-code.ts";
import { NumberVectors } from "../../support/number-vectors.ts";

const reader = (cells: readonly number[]) => ({ cellAt: (i: number) => cells[i] ?? 0, length: cells.length });

describe("draw", () => {
  it("default: agrees with the vectors that Solidity reads", () => {
    const c = new NumberVectors("draw");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const seed = drawSeed(c.word(), c.word(), c.number(), c.number());
      expect(seed).to.equal(c.word());
      const ticketClass = c.number();
      const cells = c.numbers(c.number());
      const excluded = c.numbers(c.number());
      const n = c.number();
      let ids: number[] | undefined;
      try {
        ids = drawSeats({ ...reader(cells), ticketClass, seed, excluded, n });
      } catch (error) {
        expect(hasCode(error, "POOL_TOO_SMALL"), String(error)).to.equal(true);
      }
      expect(ids !== undefined).to.equal(c.flag());
      if (ids !== undefined) expect(ids).to.deep.equal(c.numbers(n));
    }
    expect(c.isDone).to.equal(true);
  });

  it("R16: seats are won in proportion to tickets", () => {
    const tickets = [1, 2, 3, 4, 8, 16];
    const cells = tickets.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
    const draws = 10_000;
    const won = tickets.map(() => 0);
    for (let i = 0; i < draws; i++) {
      const [id = 0] = drawSeats({ ...reader(cells), ticketClass: 0, seed: toWord(i + 1), excluded: [], n: 1 });
      won[id - 1] = (won[id - 1] ?? 0) + 1;
    }
    const chi2 = tickets.reduce((sum, count, i) => {
      const expected = (draws * count) / cells.length;
      return sum + ((won[i] ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect(chi2).to.be.below(20.5); // 5 degrees of freedom, p = 0.001
  });

  it("R16: a longer draw begins with the shorter one, so late calls change no seats", () => {
    const cells = Array.from({ length: 40 }, (_, i) => (i % 20) + 1);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => {
        const all = { ...reader(cells), ticketClass: 3, seed: toWord(value), excluded: [7] };
        // Below 4n + 32 tries the stream is the same for every n.
        expect(drawSeats({ ...all, n: 8 }).slice(0, 3)).to.deep.equal(drawSeats({ ...all, n: 3 }));
      }),
    );
  });

  it("R21: nobody is drawn twice or against an exclusion, and classes draw apart", () => {
    const cells = Array.from({ length: 64 }, (_, i) => (i % 30) + 1);
    const all = { ...reader(cells), seed: toWord(9), excluded: [1, 2, 3], n: 27 };
    const ids = drawSeats({ ...all, ticketClass: 0 });
    expect(ids.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 27 }, (_, i) => i + 4));
    expect(drawSeats({ ...all, ticketClass: 1 })).to.not.deep.equal(ids);
  });

  it("error: POOL_TOO_SMALL", async () => {
    const all = { ticketClass: 0, seed: toWord(1), excluded: [2] };
    await expectCode("POOL_TOO_SMALL", () => drawSeats({ ...all, ...reader([1, 2, 1, 2]), n: 2 }));
    await expectCode("POOL_TOO_SMALL", () => drawSeats({ ...all, ...reader([]), n: 1 }));
  });
});
