// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  allHostileProbability,
  blockProbability,
  captureProbability,
  leastSeatStake,
  mostInsuredByReward,
  mostInsuredBySampling,
  mostInsuredByStake,
  quoteEscrow,
} from "../../../offchain/core/economics.ts";

describe("economics", () => {
  it("default: closed forms match the protocol's table", () => {
    const percent = (p: number) => Number((100 * p).toPrecision(2));
    expect([3, 5, 7].map((k) => percent(captureProbability(k, 0.2)))).to.deep.equal([10, 0.67, 0.47]);
    expect([3, 5].map((k) => allHostileProbability(k, 0.2).toPrecision(2))).to.deep.equal(["0.0080", "0.00032"]);
    // Blocked escalations at k = 5: 11 and 23 seats (protocol.md section 8, inequality 2).
    expect(percent(blockProbability(11, 0.2) * blockProbability(23, 0.2))).to.equal(1.2);
    expect(percent(blockProbability(11, 0.3) * blockProbability(23, 0.3))).to.equal(16);
  });

  it("behavior: stakes and insured values of the presets", () => {
    expect([1, 2, 3, 5, 7].map((k) => leastSeatStake(k, 1n))).to.deep.equal([12n, 20n, 28n, 44n, 60n]);
    expect(mostInsuredByStake(5, 44_000n)).to.equal(140_800n);
    expect(mostInsuredByReward(5, 3, 1000n)).to.equal(52_083n);
    // p d S >= R + (1 - p d) V, to the wei.
    const most = mostInsuredBySampling(800, 5, 44_000n, 1000n);
    const holds = (value: bigint) => 792n * 44_000n >= 10_000n * 1000n + (10_000n - 792n) * value;
    expect([holds(most), holds(most + 1n)]).to.deep.equal([true, false]);
    expect(mostInsuredBySampling(200, 3, 52_600n, 1000n) < 0n).to.equal(true);
    expect(mostInsuredBySampling(200, 3, 53_000n, 1000n) >= 0n).to.equal(true);
  });

  it("R9: a quote is rewards, fee and six pokes", () => {
    const job = { stages: 3, seatReward: 1001n, pokeFee: 7n, policy: { k: 3 } };
    expect(quoteEscrow(job, 200)).to.equal(9009n + 180n + 42n);
  });
});
