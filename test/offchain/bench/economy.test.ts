// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { playEconomy, type Behaviour } from "../../support/economy.ts";

const losing: readonly Behaviour[] = [
  "lazy",
  "absentee",
  "withholder",
  "frivolous challenger",
  "coalition, any capture",
];

describe("economy", () => {
  for (const behaviour of losing)
    it(`R27: ${behaviour} earns less than honesty, with 99% confidence`, () => {
      const { gain, error } = playEconomy({ k: 5, alpha: 0.2, behaviour, jobs: 4_000 });
      expect(gain + 2.58 * error).to.be.below(0);
    });

  it("default: honest jobs end right and cost the actor nothing", () => {
    const result = playEconomy({ k: 5, alpha: 0.2, behaviour: "honest", jobs: 200 });
    expect(result).to.deep.equal({ gain: 0, error: 0, wrong: 0, closed: 0 });
  });

  it("behavior: only committees that are hostile to the last seat deliver a lie (0.8% at k = 3, alpha = 0.2)", () => {
    const { wrong } = playEconomy({ k: 3, alpha: 0.2, behaviour: "coalition, all seats", jobs: 10_000 });
    expect(wrong).to.be.within(0.0053, 0.0107); // 3 sigma
  });
});
