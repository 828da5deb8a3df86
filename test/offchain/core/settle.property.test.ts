// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { distribute, offences } from "../../../offchain/core/settle.ts";
import { COURT_ROUND, REASON, SEAT } from "../../../offchain/core/settle-types.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { committeeSize, quorum } from "../../../offchain/core/vote.ts";
import { settleCase } from "../../support/settle-cases.ts";

const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
const settled = (seed: number) => {
  const { spec, record, outcome, taken, escrow } = settleCase(seed);
  const seats = offences(spec, record);
  return { spec, record, outcome, taken, escrow, seats, paid: distribute(spec, record, outcome, seats, taken, escrow) };
};
const anyJob = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(settled);
const runs = { numRuns: 2000, seed: 41 };

describe("settle (property)", () => {
  it("R9: paid + refunded + burned + fees = escrow + bonds + slashes", () => {
    fc.assert(
      fc.property(anyJob, ({ record, taken, escrow, paid }) => {
        const moneyIn = escrow + sum(record.tallies.map(({ bond }) => bond)) + sum(taken);
        const out = sum(paid.seats) + sum(paid.challengers) + paid.requester + paid.burn + paid.fees + paid.poke;
        expect(out).to.equal(moneyIn);
        const each = [...paid.seats, ...paid.challengers, paid.requester, paid.burn, paid.fees, paid.poke];
        expect(each.every((amount) => amount >= 0n)).to.equal(true);
      }),
      runs,
    );
  });

  it("R27: no seat loses more than S or earns more than R, none is both paid and slashed, half of all slashes burn", () => {
    fc.assert(
      fc.property(anyJob, ({ spec, seats, paid, taken }) => {
        for (const [i, { slash }] of seats.entries()) {
          expect(slash <= spec.policy.seatStake).to.equal(true);
          expect((paid.seats[i] ?? 0n) <= spec.seatReward).to.equal(true);
          expect(slash === 0n || paid.seats[i] === 0n).to.equal(true);
        }
        expect(2n * paid.burn >= sum(taken)).to.equal(true);
      }),
      runs,
    );
  });

  it("R9: agreeing seats are always paid in full, whatever the vault holds", () => {
    fc.assert(
      fc.property(anyJob, ({ spec, seats, paid }) => {
        for (const [i, { kind }] of seats.entries())
          if (kind === SEAT.AGREED) expect(paid.seats[i]).to.equal(spec.seatReward);
      }),
      runs,
    );
  });

  it("R27: challengers get no more than bonds and 60% of unburned slashes, provers at most (2k+1)R", () => {
    fc.assert(
      fc.property(anyJob, ({ spec, record, paid, taken }) => {
        const pot = sum(taken) - paid.burn;
        let above = 0n;
        for (const [t, { round, bond }] of record.tallies.entries()) {
          const got = paid.challengers[t] ?? 0n;
          if (round === COURT_ROUND)
            expect(got <= BigInt(committeeSize(spec.policy.k, 1)) * spec.seatReward).to.equal(true);
          else if (got > bond) above += got - bond;
        }
        expect(100n * above <= 60n * pot).to.equal(true);
      }),
      runs,
    );
  });

  it("R8: closing after the seats are known costs the requester or an offender", () => {
    fc.assert(
      fc.property(anyJob, ({ spec, outcome, taken, paid, escrow }) => {
        if (outcome.reason === REASON.FINAL || !outcome.seatsKnown) return;
        const kill = (BigInt(spec.stages * spec.policy.k) * spec.seatReward) / 10n;
        const room = escrow - sum(paid.seats) - paid.poke;
        expect(paid.fees + sum(taken) >= kill || paid.fees >= room).to.equal(true);
      }),
      runs,
    );
  });

  it("behavior: the cases reach every kind of seat, ending, dispute and shortfall", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 1200; seed++) {
      const { spec, seats, record, outcome, paid, taken } = settled(seed);
      seen.add(`reason ${outcome.reason}`);
      for (const { kind } of seats) seen.add(`kind ${kind}`);
      if (seats.some(({ slash }, i) => slash > (taken[i] ?? 0n))) seen.add("poor vault");
      for (const [t, { round, bond, seats: ids, said }] of record.tallies.entries()) {
        const got = paid.challengers[t] ?? 0n;
        if (round === COURT_ROUND) seen.add(got === 0n ? "prover unpaid" : "prover paid");
        else if (round > 0) {
          seen.add(got > bond ? "winner" : got === bond ? "bond back" : got === 0n ? "loser" : "bond used");
          if (ids.length > 0 && said.length === 0) seen.add("interrupted");
        }
      }
      if (outcome.reason === REASON.EXPIRED && seats.some(({ kind }, i) => kind === 0 && (paid.seats[i] ?? 0n) > 0n))
        seen.add("came");
      if (
        record.boundaries.length < spec.stages &&
        record.tallies.some(({ stage }) => stage > record.boundaries.length)
      )
        seen.add("void");
    }
    const kinds = Object.values(SEAT).map((kind) => `kind ${kind}`);
    const reasons = Object.values(REASON).map((reason) => `reason ${reason}`);
    const disputes = ["prover unpaid", "prover paid", "winner", "bond back", "loser", "bond used", "interrupted"];
    expect([...seen]).to.include.members([...kinds, ...reasons, ...disputes, "poor vault", "came", "void"]);
  });

  it("R27: honest seats lose nothing while they are a quorum of every committee", () => {
    const others = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 23, maxLength: 23 });
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 5, 7),
        fc.integer({ min: 0, max: 2 }),
        fc.tuple(others, others, others),
        (k, last, noise) => {
          const tallies = Array.from({ length: last + 1 }, (_, round) => {
            const n = committeeSize(k, round);
            const said = Array.from({ length: n }, (_seat, i) => toWord(i < quorum(n) ? 99 : (noise[round]?.[i] ?? 0)));
            return {
              stage: 0,
              round,
              seats: said.map((_word, i) => 100 * round + i),
              said,
              bond: round === 0 ? 0n : 10n ** 6n,
            };
          });
          const spec = { stages: 1, seatReward: 10n, pokeFee: 0n, policy: { k, seatStake: 1000n } };
          const seats = offences(spec, { boundaries: [toWord(99)], tallies });
          const all = tallies.flatMap(({ said }) => said);
          for (const [i, word] of all.entries()) if (word === toWord(99)) expect(seats[i]?.kind).to.equal(SEAT.AGREED);
        },
      ),
      runs,
    );
  });
});
