// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import "../../../contracts/types/Types.sol";
import {SketchBase} from "../support/SketchBase.sol";
import {vm} from "../support/Vm.sol";

/// Class T: honest noise never costs anything, lies do, and every output that stands is what its sketches say.
contract SketchesTest is SketchBase {
    uint96 private constant S = 44 * REWARD;

    function setUp() public {
        _deploy(80);
    }

    /// In a frame of its own: the memory that a test grows is not gas of the hub.
    function measure(string calldata name, bytes calldata data) external {
        vm.startSnapshotGas(name);
        (bool ok, ) = address(_hub).call(data);
        vm.stopSnapshotGas();
        require(ok, "refused");
    }

    function _earned(uint32 id) private view returns (uint256) {
        return _hub.account(id).earned;
    }

    function _lost(uint32 id) private view returns (uint256) {
        return M - _vault.worker(id).stake;
    }

    function _settle(Job memory job, Record memory r) private {
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.settle(job, r, "");
    }

    // --- Agreement ----------------------------------------------------------------------------------------------------

    /// Five machines, five different digests, one answer: the lowest seat's, in one transaction.
    function test_HonestNoiseAgrees() public {
        uint256[3] memory lengths = [uint256(4), 40, 256];
        string[3] memory names = [
            "vote on 4 floats, 5 seats, fast path",
            "vote on 40 floats, 5 seats, fast path",
            "vote on 256 floats, 5 seats, fast path"
        ];
        for (uint256 i; i < 3; ++i) {
            Job memory job = _request(_floatSpec(5, 1));
            FloatPoll memory p = _floats(job, _empty(), lengths[i], _offs(0, 1, -1, 1, 0));
            SketchVotes memory v = _sketchVotes(p, type(uint256).max);
            Delivery memory d = _delivery(p, 0);
            StageInfo[] memory table = _floatTable(1);
            this.measure(names[i], abi.encodeCall(_hub.submitSketches, (job, _empty(), table, v, d)));
            _expectState(job, STATE_FINAL);
            Record memory r = _sketched(_empty());
            require(_hub.verifyResult(_id(job), p.outs[0], keccak256(abi.encode(r))), "the lowest seat's output");
            for (uint256 s; s < 5; ++s) {
                require(_hub.account(p.ids[s]).agreed != 0 && _lost(p.ids[s]) == 0, "honest");
                require(_earned(p.ids[s]) == _hub.account(p.ids[s]).agreed * REWARD, "paid");
            }
        }
        _expectSolvent(0);
    }

    /// Any agreeing seat may be the one whose bytes the sender holds.
    function test_AnyAgreeingSeatMayDeliver() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 1, -1, 1, 0));
        Record memory r = _submitFloats(job, _empty(), p, 3);
        require(_hub.verifyResult(_id(job), p.outs[3], keccak256(abi.encode(r))), "seat 3");
        for (uint256 s; s < 5; ++s) require(_earned(p.ids[s]) == REWARD, "paid");
    }

    /// Within tau of the median agrees, one step more does not.
    function test_ToleranceIsExact() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, int256(TAU), 0, -int256(TAU), 0));
        _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_FINAL);
        job = _request(_floatSpec(5, 1));
        p = _floats(job, _empty(), 4, _offs(0, int256(TAU) + 1, 0, 0, 0));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_WINDOW);
        _settle(job, r);
        require(_lost(p.ids[1]) == S && _earned(p.ids[1]) <= REWARD, "one step too far");
        _expectSolvent(0);
    }

    /// Integers would have been refused: no floats under class E, no integers under class T.
    function test_RevertWhen_ClassAndModelDiffer() public {
        Spec memory spec = _floatSpec(5, 1);
        spec.policy.cls = 0;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "cls", 0, 1, 1));
        _hub.request(1, spec);
        spec = _spec(5, 1);
        spec.policy.cls = 1;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "cls", 1, 0, 0));
        _hub.request(1, spec);
        spec = _floatSpec(5, 1);
        (spec.insuredValue, spec.policy.window) = (1, W);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "insuredValue", 1, 0, 0));
        _hub.request(1, spec);
    }

    /// Each class is counted by its own calls.
    function test_RevertWhen_CountedAsTheOtherClass() public {
        Job memory job = _request(_floatSpec(5, 1));
        StageVotes[] memory exact = _one(_votes(_poll(job, _empty(), _said(5, 0))));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "class E"));
        _hub.submit(job, _empty(), _floatTable(1), exact, "");
        job = _request(_spec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 0, 0, 0));
        SketchVotes memory v = _sketchVotes(p, 31);
        Delivery memory d = _delivery(p, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "class T"));
        _hub.submitSketches(job, _empty(), _table(1), v, d);
    }

    // --- Lies in the fast path ----------------------------------------------------------------------------------------

    /// Attack: sketches of the right answer, bytes of another. Nothing is delivered that was not sketched.
    function test_RevertWhen_TheDeliveredOutputIsNotWhatWasSketched() public {
        uint256[2] memory lengths = [uint256(4), 40];
        for (uint256 i; i < 2; ++i) {
            Job memory job = _request(_floatSpec(5, 1));
            FloatPoll memory p = _floats(job, _empty(), lengths[i], _offs(0, 0, 0, 0, 0));
            bytes memory other = _run(lengths[i], 40);
            (p.tensors[0], p.outs[0]) = (other, _digest(other));
            // It keeps the honest sketches, which it has from nowhere: by luck, or by a friend.
            p.b[0] = p.b[1];
            bytes memory honest = p.tensors[1];
            p.tensors[0] = honest;
            _commitFloats(p, type(uint256).max);
            p.tensors[0] = other;
            SketchVotes memory v = _sketchVotes(p, 31);
            Delivery memory d = _delivery(p, 0);
            StageInfo[] memory table = _floatTable(1);
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.DeliveryWrong.selector, 0));
            _hub.submitSketches(job, _empty(), table, v, d);
            d.output = honest;
            vm.expectPartialRevert(IHubTypes.OutputMismatch.selector);
            _hub.submitSketches(job, _empty(), table, v, d);
            d = _delivery(p, 1);
            _hub.submitSketches(job, _empty(), table, v, d);
            _expectState(job, STATE_FINAL);
        }
    }

    /// Attack: an output changed where A cannot see it. B, drawn by the commitments, sees it.
    function test_KernelOfAIsSeenByB() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 0, 0, 0, 0));
        bytes32 a = p.a[2];
        bytes memory other = _run(40, 500);
        (p.tensors[2], p.outs[2]) = (other, _digest(other));
        require(p.a[2] == a, "A agrees");
        _commitFloats(p, type(uint256).max);
        Record memory r = _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_WINDOW);
        _settle(job, r);
        require(_lost(p.ids[2]) == S, "caught by B");
        _expectSolvent(0);
    }

    /// Attack: a sketch B that its seat did not sign, or a delivery by a seat that does not agree.
    function test_RevertWhen_SketchesAreTampered() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 0, 0, 0, 50));
        StageInfo[] memory table = _floatTable(1);
        SketchVotes memory v = _sketchVotes(p, 31);
        Delivery memory d = _delivery(p, 4);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DeliveryWrong.selector, 4));
        _hub.submitSketches(job, _empty(), table, v, d);
        d = _delivery(p, 0);
        d.seat = 200;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DeliveryWrong.selector, 200));
        _hub.submitSketches(job, _empty(), table, v, d);
        d = _delivery(p, 0);
        v.b[1] = v.b[4];
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submitSketches(job, _empty(), table, v, d);
        v = _sketchVotes(p, 31);
        v.a[1] = v.a[4];
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submitSketches(job, _empty(), table, v, d);
        v = _sketchVotes(p, 31);
        table[0].weightsY = bytes32(((TAU + 50) << 240) | (uint256(1) << 160)); // a generous tolerance
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.submitSketches(job, _empty(), table, v, d);
        table = _floatTable(1);
        v.a = new bytes32[](4);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.submitSketches(job, _empty(), table, v, d);
    }

    /// A seat without the input says so, and the others decide.
    function test_AbstentionsCount() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 0, 0, 0));
        (p.outs[1], p.a[1]) = (SAID_ABSTAIN, bytes32(uint256(1)));
        _commitFloats(p, type(uint256).max);
        Record memory r = _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_FINAL);
        require(r.tallies[0].said[1] == SAID_ABSTAIN && _earned(p.ids[1]) == 0 && _lost(p.ids[1]) == 0, "abstained");
        job = _request(_floatSpec(5, 1));
        p = _floats(job, _empty(), 4, _offs(0, 0, 0, 0, 0));
        (p.outs[1], p.outs[2]) = (SAID_ABSTAIN, SAID_ABSTAIN);
        _commitFloats(p, type(uint256).max);
        _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_CLOSED);
        _expectSolvent(0);
    }

    // --- Escalation ---------------------------------------------------------------------------------------------------

    /// A captured committee is overturned by eleven, and the honest seat that it outvoted is paid.
    function test_CapturedCommitteeIsOverturned() public {
        uint256[2] memory lengths = [uint256(4), 40];
        for (uint256 i; i < 2; ++i) {
            Job memory job = _request(_floatSpec(5, 1));
            FloatPoll memory p = _floats(job, _empty(), lengths[i], _offs(400, 400, 1, 401, 399));
            Record memory r = _submitFloats(job, _empty(), p, 0);
            _expectState(job, STATE_WINDOW);
            require(r.boundaries[0] == p.outs[0], "captured");
            uint256[5] memory lost;
            for (uint256 s; s < 5; ++s) lost[s] = _lost(p.ids[s]);
            uint256 paid = _earned(p.ids[2]);
            r = _challengeFloats(job, r);
            FloatPoll memory q = _floats(job, r, lengths[i], _offs(0, 1, -1, 0, 1));
            r = _submitFloats(job, r, q, 1);
            require(r.boundaries[0] == q.outs[1], "the truth");
            _settle(job, r);
            _expectState(job, STATE_FINAL);
            for (uint256 s; s < 5; ++s) require(_lost(p.ids[s]) - lost[s] == (s == 2 ? 0 : S), "liars");
            require(_earned(p.ids[2]) - paid == REWARD, "the honest dissenter");
        }
        _expectSolvent(0);
    }

    function _challengeFloats(Job memory job, Record memory r) private returns (Record memory after_) {
        _hub.challenge(job, r, 0);
        after_ = _latest(r);
        _toSeed(_id(job));
    }

    /// A frivolous challenge loses although no two machines of both committees say the same bytes: the first answer stands.
    function test_FrivolousChallengeLoses() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(1, 0, -1, 0, 50));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        r = _challengeFloats(job, r);
        FloatPoll memory q = _floats(job, r, 40, _offs(0, -1, 1, 0, 1));
        r = _submitFloats(job, r, q, 0);
        require(r.boundaries[0] == p.outs[0], "the delivered output stays");
        uint256 free = _hub.balanceOf(address(this));
        _settle(job, r);
        for (uint256 s; s < 4; ++s) require(_lost(p.ids[s]) == 0 && _earned(p.ids[s]) == REWARD, "honest");
        require(_lost(p.ids[4]) == S, "the first liar stays one");
        for (uint256 s; s < 11; ++s) require(_earned(q.ids[s]) == REWARD, "judges");
        // The requester is the challenger here: the bond comes back only as the requester's share.
        require(_hub.balanceOf(address(this)) > free, "shares");
        _expectSolvent(0);
    }

    /// Invariant 26: a minority that pulls the median moves the delivered output by tau at most.
    function test_DeliveredOutputStaysWithinTau() public {
        Job memory job = _request(_floatSpec(5, 1));
        // Honest: 0, 1, 1. The median stays among them, so 4 is as far as a delivered output can be, and 5 is not delivered.
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(4, 4, 0, 1, 1));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        require(r.boundaries[0] == p.outs[0], "within tau of the median, 1");
        job = _request(_floatSpec(5, 1));
        p = _floats(job, _empty(), 4, _offs(5, 1, 0, 1, 1));
        SketchVotes memory v = _sketchVotes(p, 31);
        Delivery memory d = _delivery(p, 0);
        StageInfo[] memory table = _floatTable(1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DeliveryWrong.selector, 0));
        _hub.submitSketches(job, _empty(), table, v, d);
    }

    /// What hung stays hung for its challenger, though the larger committee finds a quorum of round 0 right.
    function test_ChallengerOfAHungStageWins() public {
        Job memory job = _request(_floatSpec(5, 1));
        // 3 | 0 0 | 6 6: the median is 3, and only tau on both sides agrees: all do. Wider: 0 0 4 8 8 leaves one.
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 4, 8, 8));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_HUNG);
        require(uint8(uint160(r.tallies[0].challenger)) == 0xff, "marked");
        r = _challengeFloats(job, r);
        // The truth is 6: three of round 0 are within tau of it.
        int256[] memory six = new int256[](11);
        for (uint256 s; s < 11; ++s) six[s] = 6;
        FloatPoll memory q = _floats(job, r, 4, six);
        uint256 free = _hub.balanceOf(address(this));
        r = _submitFloats(job, r, q, 0);
        uint256 bond = (5 * 11 * uint256(REWARD) + 3) / 4;
        _settle(job, r);
        require(_earned(p.ids[2]) == REWARD && _earned(p.ids[3]) == REWARD && _earned(p.ids[4]) == REWARD, "right");
        require(_lost(p.ids[0]) == S && _lost(p.ids[1]) == S, "wrong");
        require(_hub.balanceOf(address(this)) >= free + bond, "the bond returns");
        _expectSolvent(0);
    }

    /// A second committee without a quorum hangs for good: one escalation, nobody wrong.
    function test_SecondHangEndsUnresolved() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 4, 8, 8));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        r = _challengeFloats(job, r);
        int256[] memory wide = new int256[](11);
        for (uint256 s; s < 11; ++s) wide[s] = int256(10 * s);
        r = _submitFloats(job, r, _floats(job, r, 4, wide), 0);
        _expectState(job, STATE_HUNG);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 0, 1));
        _hub.challenge(job, r, 0);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 s; s < 5; ++s) require(_lost(p.ids[s]) == 0, "nobody is wrong");
        _expectSolvent(0);
    }

    /// Attack: round 1 is shown other sketches of round 0 than those that were told.
    function test_RevertWhen_ThePastIsForged() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(400, 400, 400, 400, 0));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        r = _challengeFloats(job, r);
        FloatPoll memory q = _floats(job, r, 40, _offs(0, 0, 0, 0, 0));
        SketchVotes memory v = _sketchVotes(q, type(uint256).max);
        Delivery memory d = _delivery(q, 0);
        StageInfo[] memory table = _floatTable(1);
        (d.pastB[0], d.pastB[4]) = (d.pastB[4], d.pastB[0]);
        vm.expectPartialRevert(IHubTypes.SketchesMismatch.selector);
        _hub.submitSketches(job, r, table, v, d);
        d = _delivery(q, 0);
        d.pastA = new bytes32[](0);
        vm.expectPartialRevert(IHubTypes.SketchesMismatch.selector);
        _hub.submitSketches(job, r, table, v, d);
        r.tallies[0].challenger = address(0);
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.submitSketches(job, r, table, v, d);
    }

    /// Attack: round 0's liars fit their outputs to sketch A of a seed they knew; what judges them is their own B.
    function test_PastIsJudgedByWhatItCouldNotKnow() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 0, 0, 0, 0));
        // Four seats commit the honest A over another output: their B tell, and agree with each other.
        for (uint256 s; s < 4; ++s) {
            bytes memory other = _run(40, 500 + int256(s % 2));
            (p.tensors[s], p.outs[s]) = (other, _digest(other));
        }
        _commitFloats(p, type(uint256).max);
        Record memory r = _submitFloats(job, _empty(), p, 0);
        require(r.boundaries[0] == p.outs[0], "captured");
        r = _challengeFloats(job, r);
        FloatPoll memory q = _floats(job, r, 40, _offs(0, 0, 0, 0, 0));
        r = _submitFloats(job, r, q, 0);
        _settle(job, r);
        for (uint256 s; s < 4; ++s) require(_lost(p.ids[s]) == S, "liars");
        require(_earned(p.ids[4]) == REWARD, "honest");
        _expectSolvent(0);
    }

    // --- Slow path ----------------------------------------------------------------------------------------------------

    /// One seat never commits: sketches B are drawn by the commitments that there are.
    function test_SlowPath() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 1, 0, -1, 0));
        _hub.commitMany(job, _empty(), _signedCommits(p, 15));
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + WORK + 1);
        _commitFloats(p, 15);
        StageInfo[] memory table = _floatTable(1);
        bytes32[] memory batch = _batchOf(p, 15);
        SketchVotes memory v = _sketchVotes(p, 15);
        Delivery memory d = _delivery(p, 0);
        this.measure("tally 40 floats, 4 of 5 seats", abi.encodeCall(_hub.tallySketches, (job, r, table, v, d, batch)));
        _expectState(job, STATE_FINAL);
        require(_lost(p.ids[4]) == 2 * REWARD, "absent");
        _expectSolvent(0);
    }

    function _batchOf(FloatPoll memory p, uint256 mask) private view returns (bytes32[] memory batch) {
        SignedCommit[] memory commits = _signedCommits(p, mask);
        batch = new bytes32[](commits.length);
        for (uint256 i; i < batch.length; ++i) batch[i] = commits[i].commitment;
    }

    function _single(FloatPoll memory p, uint256 i) private pure returns (SketchVotes memory v) {
        (v.outs, v.a, v.b) = (new bytes32[](1), new bytes32[](1), new bytes32[](1));
        (v.outs[0], v.a[0], v.b[0]) = (p.outs[i], p.a[i], p.b[i]);
        v.seats = new Opening[](1);
        v.seats[0].salt = keccak256(abi.encode("salt", p.jobId, p.stage, p.round, p.ids[i]));
    }

    /// Attack: whoever tallies leaves an honest seat's opening out. What the seat stored counts, and only it may store.
    function test_StoredRevealsCannotBeLeftOut() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 1, 0, -1, 0));
        _hub.commitMany(job, _empty(), _signedCommits(p, 31));
        Record memory r = _latest(_empty());
        bytes32[] memory batch = _batchOf(p, 31);
        StageInfo[] memory table = _floatTable(1);
        SketchVotes memory mine = _single(p, 2);
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.revealSketch(job, r, table, 2, mine, batch);
        mine.a[0] = p.a[1] ^ bytes32(uint256(1));
        _as(p.ids[2]);
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.revealSketch(job, r, table, 2, mine, batch);
        mine = _single(p, 2);
        _as(p.ids[2]);
        _hub.revealSketch(job, r, table, 2, mine, batch);
        _as(p.ids[2]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyRevealed.selector, 2));
        _hub.revealSketch(job, r, table, 2, mine, batch);
        vm.warp(block.timestamp + REVEAL + 1);
        SketchVotes memory v = _sketchVotes(p, 27);
        Delivery memory d = _delivery(p, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.tallySketches(job, r, table, v, d, batch);
        v = _sketchVotes(p, 31);
        v.b[2] = bytes32(0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.tallySketches(job, r, table, v, d, batch);
        v = _sketchVotes(p, 31);
        (v.seats[2].r, v.seats[2].vs, v.seats[2].salt) = (0, 0, 0); // of stored ones only `which` counts
        _hub.tallySketches(job, r, table, v, d, batch);
        _expectState(job, STATE_FINAL);
    }

    /// Committed and silent costs half; counting too early is refused.
    function test_SilentSeatsPay() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 1, 0, -1, 0));
        _hub.commitMany(job, _empty(), _signedCommits(p, 31));
        Record memory r = _latest(_empty());
        bytes32[] memory batch = _batchOf(p, 31);
        StageInfo[] memory table = _floatTable(1);
        SketchVotes memory v = _sketchVotes(p, 15);
        Delivery memory d = _delivery(p, 0);
        vm.expectPartialRevert(IHubTypes.OpeningsMissing.selector);
        _hub.tallySketches(job, r, table, v, d, batch);
        vm.warp(block.timestamp + REVEAL + 1);
        _hub.tallySketches(job, r, table, v, d, batch);
        require(_lost(p.ids[4]) == S / 2, "silent");
        _expectSolvent(0);
    }

    // --- Ends ---------------------------------------------------------------------------------------------------------

    /// The consumer gets the bytes that were shown.
    function test_ConsumerGetsTheDeliveredBytes() public {
        HostileConsumer consumer = new HostileConsumer(_hub);
        Spec memory spec = _floatSpec(5, 1);
        (spec.callback, spec.callbackGas) = (address(consumer), 400_000);
        Job memory job = _request(spec);
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 0, 0, 0));
        _submitFloats(job, _empty(), p, 0);
        require(consumer.deliveries() == 1, "delivered");
    }

    /// Two stages: the second takes the delivered output of the first.
    function test_StagesChainByDeliveredDigests() public {
        Job memory job = _request(_floatSpec(3, 2));
        FloatPoll memory p = _floats(job, _empty(), 40, _offs(0, 1, 0, 0, 0));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        _expectState(job, STATE_OPEN);
        require(r.boundaries[0] == p.outs[0], "first");
        FloatPoll memory q = _floats(job, r, 4, _offs(0, 0, 1, 0, 0));
        r = _submitFloats(job, r, q, 0);
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), q.outs[0], keccak256(abi.encode(r))), "second");
        _expectSolvent(0);
    }

    /// Nothing on a float stage overrules its votes.
    function test_RevertWhen_ACourtIsAsked() public {
        Job memory job = _request(_floatSpec(5, 1));
        FloatPoll memory p = _floats(job, _empty(), 4, _offs(0, 0, 50, 0, 0));
        Record memory r = _submitFloats(job, _empty(), p, 0);
        IHubTypes.Ruling memory ruling;
        (ruling.kind, ruling.prover, ruling.outDigest) = (PROOF, address(1), GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.CourtClosed.selector, 0));
        _hub.court(job, r, _floatTable(1), 0, ruling);
    }
}
