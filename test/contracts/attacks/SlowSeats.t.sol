// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {BallotLib} from "../../../contracts/libraries/BallotLib.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// Seats and strangers that use the slow path against honest seats.
contract SlowSeatsTest is AttackBase {
    function setUp() public {
        _deploy(60);
    }

    function _post(Job memory job, Record memory r, Poll memory p, uint256 seat) private returns (Record memory) {
        bytes32 commitment = _bound(p, seat, 0);
        _as(p.ids[seat]);
        _hub.commit(job, r, uint8(seat), commitment);
        return _latest(r);
    }

    /// R22, invariant 19: a hostile batch of one seat keeps nobody else from committing, and nobody is absent by it.
    function test_ABatchOfOneBlocksNobody() public {
        Job memory job = _request(_spec(5, 1));
        Poll memory p = _poll(job, _empty(), _same(5, GOOD));
        _hub.commitMany(job, _empty(), _commits(p, 1));
        Record memory r = _latest(_empty());
        SignedCommit[] memory rest = _commits(p, 30);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyCommitted.selector, type(uint8).max));
        _hub.commitMany(job, r, rest);
        for (uint256 i = 1; i < 5; ++i) r = _post(job, r, p, i);
        _hub.tally(job, r, _noTable(), _opened(p, 31), _batch(p, 1), "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(_hub.balanceOf(address(0)));
    }

    /// R22: the last second of the commit phase belongs to the seats; one later nobody gets in, and openings may flow.
    function test_TheCommitPhaseClosesOnce() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        Record memory r = _post(job, _empty(), p, 0);
        r = _post(job, r, p, 1);
        uint48 deadline = _hub.slot(p.jobId).deadline;
        vm.warp(deadline);
        IHubTypes.SeatVote memory vote = IHubTypes.SeatVote(0, GOOD, 0, _salt(p, 0));
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.reveal(job, r, _noTable(), vote, new bytes32[](0));
        vm.warp(deadline + 1);
        _hub.reveal(job, r, _noTable(), vote, new bytes32[](0));
        bytes32 late = _bound(p, 2, 0);
        _as(p.ids[2]);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.commit(job, r, 2, late);
    }

    /// R27, invariant 19: who opened on the chain cannot be counted as hiding, whoever tallies and whatever is left out.
    function testFuzz_AStoredOpeningCannotBeLeftOut(uint8 victim) public {
        victim %= 3;
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        Record memory r = _commitAll(job, _empty(), p, _same(3, 0));
        IHubTypes.SeatVote memory vote = IHubTypes.SeatVote(victim, GOOD, 0, _salt(p, victim));
        _hub.reveal(job, r, _noTable(), vote, new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyRevealed.selector, victim));
        _hub.reveal(job, r, _noTable(), vote, new bytes32[](0));
        StageVotes memory v = _opened(p, 7 & ~(1 << victim));
        vm.warp(block.timestamp + REVEAL + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.tally(job, r, _noTable(), v, new bytes32[](0), "");
        // Nor given another word.
        v.seats[victim].which = victim;
        v.outs[victim] = BAD;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.tally(job, r, _noTable(), v, new bytes32[](0), "");
    }

    /// R27: nobody is counted as hiding before its time is over.
    function test_RevertWhen_OpeningsAreLeftOutEarly() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        Record memory r = _commitAll(job, _empty(), p, _same(3, 0));
        uint256 until = block.timestamp + REVEAL;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.OpeningsMissing.selector, uint32(4), until));
        _hub.tally(job, r, _noTable(), _opened(p, 3), new bytes32[](0), "");
    }

    /// R8: an escalation whose seed the chain forgot hangs again and can be raised again; all bonds are accounted for.
    function test_AForgottenEscalationGoesOn() public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _submit(job, _empty(), 3);
        _hub.challenge(job, r, 0);
        r = _latest(r);
        vm.roll(block.number + 9_000);
        vm.warp(block.timestamp + WORK + 1);
        vm.expectRevert();
        _hub.pin(job, r);
        _hub.expire(job, r);
        _expectState(job, STATE_HUNG);
        r.tallies[1].seats = new uint32[](0);
        r = _submit(job, _challenge(job, r, 0), 0);
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// R16, invariant 31: the same where the table is two epochs old.
    function test_AnEscalationOfAForgottenTableGoesOn() public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _challenge(job, _submit(job, _empty(), 3), 0);
        _nextEpoch();
        _nextEpoch();
        vm.expectRevert();
        _hub.pin(job, r);
        _hub.expire(job, r);
        _expectState(job, STATE_HUNG);
        r.tallies[1].seats = new uint32[](0);
        vm.warp(block.timestamp + 601);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        _expectSolvent(0);
    }

    /// R27: an empty tally of a silent committee is everyone's own doing: half a stake each, no verdict, no winner.
    function test_ACommitteeThatHidesPaysHalf() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        Record memory r = _commitAll(job, _empty(), p, _same(3, 0));
        vm.warp(block.timestamp + REVEAL + 1);
        StageVotes memory v = _opened(p, 0);
        (v.outs, v.payloads) = (new bytes32[](0), new bytes32[](0));
        require(v.seats[0].which == BallotLib.NOT_SUPPLIED, "nothing supplied");
        _hub.tally(job, r, _noTable(), v, new bytes32[](0), "");
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 3; ++i) require(_vault.worker(p.ids[i]).stake == M - job.spec.policy.seatStake / 2, "half");
        _expectSolvent(0);
    }
}
