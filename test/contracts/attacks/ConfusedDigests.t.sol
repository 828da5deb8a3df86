// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// A seat's word for (digest, payload) is a hash; the same hash said as a bare digest is the same word. Nobody may turn
/// that into a result.
contract ConfusedDigestsTest is AttackBase {
    function setUp() public {
        _deploy(60);
    }

    /// Boundary of the only stage as the hub tells it in StageTallied.
    function _told() private returns (bytes32) {
        Record memory r = _latest(_empty());
        return r.boundaries[0];
    }

    /// R23, invariant 23: whoever submits a committee's votes may not add a pair that nobody said and make it the result.
    function test_TheSenderCannotSwapTheResultByAnExtraPair() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        StageVotes memory v = _votesWith(p, _same(3, PROBE));
        (v.outs, v.payloads) = (new bytes32[](2), new bytes32[](2));
        (v.outs[0], v.outs[1], v.payloads[1]) = (_wordOf(GOOD, PROBE), GOOD, PROBE);
        for (uint256 i; i < 3; ++i) v.seats[i].which = 1;
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
        require(_told() == GOOD, "the result is what the seats said");
    }

    /// R23: one hostile seat that says the honest word as a bare digest joins the quorum and changes nothing.
    function testFuzz_ASeatCannotSwapTheResultByRespelling(uint8 liar) public {
        liar %= 5;
        Job memory job = _request(_spec(5, 1));
        bytes32[] memory payloads = _same(5, PROBE);
        Poll memory p = _poll(job, _empty(), _same(5, GOOD));
        (p.outs[liar], payloads[liar]) = (_wordOf(GOOD, PROBE), 0);
        _hub.submit(job, _empty(), _noTable(), _one(_votesWith(p, payloads)), "");
        require(_told() == GOOD, "the result is what the seats said");
        _expectSolvent(0);
    }

    /// R22, invariant 24: the slow path decides the same.
    function test_TheSlowPathCannotBeConfusedEither() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        bytes32[] memory payloads = _same(3, PROBE);
        (p.outs[0], payloads[0]) = (_wordOf(GOOD, PROBE), 0);
        Record memory r = _commitAll(job, _empty(), p, payloads);
        StageVotes memory v = _opened(p, 7);
        v.payloads = payloads;
        _hub.tally(job, r, _noTable(), v, new bytes32[](0), "");
        require(_told() == GOOD, "the result is what the seats said");
        _expectState(job, STATE_FINAL);
    }

    /// R23: an honest digest without payload is nobody else's word.
    function test_AnInventedPayloadIsDissent() public {
        Job memory job = _request(_spec(5, 1));
        bytes32[] memory payloads = new bytes32[](5);
        payloads[2] = PROBE;
        Poll memory p = _poll(job, _empty(), _same(5, GOOD));
        _hub.submit(job, _empty(), _noTable(), _one(_votesWith(p, payloads)), "");
        _expectState(job, STATE_WINDOW);
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        require(_vault.worker(p.ids[2]).stake == M - job.spec.policy.seatStake, "slashed as wrong");
        _expectSolvent(0);
    }

    /// R23: reserved digests are abstentions whatever comes with them, never results.
    function testFuzz_ReservedDigestsNeverWin(uint8 word, bytes32 payload) public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _same(3, bytes32(uint256(word % 3))));
        _hub.submit(job, _empty(), _noTable(), _one(_votesWith(p, _same(3, payload))), "");
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(p.jobId).stage == REASON_INPUT_UNAVAILABLE, "abstained");
    }

    /// Invariant 20: an index beyond the pairs, or "not supplied", is no vote on the fast path.
    function testFuzz_RevertWhen_AnOpeningPointsNowhere(uint8 which) public {
        Job memory job = _request(_spec(3, 1));
        StageVotes memory v = _votesWith(_poll(job, _empty(), _same(3, GOOD)), _same(3, 0));
        v.seats[1].which = which < 3 ? 255 : which;
        vm.expectRevert();
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
        _expectState(job, STATE_OPEN);
    }

    /// Invariant 17: more pairs than seats, or pairs without payloads, are malformed.
    function test_RevertWhen_PairsAreMalformed() public {
        Job memory job = _request(_spec(3, 1));
        StageVotes memory v = _votesWith(_poll(job, _empty(), _same(3, GOOD)), _same(3, 0));
        v.payloads = new bytes32[](2);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
        (v.outs, v.payloads) = (_same(4, GOOD), new bytes32[](4));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
    }
}
