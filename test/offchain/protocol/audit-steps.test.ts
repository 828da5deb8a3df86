// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { ENCLAVE, OPTIMISTIC, ZERO_BYTES32, type Job } from "../../../offchain/core/types.ts";
import { auditStep, isAudit, isUnbound, proposeFrom, type AuditView } from "../../../offchain/protocol/audit-steps.ts";
import { STATE } from "../../../offchain/protocol/seat-machine.ts";

const PROPOSED = 128;
const policy = { mask: OPTIMISTIC, k: 5, tWork: 100, tReveal: 20, window: 50 };
const job = { spec: { policy, expiry: 10_000 } } as unknown as Job;
const slot = (state: number, flags = 0) => ({
  state,
  flags,
  stage: 0,
  round: 0,
  seedRef: 1,
  deadline: 1_000,
  tableVersion: 1,
  escrow: 0n,
  word: ZERO_BYTES32,
});
const view = (change: Partial<AuditView>): AuditView => ({
  slot: slot(STATE.OPEN),
  rank: 0,
  isPrimary: false,
  fate: "unknown",
  fateAt: 0,
  isAble: true,
  ...change,
});

describe("audit-steps", () => {
  it("default: the first candidate answers at once, the next ones later, nobody too late to be mined", () => {
    expect(auditStep(job, view({}), 900)).to.equal("propose");
    expect(auditStep(job, view({ rank: 1 }), 944)).to.equal(null);
    expect(auditStep(job, view({ rank: 1 }), 945)).to.equal("propose");
    expect(auditStep(job, view({}), 996)).to.equal(null);
    const turns = Array.from({ length: 12 }, (_, rank) => proposeFrom(job, slot(STATE.OPEN), rank));
    expect(turns.toSorted((a, b) => a - b)).to.deep.equal(turns);
    for (const from of turns) expect(from).to.be.lessThan(slot(STATE.OPEN).deadline - 5);
  });

  it("behavior: nobody promises an enclave's signature that it cannot give; the job is ended in turn", () => {
    const inside = { spec: { policy: { ...policy, mask: ENCLAVE | OPTIMISTIC }, expiry: 10_000 } } as unknown as Job;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 11 }), (now, rank) => {
        expect(auditStep(inside, view({ rank, isAble: false }), now)).to.not.equal("propose");
      }),
    );
    expect(auditStep(inside, view({ rank: 1, isAble: false }), 1_007)).to.equal("expire");
    expect(auditStep(inside, view({}), 970)).to.equal("propose");
  });

  it("behavior: nothing is opened before the lottery is known to have spared it, nor by anybody else", () => {
    const proposed = { slot: slot(STATE.PROPOSED, PROPOSED), isPrimary: true };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom("unknown", "drawn", "lost"), (now, fate) => {
        expect(auditStep(job, view({ ...proposed, fate }), now)).to.not.equal("open");
        expect(auditStep(job, view({ ...proposed, isPrimary: false, fate: "spared" }), now)).to.not.equal("open");
      }),
    );
    expect(auditStep(job, view({ ...proposed, fate: "spared" }), 1_000)).to.equal("open");
  });

  it("behavior: a drawn audit never expires while the job lives; the primary draws it last of all", () => {
    const proposed = { slot: slot(STATE.PROPOSED, PROPOSED), fate: "drawn" as const, fateAt: 990 };
    expect(auditStep(job, view({ ...proposed, rank: 2 }), 993)).to.equal(null);
    expect(auditStep(job, view({ ...proposed, rank: 2 }), 994)).to.equal("draw");
    expect(auditStep(job, view({ ...proposed, isPrimary: true }), 1_013)).to.equal(null);
    expect(auditStep(job, view({ ...proposed, isPrimary: true }), 1_014)).to.equal("draw");
    expect(auditStep(job, view(proposed), 9_999)).to.equal("draw");
    expect(auditStep(job, view(proposed), 10_001)).to.equal("expire");
  });

  it("behavior: what nobody carries on is ended in turn, after grace", () => {
    const withheld = { slot: slot(STATE.PROPOSED, PROPOSED), fate: "spared" as const, rank: 1 };
    expect(auditStep(job, view(withheld), 1_006)).to.equal(null);
    expect(auditStep(job, view(withheld), 1_007)).to.equal("expire");
    expect(auditStep(job, view({ rank: 1 }), 1_007)).to.equal("expire");
    const lost = { ...withheld, fate: "lost" as const };
    expect(auditStep(job, view(lost), 1_000)).to.equal(null);
    expect(auditStep(job, view(lost), 1_007)).to.equal("expire");
  });

  it("behavior: the window's end is settled by the primary first", () => {
    const standing = { slot: slot(STATE.WINDOW, PROPOSED) };
    expect(auditStep(job, view({ ...standing, isPrimary: true, rank: 4 }), 1_001)).to.equal("settle");
    expect(auditStep(job, view(standing), 1_002)).to.equal(null);
    expect(auditStep(job, view(standing), 1_003)).to.equal("settle");
    expect(auditStep(job, view(standing), 1_000)).to.equal(null);
  });

  it("behavior: a committee that votes is nobody's business here", () => {
    expect(isUnbound(slot(STATE.OPEN))).to.equal(true);
    expect(isUnbound(slot(STATE.OPEN, PROPOSED))).to.equal(false);
    expect(isAudit(slot(STATE.OPEN, PROPOSED))).to.equal(true);
    expect(isAudit({ ...slot(STATE.OPEN, PROPOSED), round: 1 })).to.equal(false);
    for (const state of [STATE.HUNG, STATE.FINAL, STATE.CLOSED, STATE.NONE])
      expect(auditStep(job, view({ slot: slot(state, PROPOSED), isPrimary: true, fate: "spared" }), 1_500)).to.equal(
        null,
      );
    expect(auditStep(job, view({ slot: slot(STATE.OPEN, PROPOSED), fate: "spared" }), 5_000)).to.equal(null);
  });
});
