// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  afterAbsence,
  afterExpiry,
  afterHung,
  afterTally,
  afterWindow,
  auditSeed,
  contestedStages,
  isAuditDrawn,
  saidUnopened,
  type PastTally,
} from "../../../offchain/core/job-steps.ts";
import { REASON } from "../../../offchain/core/settle-types.ts";
import { toWord, type Word } from "../../../offchain/core/tagged-hash.ts";
import {
  SAID_ABSENT,
  SAID_UNREVEALED,
  STATE_CLOSED,
  STATE_FINAL,
  STATE_HUNG,
  STATE_OPEN,
  STATE_WINDOW,
} from "../../../offchain/core/types.ts";
import { decideVote } from "../../../offchain/core/vote.ts";

const [A, B, C] = [toWord(100), toWord(200), toWord(300)];
const ABSTAIN = toWord(1);

function count(
  said: readonly Word[],
  boundaries: readonly Word[],
  options: {
    stage?: number;
    round?: number;
    stages?: number;
    window?: number;
    rounds?: number;
    past?: readonly PastTally[];
  } = {},
) {
  const { stage = 0, round = 0, stages = 1, window = 0, rounds = 2, past = [] } = options;
  const outcome = decideVote(said, stage, round);
  const counted = { stage, round, outcome, digest: outcome.accepted ?? A, past };
  return afterTally(counted, boundaries, { stages, window, rounds });
}

describe("job steps", () => {
  it("default: unanimity without a window is final at once", () => {
    expect(count([A, A, A], [])).to.deep.equal({ state: STATE_FINAL, reason: REASON.FINAL, boundaries: [A] });
  });

  it("behavior: a window, one dissenter or an escalated round keeps the result disputable", () => {
    expect(count([A, A, A], [], { window: 600 }).state).to.equal(STATE_WINDOW);
    expect(count([A, A, B], []).state).to.equal(STATE_WINDOW);
    expect(count([A, A, A, A, A, A, A], [A], { round: 1 }).state).to.equal(STATE_WINDOW);
  });

  it("behavior: an accepted stage opens the next, the last one closes the vote", () => {
    expect(count([A, A, A], [], { stages: 2 })).to.deep.include({ state: STATE_OPEN, boundaries: [A] });
    expect(count([B, B, B], [A], { stage: 1, stages: 2 })).to.deep.include({ state: STATE_FINAL, boundaries: [A, B] });
  });

  it("behavior: no quorum hangs on dissent, expires on absence, closes on abstention", () => {
    expect(count([A, B, C], []).state).to.equal(STATE_HUNG);
    expect(count([A, SAID_ABSENT, SAID_ABSENT], [])).to.deep.include({ state: STATE_CLOSED, reason: REASON.EXPIRED });
    const silent = { state: STATE_CLOSED, reason: REASON.INPUT_UNAVAILABLE };
    expect(count([A, ABSTAIN, ABSTAIN], [])).to.deep.include(silent);
  });

  it("behavior: an overturned inner stage voids what came after it, a confirmed one does not", () => {
    const seven = (word: Word) => Array.from({ length: 7 }, () => word);
    expect(count(seven(C), [A, B], { round: 1, stages: 2 }).boundaries).to.deep.equal([C]);
    expect(count(seven(A), [A, B], { round: 1, stages: 2 }).boundaries).to.deep.equal([A, B]);
    expect(afterWindow([C], 2)).to.equal(REASON.UNRESOLVED);
    expect(afterWindow([A, B], 2)).to.equal(REASON.FINAL);
    expect(afterHung([A, B], 1, [], 2)).to.deep.include({ state: STATE_CLOSED, boundaries: [A] });
  });

  const captured = [{ stage: 0, round: 0, dissent: true }];

  it("behavior: a job that fails elsewhere waits for whoever was outvoted", () => {
    const abstain = { stage: 1, stages: 3, past: captured };
    const waiting = { state: STATE_WINDOW, reason: REASON.UNRESOLVED, boundaries: [A] };
    expect(count([A, ABSTAIN, ABSTAIN], [A], abstain)).to.deep.equal(waiting);
    expect(count([A, ABSTAIN, ABSTAIN], [A], { ...abstain, past: [] }).state).to.equal(STATE_CLOSED);
    expect(afterHung([A, B], 1, captured, 2)).to.deep.equal(waiting);
    expect(afterAbsence([A], captured, 2)).to.deep.equal({ ...waiting, reason: REASON.EXPIRED });
    expect(afterWindow([A], 3, { stage: 1, reason: REASON.EXPIRED })).to.equal(REASON.EXPIRED);
    expect(afterWindow([B], 3, { stage: 2, reason: REASON.EXPIRED })).to.equal(REASON.UNRESOLVED);
  });

  it("behavior: it does not wait where nobody could challenge any more", () => {
    const heard = [...captured, { stage: 0, round: 1, dissent: true }, { stage: 0, round: 2, dissent: true }];
    expect(afterHung([A, B], 1, heard, 2).state).to.equal(STATE_CLOSED);
    expect(afterHung([A, B], 1, captured, 2, 1).state).to.equal(STATE_CLOSED); // a court decided stage 0
    expect(contestedStages([...captured, { stage: 1, round: 0, dissent: true }], 1, 2)).to.deep.equal([0]);
  });

  it("behavior: past the expiry nothing that was not heard is a verdict", () => {
    expect(afterExpiry([A, B], captured)).to.deep.equal([]);
    expect(afterExpiry([A, B], [{ stage: 1, round: 0, dissent: true }])).to.deep.equal([A]);
    expect(afterExpiry([A, B], [...captured, { stage: 0, round: 1, dissent: false }])).to.deep.equal([A, B]);
    expect(afterExpiry([A, B], captured, 1)).to.deep.equal([A, B]);
  });

  it("behavior: without a larger committee any dissent hangs", () => {
    expect(count([A, A, B], [], { rounds: 0 }).state).to.equal(STATE_HUNG);
    expect(count([A, A, A], [], { rounds: 0 }).state).to.equal(STATE_FINAL);
  });

  it("behavior: in round 1 nothing but a verdict ends a stage", () => {
    expect(
      count(
        Array.from({ length: 7 }, () => SAID_ABSENT),
        [A],
        { round: 1 },
      ).state,
    ).to.equal(STATE_HUNG);
  });

  it("behavior: commitments that nobody could open are no answers", () => {
    expect(saidUnopened([true, false])).to.deep.equal([SAID_UNREVEALED, SAID_ABSENT]);
  });

  it("behavior: the lottery draws its share and no job at 0, every job at 10,000", () => {
    let drawn = 0;
    for (let i = 0; i < 20_000; i++) if (isAuditDrawn(auditSeed(toWord(7), toWord(i)), 800)) drawn++;
    expect(drawn).to.be.within(1_600 - 4 * 39, 1_600 + 4 * 39); // 4 sigma
    expect(isAuditDrawn(toWord(0), 0)).to.equal(false);
    expect(isAuditDrawn(toWord(9_999), 10_000)).to.equal(true);
    expect([isAuditDrawn(toWord(799), 800), isAuditDrawn(toWord(10_800), 800)]).to.deep.equal([true, false]);
  });
});
