// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// Workers that try to leave, or to lose less than they promised.
contract ExitsTest is AttackBase {
    function setUp() public {
        _deploy(60);
    }

    /// R14, R27: a liar whose stake has been unbonding for 14 days cannot be seated and gone before the slash.
    function test_ALiarCannotWithdrawBeforeTheSlash() public {
        for (uint256 n = 1; n <= _workers; ++n) {
            vm.prank(_owner(n));
            try _vault.beginUnbond(uint32(n), M) {} catch {}
        }
        vm.warp(block.timestamp + UNBONDING);
        Job memory job = _request(_spec(5, 1));
        uint32 liar = _committee(job, _empty())[2];
        Record memory r = _submit(job, _empty(), 4);
        vm.prank(_owner(liar));
        try _vault.withdraw(liar, _owner(liar)) {} catch {}
        vm.warp(block.timestamp + W + 1);
        uint256 burned = _token.balanceOf(DEAD);
        _hub.settle(job, r, "");
        require(_token.balanceOf(DEAD) - burned == job.spec.policy.seatStake / 2, "the slash found nothing");
    }

    /// R14: who gave its tickets back and unbonds is slashable for 14 days: longer than any job it was drawn for lives.
    function test_TheLastSeatIsCoveredUntilItsJobEnds() public {
        Spec memory spec = _spec(5, 1);
        spec.expiry = uint48(block.timestamp) + EPOCH / 2 + 7 days;
        (, , uint48 changesFrom, , ) = _vault.epoch();
        vm.warp(changesFrom);
        Job memory job = _request(spec);
        uint32 liar = _committee(job, _empty())[0];
        uint32[] memory cells = _lastCells(liar, 0, 4);
        vm.prank(_owner(liar));
        _vault.applyChanges(_change(liar, 0, 0, cells));
        vm.prank(_owner(liar));
        _vault.beginUnbond(liar, M);
        vm.warp(spec.expiry - 1);
        Record memory r = _submitPinnedLate(job);
        vm.warp(block.timestamp + W + 1);
        vm.prank(_owner(liar));
        vm.expectPartialRevert(IStakeVault.UnbondingUntil.selector);
        _vault.withdraw(liar, _owner(liar));
        _hub.settle(job, r, "");
        require(_vault.worker(liar).unbonding == M - spec.policy.seatStake, "slashed while unbonding");
    }

    function _submitPinnedLate(Job memory job) private returns (Record memory r) {
        // The table of the request is forgotten by now; whoever cares pins in time.
        uint256 now_ = block.timestamp;
        vm.warp(now_ - 7 days);
        _hub.pin(job, _empty());
        r = _latest(_empty());
        vm.warp(now_);
        r = _submit(job, r, 1);
    }

    /// Invariant 6: jobs whose slashes exceed a worker's stake take what there is and still settle to the wei.
    function test_SlashesBeyondTheStakeStillSettle() public {
        Job memory job = _request(_spec(5, 1));
        uint32 liar = _committee(job, _empty())[1];
        Record memory r = _submit(job, _empty(), 2);
        _equivocate(liar, keccak256("elsewhere"), address(0xBEEF));
        require(_vault.worker(liar).stake == 0, "all taken");
        require(_hub.balanceOf(address(0xBEEF)) == M / 10, "reporter");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(M / 10);
    }

    function _statement(uint32 worker, bytes32 jobId, bytes32 c) private view returns (IHubTypes.Statement memory s) {
        s.commitment = c;
        (s.r, s.vs) = _sign(worker, ClaimLib.commitDigest(_hub.domainSeparator(), jobId, 0, 0, c));
    }

    function _equivocate(uint32 worker, bytes32 jobId, address reporter) private {
        IHubTypes.Equivocation memory e;
        e.jobId = jobId;
        e.a = _statement(worker, jobId, "one");
        e.b = _statement(worker, jobId, "two");
        vm.prank(reporter);
        _hub.proveEquivocation(worker, e);
    }

    /// R27: reporting yourself through a friend saves a tenth, costs the seat for good, and cannot be repeated.
    function test_SelfReportsAreNoExit() public {
        _equivocate(7, "job", address(0xF00D));
        require(_token.balanceOf(DEAD) == M - M / 10, "the rest burned");
        IHubTypes.Equivocation memory e;
        e.jobId = "job";
        (e.a, e.b) = (_statement(7, "job", "one"), _statement(7, "job", "two"));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NothingToSlash.selector, uint32(7)));
        _hub.proveEquivocation(7, e);
        _vault.stake(7, M);
        _toChanges();
        vm.prank(_owner(7));
        vm.expectPartialRevert(IStakeVault.WorkerJailedUntil.selector);
        _vault.applyChanges(_change(7, 0, 1, _none()));
    }

    /// Invariant 22: an equivocation signed for another chain, job, stage or worker proves nothing; nor do two
    /// signatures over one statement.
    function testFuzz_RevertWhen_TheProofIsForAnother(uint8 what) public {
        IHubTypes.Equivocation memory e;
        e.jobId = "job";
        (e.a, e.b) = (_statement(7, "job", "one"), _statement(7, "job", "two"));
        uint32 worker = 7;
        what %= 6;
        if (what == 0) e.jobId = "other";
        if (what == 1) e.stage = 1;
        if (what == 2) e.round = 1;
        if (what == 3) worker = 8;
        if (what == 4) e.kind = 3;
        if (what == 5) e.b = e.a;
        vm.expectRevert(IHubTypes.NotEquivocation.selector);
        _hub.proveEquivocation(worker, e);
    }

    /// Invariant 22: after a fork the same messages prove nothing on the other chain.
    function test_RevertWhen_TheProofIsFromAnotherFork() public {
        IHubTypes.Equivocation memory e;
        e.jobId = "job";
        (e.a, e.b) = (_statement(7, "job", "one"), _statement(7, "job", "two"));
        vm.chainId(1);
        vm.expectRevert(IHubTypes.NotEquivocation.selector);
        _hub.proveEquivocation(7, e);
    }

    /// R27: a worker id that nobody holds has no zero signer to forge for.
    function test_RevertWhen_AnUnknownWorkerEquivocates() public {
        IHubTypes.Equivocation memory e;
        e.a.commitment = "one";
        e.b.commitment = "two";
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerUnknown.selector, uint32(999)));
        _hub.proveEquivocation(999, e);
    }

    /// Invariant 9: a jailed and fully slashed seat neither blocks its committee's vote nor its settlement.
    function test_AJailedSeatDoesNotStopTheJob() public {
        Job memory job = _request(_spec(3, 1));
        uint32 seat = _committee(job, _empty())[0];
        _equivocate(seat, "elsewhere", address(0xBEEF));
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
        require(_hub.account(seat).earned == REWARD, "what it earned is its own");
    }
}
