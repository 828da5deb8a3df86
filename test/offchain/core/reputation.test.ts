// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { MOST_TICKETS, ticketCount } from "../../../offchain/core/reputation.ts";
import { RHO } from "../../../offchain/core/settle.ts";

const M = 10n ** 21n;

describe("ticketCount", () => {
  it("default: the minimum stake has four tickets without a reputation and eight with the best", () => {
    expect([0, (RHO.LIMIT + 1) / 2, RHO.LIMIT].map((rho) => ticketCount(M, M, rho))).to.deep.equal([4, 6, 8]);
  });

  it("behavior: a bad reputation weighs like none: a fresh identity gains nothing", () => {
    expect([-1, RHO.WRONG, -RHO.LIMIT].map((rho) => ticketCount(3n * M, M, rho))).to.deep.equal([12, 12, 12]);
  });

  it("behavior: no reputation doubles more than once, and nobody has more than 64", () => {
    expect(ticketCount(M, M, 10 * RHO.LIMIT)).to.equal(8);
    expect(ticketCount(1_000n * M, M, RHO.LIMIT)).to.equal(MOST_TICKETS);
    expect(ticketCount(2n ** 96n - 1n, 8n, -RHO.LIMIT)).to.equal(MOST_TICKETS);
  });

  it("behavior: without reputation it is the vault's own count, stake / (2 * (M / 8))", () => {
    const vaults = (stake: bigint, minimum: bigint) => Number(stake / (2n * (minimum / 8n)));
    for (const minimum of [8n, 15n, 1_001n])
      expect(ticketCount(5n * minimum, minimum, 0)).to.equal(vaults(5n * minimum, minimum));
  });

  it("behavior: never falls when stake or reputation grow, and splitting a stake gains no ticket", () => {
    const stake = fc.bigInt(0n, 7n * M);
    const rho = fc.integer({ min: -RHO.LIMIT, max: RHO.LIMIT });
    fc.assert(
      fc.property(stake, stake, rho, rho, (a, b, low, more) => {
        expect(ticketCount(a + b, M, low)).to.be.at.least(ticketCount(a, M, low));
        expect(ticketCount(a, M, Math.max(low, more))).to.be.at.least(ticketCount(a, M, low));
        const whole = ticketCount(a + b, M, low);
        if (whole < MOST_TICKETS) expect(ticketCount(a, M, low) + ticketCount(b, M, low)).to.be.at.most(whole);
      }),
    );
  });
});
