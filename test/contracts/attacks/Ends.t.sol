// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {VoteRules} from "../../../contracts/libraries/VoteRules.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// Jobs that somebody wants to end for nothing, twice, or never.
contract EndsTest is AttackBase {
    function setUp() public {
        _deploy(60);
    }

    function _hung(Spec memory spec) private returns (Job memory job, Record memory r) {
        job = _request(spec);
        r = _submit(job, _empty(), 3);
        _expectState(job, STATE_HUNG);
    }

    /// Invariant 28, kill fee: a challenge moments before the expiry renews the seed, not the innocence of the requester.
    function test_ALateChallengeDoesNotEvadeTheKillFee() public {
        (Job memory job, Record memory r) = _hung(_spec(5, 1));
        uint256 fees = _hub.totals().fees;
        // Somebody kept the job hanging until its last second.
        Spec memory spec = job.spec;
        vm.warp(block.timestamp + 600);
        r = _challengeAt(job, r, 0);
        vm.warp(spec.expiry + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.totals().fees - fees == (5 * uint256(REWARD)) / 10, "closing is not free once seats were known");
    }

    /// No new block: the new seed is not fixed yet.
    function _challengeAt(Job memory job, Record memory r, uint8 stage) private returns (Record memory) {
        _hub.challenge(job, r, stage);
        return _latest(r);
    }

    /// R8, invariant 12: after `expiry` one poke ends a job in every waiting state, with all money accounted for.
    function testFuzz_AfterExpiryOnePokeEnds(uint8 where) public {
        where %= 6;
        Job memory job;
        Record memory r;
        if (where == 0) job = _request(_spec(5, 1)); // never seen
        if (where == 1) {
            job = _request(_spec(5, 1));
            _hub.pin(job, r);
            r = _latest(r);
        }
        if (where == 2) (job, r) = _hung(_spec(5, 1));
        if (where == 3) {
            (job, r) = _hung(_spec(5, 1));
            r = _challenge(job, r, 0);
        }
        if (where == 4) {
            job = _request(_spec(5, 2));
            r = _submit(job, r, 0); // first stage only
        }
        if (where == 5) {
            job = _request(_spec(5, 1));
            r = _commitAll(job, r, _poll(job, r, _same(5, GOOD)), _same(5, 0)); // never opened
        }
        vm.warp(job.spec.expiry + 1);
        vm.prank(address(0xCAFE));
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.totals().openRisk == 0, "risk");
        _expectSolvent(_hub.balanceOf(address(0xCAFE)));
    }

    /// Invariant 11: nothing moves an ended job.
    function testFuzz_EndsAreAbsorbing(uint8 how, bool closed) public {
        Job memory job;
        Record memory r;
        if (closed) {
            (job, r) = _hung(_spec(5, 1));
            vm.warp(block.timestamp + 601);
            _hub.expire(job, r);
        } else {
            job = _request(_spec(5, 1));
            r = _submit(job, r, 1);
            vm.warp(block.timestamp + W + 1);
            _hub.settle(job, r, "");
        }
        how %= 6;
        uint256 held = _token.balanceOf(address(_hub));
        vm.expectRevert();
        if (how == 0) _hub.settle(job, r, "");
        if (how == 1) _hub.expire(job, r);
        if (how == 2) _hub.challenge(job, r, 0);
        if (how == 3) _hub.pin(job, r);
        if (how == 4) _hub.cancel(job);
        if (how == 5) _hub.request(job.nonce, job.spec);
        require(_token.balanceOf(address(_hub)) == held, "moved");
        _expectSolvent(0);
    }

    /// R26: a challenge in the window's last second is taken, one second later refused; and nobody settles earlier.
    function test_TheWindowsEdgeBelongsToTheChallenger() public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _submit(job, _empty(), 1);
        uint48 deadline = _hub.slot(_id(job)).deadline;
        vm.warp(deadline);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.settle(job, r, "");
        uint256 snapshot = vm.snapshotState();
        _hub.challenge(job, r, 0);
        vm.revertToState(snapshot);
        vm.warp(deadline + 1);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.challenge(job, r, 0);
        _hub.settle(job, r, "");
    }

    /// R24, trap 7: rounds are counted a stage: challenges of one stage leave the other's rounds alone, and each stage has
    /// two, then none.
    function test_RoundsAreCountedAStage() public {
        Job memory job = _windowed();
        Record memory r = _submit(job, _empty(), 0);
        r = _submit(job, r, 0);
        for (uint256 i; i < 2; ++i) r = _submit(job, _challenge(job, r, 0), 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 0, 2));
        _hub.challenge(job, r, 0);
        for (uint256 i; i < 2; ++i) r = _submit(job, _challenge(job, r, 1), 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 1, 2));
        _hub.challenge(job, r, 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageInvalid.selector, 2));
        _hub.challenge(job, r, 2);
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    function _windowed() private returns (Job memory) {
        Spec memory spec = _spec(2, 2);
        spec.policy.window = W;
        return _request(spec);
    }

    /// Section 7, rules 4 and 5: a challenge that is blocked in both rounds has no verdict. Nobody is wrong; its bonds pay those
    /// who came, a reward each, and return otherwise. Were they to return in full, blocking would be free.
    function test_ABlockedChallengerPaysTheSeatsAndNoMore() public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _submit(job, _empty(), 1);
        uint32 dissenter = r.seats[0];
        uint256 spent;
        for (uint256 round = 1; round < 3; ++round) {
            uint256 n = VoteRules.committeeSize(5, round);
            uint256 before = _hub.balanceOf(address(this));
            r = _challenge(job, r, 0);
            require(before - _hub.balanceOf(address(this)) == (5 * n * REWARD + 3) / 4, "bond");
            r = _submit(job, r, (1 << (n / 2)) - 1);
            _expectState(job, STATE_HUNG);
            spent += n * REWARD;
        }
        uint256 escrow = _hub.slot(_id(job)).escrow;
        uint256 held = _hub.balanceOf(address(this));
        uint256 kill = (5 * uint256(REWARD)) / 10;
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.prank(address(0xCAFE));
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        // This contract is requester and challenger.
        uint256 bonds = (5 * 11 * uint256(REWARD) + 3) / 4 + (5 * 23 * uint256(REWARD) + 3) / 4;
        uint256 back = _hub.balanceOf(address(this)) - held;
        require(back == bonds - spent + escrow - POKE - kill, "what seats did not need");
        for (uint256 t = 1; t < 3; ++t) {
            uint32[] memory seats = r.tallies[t].seats;
            for (uint256 i; i < seats.length; ++i) require(_hub.account(seats[i]).earned == REWARD, "seat");
        }
        require(_vault.worker(dissenter).stake == M && _hub.account(dissenter).earned == 0, "nobody is wrong");
        _expectSolvent(POKE);
    }

    /// Invariant 17, trap 8: an overturned inner stage voids the later ones: nobody there is wrong, the job closes, and its
    /// liars pay.
    function test_AnOverturnedInnerStageVoidsLaterOnesOnly() public {
        Job memory job = _windowed();
        Record memory r = _submit(job, _empty(), 3); // both seats of stage 0 lie
        require(r.boundaries[0] == BAD, "captured");
        uint32[2] memory liars = [r.seats[0], r.seats[1]];
        uint32[2] memory innocent = [r.seats[2], r.seats[3]];
        r = _submit(job, r, 0);
        r = _submit(job, _challenge(job, r, 0), 0);
        require(r.boundaries.length == 1 && r.boundaries[0] == GOOD, "overturned");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 2; ++i) {
            require(_vault.worker(liars[i]).stake == M - job.spec.policy.seatStake, "liar slashed once, S");
            require(_vault.worker(innocent[i]).stake == M, "innocent");
        }
        _expectSolvent(0);
    }

    /// R9: pokes never eat what seats are owed: six pokes, then nothing, however often somebody tallies.
    function test_PokesStopAtTheReserve() public {
        Spec memory spec = _spec(3, 8);
        Job memory job = _request(spec);
        Record memory r;
        vm.prank(address(0xCAFE));
        for (uint256 s; s < 8; ++s) {
            Poll memory p = _poll(job, r, _same(3, GOOD));
            r = _commitAll(job, r, p, _same(3, 0));
            StageVotes memory v = _opened(p, 7);
            vm.prank(address(0xCAFE));
            _hub.tally(job, r, _noTable(), v, new bytes32[](0), "");
            if (s < 7) r = _latest(r);
        }
        _expectState(job, STATE_FINAL);
        require(_hub.balanceOf(address(0xCAFE)) == 6 * POKE, "six");
        for (uint256 i; i < 24; ++i) require(_hub.account(r.seats[i]).earned == REWARD, "paid in full");
        _expectSolvent(6 * POKE);
    }

    /// Invariant 28: a huge poke fee to oneself does not get the kill fee back out.
    function test_PokeFeesDoNotShieldFromTheKillFee() public {
        Spec memory spec = _spec(5, 1);
        spec.pokeFee = 1_000;
        uint256 before = _hub.balanceOf(address(this));
        (Job memory job, Record memory r) = _hung(spec);
        vm.warp(spec.expiry + 1);
        _hub.expire(job, r);
        require(before - _hub.balanceOf(address(this)) == (5 * uint256(REWARD)) / 10, "kill fee");
    }

    /// Invariant 5: a requester of dust is refused nothing and steals nothing.
    function test_ZeroRewardsMoveNoMoney() public {
        Spec memory spec = _spec(5, 1);
        (spec.seatReward, spec.pokeFee, spec.policy.seatStake) = (0, 0, 0);
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 1);
        vm.warp(block.timestamp + W + 1);
        uint256 held = _token.balanceOf(address(_hub));
        _hub.settle(job, r, "");
        require(_token.balanceOf(address(_hub)) == held, "moved");
    }

    /// Traps 4 and 1: an escalation's committee cannot reuse messages of the round before.
    function test_RevertWhen_MessagesOfAnEarlierRoundAreReused() public {
        (Job memory job, Record memory r) = _hung(_spec(5, 1));
        r = _challenge(job, r, 0);
        Poll memory p = _poll(job, r, _same(11, GOOD));
        p.round = 0;
        StageVotes memory v = _votesWith(p, _same(11, 0));
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, r, _noTable(), _one(v), "");
    }
}
