// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {SettleLib} from "../../../contracts/libraries/SettleLib.sol";
import "../../../contracts/types/Types.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// A proof that comes after the end: liars lose their stakes, the result stands.
contract LateCourtTest is ProofBase {
    uint96 private constant STAKE = 44 * REWARD; // of k = 5
    uint256 private constant FEE = 11 * uint256(REWARD); // a prover's: (2k+1) R
    uint256 private constant LATE = 7 days;

    StageInfo[] private _lines;

    function setUp() public {
        _deploy(60);
    }

    function _open(uint8 stages, uint32 window) private returns (Job memory job) {
        StageInfo[] memory table = _keyed(stages, NO_PROBE);
        delete _lines;
        for (uint256 s; s < stages; ++s) _lines.push(table[s]);
        Spec memory spec = _spec(5, stages);
        spec.modelId = _register(table);
        spec.policy.window = window;
        return _request(spec);
    }

    /// Ends FINAL after its window; `liars` of five said BAD.
    function _ended(uint256 liars) private returns (Job memory job, Record memory r) {
        job = _open(1, W);
        r = _submit(job, _empty(), liars);
        _settle(job, r);
    }

    function _settle(Job memory job, Record memory r) private {
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
    }

    function _truth(Job memory job, uint8 stage) private view returns (IHubTypes.Ruling memory) {
        return _ruling(job, _lines, stage, INPUT, GOOD);
    }

    function _lost(uint32 worker) private view returns (uint256) {
        return M - _vault.worker(worker).stake;
    }

    /// Documented exception of section 14: all seats lie, and nobody in the committee objects.
    function test_ACapturedCommitteeLosesItsStakesLate() public {
        (Job memory job, Record memory r) = _ended(31);
        uint256 free = _hub.balanceOf(address(this));
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        StageInfo[] memory table = _lines;
        vm.warp(_hub.slot(_id(job)).deadline - 30 days + LATE);
        vm.startSnapshotGas("late court, 5 seats, simulated adapter");
        _hub.lateCourt(job, r, table, 0, ruling);
        vm.stopSnapshotGas();
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == STAKE, "a liar keeps its stake");
            require(_hub.account(r.seats[i]).wrong == 1, "counted");
            require(_hub.account(r.seats[i]).rho == SettleLib.RHO_AGREED + SettleLib.RHO_WRONG, "reputation");
        }
        require(_token.balanceOf(DEAD) == 5 * uint256(STAKE) - FEE, "burned");
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        require(_hub.balanceOf(address(this)) == free, "a requester that is one with the liars gets nothing back");
        _expectAllSolvent(0);
        // The result stands, and a stage is judged once.
        require(_hub.verifyResult(_id(job), BAD, keccak256(abi.encode(r))), "result");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageDecided.selector, 0));
        _hub.lateCourt(job, r, _lines, 0, ruling);
    }

    /// The one that was right, was outvoted and did not challenge has lost its stake already; nobody loses two.
    function test_NobodyIsSlashedTwice() public {
        (Job memory job, Record memory r) = _ended(15);
        require(_lost(r.seats[4]) == STAKE, "outvoted");
        _hub.lateCourt(job, r, _lines, 0, _truth(job, 0));
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "S, once");
        _expectAllSolvent(0);
    }

    /// An undisputed job without a window ends in one call, its record untold: it can be judged all the same.
    function test_JobsOfTheHotPathAreJudgedToo() public {
        Job memory job = _open(1, 0);
        Record memory r = _submit(job, _empty(), 31);
        _expectState(job, STATE_FINAL);
        r.boundaries = new bytes32[](1);
        r.boundaries[0] = BAD;
        r.tallies = new Tally[](1);
        r.tallies[0] = Tally(0, 0, r.seats, _said(5, 31), address(0), 0);
        _hub.lateCourt(job, r, _lines, 0, _truth(job, 0));
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        _expectAllSolvent(0);
    }

    /// Each stage is judged by itself, over the input that the record accepted.
    function test_StagesAreJudgedOneByOne() public {
        Job memory job = _open(2, W);
        Record memory r = _submit(job, _submit(job, _empty(), 31), 31);
        _settle(job, r);
        IHubTypes.Ruling memory second = _ruling(job, _lines, 1, BAD, GOOD);
        _hub.lateCourt(job, r, _lines, 1, second);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == 0 && _lost(r.seats[5 + i]) == STAKE, "stage 1");
        _hub.lateCourt(job, r, _lines, 0, _truth(job, 0));
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "stage 0");
        require(_hub.slot(_id(job)).round == 3, "both");
        require(_hub.verifyResult(_id(job), BAD, keccak256(abi.encode(r))), "result");
        _expectAllSolvent(0);
    }

    /// Invariant 6: a stake that is gone is not owed by anyone.
    function test_AnEmptyStakePaysWhatItHas() public {
        (Job memory job, Record memory r) = _ended(31);
        vm.prank(address(_hub));
        _vault.slash(r.seats[0], M, 0, 1);
        uint256 rest = _token.balanceOf(address(_hub));
        _hub.lateCourt(job, r, _lines, 0, _truth(job, 0));
        require(_token.balanceOf(address(_hub)) - rest == FEE, "the prover's, of four stakes");
    }

    function test_RevertWhen_NobodyLied() public {
        (Job memory job, Record memory r) = _ended(0);
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NothingToSlash.selector, 0));
        _hub.lateCourt(job, r, _lines, 0, ruling);
        require(_hub.slot(_id(job)).round == 0, "marked");
    }

    function test_RevertWhen_ItIsTooLateOrTooEarly() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_WINDOW, STATE_FINAL));
        _hub.lateCourt(job, r, _lines, 0, ruling);
        _settle(job, r);
        vm.warp(block.timestamp + LATE + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.TooLate.selector, block.timestamp, block.timestamp - 1));
        _hub.lateCourt(job, r, _lines, 0, ruling);
    }

    /// A closed job has no result that could be wrong, and its seats no verdict.
    function test_RevertWhen_TheJobClosed() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 3);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_CLOSED, STATE_FINAL));
        _hub.lateCourt(job, r, _lines, 0, ruling);
    }

    function test_RevertWhen_ACourtDecidedInTime() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        _hub.court(job, r, _lines, 0, _truth(job, 0));
        r = _latest(r);
        _settle(job, r);
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageDecided.selector, 0));
        _hub.lateCourt(job, r, _lines, 0, ruling);
    }

    /// Invariant 18, and what a court refuses: another record, table, stage, input, prover or kind.
    function testFuzz_RevertWhen_SomethingIsChanged(uint8 what) public {
        (Job memory job, Record memory r) = _ended(31);
        IHubTypes.Ruling memory ruling = _truth(job, 0);
        StageInfo[] memory table = _lines;
        uint8 stage;
        what %= 9;
        if (what == 0) r.tallies[0].said[0] = GOOD;
        if (what == 1) r.seats[0] = 59;
        if (what == 2) r.boundaries[0] = GOOD;
        if (what == 3) table[0].kernel = bytes32(uint256(9));
        if (what == 4) stage = 1;
        if (what == 5) ruling.prover = address(0xBAD);
        if (what == 6) ruling.kind = CIPHER;
        if (what == 7) ruling.outDigest = keccak256("not proven");
        if (what == 8) ruling = _ruling(job, _lines, 0, GOOD, GOOD); // over another input
        vm.expectRevert();
        _hub.lateCourt(job, r, table, stage, ruling);
        require(_hub.slot(_id(job)).round == 0 && _token.balanceOf(DEAD) == 0, "slashed");
    }
}
