// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// R24: seats whose workers stay away are filled from the same draw, once, and nobody gains by staying away.
contract StandbysTest is HubBase {
    bytes32[] private _noBatch;

    function setUp() public {
        _deploy(60);
    }

    function _standbySpec(uint8 k, uint8 stages) private returns (Spec memory spec) {
        spec = _spec(k, stages);
        spec.policy.flags = FLAG_STANDBY;
    }

    function _commit(Job memory job, Record memory r, uint32 mask) private returns (Record memory) {
        return _commit(job, r, mask, 0);
    }

    function _commit(Job memory job, Record memory r, uint32 mask, uint256 liars) private returns (Record memory) {
        Poll memory p = _poll(job, r, _said(job.spec.policy.k, liars));
        for (uint8 i; i < p.ids.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            bytes32 c = _commitment(p, i);
            vm.prank(vm.addr(p.ids[i]));
            _hub.commit(job, r, i, c);
            r = _latest(r);
        }
        return r;
    }

    function _pastDeadline(Job memory job) private {
        vm.warp(_hub.slot(_id(job)).deadline + 1);
    }

    function _promote(Job memory job, Record memory r) private returns (Record memory) {
        _hub.promote(job, r);
        return _latest(r);
    }

    function _tally(Job memory job, Record memory r, uint256 liars) private returns (Record memory) {
        Poll memory p = _poll(job, r, _said(job.spec.policy.k, liars));
        _hub.tally(job, r, _noTable(), _votes(p), _noBatch, "");
        return _latest(r);
    }

    /// k = 5, two came: three standbys sit down, the job ends FINAL, the absent pay 2R each and the five that voted are paid.
    function test_StandbysCarryTheJobToItsEnd() public {
        Job memory job = _request(_standbySpec(5, 1));
        uint32[] memory first = _committee(job, _empty());
        uint256 free = _hub.balanceOf(address(this));
        Record memory r = _commit(job, _empty(), 3);
        _pastDeadline(job);
        vm.startSnapshotGas("fill 3 of 5 seats again");
        r = _promote(job, r);
        vm.stopSnapshotGas();
        require(r.seats[0] == first[0] && r.seats[1] == first[1], "who came keeps the seat");
        require(_hub.slot(_id(job)).deadline == block.timestamp + WORK, "one more tWork");
        r = _commit(job, r, 0x1c);
        r = _tally(job, r, 0);
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_hub.account(r.seats[i]).earned == REWARD, "paid");
        for (uint256 i = 2; i < 5; ++i) {
            require(_vault.worker(first[i]).stake == M - 2 * REWARD, "absent: 2R");
            require(_hub.account(first[i]).absent == 1 && _hub.account(first[i]).earned == 0, "counted");
        }
        // The poker is this contract: every poke comes back to it, as do half of the slashes and what the escrow had too much.
        uint256 fee = (5 * uint256(REWARD) * 200) / 10_000;
        require(
            _hub.balanceOf(address(this)) == free + _hub.escrowOf(job.spec) - 5 * REWARD - fee + 3 * REWARD,
            "refund"
        );
        _expectSolvent(0);
    }

    /// The standbys are the draw's own continuation: the same whoever asks, whenever.
    function testFuzz_StandbysAreTheNextDraws(uint8 came, uint16 late, address asker) public {
        vm.assume(asker != address(0));
        uint32 mask = [0, 1, 2, 4, 8, 16, 3, 5, 9, 17, 6, 10, 18, 12, 20, 24, 7][came % 17];
        if (mask == 7) mask = 0x15;
        Job memory job = _request(_standbySpec(5, 1));
        uint256 had = _bits(mask);
        Record memory r = _commit(job, _empty(), mask);
        Slot memory s = _hub.slot(_id(job));
        bytes32 seed = DrawLib.seedFor(_random.seedOf(s.seedRef), _id(job), DrawLib.ROUND_0, 0);
        (uint32[] memory all, ) = _vault.draw(s.tableVersion, 0, seed, new uint32[](0), 10 - had);
        vm.warp(s.deadline + 1 + late);
        vm.prank(asker);
        _hub.promote(job, r);
        r = _latest(r);
        uint256 next = 5;
        for (uint256 i; i < 5; ++i)
            require(r.seats[i] == ((mask >> i) & 1 == 1 ? all[i] : all[next++]), "another worker");
        require(next == all.length, "seats filled");
    }

    function _bits(uint32 mask) private pure returns (uint256 n) {
        for (uint256 rest = mask; rest != 0; rest &= rest - 1) ++n;
    }

    function test_RevertWhen_ThereIsNothingToFill() public {
        Job memory plain = _request(_spec(5, 1));
        Job memory job = _request(_standbySpec(5, 1));
        Record memory r = _commit(job, _empty(), 3);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.promote(job, r);
        _pastDeadline(job);
        Record memory none = _empty();
        vm.expectPartialRevert(IHubTypes.NoStandbys.selector);
        _hub.promote(plain, none);
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.promote(job, none);
        r = _promote(job, r);
        vm.expectPartialRevert(IHubTypes.NoStandbys.selector);
        _hub.promote(job, r);
        _pastDeadline(job);
        vm.expectPartialRevert(IHubTypes.NoStandbys.selector);
        _hub.promote(job, r);

        // A quorum is there: the vote goes on without the others.
        Job memory enough = _request(_standbySpec(5, 1));
        r = _commit(enough, _empty(), 0xf);
        _pastDeadline(enough);
        vm.expectPartialRevert(IHubTypes.QuorumCommitted.selector);
        _hub.promote(enough, r);
    }

    function test_RevertWhen_AnAbsentSeatComesTooLate() public {
        Job memory job = _request(_standbySpec(5, 1));
        Record memory r = _commit(job, _empty(), 3);
        Poll memory old = _poll(job, r, _said(5, 0));
        _pastDeadline(job);
        Record memory after_ = _promote(job, r);
        bytes32 c = _commitment(old, 3);
        vm.startPrank(vm.addr(old.ids[3]));
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.commit(job, r, 3, c);
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.commit(job, after_, 3, c);
        vm.stopPrank();
        // Neither do the old committee's signatures count.
        StageVotes[] memory votes = _one(_votes(old));
        StageInfo[] memory table = _noTable();
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, after_, table, votes, "");
    }

    /// Nobody can end the job over the standbys' heads; after `tReveal` nobody has to be there to fill the seats.
    function test_ExpiryWaitsForStandbysAWhile() public {
        Job memory job = _request(_standbySpec(5, 1));
        Record memory r = _commit(job, _empty(), 3);
        _pastDeadline(job);
        vm.expectPartialRevert(IHubTypes.StandbysDue.selector);
        _hub.expire(job, r);
        vm.warp(block.timestamp + REVEAL - 1);
        vm.expectPartialRevert(IHubTypes.StandbysDue.selector);
        _hub.expire(job, r);
        uint256 fork = vm.snapshotState();
        r = _promote(job, r);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.expire(job, r);

        vm.revertToState(fork);
        _latest(_empty());
        r = _commitRecord(job);
        vm.warp(block.timestamp + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        _expectSolvent(0);
    }

    /// The record after the seats of `_commit(job, ..., 3)` were pinned, told again.
    function _commitRecord(Job memory job) private view returns (Record memory r) {
        r.seats = _committee(job, _empty());
    }

    /// Standbys that stay away too: the job expires, and every absent worker of both turns pays once.
    function test_AbsentStandbysPayToo() public {
        Job memory job = _request(_standbySpec(5, 1));
        uint32[] memory first = _committee(job, _empty());
        _pastDeadline(job);
        Record memory r = _promote(job, _empty());
        _pastDeadline(job);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_EXPIRED, "reason");
        for (uint256 i; i < 5; ++i) {
            require(_vault.worker(first[i]).stake == M - 2 * REWARD, "absent: 2R");
            require(_vault.worker(r.seats[i]).stake == M - 2 * REWARD, "absent standby: 2R");
        }
        _expectSolvent(0);
    }

    /// Inner stages: a standby of stage 0 and one of stage 1; an escalation seats none of those who lost their seats.
    function test_EveryStageHasItsStandbys() public {
        Job memory job = _request(_standbySpec(3, 2));
        Record memory r = _commit(job, _empty(), 1);
        _pastDeadline(job);
        r = _promote(job, r);
        r = _commit(job, r, 6);
        r = _tally(job, r, 0);
        r = _commit(job, r, 2);
        _pastDeadline(job);
        r = _promote(job, r);
        // A standby of stage 1 lies: the window opens, and a larger committee may be asked.
        r = _commit(job, r, 5, 4);
        r = _tally(job, r, 4);
        _expectState(job, STATE_WINDOW);
        require(r.tallies.length == 4, "tallies");
        r = _challenge(job, r, 1);
        uint32[] memory larger = _committee(job, r);
        for (uint256 i; i < larger.length; ++i) {
            for (uint256 j; j < r.seats.length; ++j) require(larger[i] != r.seats[j], "sat before");
            for (uint256 t; t < 3; t += 2)
                for (uint256 j; j < r.tallies[t].seats.length; ++j)
                    require(larger[i] != r.tallies[t].seats[j], "was absent before");
        }
        r = _submit(job, r, 0);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        require(_vault.worker(r.seats[5]).stake == M - job.spec.policy.seatStake, "the liar's whole seat stake");
        _expectSolvent(0);
    }

    /// Seats of a stage that failed in spite of its standbys decide why the job closed, not the seats that were filled again.
    function test_TheReasonIsThatOfTheLastCommittee() public {
        Job memory job = _request(_standbySpec(3, 1));
        Record memory r = _commitAbstentions(job, _empty(), 1);
        _pastDeadline(job);
        r = _promote(job, r);
        r = _commitAbstentions(job, r, 6);
        bytes32[] memory outs = new bytes32[](3);
        for (uint256 i; i < 3; ++i) outs[i] = SAID_ABSTAIN;
        _hub.tally(job, r, _noTable(), _votes(_poll(job, r, outs)), _noBatch, "");
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_INPUT_UNAVAILABLE, "reason");
        _expectSolvent(0);
    }

    function _commitAbstentions(Job memory job, Record memory r, uint32 mask) private returns (Record memory) {
        bytes32[] memory outs = new bytes32[](3);
        for (uint256 i; i < 3; ++i) outs[i] = SAID_ABSTAIN;
        Poll memory p = _poll(job, r, outs);
        for (uint8 i; i < 3; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            bytes32 c = _commitment(p, i);
            vm.prank(vm.addr(p.ids[i]));
            _hub.commit(job, r, i, c);
            r = _latest(r);
        }
        return r;
    }

    /// Filling seats takes time, and a job must have it.
    function test_RevertWhen_ThereIsNoTimeForStandbys() public {
        Spec memory spec = _spec(5, 2);
        uint256 least = 6 * (2 * WORK + REVEAL) + 9 * W + 86_400;
        spec.expiry = uint48(block.timestamp + least);
        uint256 fork = vm.snapshotState();
        _hub.request(1001, spec);
        vm.revertToState(fork);
        spec.policy.flags = FLAG_STANDBY;
        vm.expectPartialRevert(IHubTypes.SpecInvalid.selector);
        _hub.request(1001, spec);
        spec.expiry += 2 * (2 * WORK + REVEAL);
        _hub.request(1001, spec);
    }
}

/// A pool that holds too few others.
contract FewStandbysTest is HubBase {
    function setUp() public {
        _deploy(7);
    }

    function test_APoolWithoutOthersHasNoStandbys() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.flags = FLAG_STANDBY | FLAG_SMALL_POOL;
        Job memory job = _request(spec);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        Record memory none = _empty();
        vm.expectPartialRevert(IHubTypes.PoolTooSmall.selector);
        _hub.promote(job, none);
        vm.warp(block.timestamp + REVEAL);
        _hub.expire(job, none);
        _expectState(job, STATE_CLOSED);
    }
}
