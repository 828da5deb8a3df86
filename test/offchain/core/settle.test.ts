// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  RHO,
  addRho,
  bondOf,
  burned,
  distribute,
  isHabitual,
  killFee,
  lateFee,
  lateLiars,
  offences,
  pokeDue,
  settle,
} from "../../../offchain/core/settle.ts";
import { COURT_ROUND, REASON, SEAT, type Reason, type SettleTally } from "../../../offchain/core/settle-types.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { NumberVectors } from "../../support/number-vectors.ts";

const R = 1000n;
const S = 44n * R;
const spec = { stages: 1, seatReward: R, pokeFee: 50n, policy: { k: 5, seatStake: S } };
const ESCROW = 5400n; // 1.02 x 5R + 6 pokes
const FINAL = { reason: REASON.FINAL, seatsKnown: true, poked: true, feeBps: 200 } as const;
const closed = (reason: Reason) => ({ ...FINAL, reason });

/** Letters are digests, - absent, ? abstained, ! unrevealed. */
const words = (codes: string) =>
  codes.split("").map((code) => toWord("-?!".includes(code) ? "-?!".indexOf(code) : code.charCodeAt(0)));
let worker = 0;
function tally(round: number, codes: string, stage = 0): SettleTally {
  const seats = Array.from({ length: codes.length }, () => ++worker);
  return { stage, round, seats, said: words(codes), bond: round === 0 ? 0n : bondOf(5, round, R) };
}
const court = (codes: string, stage = 0): SettleTally => ({
  stage,
  round: COURT_ROUND,
  seats: [],
  said: words(codes),
  bond: 0n,
});
const record = (verdicts: number, ...tallies: SettleTally[]) => ({
  boundaries: Array.from({ length: verdicts }, () => toWord(65)),
  tallies,
});
const kinds = (result: ReturnType<typeof settle>) => result.seats.map(({ kind }) => kind);

describe("settle", () => {
  it("default: agrees with the vectors that Solidity reads", () => {
    const c = new NumberVectors("settle");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const [mask, k, stages] = [c.number(), c.number(), c.number()];
      const [seatReward, seatStake, pokeFee] = [c.big(), c.big(), c.big()];
      const outcome = { reason: c.number() as Reason, seatsKnown: c.flag(), poked: c.flag(), feeBps: c.number() };
      const escrow = c.big();
      const boundaries = Array.from({ length: c.number() }, () => toWord(65));
      const tallies = Array.from({ length: c.number() }, () => {
        const [stage, round, bond, challenger] = [c.number(), c.number(), c.big(), toWord(c.big())];
        const [seats, said] = [c.number(), c.number()];
        return { stage, round, bond, challenger, seats: c.numbers(seats), said: c.words(said) };
      });
      const job = { stages, seatReward, pokeFee, policy: { k, seatStake, mask } };
      const seats = offences(job, { boundaries, tallies });
      expect(seats.length).to.equal(c.number());
      const rest = seats.map((seat) => {
        expect(seat.kind).to.equal(c.number());
        expect(-Math.min(seat.rho, 0)).to.equal(c.number());
        expect(seat.slash).to.equal(c.big());
        return { taken: c.big(), pay: c.big() };
      });
      const taken = rest.map((seat) => seat.taken);
      const paid = distribute(job, { boundaries, tallies }, outcome, seats, taken, escrow);
      expect(paid.seats).to.deep.equal(rest.map(({ pay }) => pay));
      expect(paid.challengers).to.deep.equal(c.bigs(tallies.length));
      expect([paid.requester, paid.burn, paid.fees, paid.poke]).to.deep.equal(c.bigs(4));
    }
    expect(c.isDone).to.equal(true);
  });

  it("R9: five agreeing seats get a reward each, the protocol 2%, the requester the rest", () => {
    const { seats, payments } = settle(spec, record(1, tally(0, "AAAAA")), FINAL, ESCROW);
    expect(seats.every(({ kind, rho }) => kind === SEAT.AGREED && rho === RHO.AGREED)).to.equal(true);
    expect(payments.seats).to.deep.equal([R, R, R, R, R]);
    expect(payments).to.include({ fees: 100n, poke: 50n, requester: 250n, burn: 0n });
  });

  it("R27: a lone liar loses S; with no challenger half burns and the requester gets the rest", () => {
    const result = settle(spec, record(1, tally(0, "AAAAB")), FINAL, ESCROW);
    expect(kinds(result)).to.deep.equal([6, 6, 6, 6, SEAT.WRONG]);
    expect(result.seats[4]).to.include({ slash: S, rho: RHO.WRONG });
    expect(result.payments).to.include({ burn: S / 2n, requester: 5400n - 4000n - 80n - 50n + S / 2n });
  });

  it("R27: absence costs 2R, an unrevealed commitment S/2, abstention nothing", () => {
    const result = settle(spec, record(1, tally(0, "AAAA-")), FINAL, ESCROW);
    expect(result.seats[4]).to.include({ kind: SEAT.ABSENT, slash: 2n * R, rho: RHO.ABSENT });
    const other = settle(spec, record(1, tally(0, "AAAA!")), FINAL, ESCROW);
    expect(other.seats[4]).to.include({ kind: SEAT.UNREVEALED, slash: S / 2n, rho: RHO.WRONG });
    const third = settle(spec, record(1, tally(0, "AAAA?")), FINAL, ESCROW);
    expect(third.seats[4]).to.include({ kind: SEAT.ABSTAINED, slash: 0n, rho: 0 });
    expect(third.payments.seats[4]).to.equal(0n);
  });

  it("R24: a captured committee loses to eleven fresh seats; the dissenter gets bond, pay and 60%", () => {
    const result = settle(spec, record(1, tally(0, "BBBBA"), tally(1, "AAAAAAAAAAB")), FINAL, ESCROW);
    const pot = (5n * S) / 2n - 10n * R;
    expect(result.payments.seats[4]).to.equal(R);
    expect(result.payments.seats.slice(5)).to.deep.equal([...Array.from({ length: 10 }, () => R), 0n]);
    expect(result.payments.challengers).to.deep.equal([0n, 13_750n + (pot * 60n) / 100n]);
    expect(result.payments.burn).to.equal((5n * S) / 2n);
  });

  it("R25: a frivolous challenger's bond pays the committee and what is left goes to the requester", () => {
    const { payments } = settle(spec, record(1, tally(0, "AAAAA"), tally(1, "AAAAAAAAAAA")), FINAL, ESCROW);
    expect(payments.seats.slice(5)).to.deep.equal(Array.from({ length: 11 }, () => R));
    expect(payments.challengers).to.deep.equal([0n, 0n]);
    expect(payments.requester).to.equal(250n + 13_750n - 11n * R);
  });

  it("R27: without verdict nobody is wrong, came-for-nothing seats are paid from the bond, and its rest returns", () => {
    const hung = record(0, tally(0, "AAABB"), tally(1, "AAAAAABBBBB"));
    const { seats, payments } = settle(spec, hung, closed(REASON.UNRESOLVED), ESCROW);
    expect(seats.every(({ kind, slash }) => kind === SEAT.UNDECIDED && slash === 0n)).to.equal(true);
    expect(payments.challengers).to.deep.equal([0n, 13_750n - 11n * R]);
    expect(payments.seats.slice(0, 5)).to.deep.equal([0n, 0n, 0n, 0n, 0n]);
    // The kill fee: 10% of all seat rewards.
    expect(payments).to.include({ fees: 500n, requester: 5400n - 50n - 500n, burn: 0n });
  });

  it("R24: a poor vault's shortfall comes from the bond, winner or not", () => {
    const disputed = record(1, tally(0, "BBBBB"), tally(1, "AAAAAAAAAAA"));
    const seats = offences(spec, disputed);
    const taken = seats.map(() => 0n);
    taken[0] = 2n * R;
    const payments = distribute(spec, disputed, FINAL, seats, taken, ESCROW);
    expect(payments.seats.slice(5)).to.deep.equal(Array.from({ length: 11 }, () => R));
    expect(payments.challengers[1]).to.equal(13_750n - 10n * R);
  });

  it("R26: a court overturns committees of 5 and 11; the prover gets 11R", () => {
    const overturned = record(1, tally(0, "BBBBB"), tally(1, "BBBBBBBBAAA"), court("A"));
    const { seats, payments } = settle(spec, overturned, FINAL, ESCROW);
    expect(seats.filter(({ kind }) => kind === SEAT.WRONG).length).to.equal(13);
    const pot = (13n * S) / 2n - 3n * R - 11n * R;
    expect(payments.challengers).to.deep.equal([0n, 13_750n + (pot * 60n) / 100n, 11n * R]);
  });

  it("R26: a court in a disputed round is paid from the losing bond; one that changes nothing is not paid", () => {
    const interrupted = { ...tally(1, ""), bond: bondOf(5, 1, R) };
    const { payments } = settle(spec, record(1, tally(0, "AAAAA"), interrupted, court("A")), FINAL, ESCROW);
    expect(payments.challengers).to.deep.equal([0n, 0n, 11n * R]);
    expect(payments.requester).to.equal(250n + 2750n);
    const idle = settle(spec, record(1, tally(0, "AAAA-"), court("A")), FINAL, ESCROW);
    expect(idle.payments.challengers).to.deep.equal([0n, 0n]);
  });

  it("R26: a court that finds nobody right condemns every digest", () => {
    const result = settle(spec, record(1, tally(0, "AAAAA"), court("")), FINAL, ESCROW);
    expect(kinds(result)).to.deep.equal([1, 1, 1, 1, 1]);
    expect(result.payments.challengers[1]).to.equal(11n * R);
  });

  it("behavior: stages after an overturned one are void, and nobody there is wrong", () => {
    const two = { ...spec, stages: 2 };
    const fallen = record(1, tally(0, "BBBBA"), tally(0, "CCCCD", 1), tally(1, "AAAAAAAAAAA"));
    const result = settle(two, fallen, closed(REASON.UNRESOLVED), 10_500n);
    expect(kinds(result).slice(5, 10)).to.deep.equal([0, 0, 0, 0, 0]);
    expect(result.payments.seats.slice(0, 10)).to.deep.equal([0n, 0n, 0n, 0n, R, 0n, 0n, 0n, 0n, 0n]);
  });

  it("R8: those who came to an expired stage share the absentees' slash, and the requester pays no kill fee for it", () => {
    const result = settle(spec, record(0, tally(0, "!!---")), closed(REASON.EXPIRED), ESCROW);
    expect(kinds(result)).to.deep.equal([0, 0, 3, 3, 3]);
    expect(result.payments.seats).to.deep.equal([R, R, 0n, 0n, 0n]);
    expect(result.payments).to.include({ burn: 3n * R, fees: 0n, requester: 5400n - 50n + R });
  });

  it("behavior: a close that nobody was slashed for costs 10% of the rewards, a cancellation nothing", () => {
    const gone = settle(spec, record(0, tally(0, "?????")), closed(REASON.INPUT_UNAVAILABLE), ESCROW);
    expect(gone.payments).to.include({ fees: 500n, requester: 5400n - 50n - 500n });
    const early = settle(spec, record(0), { ...closed(REASON.CANCELLED), seatsKnown: false, poked: false }, ESCROW);
    expect(early.payments).to.include({ fees: 0n, requester: ESCROW });
  });

  it("behavior: numbers around settlement", () => {
    expect([burned(0n), burned(1n), burned(7n)]).to.deep.equal([0n, 1n, 4n]);
    expect([bondOf(5, 1, 3n), bondOf(5, 2, 4n)]).to.deep.equal([42n, 115n]);
    expect(killFee(spec)).to.equal(500n);
    expect([pokeDue(spec, 200, ESCROW), pokeDue(spec, 200, 5130n), pokeDue(spec, 200, 5100n)]).to.deep.equal([
      50n,
      30n,
      0n,
    ]);
    expect([addRho(2_300_000, 9_950), addRho(-2_300_000, -51_293), addRho(0, 5)]).to.deep.equal([
      RHO.LIMIT,
      -RHO.LIMIT,
      5,
    ]);
    expect([isHabitual(2, 3), isHabitual(3, 20), isHabitual(3, 19), isHabitual(4, 20)]).to.deep.equal([
      false,
      false,
      true,
      true,
    ]);
  });

  it("behavior: a late court convicts whom the record has as right and the proof as wrong, each once", () => {
    const first = tally(0, "AAAAB");
    const other = tally(0, "AAAAA", 1);
    const both = { ...spec, stages: 2 };
    const [truth, lie] = [words("B"), words("A")];
    expect(lateLiars(both, record(2, first, other), 0, truth)).to.deep.equal(first.seats.slice(0, 4));
    expect(lateLiars(both, record(2, first, other), 1, truth)).to.deep.equal(other.seats);
    expect(lateLiars(both, record(2, first, other), 0, lie)).to.deep.equal([]);
    // With a probe no word may stand for the truth: then all who were right are not.
    expect(lateLiars(both, record(2, first, other), 0, [])).to.deep.equal(first.seats.slice(0, 4));
    // An escalation that upheld the lie is as guilty; one that was overturned has paid.
    const upheld = tally(1, "AAAAAAAAAAA");
    expect(lateLiars(both, record(2, first, other, upheld), 0, truth)).to.deep.equal([
      ...first.seats.slice(0, 4),
      ...upheld.seats,
    ]);
    expect(lateLiars(both, record(2, first, other, tally(1, "CCCCCCCCCCC")), 0, truth)).to.have.length(11);
    // Absent and abstaining seats said nothing.
    expect(lateLiars(spec, record(1, tally(0, "AAAA-")), 0, truth)).to.have.length(4);
    expect(lateLiars(spec, record(1, tally(0, "AAAA?")), 0, truth)).to.have.length(4);
  });

  it("behavior: of what a late court takes the prover has its fee, if half reaches that far", () => {
    expect([lateFee(spec, 5n * S), lateFee(spec, 2n * R + 1n), lateFee(spec, 0n)]).to.deep.equal([11n * R, R, 0n]);
  });
});
