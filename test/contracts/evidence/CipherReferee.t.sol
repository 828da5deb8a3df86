// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICipherReferee} from "../../../contracts/interfaces/ICipherReferee.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import "../../../contracts/types/Types.sol";
import {RefereeBase} from "../support/RefereeBase.sol";
import {vm} from "../support/Vm.sol";

/// R44: games about ciphertexts. One changed residue costs whoever stands for it, an honest party never loses, and a captured
/// committee falls to one honest volunteer.
contract CipherRefereeTest is RefereeBase {
    function setUp() public {
        _deployReferee();
    }

    function _balance(address party) private view returns (uint256) {
        return _token.balanceOf(party) + _referee.owed(party);
    }

    function _payOut(address party) private {
        if (_referee.owed(party) == 0) return;
        vm.prank(party);
        _referee.withdraw();
    }

    /// All games over and all bonds released: the referee holds nothing but what it owes.
    function _expectEmpty() private {
        for (uint256 i; i < 3; ++i) _payOut([ALICE, MALLORY, SYBIL][i]);
        require(_token.balanceOf(address(_referee)) == 0, "the referee keeps nothing");
    }

    function _slashed(uint32 worker) private view returns (uint256) {
        return M - _vault.worker(worker).stake;
    }

    // --- Verdicts -----------------------------------------------------------------------------------------------------

    /// All five seats lie. A liar stands for it with a trace, and cannot show its step: verdict, slashes, the right result.
    function test_OneHonestVolunteerFellsACapturedCommittee() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        uint256 game = _contest(ALICE, job, r, bad);
        Side memory lie = _side(0, false);
        _play(game, MALLORY, ALICE, lie, 0);
        vm.prank(MALLORY);
        vm.expectPartialRevert(ICipherReferee.StepFalse.selector);
        _referee.proveStep(game, _facts, lie.proof);
        // What is true is not what it committed to.
        ICipherReferee.StepProof memory truth = _side(0, true).proof;
        vm.prank(MALLORY);
        vm.expectPartialRevert(ICipherReferee.OpeningFalse.selector);
        _referee.proveStep(game, _facts, truth);
        _late(game);
        require(_referee.defenceOf(bad).defeated && !_referee.defenceOf(good).defeated, "the liar alone");
        _afterWindow(job);
        r = _rule(job, r, _good, ALICE);
        require(r.boundaries[0] == _good && r.decided == 1, "truth");
        vm.warp(_deadline(job) + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_slashed(r.seats[i]) == S, "liars");
        _referee.release(good);
        require(_balance(ALICE) == 10 * uint256(S) + S / 2 && _balance(MALLORY) == 9 * uint256(S), "bonds");
        _expectEmpty();
    }

    /// Nobody stands for the vote: who will not show how it got there has given it up.
    function test_AVoteThatNobodyStandsForFallsToOneThatSomebodyDoes() public {
        (Job memory job, Record memory r) = _voted(31);
        _defend(ALICE, job, r, _side(0, true));
        (bytes32 stands, , ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        require(stands == 0, "not before others had time");
        _afterWindow(job);
        r = _rule(job, r, _good, ALICE);
        require(r.boundaries[0] == _good, "truth");
    }

    /// A false defence against an honest vote: contested, it falls, and no digest is left: the vote stands.
    function test_AFalseDefenceFallsAndTheVoteStands() public {
        (Job memory job, Record memory r) = _voted(0);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        _beat(MALLORY, ALICE, job, r, bad);
        _afterWindow(job);
        (uint48 open, uint32 judged) = _referee.games(_id(job));
        require(open == 0 && judged == 0, "no verdict");
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_slashed(r.seats[i]) == 0, "nobody");
        _expectEmpty();
    }

    /// A committee that cannot agree: who stands for its digest decides the stage, and the others are wrong.
    function test_AHungStageIsDecidedByWhoStands() public {
        Job memory job = _request(_ciphered());
        Record memory r;
        r = _vote(job, r, 3);
        _expectState(job, STATE_HUNG);
        _defend(ALICE, job, r, _side(0, true));
        _afterWindow(job);
        vm.expectPartialRevert(IHubTypes.GameOpen.selector);
        _hub.expire(job, r);
        r = _rule(job, r, _good, ALICE);
        require(r.boundaries[0] == _good && r.decided == 1, "decided");
        vm.warp(_deadline(job) + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_slashed(r.seats[i]) == (i < 2 ? S : 0), "the two");
    }

    /// Two digests stand: no verdict, and the vote stands.
    function test_TwoDigestsThatStandAreNoVerdict() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        _afterWindow(job);
        IHubTypes.Ruling memory ruling;
        (ruling.kind, ruling.prover, ruling.outDigest) = (CIPHER, ALICE, _good);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoVerdict.selector, 0, bytes32(0)));
        _hub.court(job, r, _lines, 0, ruling);
        _hub.settle(job, r, "");
        _referee.release(good);
        _referee.release(bad);
        _expectEmpty();
    }

    /// An accomplice that loses on purpose proves nothing: neither for the digest that it gave up, nor against it.
    function test_AnAccompliceChangesNothing() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        // It defends the right digest only to lose it, and the wrong one beside its friend.
        uint256 fake = _defend(SYBIL, job, r, _side(1, true));
        uint256 game = _contest(MALLORY, job, r, fake);
        _late(game);
        require(_referee.defenceOf(fake).defeated, "lost on purpose");
        (bytes32 stands, , ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        vm.warp(_deadline(job) + 1);
        (stands, , ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        require(stands == _good, "its honest defender holds it");
        r = _rule(job, r, _good, ALICE);
        require(!_referee.defenceOf(good).defeated && r.boundaries[0] == _good, "truth");
    }

    /// A wrong digest falls with its last defender only.
    function test_ADigestFallsWithItsLastDefender() public {
        (Job memory job, Record memory r) = _voted(31);
        _defend(ALICE, job, r, _side(0, true));
        uint256 one = _defend(MALLORY, job, r, _side(0, false));
        uint256 two = _defend(SYBIL, job, r, _side(0, false));
        uint256 first = _contest(ALICE, job, r, one);
        uint256 second = _contest(ALICE, job, r, two);
        _play(first, MALLORY, ALICE, _side(0, false), 0);
        _late(first);
        (uint48 open, ) = _referee.games(_id(job));
        require(open != 0, "one runs");
        _late(second);
        _afterWindow(job);
        (bytes32 stands, address winner, ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        require(stands == _good && winner == ALICE, "now it does");
    }

    /// The one to be paid lost: another defender of the digest takes its place.
    function test_AnotherDefenderIsCrowned() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 fake = _defend(SYBIL, job, r, _side(0, true));
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.DefendedAlready.selector, ALICE));
        _referee.crown(good);
        _late(_contest(MALLORY, job, r, fake));
        _afterWindow(job);
        (bytes32 stands, address winner, ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        require(stands == _good && winner == address(0), "nobody is named");
        _referee.crown(good);
        r = _rule(job, r, _good, ALICE);
        require(r.boundaries[0] == _good, "truth");
    }

    // --- Games --------------------------------------------------------------------------------------------------------

    /// A challenger leads an honest defender anywhere, and loses: the step is shown.
    function test_AnHonestDefenderShowsItsStep() public {
        (Job memory job, Record memory r) = _voted(0);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        for (uint256 which; which < 2; ++which) {
            address challenger = which == 0 ? MALLORY : SYBIL;
            uint256 game = _contest(challenger, job, r, good);
            Side memory side = _side(which, true);
            _play(game, ALICE, challenger, side, which);
            vm.prank(ALICE);
            _referee.proveStep(game, _facts, side.proof);
            require(_balance(challenger) == 9 * uint256(S), "the bond is gone");
        }
        require(!_referee.defenceOf(good).defeated, "undefeated");
        require(_referee.owed(ALICE) == S, "half of each");
        require(_token.balanceOf(DEAD) == S, "the other half is burned");
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.StillAtStake.selector, good));
        _referee.release(good);
        _afterWindow(job);
        r = _rule(job, r, _good, ALICE);
        _hub.settle(job, r, "");
        _referee.release(good);
        _referee.release(good);
        _expectEmpty();
    }

    /// Where there is no row, there is nothing to show but that.
    function test_ARowThatThereIsNotIsShownAtOnce() public {
        (Job memory job, Record memory r) = _voted(0);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        uint256 game = _contest(MALLORY, job, r, good);
        (uint256 row, ICipherReferee.StepProof memory proof) = _noRow();
        bytes32[] memory nodes = _posted(_side(0, true), 0);
        vm.prank(ALICE);
        _referee.post(game, nodes);
        bytes32[] memory path = _path(nodes, row / 8);
        vm.prank(MALLORY);
        _referee.pick(game, row / 8, nodes[row / 8], path);
        nodes = new bytes32[](8);
        vm.prank(ALICE);
        _referee.post(game, nodes);
        path = _path(nodes, row % 8);
        vm.prank(MALLORY);
        _referee.pick(game, row % 8, 0, path);
        vm.prank(ALICE);
        _referee.proveStep(game, _facts, proof);
        require(_balance(MALLORY) == 9 * uint256(S), "lost");
    }

    function test_WhoIsLateLoses() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        uint256 mine = _contest(ALICE, job, r, bad);
        uint256 theirs = _contest(MALLORY, job, r, good);
        bytes32[] memory nodes = _posted(_side(0, true), 0);
        vm.prank(ALICE);
        _referee.post(theirs, nodes);
        uint256 until = _referee.gameOf(mine).deadline;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.TooEarly.selector, until, until + 1));
        _referee.timeout(mine);
        vm.warp(until + 1);
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.TooLate.selector, until + 1, until));
        _referee.post(mine, nodes);
        _referee.timeout(mine);
        _referee.timeout(theirs);
        require(
            _referee.defenceOf(bad).defeated && !_referee.defenceOf(good).defeated,
            "late defender, late challenger"
        );
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.GameEnded.selector, mine));
        _referee.timeout(mine);
    }

    /// A defence that fell in one game has lost them all; the other challengers get their bonds back, once.
    function test_OtherGamesOfAFallenDefenceEnd() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        uint256 one = _contest(ALICE, job, r, bad);
        uint256 two = _contest(SYBIL, job, r, bad);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.StillAtStake.selector, bad));
        _referee.reclaim(two);
        _late(one);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.GameEnded.selector, two));
        _referee.timeout(two);
        _referee.reclaim(two);
        require(_balance(SYBIL) == 10 * uint256(S), "as before");
        for (uint256 g = one; g <= two; ++g) {
            vm.expectRevert(abi.encodeWithSelector(ICipherReferee.StillAtStake.selector, bad));
            _referee.reclaim(g);
        }
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.StillAtStake.selector, bad));
        _referee.release(bad);
        (uint48 open, ) = _referee.games(_id(job));
        require(open == 0, "none runs");
        _expectEmpty();
    }

    /// While a larger committee votes there is no verdict: its own window follows, in which others may still stand up.
    function test_AnEscalationIsNotCutShort() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        _defend(ALICE, job, r, _side(0, true));
        r = _challenge(job, r, 0);
        _expectState(job, STATE_OPEN);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.DisputeInvalid.selector, 1));
        _referee.challenge(job, r, bad);
        vm.warp(block.timestamp + 10);
        (bytes32 stands, , ) = _referee.verdict(_id(job), 0, _facts.inDigest);
        (, uint32 judged) = _referee.games(_id(job));
        require(stands == 0 && judged == 0, "nothing yet");
        r = _vote(job, r, type(uint256).max); // captured too
        _expectState(job, STATE_WINDOW);
        _beat(MALLORY, ALICE, job, r, bad);
        _afterWindow(job);
        r = _rule(job, r, _good, ALICE);
        require(r.boundaries[0] == _good, "truth");
    }

    // --- Bad moves ----------------------------------------------------------------------------------------------------

    function _refuses(address who, bytes memory reason) private {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function test_RevertWhen_ADefenceIsNotWhatTheJobAsksFor() public {
        (Job memory job, Record memory r) = _voted(31);
        Side memory side = _side(0, true);
        ICipherReferee.CipherStage memory stage = _facts.stage;
        bytes4 invalid = ICipherReferee.DisputeInvalid.selector;

        Record memory other = abi.decode(abi.encode(r), (Record));
        other.decided = 2;
        _refuses(ALICE, abi.encodeWithSelector(invalid, 2));
        _referee.defend(job, other, _lines, 0, stage, side.commitment);
        _refuses(ALICE, abi.encodeWithSelector(invalid, 4));
        _referee.defend(job, r, _lines, 1, stage, side.commitment);
        StageInfo[] memory table = _table(1);
        _refuses(ALICE, abi.encodeWithSelector(invalid, 5));
        _referee.defend(job, r, table, 0, stage, side.commitment);
        stage.depth++;
        _refuses(ALICE, abi.encodeWithSelector(invalid, 7));
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        stage.depth--;
        side.commitment.outDigest = _bad;
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.CommitmentFalse.selector, _bad, _good));
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        side = _side(0, true);
        side.commitment.edge = new bytes32[](0);
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.CommitmentFalse.selector);
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        // The right digest with a liar's trace.
        side = _side(0, true);
        side.commitment.traceRoot = _side(0, false).commitment.traceRoot;
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.CommitmentFalse.selector);
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        // Another job's record, and a job that is no job.
        job.nonce++;
        _refuses(ALICE, abi.encodeWithSelector(invalid, 1));
        _referee.defend(job, r, _lines, 0, stage, _side(0, true).commitment);
        // Without a bond.
        job.nonce--;
        side = _side(0, true);
        vm.prank(address(0xF00));
        vm.expectRevert();
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
    }

    function test_RevertWhen_ItIsTooLateToStandUp() public {
        (Job memory job, Record memory r) = _voted(31);
        Side memory side = _side(0, false);
        ICipherReferee.CipherStage memory stage = _facts.stage;
        uint256 until = _deadline(job) - W / 2;
        vm.warp(until);
        uint256 bad = _defend(MALLORY, job, r, side);
        vm.warp(until + 1);
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.TooLate.selector, until + 1, until));
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        vm.warp(_deadline(job));
        _contest(ALICE, job, r, bad);
        vm.warp(_deadline(job) + 1);
        _refuses(SYBIL, abi.encodeWithSelector(ICipherReferee.TooLate.selector, block.timestamp, block.timestamp - 1));
        _referee.challenge(job, r, bad);
    }

    function test_RevertWhen_AChallengeIsNotOne() public {
        (Job memory job, Record memory r) = _voted(31);
        Side memory side = _side(0, false);
        ICipherReferee.CipherStage memory stage = _facts.stage;
        uint256 bad = _defend(MALLORY, job, r, side);
        _refuses(MALLORY, abi.encodeWithSelector(ICipherReferee.DefendedAlready.selector, MALLORY));
        _referee.defend(job, r, _lines, 0, stage, side.commitment);
        _refuses(MALLORY, abi.encodeWithSelector(ICipherReferee.ChallengedAlready.selector, bad, MALLORY));
        _referee.challenge(job, r, bad);
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.DefenceUnknown.selector, bad + 1));
        _referee.challenge(job, r, bad + 1);
        uint256 game = _contest(ALICE, job, r, bad);
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.ChallengedAlready.selector, bad, ALICE));
        _referee.challenge(job, r, bad);
        (Job memory another, Record memory its) = _voted(31);
        _refuses(SYBIL, abi.encodeWithSelector(ICipherReferee.DefenceUnknown.selector, bad));
        _referee.challenge(another, its, bad);
        _late(game);
        (job, r) = (another, its);
        _refuses(SYBIL, abi.encodeWithSelector(ICipherReferee.DefenceUnknown.selector, bad));
        _referee.challenge(job, r, bad);
    }

    function test_RevertWhen_ADefenceHasFallen() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        uint256 game = _contest(ALICE, job, r, bad);
        vm.warp(uint256(_referee.gameOf(game).deadline) + 1);
        // The window is as long as a move, so an escalation keeps the job open.
        _referee.timeout(game);
        vm.warp(_deadline(job));
        _refuses(SYBIL, abi.encodeWithSelector(ICipherReferee.DefenceLost.selector, bad));
        _referee.challenge(job, r, bad);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.DefendedAlready.selector, MALLORY));
        _referee.crown(bad);
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.DefenceUnknown.selector, 99));
        _referee.crown(99);
        vm.prank(address(0xF00));
        vm.expectRevert(abi.encodeWithSelector(ICipherReferee.NothingOwed.selector, address(0xF00)));
        _referee.withdraw();
    }

    function test_RevertWhen_AMoveIsNotTheNextOne() public {
        (Job memory job, Record memory r) = _voted(31);
        uint256 bad = _defend(MALLORY, job, r, _side(0, false));
        uint256 game = _contest(ALICE, job, r, bad);
        Side memory side = _side(0, false);
        bytes32[] memory nodes = _posted(side, 0);
        bytes32[] memory path = _path(nodes, 3);
        bytes4 mover = ICipherReferee.NotMover.selector;
        bytes4 phase = ICipherReferee.PhaseWrong.selector;

        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.GameUnknown.selector, game + 1));
        _referee.post(game + 1, nodes);
        _refuses(ALICE, abi.encodeWithSelector(mover, ALICE, MALLORY));
        _referee.post(game, nodes);
        _refuses(ALICE, abi.encodeWithSelector(mover, ALICE, MALLORY));
        _referee.pick(game, 3, nodes[3], path);
        _refuses(MALLORY, abi.encodeWithSelector(phase, 1, 3));
        _referee.postChunk(game, side.chunk);
        _refuses(MALLORY, abi.encodeWithSelector(phase, 1, 4));
        _referee.proveStep(game, _facts, side.proof);
        bytes32[] memory less = new bytes32[](63);
        _refuses(MALLORY, abi.encodeWithSelector(ICipherReferee.NodesWrong.selector, 63, 64, 0));
        _referee.post(game, less);
        bytes32[] memory truth = _posted(_side(0, true), 0);
        vm.prank(MALLORY);
        vm.expectPartialRevert(ICipherReferee.NodesWrong.selector);
        _referee.post(game, truth);

        vm.prank(MALLORY);
        _referee.post(game, nodes);
        _refuses(MALLORY, abi.encodeWithSelector(mover, MALLORY, ALICE));
        _referee.post(game, nodes);
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.PickWrong.selector);
        _referee.pick(game, 4, nodes[3], path);
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.PickWrong.selector);
        _referee.pick(game, 64 + 3, nodes[3], path);
        bytes32[] memory none = new bytes32[](0);
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.PickWrong.selector);
        _referee.pick(game, 0, _side(0, false).commitment.traceRoot, none);
        _refuses(ALICE, abi.encodeWithSelector(phase, 1, 3));
        _referee.pickResidue(game, 0);
    }

    function test_RevertWhen_TheLastMovesAreFalse() public {
        (Job memory job, Record memory r) = _voted(0);
        uint256 good = _defend(ALICE, job, r, _side(0, true));
        uint256 game = _contest(MALLORY, job, r, good);
        Side memory side = _side(0, true);
        _descend(game, ALICE, MALLORY, side, side.picks.length);
        bytes memory lie = _side(0, false).chunk;
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.ChunkWrong.selector);
        _referee.postChunk(game, lie);
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.ChunkWrong.selector);
        _referee.postChunk(game, "");
        vm.prank(ALICE);
        _referee.postChunk(game, side.chunk);
        vm.prank(MALLORY);
        _referee.pickResidue(game, uint8(_coordinate(0)));
        ICipherReferee.StageFacts memory facts = _facts;
        facts.keySetRoot = keccak256("other");
        bytes32 have = keccak256(abi.encode(facts));
        bytes32 need = keccak256(abi.encode(_facts));
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.FactsWrong.selector, have, need));
        _referee.proveStep(game, facts, side.proof);
        ICipherReferee.StepProof memory other = _side(1, true).proof;
        vm.prank(ALICE);
        vm.expectPartialRevert(ICipherReferee.RecordFalse.selector);
        _referee.proveStep(game, _facts, other);
        vm.prank(ALICE);
        _referee.proveStep(game, _facts, side.proof);
        _refuses(ALICE, abi.encodeWithSelector(ICipherReferee.GameEnded.selector, game));
        _referee.proveStep(game, _facts, side.proof);
    }

    // --- Cost ---------------------------------------------------------------------------------------------------------

    function _start(address who, string memory name) private {
        vm.prank(who);
        vm.startSnapshotGas(string.concat("referee: ", name));
    }

    /// A whole game about a trace of 2^9 rows in 11 transactions; one of 2^13 takes two more, about two nodes.
    function test_GasOfAWholeGame() public {
        (Job memory job, Record memory r) = _voted(0);
        Side memory side = _side(0, true);
        ICipherReferee.CipherStage memory stage = _facts.stage;
        StageInfo[] memory lines = _lines;
        // Read before anything is measured: the file in memory makes every later word dearer.
        uint8 residue = uint8(_coordinate(0));
        _start(ALICE, "stand for a digest");
        uint256 good = _referee.defend(job, r, lines, 0, stage, side.commitment);
        uint256 spent = vm.stopSnapshotGas();
        _start(MALLORY, "contest it");
        uint256 game = _referee.challenge(job, r, good);
        spent += vm.stopSnapshotGas();
        spent += _measureGame(game, side, residue);
        // Execution without the 21,000 and the calldata of each transaction.
        require(spent < 1_500_000, "a game");
    }

    function _measureGame(uint256 game, Side memory side, uint8 residue) private returns (uint256 spent) {
        ICipherReferee.StageFacts memory facts = _facts;
        string[3] memory names = ["64 nodes", "8 nodes", "32 chunk hashes"];
        for (uint256 n; n < 3; ++n) {
            bytes32[] memory nodes = _posted(side, n);
            bytes32[] memory path = _path(nodes, side.picks[n]);
            _start(ALICE, string.concat("post ", names[n]));
            _referee.post(game, nodes);
            spent += vm.stopSnapshotGas();
            _start(MALLORY, string.concat("pick one of ", names[n]));
            _referee.pick(game, side.picks[n], nodes[side.picks[n]], path);
            spent += vm.stopSnapshotGas();
        }
        _start(ALICE, "post a chunk");
        _referee.postChunk(game, side.chunk);
        spent += vm.stopSnapshotGas();
        _start(MALLORY, "pick a residue");
        _referee.pickResidue(game, residue);
        spent += vm.stopSnapshotGas();
        _start(ALICE, "show the step");
        _referee.proveStep(game, facts, side.proof);
        spent += vm.stopSnapshotGas();
    }
}
