// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { drawSeats, drawSeed } from "../../../offchain/core/draw.ts";
import { hasCode } from "../../../offchain/core/errors.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { chiSquare, SAMPLE, sampleDraws } from "../../support/draw-sample.ts";
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

  describe("ten thousand committees of five", () => {
    const total = SAMPLE.tickets.reduce((sum, count) => sum + count, 0);
    // 16 workers, 15 degrees of freedom: above 37.7 with probability 0.001. The seeds are fixed, so is the outcome.
    const LIMIT = 37.7;
    const countsOf = (ids: readonly (number | undefined)[]): number[] =>
      SAMPLE.tickets.map((_, i) => ids.filter((id) => id === i + 1).length);

    it("R16: first seats are won in proportion to tickets", () => {
      const counts = countsOf(sampleDraws().map(([first]) => first));
      const expected = SAMPLE.tickets.map((tickets) => (SAMPLE.draws * tickets) / total);
      expect(chiSquare(counts, expected)).to.be.below(LIMIT);
    });

    it("R16: every later seat is won in proportion to the tickets of those not yet drawn", () => {
      const draws = sampleDraws();
      for (let seat = 1; seat < SAMPLE.seats; seat++) {
        const expected = SAMPLE.tickets.map(() => 0);
        for (const ids of draws) {
          const taken = new Set(ids.slice(0, seat));
          const left = SAMPLE.tickets.reduce((sum, tickets, i) => sum + (taken.has(i + 1) ? 0 : tickets), 0);
          for (const [i, tickets] of SAMPLE.tickets.entries())
            if (!taken.has(i + 1)) expected[i] = (expected[i] ?? 0) + tickets / left;
        }
        expect(chiSquare(countsOf(draws.map((ids) => ids[seat])), expected), `seat ${seat}`).to.be.below(LIMIT);
      }
    });

    it("R16: a table that favours one worker by a quarter fails the test", () => {
      const counts = countsOf(sampleDraws().map(([first]) => first));
      const tickets = SAMPLE.tickets.map((count, i) => (i === 15 ? count * 1.25 : count));
      const all = tickets.reduce((sum, count) => sum + count, 0);
      expect(
        chiSquare(
          counts,
          tickets.map((count) => (SAMPLE.draws * count) / all),
        ),
      ).to.be.above(LIMIT);
    });
  });

  it("R16: standbys are the tail of one longer draw, whoever draws them whenever", () => {
    const cells = Array.from({ length: 120 }, (_, i) => (i % 40) + 1);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.integer({ min: 1, max: 4 }), (value, missing) => {
        const all = { ...reader(cells), ticketClass: 0, seed: toWord(value) };
        const seated = drawSeats({ ...all, excluded: [], n: 9 });
        const standbys = drawSeats({ ...all, excluded: seated, n: missing });
        expect([...seated, ...standbys]).to.deep.equal(drawSeats({ ...all, excluded: [], n: 9 + missing }));
      }),
    );
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
