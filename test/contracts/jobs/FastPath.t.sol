// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {JobLib} from "../../../contracts/libraries/JobLib.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

contract FastPathTest is HubBase {
    function setUp() public {
        _deploy(80);
    }

    /// R22: one transaction with all seats' openings ends the job, pays every seat, returns what is left.
    function test_UnanimousJobEndsInOneTransaction() public {
        Job memory job = _request(_spec(5, 1));
        uint256 free = _hub.balanceOf(address(this));
        Poll memory p = _poll(job, _empty(), _said(5, 0));
        StageVotes[] memory votes = _one(_votes(p));
        vm.startSnapshotGas("finalise, 5 seats, fast path");
        _hub.submit(job, _empty(), _noTable(), votes, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) {
            IHubTypes.Account memory a = _hub.account(p.ids[i]);
            require(a.earned == REWARD && a.agreed == 1 && a.rho == 9_950, "account");
        }
        require(_hub.balanceOf(address(this)) == free + 6 * POKE, "refund");
        require(_hub.totals().fees == 3 && _hub.totals().openRisk == 0, "totals");
        _expectSolvent(0);
    }

    /// The record hash that the hot path computes without building the record is the record's.
    function testFuzz_RecordHashOfUnanimousJobs(uint8 kSeed, uint8 stageSeed) public {
        uint8 k = [2, 3, 5, 7][kSeed % 4];
        uint8 stages =
            1 +
                (stageSeed %
                    (
                        k == 7
                            ? 4
                            : k == 5
                                ? 6
                                : 8
                    ));
        Job memory job = _request(_spec(k, stages));
        Record memory r;
        r.seats = _all(job, k, stages);
        r.boundaries = new bytes32[](stages);
        r.tallies = new Tally[](stages);
        StageVotes[] memory votes = new StageVotes[](stages);
        bytes32 inDigest = INPUT;
        for (uint16 s; s < stages; ++s) {
            Poll memory p = Poll(_id(job), s, 0, inDigest, new uint32[](k), new bytes32[](k));
            for (uint256 i; i < k; ++i) (p.ids[i], p.outs[i]) = (r.seats[uint256(s) * k + i], keccak256(abi.encode(s)));
            votes[s] = _votes(p);
            inDigest = r.boundaries[s] = keccak256(abi.encode(s));
            r.tallies[s] = Tally(s, 0, p.ids, p.outs, address(0), 0);
        }
        _hub.submit(job, _empty(), _noTable(), votes, "");
        require(_hub.verifyResult(_id(job), inDigest, keccak256(abi.encode(r))), "record hash");
        _expectSolvent(0);
    }

    function _all(Job memory job, uint256 k, uint256 stages) private returns (uint32[] memory ids) {
        // Once pinned, the general code counts: so read the seats from a simulated pin.
        Record memory r = _empty();
        try this.pinAndTell(job, r) {} catch (bytes memory told) {
            ids = abi.decode(told, (uint32[]));
        }
        require(ids.length == k * stages, "seats");
    }

    /// Pins, and reverts with the seats: nothing stays.
    function pinAndTell(Job memory job, Record memory r) external {
        _latest(r);
        _hub.pin(job, r);
        bytes memory told = abi.encode(_latest(r).seats);
        assembly ("memory-safe") {
            revert(add(told, 32), mload(told))
        }
    }

    /// The hot path and the general code give the same record, payments and refund.
    function test_HotAndGeneralPathAgree() public {
        uint256 before = vm.snapshotState();
        Job memory job = _request(_spec(3, 2));
        Record memory pinned = _empty();
        pinned.seats = _all(job, 3, 2);
        StageVotes[] memory votes = new StageVotes[](2);
        bytes32[] memory outs = _said(3, 0);
        for (uint16 s; s < 2; ++s) {
            Poll memory p = Poll(_id(job), s, 0, s == 0 ? INPUT : GOOD, new uint32[](3), outs);
            for (uint256 i; i < 3; ++i) p.ids[i] = pinned.seats[uint256(s) * 3 + i];
            votes[s] = _votes(p);
        }
        uint256 fork = vm.snapshotState();
        _hub.submit(job, _empty(), _noTable(), votes, "");
        bytes32 hot = _fingerprint(job);
        vm.revertToState(fork);
        _hub.pin(job, _empty());
        _hub.submit(job, pinned, _noTable(), votes, "");
        require(_fingerprint(job) == hot, "paths differ");
        vm.revertToState(before);
    }

    function _fingerprint(Job memory job) private view returns (bytes32 all) {
        all = keccak256(abi.encode(_hub.slot(_id(job)), _hub.totals(), _hub.balanceOf(address(this))));
        for (uint32 n = 1; n <= _workers; ++n) all = keccak256(abi.encode(all, _hub.account(n)));
    }

    /// Stages finished so far may be submitted first, the rest later.
    function test_StagesMayComeInParts() public {
        Job memory job = _request(_spec(3, 2));
        Record memory r = _submit(job, _empty(), 0);
        _expectState(job, STATE_OPEN);
        require(_hub.slot(_id(job)).stage == 1 && r.boundaries.length == 1, "stage");
        _submit(job, r, 0);
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// R23: a quorum with one liar opens the window; the liar is slashed at settle.
    function test_OneLiarIsSlashedAtSettle() public {
        Job memory job = _request(_spec(5, 1));
        uint32 liar = _committee(job, _empty())[1];
        Record memory r = _submit(job, _empty(), 2);
        _expectState(job, STATE_WINDOW);
        require(_vault.worker(liar).stake == M, "slashed too early");
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.settle(job, r, "");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        require(_vault.worker(liar).stake == M - job.spec.policy.seatStake, "liar keeps its stake");
        require(_token.balanceOf(DEAD) == job.spec.policy.seatStake / 2, "half is burned");
        require(_hub.account(liar).earned == 0 && _hub.account(liar).wrong == 1, "liar's account");
        _expectSolvent(0);
    }

    /// Two liars of five block the quorum; eleven fresh seats decide; the challenger's bond returns.
    function test_TwoLiarsEscalateToElevenSeats() public {
        Job memory job = _request(_spec(5, 1));
        uint256 free = _hub.balanceOf(address(this));
        Record memory r = _submit(job, _empty(), 3);
        _expectState(job, STATE_HUNG);
        r = _challenge(job, r, 0);
        _expectState(job, STATE_OPEN);
        r = _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
        require(r.tallies[1].seats.length == 11, "eleven seats");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 2; ++i)
            require(_vault.worker(r.seats[i]).stake == M - job.spec.policy.seatStake, "liar keeps its stake");
        for (uint256 i = 2; i < 5; ++i) require(_vault.worker(r.seats[i]).stake == M, "honest seat slashed");
        for (uint256 i; i < 11; ++i) require(_hub.account(r.tallies[1].seats[i]).earned == REWARD, "fresh seat unpaid");
        require(_hub.balanceOf(address(this)) > free, "winner gets bond and share");
        _expectSolvent(0);
    }

    /// A lost challenge pays the larger committee from the bond.
    function test_LostChallengePaysTheCommittee() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.window = W;
        spec.insuredValue = 100;
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 0);
        _expectState(job, STATE_WINDOW);
        uint256 free = _hub.balanceOf(address(this));
        r = _challenge(job, r, 0);
        require(_hub.balanceOf(address(this)) == free - (5 * 11 * REWARD + 3) / 4, "bond");
        r = _submit(job, r, 0);
        vm.warp(block.timestamp + W + 1);
        vm.startSnapshotGas("settle after an escalation, 5 + 11 seats");
        _hub.settle(job, r, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// Abstentions for a missing input cost nobody stake; the requester loses 10% of the rewards.
    function test_MissingInputAbstains() public {
        Job memory job = _request(_spec(5, 1));
        uint256 free = _hub.balanceOf(address(this));
        bytes32[] memory outs = new bytes32[](5);
        for (uint256 i; i < 5; ++i) outs[i] = SAID_ABSTAIN;
        Poll memory p = _poll(job, _empty(), outs);
        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_INPUT_UNAVAILABLE, "reason");
        require(_hub.balanceOf(address(this)) == free + _hub.escrowOf(job.spec) - 15, "kill fee");
        for (uint256 i; i < 5; ++i) require(_vault.worker(p.ids[i]).stake == M, "slashed");
        _expectSolvent(0);
    }

    /// R23: every pattern of right, wrong and abstaining seats for k = 2 and 3 ends as the rules say.
    function test_EveryFaultPattern() public {
        for (uint8 k = 2; k <= 3; ++k) {
            for (uint256 code; code < 3 ** uint256(k); ++code) _checkPattern(k, code);
        }
    }

    /// R23: the same, sampled, for larger committees.
    function testFuzz_FaultPatterns(uint8 kSeed, uint256 code) public {
        _checkPattern([5, 7][kSeed % 2], code % 3 ** 7);
    }

    function _checkPattern(uint8 k, uint256 code) private {
        Job memory job = _request(_spec(k, 1));
        bytes32[] memory outs = new bytes32[](k);
        uint256[3] memory count;
        for (uint256 i; i < k; ++i) {
            outs[i] = [GOOD, BAD, SAID_ABSTAIN][code % 3];
            ++count[code % 3];
            code /= 3;
        }
        Poll memory p = _poll(job, _empty(), outs);
        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        Record memory r = _latest(_empty());
        uint256 q = (2 * uint256(k) + 2) / 3;
        uint8 state = _state(job);
        bool dissent = count[0] != 0 && count[1] != 0;
        if (count[0] >= q || count[1] >= q) require(state == (dissent ? STATE_WINDOW : STATE_FINAL), "accepted");
        else if (dissent) require(state == STATE_HUNG, "hung");
        else require(state == STATE_CLOSED, "closed");
        if (state == STATE_HUNG || state == STATE_WINDOW) {
            vm.warp(_hub.slot(_id(job)).deadline + 1);
            if (state == STATE_HUNG) _hub.expire(job, r);
            else _hub.settle(job, r, "");
        }
        bytes32 truth =
            count[0] >= q
                ? GOOD
                : count[1] >= q
                    ? BAD
                    : bytes32(0);
        for (uint256 i; i < k; ++i) {
            bool liar = truth != 0 && outs[i] != truth && outs[i] != SAID_ABSTAIN;
            uint96 lost = liar ? job.spec.policy.seatStake : 0;
            require(_lost(p.ids[i]) == lost, "stake");
            _restore(p.ids[i]);
        }
        _expectSolvent(0);
        _latest(_empty());
    }

    function _lost(uint32 id) private view returns (uint96) {
        return M - _vault.worker(id).stake;
    }

    function _restore(uint32 id) private {
        if (_lost(id) != 0) _vault.stake(id, _lost(id));
    }
}
