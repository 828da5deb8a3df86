// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { admissionOrder, AGEING_SEC, OVERDUE_SEC, type Waiting } from "../../../offchain/core/fee-priority.ts";

const NOW = 10_000;
const job = (name: string, seatReward: bigint, age: number) => ({ name, seatReward, sinceSec: NOW - age });
const names = (jobs: readonly { name: string }[]) => jobs.map(({ name }) => name).join(" ");

describe("admissionOrder", () => {
  it("default: R12: who pays more goes first", () => {
    expect(names(admissionOrder([job("low", 1n, 0), job("high", 3n, 0), job("mid", 2n, 0)], NOW))).to.equal(
      "high mid low",
    );
  });

  it("behavior: a minute of waiting is worth one reward more", () => {
    expect(names(admissionOrder([job("new", 2n, 0), job("old", 1n, AGEING_SEC + 1)], NOW))).to.equal("old new");
    expect(names(admissionOrder([job("new", 2n, 0), job("old", 1n, AGEING_SEC - 1)], NOW))).to.equal("new old");
  });

  it("behavior: equal weights are served in the order of arrival, equal arrivals in the order given", () => {
    expect(names(admissionOrder([job("new", 2n, 0), job("old", 1n, AGEING_SEC)], NOW))).to.equal("old new");
    expect(names(admissionOrder([job("a", 5n, 7), job("b", 5n, 7), job("c", 5n, 7)], NOW))).to.equal("a b c");
  });

  it("behavior: R12: nothing starves: older than 300 s goes before any fee, the oldest first", () => {
    const rich = job("rich", 10n ** 27n, OVERDUE_SEC);
    const jobs = [rich, job("free", 0n, OVERDUE_SEC + 1), job("older", 1n, OVERDUE_SEC + 9)];
    expect(names(admissionOrder(jobs, NOW))).to.equal("older free rich");
  });

  it("behavior: a clock that ran backwards gives nobody an advantage", () => {
    expect(names(admissionOrder([job("later", 1n, -50), job("now", 1n, 0)], NOW))).to.equal("now later");
  });

  it("behavior: every order holds what came in, and in no pair does a worse job go first", () => {
    const waiting = fc.record({ seatReward: fc.bigInt(0n, 2n ** 96n), sinceSec: fc.integer({ min: 0, max: NOW }) });
    const weight = ({ seatReward, sinceSec }: Waiting) => seatReward * BigInt(AGEING_SEC + NOW - sinceSec);
    const overdue = ({ sinceSec }: Waiting) => NOW - sinceSec > OVERDUE_SEC;
    fc.assert(
      fc.property(fc.array(waiting, { maxLength: 30 }), (jobs) => {
        const order = admissionOrder(jobs, NOW);
        // By identity: chai compares sets of objects by a sort of its own.
        expect(order.length).to.equal(jobs.length);
        expect(new Set([...order, ...jobs]).size).to.equal(jobs.length);
        for (const [i, b] of order.entries()) {
          const a = order[i - 1];
          if (a === undefined) continue;
          if (overdue(b)) expect(overdue(a) && a.sinceSec <= b.sinceSec).to.equal(true);
          else if (!overdue(a)) expect(weight(a) >= weight(b)).to.equal(true);
        }
      }),
    );
  });
});
