// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Record, Spec, Tally} from "../../../contracts/types/Types.sol";
import {PolicyLib} from "../../../contracts/libraries/PolicyLib.sol";
import {COURT_ROUND, SettleLib} from "../../../contracts/libraries/SettleLib.sol";
import {VoteRules} from "../../../contracts/libraries/VoteRules.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {vm} from "../support/Vm.sol";

contract SettleLibTest {
    function offences(Spec calldata spec, Record memory record) external pure returns (SettleLib.Seat[] memory) {
        return SettleLib.offences(spec, record);
    }

    function distribute(
        Spec calldata spec,
        Record memory record,
        SettleLib.Outcome memory outcome,
        SettleLib.Seat[] memory seats,
        uint256 escrow
    ) external pure returns (SettleLib.Seat[] memory, SettleLib.Payments memory p) {
        p = SettleLib.distribute(spec, record, outcome, seats, escrow);
        return (seats, p);
    }

    function unanimous(
        Spec calldata spec,
        uint256 feeBps,
        uint256 escrow,
        uint256 agreed,
        bool poked
    ) external pure returns (uint256 fees, uint256 poke, uint256 requester) {
        return SettleLib.unanimous(spec, feeBps, escrow, agreed, poked);
    }

    function escrowOf(Spec calldata spec, uint256 feeBps) external pure returns (uint256) {
        return PolicyLib.escrowOf(spec, feeBps);
    }

    function bondOf(Spec calldata spec, uint256 round) external pure returns (uint256) {
        return SettleLib.bondOf(spec, round);
    }

    /// R27: TypeScript and Solidity pay and slash alike, and nothing appears or vanishes (invariant 3).
    function test_Vectors() public view {
        Cursor memory c = openVectors("settle");
        for (uint256 i; i < c.cases; ++i) _case(c);
        c.assertDone();
    }

    function _case(Cursor memory c) private view {
        Spec memory spec;
        spec.policy.mask = uint8(c.next());
        spec.policy.k = uint8(c.next());
        spec.stages = uint8(c.next());
        spec.seatReward = uint96(c.next());
        spec.policy.seatStake = uint96(c.next());
        spec.pokeFee = uint96(c.next());
        SettleLib.Outcome memory outcome = SettleLib.Outcome(
            uint8(c.next()),
            c.next() == 1,
            c.next() == 1,
            uint16(c.next())
        );
        uint256 escrow = c.next();
        uint256 moneyIn = escrow;
        Record memory record;
        record.boundaries = new bytes32[](c.next());
        record.tallies = new Tally[](c.next());
        for (uint256 t; t < record.tallies.length; ++t) {
            Tally memory tally = record.tallies[t];
            tally.stage = uint16(c.next());
            tally.round = uint8(c.next());
            tally.bond = uint96(c.next());
            tally.challenger = address(uint160(c.next()));
            moneyIn += tally.bond;
            uint256 seats_ = c.next();
            uint256 said = c.next();
            tally.seats = c.nextIds(seats_);
            tally.said = c.nextWords(said);
        }
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        uint256[] memory pay = new uint256[](seats.length);
        require(seats.length == c.next(), "seats");
        for (uint256 i; i < seats.length; ++i) {
            require(seats[i].kind == c.next(), "kind");
            require(uint256(int256(seats[i].rho < 0 ? -seats[i].rho : int32(0))) == c.next(), "rho");
            require((seats[i].rho > 0) == (seats[i].kind == SettleLib.SEAT_AGREED), "agreed");
            require(seats[i].slash == c.next(), "slash");
            require(seats[i].slash <= spec.policy.seatStake, "more than S");
            seats[i].slash = c.next();
            moneyIn += seats[i].slash;
            pay[i] = c.next();
        }
        SettleLib.Payments memory p;
        (seats, p) = this.distribute(spec, record, outcome, seats, escrow);
        uint256 moneyOut = p.requester + p.burn + p.fees + p.poke;
        for (uint256 i; i < seats.length; ++i) {
            require(seats[i].pay == pay[i], "pay");
            require(pay[i] <= spec.seatReward, "more than R");
            moneyOut += pay[i];
        }
        for (uint256 t; t < p.challengers.length; ++t) {
            require(p.challengers[t] == c.next(), "challenger");
            moneyOut += p.challengers[t];
        }
        require(
            p.requester == c.next() && p.burn == c.next() && p.fees == c.next() && p.poke == c.next(),
            "requester, burn, fees, poke"
        );
        require(moneyIn == moneyOut, "conservation");
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Any record of one stage and its escalation
    // -----------------------------------------------------------------------------------------------------------------

    function _spec(uint256 k, uint96 reward) private pure returns (Spec memory spec) {
        spec.policy.k = uint8(k);
        spec.stages = 1;
        spec.seatReward = reward;
        spec.policy.seatStake = uint96(4 * (2 * k + 1) * reward);
        spec.pokeFee = reward / 20;
    }

    function _tally(
        uint8 round,
        uint256 n,
        uint256 entropy,
        uint256 kinds,
        uint96 bond
    ) private pure returns (Tally memory tally) {
        tally.round = round;
        tally.bond = bond;
        tally.seats = new uint32[](n);
        tally.said = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            tally.seats[i] = uint32(100 * uint256(round) + i + 1);
            tally.said[i] = bytes32((entropy >> (8 * i)) % kinds);
        }
    }

    function testFuzz_Conserved(
        uint256 votes,
        uint256 more,
        uint96 reward,
        uint8 k,
        uint8 kinds,
        uint8 reason,
        uint8 share
    ) public view {
        uint256 seats_ = [1, 2, 3, 5, 7][k % 5];
        Spec memory spec = _spec(seats_, reward % 1e24);
        Record memory record;
        record.tallies = new Tally[](2);
        record.tallies[0] = _tally(0, seats_, votes, 3 + (kinds % 4), 0);
        uint96 bond = uint96(this.bondOf(spec, 1));
        record.tallies[1] = _tally(1, 2 * seats_ + 1, more, 3 + (kinds % 4), bond);
        reason = reason % 5;
        record.boundaries = new bytes32[](reason == 0 ? 1 : 0);
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        uint256 escrow = this.escrowOf(spec, 200);
        uint256 moneyIn = escrow + bond;
        for (uint256 i; i < seats.length; ++i) {
            require(seats[i].slash <= spec.policy.seatStake, "more than S");
            seats[i].slash = (seats[i].slash * share) / 255; // a poor vault
            moneyIn += seats[i].slash;
        }
        SettleLib.Payments memory p;
        (seats, p) = this.distribute(spec, record, SettleLib.Outcome(reason, true, true, 200), seats, escrow);
        uint256 moneyOut = p.requester + p.burn + p.fees + p.poke + p.challengers[0] + p.challengers[1];
        for (uint256 i; i < seats.length; ++i) {
            require(seats[i].pay <= spec.seatReward, "more than R");
            require(seats[i].pay == 0 || seats[i].slash == 0, "paid and slashed");
            moneyOut += seats[i].pay;
        }
        require(moneyIn == moneyOut, "conservation");
    }

    /// The hot path equals the general function wherever the hub may use it.
    function testFuzz_UnanimousEqualsGeneral(
        uint256 abstains,
        uint96 reward,
        uint8 k,
        uint16 feeBps,
        bool poked
    ) public view {
        Spec memory spec = _spec([1, 2, 3, 5, 7][k % 5], reward % 1e27);
        Record memory record;
        record.tallies = new Tally[](1);
        record.boundaries = new bytes32[](1);
        record.tallies[0] = _tally(0, spec.policy.k, 0, 3, 0);
        uint256 agreed = spec.policy.k;
        for (uint256 i; i < spec.policy.k; ++i) {
            bool abstain = (abstains >> i) & 1 == 1 && agreed > VoteRules.quorum(spec.policy.k);
            record.tallies[0].said[i] = bytes32(uint256(abstain ? 1 : 77));
            if (abstain) --agreed;
        }
        _compare(spec, record, agreed, SettleLib.Outcome(0, true, poked, feeBps % 501));
    }

    function _compare(
        Spec memory spec,
        Record memory record,
        uint256 agreed,
        SettleLib.Outcome memory outcome
    ) private view {
        uint256 escrow = this.escrowOf(spec, outcome.feeBps);
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        SettleLib.Payments memory p;
        (seats, p) = this.distribute(spec, record, outcome, seats, escrow);
        for (uint256 i; i < seats.length; ++i) {
            bool paid = seats[i].kind == SettleLib.SEAT_AGREED;
            require(seats[i].slash == 0 && seats[i].pay == (paid ? spec.seatReward : 0), "seat");
        }
        (uint256 fees, uint256 poke, uint256 requester) = this.unanimous(
            spec,
            outcome.feeBps,
            escrow,
            agreed,
            outcome.poked
        );
        require(fees == p.fees && poke == p.poke && requester == p.requester && p.burn == 0, "differs");
    }

    /// Invariant 19: whatever the others say, q honest seats in every committee lose nothing and are paid.
    function testFuzz_HonestQuorumNeverSlashed(uint256 votes, uint256 more, uint8 k, bool challenged) public view {
        uint256 n = [2, 3, 5, 7][k % 4];
        Spec memory spec = _spec(n, 1e18);
        Record memory record;
        record.tallies = new Tally[](challenged ? 2 : 1);
        record.boundaries = new bytes32[](1);
        record.tallies[0] = _tally(0, n, votes, 7, 0);
        if (challenged) record.tallies[1] = _tally(1, 2 * n + 1, more, 7, uint96(this.bondOf(spec, 1)));
        for (uint256 t; t < record.tallies.length; ++t) {
            bytes32[] memory said = record.tallies[t].said;
            for (uint256 i; i < VoteRules.quorum(said.length); ++i) said[i] = bytes32(uint256(3));
        }
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        uint256 next;
        for (uint256 t; t < record.tallies.length; ++t) {
            bytes32[] memory said = record.tallies[t].said;
            for (uint256 i; i < said.length; ++i) {
                if (uint256(said[i]) == 3) require(seats[next].kind == SettleLib.SEAT_AGREED, "honest");
                if (uint256(said[i]) > 3) require(seats[next].kind == SettleLib.SEAT_WRONG, "liar");
                ++next;
            }
        }
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Acceptance 7: a PROOF overturns captured committees of 5 and 11 with exact payouts. R = 100.
    // -----------------------------------------------------------------------------------------------------------------

    function test_CourtOverturnsTwoCapturedCommittees() public view {
        Spec memory spec = _spec(5, 100);
        Record memory record;
        record.boundaries = new bytes32[](1);
        record.tallies = new Tally[](3);
        record.tallies[0] = _tally(0, 5, 0, 1, 0);
        record.tallies[1] = _tally(1, 11, 0, 1, 1375);
        for (uint256 i; i < 5; ++i) record.tallies[0].said[i] = bytes32(uint256(i < 4 ? 9 : 8));
        for (uint256 i; i < 11; ++i) record.tallies[1].said[i] = bytes32(uint256(i < 8 ? 9 : 8));
        record.tallies[2].round = COURT_ROUND;
        record.tallies[2].said = new bytes32[](1);
        record.tallies[2].said[0] = bytes32(uint256(8));
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        SettleLib.Payments memory p;
        (seats, p) = this.distribute(spec, record, SettleLib.Outcome(0, true, true, 200), seats, 540);
        // 12 liars lose 4400 each; half is burned. The rest: 3 honest escalated seats, the prover's 11 R, then 60 : 40.
        require(p.burn == 26_400, "burn");
        uint256 rest = 26_400 - 300 - 1100;
        require(p.challengers[2] == 1100, "prover");
        require(p.challengers[1] == 1375 + (rest * 60) / 100, "challenger");
        require(seats[4].pay == 100 && seats[0].pay == 0 && seats[15].pay == 100 && seats[5].pay == 0, "seats");
        require(p.fees == 2 && p.poke == 5, "fee and poke");
        require(p.requester == 540 - 100 - 2 - 5 + (rest * 40) / 100, "requester");
    }

    function test_Gas() public {
        Spec memory spec = _spec(5, 100);
        Record memory record;
        record.boundaries = new bytes32[](1);
        record.tallies = new Tally[](1);
        record.tallies[0] = _tally(0, 5, 0x0303030303, 4, 0);
        vm.startSnapshotGas("settle 5 agreeing seats, general function");
        SettleLib.Seat[] memory seats = this.offences(spec, record);
        this.distribute(spec, record, SettleLib.Outcome(0, true, true, 200), seats, 540);
        vm.stopSnapshotGas();
        vm.startSnapshotGas("settle 5 agreeing seats, hot path");
        this.unanimous(spec, 200, 540, 5, true);
        vm.stopSnapshotGas();
    }
}
