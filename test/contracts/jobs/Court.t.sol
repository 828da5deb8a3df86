// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import {COURT_ROUND} from "../../../contracts/libraries/SettleLib.sol";
import "../../../contracts/types/Types.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// A proof overrules committees (protocol.md section 7): who may be heard, what changes, who is paid to the wei.
contract CourtTest is ProofBase {
    uint96 private constant STAKE = 44 * REWARD; // of k = 5
    uint256 private constant FEE = 11 * uint256(REWARD); // a prover's: (2k+1) R

    StageInfo[] private _lines;

    function setUp() public {
        _deploy(60);
    }

    function _use(uint256 stages, uint16 probe) private {
        delete _lines;
        StageInfo[] memory table = _keyed(stages, probe);
        for (uint256 s; s < stages; ++s) _lines.push(table[s]);
    }

    function _open(uint8 stages, uint32 window) private returns (Job memory job) {
        _use(stages, NO_PROBE);
        Spec memory spec = _spec(5, stages);
        spec.modelId = _register(_lines);
        spec.policy.window = window;
        return _request(spec);
    }

    /// The stage's honest input and output are INPUT and GOOD.
    function _court(Job memory job, Record memory r, uint8 stage) private returns (Record memory) {
        bytes32 inDigest = stage == 0 ? INPUT : r.boundaries[stage - 1];
        _hub.court(job, r, _lines, stage, _ruling(job, _lines, stage, inDigest, GOOD));
        return _latest(r);
    }

    function _end(Job memory job, Record memory r) private {
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
    }

    function _lost(uint32 worker) private view returns (uint256) {
        return M - _vault.worker(worker).stake;
    }

    // --- Captured committees -------------------------------------------------------------------------------------------

    /// Acceptance 7: all five seats lie, nobody challenges, a proof decides. Every wei is accounted for.
    function test_ACapturedCommitteeOfFiveLoses() public {
        Job memory job = _open(1, W);
        uint256 escrow = _hub.escrowOf(job.spec);
        uint256 free = _hub.balanceOf(address(this));
        Record memory r = _submit(job, _empty(), 31);
        require(r.boundaries[0] == BAD, "captured");
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        StageInfo[] memory table = _lines;
        vm.startSnapshotGas("court overturns 5 seats, simulated adapter");
        _hub.court(job, r, table, 0, ruling);
        vm.stopSnapshotGas();
        r = _latest(r);
        _expectState(job, STATE_WINDOW);
        require(r.boundaries[0] == GOOD && r.decided == 1, "the truth");
        require(r.tallies.length == 2 && r.tallies[1].round == COURT_ROUND, "the ruling");
        require(_hub.slot(_id(job)).deadline == block.timestamp + W, "a new window");
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == 0, "slashed too early");
        vm.warp(block.timestamp + W + 1);
        vm.startSnapshotGas("settle after a court, 5 seats");
        _hub.settle(job, r, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "result");
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == STAKE && _hub.account(r.seats[i]).earned == 0, "a liar keeps something");
        }
        uint256 half = (5 * uint256(STAKE)) / 2;
        require(_token.balanceOf(DEAD) == half, "burned");
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        // The requester gets its whole escrow and the rest of the slashes; this contract also sent `settle`.
        require(_hub.balanceOf(address(this)) - free == escrow + half - FEE, "requester");
        require(_hub.totals().fees == 0 && _hub.totals().openRisk == 0, "fees");
        _expectAllSolvent(0);
    }

    /// Acceptance 7: two liars hang the first committee, all eleven of the second lie; a proof beats both.
    function test_ACapturedCommitteeOfElevenLoses() public {
        Job memory job = _open(1, W);
        uint256 escrow = _hub.escrowOf(job.spec);
        uint256 free = _hub.balanceOf(address(this));
        Record memory r = _submit(job, _empty(), 3);
        r = _challenge(job, r, 0);
        r = _submit(job, r, 2047);
        require(r.boundaries[0] == BAD && r.tallies[1].seats.length == 11, "captured");
        r = _court(job, r, 0);
        _end(job, r);
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "result");
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == (i < 2 ? STAKE : 0), "round 0 stake");
            require(_hub.account(r.seats[i]).earned == (i < 2 ? 0 : REWARD), "round 0 pay");
        }
        for (uint256 i; i < 11; ++i) require(_lost(r.tallies[1].seats[i]) == STAKE, "round 1 stake");
        uint256 half = (13 * uint256(STAKE)) / 2;
        uint256 fee = (3 * uint256(REWARD) * 200) / 10_000;
        require(_token.balanceOf(DEAD) == half && _hub.balanceOf(PROVER) == FEE, "burned, prover");
        require(_hub.totals().fees == fee, "fees");
        // Requester and winning challenger are one: bond, 60% and 40% of the rest, the escrow less three rewards and fee.
        require(_hub.balanceOf(address(this)) - free == escrow - 3 * REWARD - fee + half - FEE, "requester");
        _expectAllSolvent(0);
    }

    /// Two captured committees in a row: the prover needs no challenge to have been won.
    function test_BothCommitteesAreCaptured() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        r = _challenge(job, r, 0);
        r = _submit(job, r, 2047);
        r = _court(job, r, 0);
        _end(job, r);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "round 0");
        for (uint256 i; i < 11; ++i) require(_lost(r.tallies[1].seats[i]) == STAKE, "round 1");
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        _expectAllSolvent(0);
    }

    /// HUNG without rounds left is what only a court can decide.
    function test_AHungJobIsDecided() public {
        Job memory job = _open(1, 0);
        Record memory r = _submit(job, _empty(), 3);
        _expectState(job, STATE_HUNG);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageInvalid.selector, 1));
        _hub.court(job, r, _lines, 1, ruling);
        r = _court(job, r, 0);
        _expectState(job, STATE_WINDOW);
        _end(job, r);
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == (i < 2 ? STAKE : 0), "stake");
            require(_hub.account(r.seats[i]).earned == (i < 2 ? 0 : REWARD), "pay");
        }
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        _expectAllSolvent(0);
    }

    /// r >= 1: a proof ends a vote under way; its seats, and what they posted, count for nothing.
    function test_AnEscalationIsInterrupted() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        uint256 free = _hub.balanceOf(address(this));
        r = _challenge(job, r, 0);
        Poll memory p = _poll(job, r, _said(11, 0));
        bytes32 commitment = _commitment(p, 0);
        _as(p.ids[0]);
        _hub.commit(job, r, 0, commitment);
        r = _latest(r);
        require(r.tallies[1].seats.length == 11, "pinned");
        r = _court(job, r, 0);
        _expectState(job, STATE_WINDOW);
        require(r.tallies[1].seats.length == 0 && r.tallies[2].round == COURT_ROUND, "interrupted");
        require(_hub.box(_id(job), 0, 1).posted == 0, "box");
        _end(job, r);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        for (uint256 i; i < 11; ++i) require(_lost(p.ids[i]) == 0, "an interrupted seat");
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        require(_hub.balanceOf(address(this)) > free, "the challenger was right");
        _expectAllSolvent(0);
    }

    /// A frivolous challenge pays the prover who ends it.
    function test_AProofEndsAFrivolousChallenge() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 0);
        vm.prank(address(0xBAD));
        _token.approve(address(_hub), type(uint256).max);
        _token.transfer(address(0xBAD), 1_000);
        vm.prank(address(0xBAD));
        _hub.deposit(1_000);
        vm.prank(address(0xBAD));
        _hub.challenge(job, r, 0);
        r = _latest(r);
        uint256 left = _hub.balanceOf(address(0xBAD));
        _toSeed(_id(job));
        r = _court(job, r, 0);
        _end(job, r);
        _expectState(job, STATE_FINAL);
        require(_hub.balanceOf(PROVER) == FEE && _hub.balanceOf(address(0xBAD)) == left, "who pays");
        for (uint256 i; i < 5; ++i) require(_hub.account(r.seats[i]).earned == REWARD, "seats");
        _expectAllSolvent(left);
    }

    /// Upholding costs and changes nothing, and closes the stage to challenges.
    function test_AnUpheldStageIsDecided() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 1);
        uint48 deadline = _hub.slot(_id(job)).deadline;
        vm.warp(block.timestamp + 10);
        r = _court(job, r, 0);
        require(_hub.slot(_id(job)).deadline == deadline, "the window restarted");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 0, 0));
        _hub.challenge(job, r, 0);
        IHubTypes.Ruling memory again = _ruling(job, _lines, 0, INPUT, BAD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageDecided.selector, 0));
        _hub.court(job, r, _lines, 0, again);
        _end(job, r);
        require(_hub.balanceOf(PROVER) == 0, "paid for nothing");
        require(_lost(r.seats[0]) == STAKE && _hub.account(r.seats[1]).earned == REWARD, "seats");
        _expectAllSolvent(0);
    }

    // --- Several stages ------------------------------------------------------------------------------------------------

    function _allStages(Job memory job, uint256 liars) private returns (Record memory r) {
        r = _submit(job, _empty(), liars);
        r = _submit(job, r, 0);
        r = _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
    }

    /// An overturned inner stage voids what came after it: nobody there is wrong, and the job has no result.
    function test_AnOverturnedInnerStageVoidsLaterOnes() public {
        Job memory job = _open(3, W);
        Record memory r = _allStages(job, 31);
        r = _court(job, r, 0);
        require(r.boundaries.length == 1 && r.boundaries[0] == GOOD, "later stages void");
        // Only what still stands can be disputed.
        IHubTypes.Ruling memory void_ = _ruling(job, _lines, 1, GOOD, GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageInvalid.selector, 1));
        _hub.court(job, r, _lines, 1, void_);
        _end(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_UNRESOLVED, "reason");
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        for (uint256 i = 5; i < 15; ++i) {
            require(_lost(r.seats[i]) == 0 && _hub.account(r.seats[i]).earned == 0, "a void stage");
        }
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        _expectAllSolvent(0);
    }

    /// A proven last stage keeps the window open for the stages before it: their capture can still be shown.
    function test_ProvingTheLastStageDoesNotShieldEarlierOnes() public {
        Job memory job = _open(3, W);
        Record memory r = _allStages(job, 31); // stage 0 is captured, 1 and 2 are right over its lie
        vm.warp(block.timestamp + W - 1);
        r = _court(job, r, 2);
        _expectState(job, STATE_WINDOW);
        r = _court(job, r, 0);
        require(r.decided == 5, "decided");
        _end(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        _expectAllSolvent(0);
    }

    // --- Who is not heard ----------------------------------------------------------------------------------------------

    /// Not before round 0 is tallied, and never again afterwards.
    function test_RevertWhen_ItIsNotTheTime() public {
        Job memory job = _open(1, W);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_OPEN, STATE_WINDOW));
        _hub.court(job, _empty(), _lines, 0, ruling);
        Record memory r = _submit(job, _empty(), 31);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.court(job, r, _lines, 0, ruling);
        _hub.settle(job, r, "");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_FINAL, STATE_WINDOW));
        _hub.court(job, r, _lines, 0, ruling);
    }

    /// A copied proof is worthless, and so is one for another job, stage, input or output.
    function testFuzz_RevertWhen_TheProofIsForAnother(uint8 what) public {
        Job memory job = _open(3, W);
        Record memory r = _allStages(job, 31);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        what %= 5;
        if (what == 0) ruling.prover = address(0xC0FFEE);
        if (what == 1) ruling.evidence = _ruling(_request(job.spec), _lines, 0, INPUT, GOOD).evidence;
        if (what == 2) ruling.evidence = _ruling(job, _lines, 1, INPUT, GOOD).evidence;
        if (what == 3) ruling.evidence = _ruling(job, _lines, 0, BAD, GOOD).evidence;
        if (what == 4) ruling.outDigest = keccak256("another");
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.court(job, r, _lines, 0, ruling);
    }

    /// Anyone may carry a proof to the court: it pays whom it names.
    function test_AnyoneMayCarryTheProof() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        vm.prank(address(0xC0FFEE));
        _hub.court(job, r, _lines, 0, ruling);
        _end(job, _latest(r));
        require(_hub.balanceOf(PROVER) == FEE && _hub.balanceOf(address(0xC0FFEE)) == 0, "paid");
    }

    function test_RevertWhen_TheRulingIsMalformed() public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), 31);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        ruling.kind = VOTE;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "court"));
        _hub.court(job, r, _lines, 0, ruling);
        (ruling.kind, ruling.prover) = (PROOF, address(0));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotCandidate.selector, 0, address(0)));
        _hub.court(job, r, _lines, 0, ruling);
        ruling = _ruling(job, _lines, 0, INPUT, SAID_UNREVEALED);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DigestReserved.selector, 0, SAID_UNREVEALED));
        _hub.court(job, r, _lines, 0, ruling);
        ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        (ruling.outs, ruling.payloads) = (new bytes32[](1), new bytes32[](1));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.WordUnexplained.selector, 0, bytes32(0)));
        _hub.court(job, r, _lines, 0, ruling);
        StageInfo[] memory other = _lines;
        other[0].keyId = bytes32(uint256(44));
        ruling = _ruling(job, other, 0, INPUT, GOOD);
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.court(job, r, other, 0, ruling);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StageInvalid.selector, 1));
        _hub.court(job, r, _lines, 1, ruling);
        r.boundaries[0] = GOOD;
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.court(job, r, _lines, 0, ruling);
    }

    /// A stage without a key, with a BLINDED end, with a SALTED output, or with a key from no ceremony has no court.
    function testFuzz_RevertWhen_TheCourtIsClosed(uint8 what) public {
        _use(1, NO_PROBE);
        if (what % 4 == 0)
            _lines[0].keyId = bytes32(uint256(3)); // the adapter refuses
        else if (what % 4 != 3) _lines[0].keyId = 0;
        if (what % 4 == 1) _lines[0].inKind = KIND_BLINDED;
        if (what % 4 == 3) _lines[0].outKind = KIND_SALTED;
        Spec memory spec = _spec(5, 1);
        spec.modelId = _register(_lines);
        spec.policy.window = W;
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 31);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.CourtClosed.selector, 0));
        _hub.court(job, r, _lines, 0, ruling);
    }

    /// Attack: five honest seats say what the client's salt makes of the answer. The client proves the same answer under another
    /// salt, which a SALTED stage's proof is free to choose, so that the seats lose their stakes to it and its prover.
    function test_AClientCannotJudgeHonestSeatsByAnotherSalt() public {
        _use(1, NO_PROBE);
        (_lines[0].inKind, _lines[0].outKind) = (KIND_SALTED, KIND_SALTED);
        Spec memory spec = _spec(5, 1);
        spec.modelId = _register(_lines);
        spec.policy.window = W;
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 0);
        bytes32 resalted = keccak256("the same answer under another salt");
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, resalted);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.CourtClosed.selector, 0));
        _hub.court(job, r, _lines, 0, ruling);
        _end(job, r);
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == 0 && _hub.account(r.seats[i]).earned == REWARD, "an honest seat");
        }
        require(_hub.balanceOf(PROVER) == 0, "prover");
        _expectAllSolvent(0);
    }

    // --- Probes --------------------------------------------------------------------------------------------------------

    bytes32 private constant FAKE = keccak256("fake probe");

    /// Five seats say (outs[i], payloads[i]) in a stage with a probe; the record.
    function _probed(
        bytes32[] memory outs,
        bytes32[] memory payloads
    ) private returns (Job memory job, Record memory r) {
        _use(1, 3);
        Spec memory spec = _spec(5, 1);
        spec.modelId = _register(_lines);
        spec.policy.window = W;
        job = _request(spec);
        Poll memory p = _poll(job, _empty(), outs);
        _hub.submit(job, _empty(), _noTable(), _one(_votesWith(p, payloads)), "");
        r = _latest(_empty());
    }

    /// Two pairs, ascending by word.
    function _pairs(IHubTypes.Ruling memory ruling, bytes32[2] memory outs, bytes32[2] memory payloads) private pure {
        (ruling.outs, ruling.payloads) = (new bytes32[](2), new bytes32[](2));
        uint256 first = _wordOf(outs[0], payloads[0]) < _wordOf(outs[1], payloads[1]) ? 0 : 1;
        for (uint256 i; i < 2; ++i) {
            uint256 from = i == 0 ? first : 1 - first;
            (ruling.outs[i], ruling.payloads[i]) = (outs[from], payloads[from]);
        }
    }

    /// The words of a stage with a probe must all be opened: nobody can hide what honest seats said.
    function test_ProbedWordsAreOpened() public {
        (bytes32[] memory outs, bytes32[] memory payloads) = (_said(5, 7), _same(5, PROBE));
        for (uint256 i; i < 3; ++i) payloads[i] = FAKE;
        (Job memory job, Record memory r) = _probed(outs, payloads);
        _expectState(job, STATE_HUNG);
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        vm.expectPartialRevert(IHubTypes.WordUnexplained.selector);
        _hub.court(job, r, _lines, 0, ruling); // no pairs at all
        (ruling.outs, ruling.payloads) = (new bytes32[](1), new bytes32[](1));
        (ruling.outs[0], ruling.payloads[0]) = (BAD, FAKE);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.WordUnexplained.selector, 0, _wordOf(GOOD, PROBE)));
        _hub.court(job, r, _lines, 0, ruling); // honest seats' word hidden
        _pairs(ruling, [BAD, GOOD], [FAKE, FAKE]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.WordUnexplained.selector, 0, _wordOf(GOOD, PROBE)));
        _hub.court(job, r, _lines, 0, ruling); // another payload for it
        _pairs(ruling, [BAD, GOOD], [FAKE, PROBE]);
        (ruling.outs[0], ruling.outs[1]) = (ruling.outs[1], ruling.outs[0]);
        (ruling.payloads[0], ruling.payloads[1]) = (ruling.payloads[1], ruling.payloads[0]);
        vm.expectPartialRevert(IHubTypes.WordUnexplained.selector);
        _hub.court(job, r, _lines, 0, ruling); // another order: a record has one spelling
        _pairs(ruling, [BAD, GOOD], [FAKE, PROBE]);
        _hub.court(job, r, _lines, 0, ruling);
        r = _latest(r);
        _end(job, r);
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) {
            require(_lost(r.seats[i]) == (i < 3 ? STAKE : 0), "stake");
            require(_hub.account(r.seats[i]).earned == (i < 3 ? 0 : REWARD), "pay");
        }
        _expectAllSolvent(0);
    }

    /// All words lie: the court accepts none of them.
    function test_NoWordStandsForTheTruth() public {
        (Job memory job, Record memory r) = _probed(_same(5, BAD), _same(5, FAKE));
        IHubTypes.Ruling memory ruling = _ruling(job, _lines, 0, INPUT, GOOD);
        (ruling.outs, ruling.payloads) = (_same(1, BAD), _same(1, FAKE));
        _hub.court(job, r, _lines, 0, ruling);
        r = _latest(r);
        require(r.tallies[1].said.length == 0, "words");
        _end(job, r);
        for (uint256 i; i < 5; ++i) require(_lost(r.seats[i]) == STAKE, "liar");
        require(_hub.balanceOf(PROVER) == FEE, "prover");
        _expectAllSolvent(0);
    }

    /// Where there is a probe, a vote without its payload says nothing: it could never be opened for a court.
    function test_ABareVoteIsAnAbstention() public {
        bytes32[] memory payloads = _same(5, PROBE);
        payloads[2] = 0;
        (Job memory job, Record memory r) = _probed(_same(5, GOOD), payloads);
        _expectState(job, STATE_WINDOW);
        require(r.tallies[0].said[2] == SAID_ABSTAIN && r.boundaries[0] == GOOD, "abstention");
        (job, r) = _probed(_same(5, _wordOf(GOOD, PROBE)), _same(5, 0)); // the word itself as a digest
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_INPUT_UNAVAILABLE, "five abstentions");
        _expectSolvent(_hub.escrowOf(job.spec));
    }

    // --- All of it -----------------------------------------------------------------------------------------------------

    /// Invariants 1, 3, 6, 12: whatever is said and disputed, a proof of the truth leaves honest seats whole, liars slashed
    /// once, the hub solvent to the wei, and the job ended.
    function testFuzz_TheTruthSettles(uint256 liars, uint256 liars2, uint8 path) public {
        Job memory job = _open(1, W);
        Record memory r = _submit(job, _empty(), liars % 32);
        if (path & 1 != 0) {
            r = _challenge(job, r, 0);
            if (path & 2 != 0) r = _submit(job, r, liars2 % 2048);
        }
        if (_state(job) == STATE_HUNG || _state(job) == STATE_WINDOW || _state(job) == STATE_OPEN)
            r = _court(job, r, 0);
        _end(job, r);
        _expectState(job, STATE_FINAL);
        for (uint256 t; t < r.tallies.length; ++t) {
            for (uint256 i; i < r.tallies[t].seats.length; ++i) {
                bool honest = r.tallies[t].said[i] == GOOD;
                require(_lost(r.tallies[t].seats[i]) == (honest ? 0 : STAKE), "stake");
                require(_hub.account(r.tallies[t].seats[i]).earned == (honest ? REWARD : 0), "pay");
            }
        }
        require(_hub.totals().openRisk == 0, "risk");
        _expectAllSolvent(0);
    }
}
