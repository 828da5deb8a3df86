// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nextDutyStep, type DutyView } from "../../../../offchain/node/beacon/keep-duty.ts";

const FULL: DutyView = {
  version: 2,
  serving: 2,
  summonedVersion: 0,
  summonedBeat: 0,
  workers: [4, 5, 6, 7, 8],
  standing: 31,
  punished: 0,
  head: 100,
};

describe("nextDutyStep", () => {
  const step = (change: Partial<DutyView>) => nextDutyStep({ ...FULL, ...change });

  it("default: a complete duty needs nothing, nor does a table that has not started", () => {
    expect(step({})).to.equal(null);
    expect(step({ version: 0, serving: 0, workers: [0, 0, 0, 0, 0], standing: 0 })).to.equal(null);
  });

  it("behavior: a new version's duty is summoned once, and seated when its beat is over", () => {
    expect(step({ version: 3 })).to.deep.equal({ kind: "summon" });
    const summoned = { version: 3, summonedVersion: 3, summonedBeat: 30 };
    expect(step({ ...summoned, head: 122 })).to.equal(null);
    // A transaction in the next block, 124, may seat.
    expect(step({ ...summoned, head: 123 })).to.deep.equal({ kind: "seat" });
    expect(
      step({ version: 4, summonedVersion: 3, summonedBeat: 30 }),
      "summoned for a table that is gone",
    ).to.deep.equal({
      kind: "summon",
    });
  });

  it("R16: who withheld is fined first, then replaced; empty seats are left alone", () => {
    expect(step({ standing: 0b10111 })).to.deep.equal({ kind: "punish", seat: 3 });
    expect(step({ standing: 0b10111, punished: 0b01000 })).to.deep.equal({ kind: "summon" });
    expect(step({ standing: 0b10101, punished: 0b01000 })).to.deep.equal({ kind: "punish", seat: 1 });
    expect(step({ standing: 0b10111, workers: [4, 5, 6, 0, 8] })).to.equal(null);
    expect(step({ version: 3, standing: 0b10111 }), "also after its version").to.deep.equal({
      kind: "punish",
      seat: 3,
    });
  });
});
