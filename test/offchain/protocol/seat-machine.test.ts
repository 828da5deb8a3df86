// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import {
  advanceSeat,
  hasFastVotes,
  newSeat,
  seatActions,
  type ChainView,
  type SeatEvent,
  type SeatState,
  type SeatTiming,
} from "../../../offchain/protocol/seat-machine.ts";

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as const;
const commit = (n: number) => ({ commitment: word(n), signature: word(n) });
const opening = (signed: boolean) => ({
  outDigest: word(9),
  payload: word(0),
  salt: word(7),
  extra: word(0),
  signature: signed ? word(1) : null,
});
const seat = newSeat({
  jobId: word(1),
  stage: 0,
  round: 0,
  seats: [1, 2, 3],
  signers: [word(1), word(2), word(3)],
  own: 1,
});
const view: ChainView = {
  state: 1,
  stage: 0,
  round: 0,
  deadline: 100,
  committed: 0,
  batched: 0,
  revealed: 0,
  closedAt: 0,
};
const timing: SeatTiming = { tWork: 10, tReveal: 8, quorum: 2, isLast: true, hasEarlierVotes: true, isTolerant: false };
const after = (...events: SeatEvent[]): SeatState => events.reduce(advanceSeat, seat);
const voted: SeatEvent[] = [
  { type: "input-ready", inDigest: word(4), at: 91 },
  { type: "computed", vote: { outDigest: word(9), payload: word(0) }, salt: word(7), inDigest: word(4) },
  { type: "commit", seat: 1, commit: commit(1) },
];
const complete: SeatEvent[] = [
  ...voted,
  { type: "commit", seat: 0, commit: commit(2) },
  { type: "commit", seat: 2, commit: commit(3) },
  { type: "set-complete", commitSet: word(8) },
];

describe("seat-machine", () => {
  it("default: input, run, commit, set, opening, submit in turn", () => {
    expect(seatActions(seat, view, timing, 91)).to.deep.equal([]);
    expect(seatActions(after(voted[0] as SeatEvent), view, timing, 91)).to.deep.equal(["run"]);
    expect(seatActions(after(...voted), view, timing, 92)).to.deep.equal(["share-commit"]);
    expect(seatActions(after(...complete.slice(0, 5)), view, timing, 92)).to.include("complete-set");
    expect(seatActions(after(...complete), view, timing, 92)).to.deep.equal(["share-opening"]);
    const all = [0, 1, 2].map((at): SeatEvent => ({ type: "opening", seat: at, opening: opening(true), at: 92 }));
    const open = after(...complete, ...all);
    expect(hasFastVotes(open)).to.equal(true);
    expect(open.phase).to.equal("REVEALED");
    expect(seatActions(open, view, timing, 93)).to.deep.equal(["share-opening"]);
    expect(seatActions(open, view, timing, 97.1), "seat 1 submits 5 s after it could").to.deep.equal(["submit"]);
  });

  it("behavior: without input it abstains in time to be counted", () => {
    expect(seatActions(seat, view, timing, 95.9)).to.deep.equal([]);
    expect(seatActions(seat, view, timing, 96)).to.deep.equal(["abstain-input"]);
  });

  it("behavior: an incomplete set goes the slow path; openings wait until the commit phase closed on chain (R22)", () => {
    expect(seatActions(after(...voted), view, timing, 97.5)).to.include("enter-slow-path");
    const slow = after(...voted, { type: "slow" });
    expect(seatActions(slow, view, timing, 98.5)).to.deep.equal(["share-commit", "commit-many"]);
    const batched = { ...view, committed: 0b101, batched: 0b101, deadline: 108 };
    expect(seatActions(slow, batched, timing, 99)).to.deep.equal(["share-commit", "commit"]);
    const waiting = { ...batched, committed: 0b111 };
    expect(seatActions(slow, waiting, timing, 99), "phase still open").to.deep.equal(["share-commit"]);
    const closed = { ...waiting, closedAt: 99 };
    expect(seatActions(slow, closed, timing, 99.5)).to.deep.equal(["share-opening"]);
    expect(seatActions(slow, closed, timing, 102.5), "own opening goes on chain before tReveal ends").to.include(
      "reveal",
    );
    expect(seatActions(slow, closed, timing, 108.1), "whatever is missing").to.include("tally");
  });

  it("behavior: fewer than a quorum at the deadline expires, never earlier (R8)", () => {
    const slow = after(...voted, { type: "slow" });
    const one = { ...view, committed: 0b010, batched: 0b010 };
    expect(seatActions(slow, one, timing, 99.9)).to.not.include("expire");
    expect(seatActions(slow, one, timing, 100)).to.deep.equal(["expire"]);
  });

  it("behavior: the chain's end or progress finishes the seat", () => {
    for (const change of [{ state: 5 }, { state: 6 }, { state: 4 }, { stage: 1 }, { round: 1 }])
      expect(seatActions(after(...voted), { ...view, ...change }, timing, 92)).to.deep.equal(["finish"]);
  });

  it("R72: whatever happens in whatever order, what was once said never changes", () => {
    const any: fc.Arbitrary<SeatEvent> = fc.oneof(
      fc.record({
        type: fc.constant("input-ready" as const),
        inDigest: fc.constantFrom(word(4), word(5)),
        at: fc.integer({ min: 1, max: 99 }),
      }),
      fc.record({
        type: fc.constant("computed" as const),
        vote: fc.constantFrom({ outDigest: word(9), payload: word(0) }, { outDigest: word(6), payload: word(0) }),
        salt: fc.constantFrom(word(7), word(6)),
        inDigest: fc.constant(word(4)),
      }),
      fc.record({ type: fc.constant("commit" as const), seat: fc.nat(2), commit: fc.nat(5).map(commit) }),
      fc.record({ type: fc.constant("set-complete" as const), commitSet: fc.nat(5).map(word) }),
      fc.record({
        type: fc.constant("opening" as const),
        seat: fc.nat(2),
        opening: fc.boolean().map(opening),
        at: fc.constant(93),
      }),
      fc.constantFrom({ type: "slow" as const }, { type: "submitted" as const }, { type: "done" as const }),
    );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (events) => {
        let state = seat;
        for (const event of events) {
          const next = advanceSeat(state, event);
          if (state.vote !== null) expect(next.vote).to.equal(state.vote);
          if (state.salt !== null) expect(next.salt).to.equal(state.salt);
          if (state.commitSet !== null) expect(next.commitSet).to.equal(state.commitSet);
          for (const [i, held] of state.commits.entries()) if (held !== null) expect(next.commits[i]).to.equal(held);
          for (const [i, held] of state.openings.entries()) if (held !== null) expect(next.openings[i]).to.equal(held);
          if (state.phase === "DONE") expect(next).to.equal(state);
          if (next.commitSet !== null) expect(next.commits).to.not.include(null);
          state = next;
        }
      }),
    );
  });

  it("behavior: R28 in class T each seat shows its own sketches on chain at once, and only those count", () => {
    const floats = { ...timing, isTolerant: true };
    const slow = after(...complete, { type: "opening", seat: 1, opening: opening(true), at: 93 }, { type: "slow" });
    const closed = { ...view, committed: 0b111, batched: 0b111, closedAt: 95 };
    expect(seatActions(slow, closed, timing, 96), "class E waits for the others").not.to.include("reveal");
    expect(seatActions(slow, closed, floats, 96))
      .to.include("reveal")
      .and.not.include("tally");
    const held = after(
      ...complete,
      ...[0, 1, 2].map((at): SeatEvent => ({ type: "opening", seat: at, opening: opening(false), at: 93 })),
      { type: "slow" },
    );
    expect(seatActions(held, closed, floats, 100), "what is held is not shown").not.to.include("tally");
    expect(seatActions(held, { ...closed, revealed: 0b111 }, floats, 100)).to.include("tally");
    expect(seatActions(held, { ...closed, revealed: 0b011 }, floats, 105)).to.include("tally");
  });
});
