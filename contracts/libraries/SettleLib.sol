// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    OPTIMISTIC,
    REASON_EXPIRED,
    SAID_ABSENT,
    SAID_ABSTAIN,
    SAID_UNREVEALED,
    Record,
    Spec,
    Tally
} from "../types/Types.sol";
import {VoteRules} from "./VoteRules.sol";

// `Tally.round` of a court's ruling: `said` lists every word said in that stage that stands for the proven digest
// (possibly none), `seats` is empty, `challenger` is the prover, `bond` 0.
uint8 constant COURT_ROUND = 0xff;

/// @title Who is paid and who is slashed (protocol.md section 7); mirror: offchain/core/settle.ts
/// @notice One pure function of a job and its record, in two steps, since a vault may hold less than a nominal slash:
/// `offences` says what each seat deserves; the hub slashes and writes what it really got into `Seat.slash`;
/// `distribute` shares that, the escrow and the bonds out. What goes in comes out, to the wei.
///
/// The record at settlement:
/// - `boundaries.length` = number of stages with a verdict. The hub truncates `boundaries` to s before settling if stage
///   s ended HUNG, and to s+1 when an inner stage s was overturned: later stages are void, nobody there is wrong.
/// - one tally a committee, in the order in which they sat. An escalation is appended with its challenger and bond when
///   it is opened; `said` stays empty if a court or the expiry ends it before its tally.
/// - a committee of which too few committed is appended too, by `expire`: ABSENT for seats without commitment and
///   UNREVEALED for the others, who are no offenders since nobody could reveal.
/// - OPTIMISTIC: the first tally is the primary's alone, or that of an audit, whose seat 0 is the primary.
library SettleLib {
    // Kinds of `Seat`; 1-3 are also the vault's offences.
    uint8 internal constant SEAT_UNDECIDED = 0; // came, but its stage has no verdict
    uint8 internal constant SEAT_WRONG = 1;
    uint8 internal constant SEAT_UNREVEALED = 2;
    uint8 internal constant SEAT_ABSENT = 3;
    uint8 internal constant SEAT_AGREED = 6;
    uint8 internal constant SEAT_ABSTAINED = 7;

    // Reputation, micro-nats: ln 1.01, ln 0.95, ln 0.8.
    int32 internal constant RHO_AGREED = 9_950;
    int32 internal constant RHO_ABSENT = -51_293;
    int32 internal constant RHO_WRONG = -223_144;
    int32 internal constant RHO_LIMIT = 2_302_585; // ln 10

    /// One seat's due. Counters: AGREED, ABSENT and ABSTAINED have their own; WRONG and UNREVEALED count as wrong.
    struct Seat {
        uint32 worker;
        uint8 kind;
        int32 rho; // change of reputation
        uint256 slash; // nominal after `offences`; the hub replaces it by what the vault gave
        uint256 pay; // written by `distribute`; credited to the worker
    }

    struct Outcome {
        uint8 reason; // 0: FINAL; else the REASON_ of CLOSED
        bool seatsKnown; // the seed's fixed block has passed: closing now is not free
        bool poked; // the sender of this call earns spec.pokeFee
        uint16 feeBps;
    }

    /// sum(seat.pay) + sum(challengers) + requester + burn + fees + poke = escrow + sum(bonds) + sum(seat.slash)
    struct Payments {
        uint256[] challengers; // one a tally: to tallies[t].challenger, bond and reward or a prover's fee
        uint256 requester;
        uint256 burn;
        uint256 fees; // protocol fee, kill fee, dust
        uint256 poke;
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Settlement
    // -----------------------------------------------------------------------------------------------------------------

    /// Step 1: what every seat of every tally did, in the order of tallies and seats. Each worker occurs once, so a
    /// worker loses at most S = spec.policy.seatStake in a job.
    function offences(Spec calldata spec, Record memory record) internal pure returns (Seat[] memory seats) {
        Tally[] memory tallies = record.tallies;
        Truth memory truth = _truth(spec.stages, record);
        uint256 count;
        for (uint256 t; t < tallies.length; ++t) count += _sat(tallies[t]);
        seats = new Seat[](count);
        uint256 next;
        for (uint256 t; t < tallies.length; ++t) {
            uint256 n = _sat(tallies[t]);
            bool audit = isAudit(spec, tallies[t]);
            bool unopened = VoteRules.neverOpened(tallies[t].said, audit);
            for (uint256 i; i < n; ++i) _judge(spec, truth, tallies[t], i, unopened, seats[next++]);
            // Hiding must not be cheaper than lying: an audited primary that stays silent loses all.
            if (!audit || n == 0) continue;
            Seat memory primary = seats[next - n];
            if (primary.kind == SEAT_UNREVEALED) primary.slash = spec.policy.seatStake;
        }
    }

    function _judge(
        Spec calldata spec,
        Truth memory truth,
        Tally memory tally,
        uint256 i,
        bool unopened,
        Seat memory seat
    ) private pure {
        seat.worker = tally.seats[i];
        bytes32 word = tally.said[i];
        if (word == SAID_ABSENT) {
            seat.kind = SEAT_ABSENT;
            seat.rho = RHO_ABSENT;
            seat.slash = _min(2 * uint256(spec.seatReward), spec.policy.seatStake);
        } else if (word == SAID_ABSTAIN) {
            seat.kind = SEAT_ABSTAINED;
        } else if (word == SAID_UNREVEALED) {
            if (unopened) return; // SEAT_UNDECIDED
            seat.kind = SEAT_UNREVEALED;
            seat.rho = RHO_WRONG;
            seat.slash = spec.policy.seatStake / 2;
        } else if (_hasVerdict(truth, tally.stage)) {
            if (_agrees(truth, tally.stage, word)) {
                seat.kind = SEAT_AGREED;
                seat.rho = RHO_AGREED;
            } else {
                seat.kind = SEAT_WRONG;
                seat.rho = RHO_WRONG;
                seat.slash = spec.policy.seatStake;
            }
        }
    }

    /// Step 2: shares out `escrow` (what is left of it), the record's bonds and the slashes really taken.
    /// @param seats of `offences`, with `slash` = taken; `pay` is written here
    function distribute(
        Spec calldata spec,
        Record memory record,
        Outcome memory outcome,
        Seat[] memory seats,
        uint256 escrow
    ) internal pure returns (Payments memory p) {
        Pot memory pot;
        for (uint256 i; i < seats.length; ++i) {
            uint256 taken = seats[i].slash;
            pot.taken += taken;
            p.burn += burned(taken);
        }
        pot.slashes = pot.taken - p.burn;
        pot.escrow = escrow;
        p.challengers = new uint256[](record.tallies.length);

        _paySeats(spec, record, seats, p, pot);
        _payDisputes(spec, record, p, pot);
        _shareRest(spec, outcome, seats, p, pot);

        // Rule 6 and the kill fee: the escrow's rest.
        uint256 fee = (pot.paid * outcome.feeBps) / 10_000;
        p.fees += fee;
        pot.escrow -= fee;
        if (outcome.poked) {
            p.poke = _min(spec.pokeFee, pot.escrow);
            pot.escrow -= p.poke;
        }
        if (outcome.reason != 0 && outcome.seatsKnown) {
            uint256 kill = killFee(spec);
            kill = _min(kill > pot.taken ? kill - pot.taken : 0, pot.escrow);
            p.fees += kill;
            pot.escrow -= kill;
        }
        p.requester += pot.escrow;
    }

    /// The hot path: `distribute` for a FINAL job whose `agreed` seats all sat in round 0 and whose other seats, if any,
    /// abstained: each agreed seat gets spec.seatReward, the rest is here. Equal to the general function (tested).
    function unanimous(
        Spec calldata spec,
        uint256 feeBps,
        uint256 escrow,
        uint256 agreed,
        bool poked
    ) internal pure returns (uint256 fees, uint256 poke, uint256 requester) {
        uint256 paid = agreed * spec.seatReward;
        fees = (paid * feeBps) / 10_000;
        requester = escrow - paid - fees;
        if (poked) {
            poke = _min(spec.pokeFee, requester);
            requester -= poke;
        }
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Late court
    // -----------------------------------------------------------------------------------------------------------------

    /// Whom a proof convicts after the end: seats of `stage` that were right by the record, and said none of `words`, those
    /// that stand for the proven digest. Who was slashed at settlement is not slashed again.
    function lateLiars(
        Spec calldata spec,
        Record memory record,
        uint256 stage,
        bytes32[] memory words
    ) internal pure returns (uint32[] memory liars) {
        Seat[] memory seats = offences(spec, record);
        liars = new uint32[](seats.length);
        uint256 next;
        uint256 found;
        for (uint256 t; t < record.tallies.length; ++t) {
            Tally memory tally = record.tallies[t];
            uint256 n = _sat(tally);
            for (uint256 i; i < n; ++i) {
                Seat memory seat = seats[next++];
                if (tally.stage != stage || seat.kind != SEAT_AGREED || _isAmong(words, tally.said[i])) continue;
                liars[found++] = seat.worker;
            }
        }
        assembly ("memory-safe") {
            // Shortens the array in place.
            mstore(liars, found)
        }
    }

    /// What the prover has of what a late court took; the rest is burned. Nothing goes to the requester: it may be one with the
    /// liars, and the result that they sold stands.
    function lateFee(Spec calldata spec, uint256 taken) internal pure returns (uint256) {
        return _min(taken - burned(taken), proverFee(spec));
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Numbers
    // -----------------------------------------------------------------------------------------------------------------

    /// Whether a tally is an audit's: seat 0 is the primary, bound by its proposal.
    function isAudit(Spec calldata spec, Tally memory tally) internal pure returns (bool) {
        return spec.policy.mask & OPTIMISTIC != 0 && tally.round == 0 && tally.seats.length > 1;
    }

    /// The burned part of a slash: half, rounded up.
    function burned(uint256 taken) internal pure returns (uint256) {
        return taken - taken / 2;
    }

    /// The least bond of an escalation to `round`: 1.25 rewards a seat.
    function bondOf(Spec calldata spec, uint256 round) internal pure returns (uint256) {
        return (5 * VoteRules.committeeSize(spec.policy.k, round) * spec.seatReward + 3) / 4;
    }

    /// What a proof that overrules a vote earns: 2k + 1 rewards, as far as slashes reach.
    function proverFee(Spec calldata spec) internal pure returns (uint256) {
        return VoteRules.committeeSize(spec.policy.k, 1) * spec.seatReward;
    }

    /// 10% of all seat rewards: what a close costs the requester once seats could be known.
    function killFee(Spec calldata spec) internal pure returns (uint256) {
        return (uint256(spec.stages) * spec.policy.k * spec.seatReward) / 10;
    }

    /// What a poke before settlement (`tally`) may take from `escrow` so that seats and fee stay covered.
    function pokeDue(Spec calldata spec, uint256 feeBps, uint256 escrow) internal pure returns (uint256) {
        uint256 rewards = uint256(spec.stages) * spec.policy.k * spec.seatReward;
        uint256 reserved = rewards + (rewards * feeBps) / 10_000;
        return escrow > reserved ? _min(spec.pokeFee, escrow - reserved) : 0;
    }

    /// Reputation after a change, clamped to +-ln 10.
    function addRho(int32 rho, int32 change) internal pure returns (int32) {
        // |rho|, |change| < 2^22: no overflow.
        unchecked {
            int32 sum = rho + change;
            if (sum > RHO_LIMIT) return RHO_LIMIT;
            return sum < -RHO_LIMIT ? -RHO_LIMIT : sum;
        }
    }

    /// Whether absences are a habit that jails: at least 3 and more than 15% of all seats.
    function isHabitual(uint256 absent, uint256 total) internal pure returns (bool) {
        return absent >= 3 && 100 * absent > 15 * total;
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Parts
    // -----------------------------------------------------------------------------------------------------------------

    /// Running sums of `distribute`.
    struct Pot {
        uint256 escrow;
        uint256 paid; // to seats out of escrow
        uint256 taken;
        uint256 slashes; // unburned and not yet given away
        uint256 winners; // challenges that won
        bool[] won;
    }

    /// Rules 1, 3 and 4, seats: round 0 from escrow, escalated seats from slashes, then from their round's bond. In a
    /// stage without verdict the escalated seats that came are paid alike: the bond underwrites their work.
    function _paySeats(
        Spec calldata spec,
        Record memory record,
        Seat[] memory seats,
        Payments memory p,
        Pot memory pot
    ) private pure {
        uint256 reward = spec.seatReward;
        uint256 next;
        for (uint256 t; t < record.tallies.length; ++t) {
            Tally memory tally = record.tallies[t];
            uint256 due;
            uint256 n = _sat(tally);
            for (uint256 i; i < n; ++i) {
                Seat memory seat = seats[next++];
                if (seat.kind != SEAT_AGREED && (seat.kind != SEAT_UNDECIDED || tally.round == 0)) continue;
                seat.pay = reward;
                due += reward;
            }
            if (tally.round == 0) {
                pot.paid += due;
                pot.escrow -= due;
            } else {
                uint256 part = _min(pot.slashes, due);
                pot.slashes -= part;
                p.challengers[t] = tally.bond - (due - part); // bond >= 1.25 rewards a seat
            }
        }
    }

    /// Rules 3 to 5, provers and bonds.
    function _payDisputes(Spec calldata spec, Record memory record, Payments memory p, Pot memory pot) private pure {
        Tally[] memory tallies = record.tallies;
        Truth memory truth = _truth(spec.stages, record);
        pot.won = new bool[](tallies.length);
        for (uint256 t; t < tallies.length; ++t) {
            Tally memory tally = tallies[t];
            if (tally.round == 0 || !_hasVerdict(truth, tally.stage)) continue;
            // Won: what stood before (nothing, if HUNG) is not what stands at the end.
            if (truth.before[t] != 0 && _agrees(truth, tally.stage, truth.before[t])) continue;
            if (tally.round != COURT_ROUND) {
                pot.won[t] = true;
                ++pot.winners;
                continue;
            }
            uint256 due = proverFee(spec);
            uint256 part = _min(pot.slashes, due);
            pot.slashes -= part;
            p.challengers[t] = part;
            // The shortfall, from the stage's latest escalation.
            for (uint256 e = t; e > 0 && part < due;) {
                Tally memory other = tallies[--e];
                if (other.stage != tally.stage || other.round == 0) continue;
                uint256 rest = _min(due - part, p.challengers[e]);
                p.challengers[e] -= rest;
                p.challengers[t] += rest;
                break;
            }
        }
        for (uint256 t; t < tallies.length; ++t) {
            Tally memory tally = tallies[t];
            bool escalation = tally.round != 0 && tally.round != COURT_ROUND;
            if (!escalation || pot.won[t] || !_hasVerdict(truth, tally.stage)) continue;
            p.requester += p.challengers[t];
            p.challengers[t] = 0;
        }
    }

    /// Rule 3, the rest: 60% to winning challengers in equal parts, else the requester's. If the job EXPIRED, those who
    /// came to the stage that failed share the requester's part first, at most a reward each.
    function _shareRest(
        Spec calldata spec,
        Outcome memory outcome,
        Seat[] memory seats,
        Payments memory p,
        Pot memory pot
    ) private pure {
        uint256 rest = pot.slashes;
        if (rest == 0) return;
        if (pot.winners != 0) {
            uint256 share = (rest * 60) / 100;
            uint256 each = share / pot.winners;
            for (uint256 t; t < pot.won.length; ++t) if (pot.won[t]) p.challengers[t] += each;
            p.fees += share - each * pot.winners;
            rest -= share;
        }
        if (outcome.reason == REASON_EXPIRED) {
            uint256 came;
            for (uint256 i; i < seats.length; ++i) if (_isUnpaid(seats[i])) ++came;
            if (came != 0) {
                uint256 each = _min(spec.seatReward, rest / came);
                rest -= each * came;
                if (each != 0) for (uint256 i; i < seats.length; ++i) if (_isUnpaid(seats[i])) seats[i].pay = each;
            }
        }
        p.requester += rest;
    }

    function _isUnpaid(Seat memory seat) private pure returns (bool) {
        return seat.kind == SEAT_UNDECIDED && seat.pay == 0;
    }

    /// What stands in each stage after its last tally.
    struct Truth {
        uint256 stages; // with a verdict
        bytes32[] standing; // the accepted word a stage, 0 if none (HUNG, or a challenge under way)
        bytes32[][] court; // the words a court accepted
        bool[] ruled; // by a court
        bytes32[] before; // a tally: what stood in its stage before it
    }

    function _truth(uint256 stages, Record memory record) private pure returns (Truth memory truth) {
        Tally[] memory tallies = record.tallies;
        truth.stages = record.boundaries.length;
        truth.standing = new bytes32[](stages);
        truth.court = new bytes32[][](stages);
        truth.ruled = new bool[](stages);
        truth.before = new bytes32[](tallies.length);
        for (uint256 t; t < tallies.length; ++t) {
            Tally memory tally = tallies[t];
            truth.before[t] = truth.standing[tally.stage];
            if (tally.round == COURT_ROUND) {
                truth.court[tally.stage] = tally.said;
                truth.ruled[tally.stage] = true;
            } else {
                (, truth.standing[tally.stage], ) = VoteRules.decide(tally.said, tally.stage, tally.round);
                // What hung is not made a verdict by a later round that judges its seats.
                if (_hung(tally)) truth.standing[tally.stage] = 0;
            }
        }
    }

    /// A stage has a verdict if the record says so and something stands there; else nobody in it is wrong.
    function _hasVerdict(Truth memory truth, uint256 stage) private pure returns (bool) {
        return stage < truth.stages && (truth.ruled[stage] || truth.standing[stage] != 0);
    }

    function _agrees(Truth memory truth, uint256 stage, bytes32 word) private pure returns (bool) {
        if (!truth.ruled[stage]) return word == truth.standing[stage];
        return _isAmong(truth.court[stage], word);
    }

    function _isAmong(bytes32[] memory words, bytes32 word) private pure returns (bool) {
        for (uint256 i; i < words.length; ++i) if (words[i] == word) return true;
        return false;
    }

    /// Class T: the last byte of a round 0 tally's `challenger` (`IHubSketches`); 0 in class E.
    function _hung(Tally memory tally) private pure returns (bool) {
        return tally.round == 0 && uint8(uint160(tally.challenger)) == 0xff;
    }

    /// Seats of a tally that was counted; a committee seated for nothing (`said` empty) owes nothing.
    function _sat(Tally memory tally) private pure returns (uint256) {
        return tally.said.length == tally.seats.length ? tally.seats.length : 0;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
