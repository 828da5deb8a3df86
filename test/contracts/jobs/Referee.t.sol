// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceRouter} from "../../../contracts/interfaces/IEvidenceRouter.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {COURT_ROUND} from "../../../contracts/libraries/SettleLib.sol";
import "../../../contracts/types/Types.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {TestReferee} from "../support/TestReferee.sol";
import {vm} from "../support/Vm.sol";

/// A referee of ciphertexts overrules committees like a proof, and the hub waits for its games, but not for ever.
contract RefereeTest is ProofBase {
    uint96 private constant STAKE = 44 * REWARD; // of k = 5
    uint256 private constant FEE = 11 * uint256(REWARD); // the winner's: (2k+1) R
    uint256 private constant MOVES = 14 * 600;

    TestReferee private _referee;
    StageInfo[] private _lines;

    function setUp() public {
        _deploy(60);
        _referee = new TestReferee();
        _router.announce(CIPHER, address(_referee));
        vm.warp(block.timestamp + 48 hours);
        _router.add(CIPHER);
        _nextEpoch();
    }

    function _use(uint256 stages) private returns (bytes32 modelId) {
        delete _lines;
        StageInfo[] memory table = _table(stages);
        for (uint256 s; s < stages; ++s) {
            table[s].inKind = table[s].outKind = KIND_CIPHER;
            _lines.push(table[s]);
        }
        ModelManifest memory m;
        m.name = "ciphered";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = bytes32(stages);
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32(1 << (VOTE | CIPHER)), 1, table);
        modelId = _registry.register(m);
    }

    function _ciphered(uint8 stages) private returns (Spec memory spec) {
        spec = _spec(5, stages);
        spec.modelId = _use(stages);
        (spec.policy.mask, spec.policy.window) = (VOTE | CIPHER, W);
    }

    /// All five seats of every stage lie, or the seats in `liars` of one.
    function _voted(uint8 stages, uint256 liars) private returns (Job memory job, Record memory r) {
        job = _request(_ciphered(stages));
        for (uint256 s; s < stages; ++s) r = _submit(job, r, liars);
        _expectState(job, STATE_WINDOW);
    }

    function _brought(bytes32 outDigest) private pure returns (IHubTypes.Ruling memory ruling) {
        (ruling.kind, ruling.prover, ruling.outDigest) = (CIPHER, PROVER, outDigest);
    }

    function _rule(Job memory job, Record memory r, uint8 stage) private returns (Record memory) {
        _hub.court(job, r, _lines, stage, _brought(GOOD));
        return _latest(r);
    }

    function _expectRefused(Job memory job, Record memory r, uint8 stage, bytes memory reason) private {
        IHubTypes.Ruling memory ruling = _brought(GOOD);
        vm.expectRevert(reason);
        _hub.court(job, r, _lines, stage, ruling);
    }

    function _expectWaiting(Job memory job, Record memory r, uint256 until) private {
        bytes memory reason = abi.encodeWithSelector(IHubTypes.GameOpen.selector, _id(job), until);
        vm.expectRevert(reason);
        _hub.settle(job, r, "");
    }

    function _lost(uint32 worker) private view returns (uint256) {
        return M - _vault.worker(worker).stake;
    }

    function _noVerdict(uint256 stage, bytes32 verdict) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IHubTypes.NoVerdict.selector, stage, verdict);
    }

    // --- Rulings ------------------------------------------------------------------------------------------------------

    /// A captured committee of five: the game runs beyond the window, `settle` waits, the verdict slashes all of them.
    function test_AVerdictOverrulesACapturedCommittee() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        require(r.boundaries[0] == BAD, "captured");
        uint256 until = uint256(_hub.slot(_id(job)).deadline) + MOVES;
        _referee.open(_id(job));
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _expectWaiting(job, r, until);
        _expectRefused(job, r, 0, _noVerdict(0, 0));
        vm.warp(until);
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        // Whoever lost cannot end the job before the verdict is brought.
        _expectWaiting(job, r, until);
        r = _rule(job, r, 0);
        require(r.boundaries[0] == GOOD && r.decided == 1, "truth");
        Tally memory ruling = r.tallies[1];
        require(ruling.round == COURT_ROUND && ruling.challenger == PROVER && ruling.said[0] == GOOD, "record");
        uint256 free = _hub.balanceOf(address(this));
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.prank(address(0xB0B));
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        uint256 slashes = 5 * uint256(STAKE);
        require(_hub.balanceOf(PROVER) == FEE, "winner");
        require(_token.balanceOf(DEAD) == slashes / 2, "burn");
        uint256 back = slashes / 2 - FEE + _hub.escrowOf(job.spec) - POKE;
        require(_hub.balanceOf(address(this)) == free + back, "requester has the rest");
        _expectAllSolvent(POKE);
    }

    /// A verdict for what stands changes nobody's due and opens no window.
    function test_AVerdictForTheVoteOnlyFreesTheEnd() public {
        (Job memory job, Record memory r) = _voted(1, 1);
        uint48 deadline = _hub.slot(_id(job)).deadline;
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        r = _rule(job, r, 0);
        require(_hub.slot(_id(job)).deadline == deadline, "no new window");
        vm.warp(deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        require(_lost(r.seats[0]) == STAKE && _hub.balanceOf(PROVER) == 0, "only the dissenter is wrong");
        _expectAllSolvent(0);
    }

    /// An inner stage: what followed from it is void, and its own liars alone are wrong.
    function test_AnInnerStageVoidsTheLaterOnes() public {
        (Job memory job, Record memory r) = _voted(2, 31);
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        r = _rule(job, r, 0);
        require(r.boundaries.length == 1, "void");
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 10; ++i) require(_lost(r.seats[i]) == (i < 5 ? STAKE : 0), "only stage 0");
        _expectAllSolvent(0);
    }

    /// A stage that hangs: its end waits too, and a verdict decides it.
    function test_AHungStageIsDecided() public {
        Job memory job = _request(_ciphered(1));
        Record memory r = _submit(job, _empty(), 3);
        _expectState(job, STATE_HUNG);
        _referee.open(_id(job));
        uint256 until = uint256(_hub.slot(_id(job)).deadline) + MOVES;
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.GameOpen.selector, _id(job), until));
        _hub.expire(job, r);
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        r = _rule(job, r, 0);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == (i < 2 ? STAKE : 0), "liars");
        require(_hub.balanceOf(PROVER) == FEE, "winner");
        _expectAllSolvent(0);
    }

    // --- Attacks ------------------------------------------------------------------------------------------------------

    /// Nobody rules but the router's referee: not a stranger's word, another's verdict, nor the hub's operator.
    function test_RevertWhen_AStrangerRules() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        IHubTypes.Ruling memory ruling = _brought(GOOD);
        ruling.evidence = abi.encode(GOOD, PROVER);
        TestReferee own = new TestReferee();
        own.open(_id(job));
        own.end(_id(job), 0, INPUT, GOOD, PROVER);
        vm.expectRevert(_noVerdict(0, 0));
        _hub.court(job, r, _lines, 0, ruling);
        // The timelock cannot exchange the referee either.
        vm.expectRevert(abi.encodeWithSelector(IEvidenceRouter.KindInvalid.selector, CIPHER, 2));
        _router.announce(CIPHER, address(own));
        // A verdict names one digest and one winner.
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, address(0xBEEF));
        _expectRefused(job, r, 0, _noVerdict(0, GOOD));
        _referee.end(_id(job), 0, INPUT, BAD, PROVER);
        _expectRefused(job, r, 0, _noVerdict(0, BAD));
        // And concerns one input.
        _referee.end(_id(job), 0, BAD, GOOD, PROVER);
        _expectRefused(job, r, 0, _noVerdict(0, 0));
        _referee.end(_id(job), 0, INPUT, GOOD, address(0));
        (ruling.prover, ruling.evidence) = (address(0), "");
        vm.expectRevert(_noVerdict(0, GOOD));
        _hub.court(job, r, _lines, 0, ruling);
        ruling = _brought(SAID_ABSTAIN);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DigestReserved.selector, 0, SAID_ABSTAIN));
        _hub.court(job, r, _lines, 0, ruling);
    }

    function test_RevertWhen_RuledTwice() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        r = _rule(job, r, 0);
        _referee.end(_id(job), 0, INPUT, BAD, PROVER);
        IHubTypes.Ruling memory ruling = _brought(BAD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageDecided.selector, 0));
        _hub.court(job, r, _lines, 0, ruling);
    }

    /// After the end there is no ruling, in time or late: a verdict is no proof.
    function test_RevertWhen_RuledAfterTheEnd() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        _expectRefused(job, r, 0, abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_FINAL, STATE_WINDOW));
        IHubTypes.Ruling memory ruling = _brought(GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "court"));
        _hub.lateCourt(job, r, _lines, 0, ruling);
    }

    /// A game that is never ended, or whose referee broke, delays the end by 14 moves and no more; the vote stands.
    function testFuzz_AGameThatNeverEndsTimesOut(bool broken) public {
        (Job memory job, Record memory r) = _voted(1, 0);
        uint256 until = uint256(_hub.slot(_id(job)).deadline) + MOVES;
        _referee.open(_id(job));
        if (broken) _referee.breakDown(_id(job));
        vm.warp(until);
        if (broken) {
            vm.expectRevert("broken");
            _hub.settle(job, r, "");
        } else {
            _expectWaiting(job, r, until);
        }
        vm.warp(until + 1);
        // Too late for a verdict as well.
        if (!broken) {
            _referee.end(_id(job), 0, INPUT, BAD, PROVER);
            IHubTypes.Ruling memory ruling = _brought(BAD);
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.TooLate.selector, until + 1, until));
            _hub.court(job, r, _lines, 0, ruling);
        }
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_hub.account(r.seats[i]).earned == REWARD, "paid");
        _expectAllSolvent(0);
    }

    /// Games open within the window only: a later one delays nothing and judges nothing.
    function test_AGameOpenedTooLateIsNone() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        uint48 deadline = _hub.slot(_id(job)).deadline;
        vm.warp(deadline + 1);
        _referee.open(_id(job));
        uint256 fork = vm.snapshotState();
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        vm.revertToState(fork);
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        _expectRefused(job, r, 0, abi.encodeWithSelector(IHubTypes.TooLate.selector, deadline + 1, deadline));
    }

    /// Jobs that did not ask for it have no referee, and what is not over ciphertexts has none.
    function test_RevertWhen_TheJobHasNoReferee() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.window = W;
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 31);
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        delete _lines;
        _lines.push(_table(1)[0]);
        _expectRefused(job, r, 0, abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, VOTE, CIPHER));
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
    }

    /// Once retired no new job has it; open ones keep it.
    function test_ARetiredRefereeServesOpenJobs() public {
        (Job memory job, Record memory r) = _voted(1, 31);
        _router.retire(CIPHER);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(++_nonce, job.spec);
        _referee.open(_id(job));
        _referee.end(_id(job), 0, INPUT, GOOD, PROVER);
        r = _rule(job, r, 0);
        require(r.boundaries[0] == GOOD, "truth");
    }
}

/// Without a referee there is no vote on ciphertexts.
contract NoRefereeTest is ProofBase {
    function test_RevertWhen_ThereIsNoReferee() public {
        _deploy(10);
        Spec memory spec = _spec(3, 1);
        (spec.policy.mask, spec.policy.window) = (VOTE | CIPHER, W);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(1, spec);
    }
}
