// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// A coalition captures a stage and ends the job at another one, before its dissenter may challenge.
contract AbortsTest is AttackBase {
    uint96 private _stake;

    function setUp() public {
        _deploy(60);
    }

    /// Three stages of three; seats 0 and 1 of stage 0 lie, seat 2 dissents.
    function _captured() private returns (Job memory job, Record memory r) {
        Spec memory spec = _spec(3, 3);
        _stake = spec.policy.seatStake;
        job = _request(spec);
        r = _submit(job, _empty(), 3);
        require(r.boundaries.length == 1 && r.boundaries[0] == BAD, "captured");
    }

    function _say(Job memory job, Record memory r, bytes32[] memory outs) private returns (Record memory) {
        _hub.submit(job, r, _noTable(), _one(_votes(_poll(job, r, outs))), "");
        return _latest(r);
    }

    function _abstentions() private pure returns (bytes32[] memory outs) {
        outs = _said(3, 0);
        outs[1] = outs[2] = SAID_ABSTAIN;
    }

    function _lost(uint32 worker) private view returns (uint256) {
        return M - _vault.worker(worker).stake;
    }

    /// The dissenter is heard: stage 0 is voted on again, its liars pay, and the dissenter is whole.
    function _expectHeard(Job memory job, Record memory r) private {
        _expectState(job, STATE_WINDOW);
        uint32[3] memory seats = [r.seats[0], r.seats[1], r.seats[2]];
        r = _submit(job, _challenge(job, r, 0), 0);
        require(r.boundaries.length == 1 && r.boundaries[0] == GOOD, "overturned");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_CLOSED);
        require(_lost(seats[0]) == _stake && _lost(seats[1]) == _stake, "liars");
        require(_lost(seats[2]) == 0 && _hub.account(seats[2]).earned == REWARD, "dissenter");
        _expectSolvent(0);
    }

    function test_AbstentionsDoNotSilenceADissenter() public {
        (Job memory job, Record memory r) = _captured();
        _expectHeard(job, _say(job, r, _abstentions()));
    }

    function test_AbsenceDoesNotSilenceADissenter() public {
        (Job memory job, Record memory r) = _captured();
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        r = _latest(r);
        _expectHeard(job, r);
        for (uint256 i = 3; i < 6; ++i) require(_lost(r.seats[i]) == 2 * REWARD, "absence has its price");
    }

    function test_AHungStageDoesNotSilenceADissenter() public {
        (Job memory job, Record memory r) = _captured();
        bytes32[] memory outs = _said(3, 1);
        outs[2] = keccak256("third");
        r = _say(job, r, outs);
        _expectState(job, STATE_HUNG);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        _expectHeard(job, _latest(r));
    }

    /// Whoever challenges another stage, and has that hang for good, does not use up the window.
    function test_AHungChallengeDoesNotUseUpTheWindow() public {
        (Job memory job, Record memory r) = _captured();
        r = _submit(job, _submit(job, r, 0), 0);
        _expectState(job, STATE_WINDOW);
        r = _submit(job, _challenge(job, r, 1), (1 << 3) - 1); // three of seven
        r = _submit(job, _challenge(job, r, 1), (1 << 7) - 1); // seven of fifteen
        _expectState(job, STATE_HUNG);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        _expectHeard(job, _latest(r));
    }

    /// Unchallenged, the job ends as it would have at once: for the reason of the stage that failed.
    function test_WhatNobodyChallengesEndsForTheStageThatFailed() public {
        for (uint256 absent; absent < 2; ++absent) {
            (Job memory job, Record memory r) = _captured();
            if (absent == 1) {
                vm.warp(_hub.slot(_id(job)).deadline + 1);
                _hub.expire(job, r);
                r = _latest(r);
            } else {
                r = _say(job, r, _abstentions());
            }
            vm.warp(_hub.slot(_id(job)).deadline + 1);
            _hub.settle(job, r, "");
            _expectState(job, STATE_CLOSED);
            require(_hub.slot(_id(job)).stage == (absent == 1 ? REASON_EXPIRED : REASON_UNRESOLVED), "reason");
            require(_lost(r.seats[2]) == _stake, "who does not object is taken at the others' word");
        }
        _expectSolvent(0);
    }

    /// Without dissent there is nothing to wait for.
    function test_UndisputedStagesDoNotWait() public {
        Job memory job = _request(_spec(3, 3));
        Record memory r = _submit(job, _empty(), 0);
        uint32[3] memory seats = [r.seats[0], r.seats[1], r.seats[2]];
        _say(job, r, _abstentions());
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 3; ++i) require(_hub.account(seats[i]).earned == REWARD, "paid");
        _expectSolvent(0);
    }

    /// Invariants 12 and 19: past the expiry no time is left to object, so nothing that is contested is a verdict.
    function testFuzz_PastTheExpiryContestedStagesHaveNoVerdict(bool hung, bool silent) public {
        (Job memory job, Record memory r) = _captured();
        if (hung) {
            bytes32[] memory outs = _said(3, 1);
            outs[2] = keccak256("third");
            r = _say(job, r, outs);
        } else if (!silent) {
            r = _submit(job, r, 0); // stage 1 is fine, stage 2 is never seated
        }
        vm.warp(job.spec.expiry + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 3; ++i) {
            require(_lost(r.seats[i]) == 0, "slashed without having been heard");
            // Of the absent seats' slashes all that came have a part, liars or not.
            uint256 part =
                hung
                    ? 0
                    : silent
                        ? REWARD
                        : REWARD / 2;
            require(_hub.account(r.seats[i]).earned == part, "paid without a verdict");
        }
        _expectSolvent(0);
    }

    /// A challenged stage keeps its verdict past the expiry.
    function test_AHeardStageKeepsItsVerdict() public {
        (Job memory job, Record memory r) = _captured();
        r = _submit(job, _submit(job, r, 0), 0);
        r = _submit(job, _challenge(job, r, 0), 0);
        require(r.boundaries.length == 1, "overturned");
        // Challenged once more, by a committee that never comes.
        r = _challenge(job, r, 0);
        uint32[3] memory seats = [r.seats[0], r.seats[1], r.seats[2]];
        vm.warp(job.spec.expiry + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 3; ++i) require(_lost(seats[i]) == 0, "under challenge: no verdict");
    }
}

/// A class of so few workers that no larger committee fits: dissent hangs, and only a court could contradict it.
contract LonelyDissentTest is AttackBase {
    function setUp() public {
        _deploy(8);
    }

    function _alone() private returns (Job memory) {
        Spec memory spec = _spec(3, 1);
        spec.policy.flags = FLAG_SMALL_POOL;
        (spec.seatReward, spec.policy.seatStake) = (3, 84);
        return _request(spec);
    }

    /// Section 5: less than Lk + 2k + 1 workers, so any dissent is HUNG; nobody is wrong if nothing decides.
    function test_DissentHangsWhereNobodyCouldChallengeIt() public {
        Job memory job = _alone();
        require(_hub.slot(_id(job)).flags & 3 == 0, "no rounds");
        Record memory r = _submit(job, _empty(), 3);
        _expectState(job, STATE_HUNG);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 3; ++i) require(_vault.worker(r.seats[i]).stake == M, "slashed by two unheard liars");
        _expectSolvent(0);
    }

    function test_UnanimityStillEndsTheJob() public {
        Job memory job = _alone();
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }
}
