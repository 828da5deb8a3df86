// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

contract AttacksTest is HubBase {
    function setUp() public {
        _deploy(60);
    }

    // --- Messages -----------------------------------------------------------------------------------------------------

    /// R22, invariants 21 and 22: a set signed for another chain, hub, job, stage, round, input or worker is refused.
    function testFuzz_RevertWhen_AMessageIsForAnother(uint8 what) public {
        what %= 6;
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        bytes32 id = p.jobId;
        if (what == 0) p.jobId = keccak256("other job");
        if (what == 1) p.stage = 1;
        if (what == 2) p.round = 1;
        if (what == 3) p.inDigest = keccak256("other input");
        if (what == 4) (p.ids[0], p.ids[1]) = (p.ids[1], p.ids[0]);
        StageVotes[] memory votes;
        if (what == 5) {
            vm.chainId(1);
            votes = _one(_votes(p));
            vm.chainId(31337);
        } else {
            votes = _one(_votes(p));
        }
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, _empty(), _noTable(), votes, "");
        require(_hub.slot(id).state == STATE_OPEN, "state");
    }

    /// Invariant 21: any changed byte of an opening breaks the set.
    function testFuzz_RevertWhen_AnOpeningIsChanged(uint8 seat, uint8 field, uint8 bit) public {
        Job memory job = _request(_spec(3, 1));
        StageVotes memory v = _votes(_poll(job, _empty(), _said(3, 0)));
        bytes32 flip = bytes32(uint256(1) << bit);
        Opening memory o = v.seats[seat % 3];
        if (field % 5 == 0) o.salt ^= flip;
        else if (field % 5 == 1) o.r ^= flip;
        else if (field % 5 == 2) o.vs ^= flip;
        else if (field % 5 == 3) v.outs[0] ^= flip;
        else v.payloads[0] ^= flip;
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
    }

    /// The malleated twin of a signature is refused: signatures identify nothing, but one spelling is enough.
    function test_RevertWhen_SIsHigh() public {
        Job memory job = _request(_spec(3, 1));
        StageVotes memory v = _votes(_poll(job, _empty(), _said(3, 0)));
        uint256 vs = uint256(v.seats[0].vs);
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        v.seats[0].vs = bytes32((n - ((vs << 1) >> 1)) ^ (1 << 255));
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
    }

    /// A dissenter cannot be left out: the fast path needs every seat.
    function test_RevertWhen_ASeatIsOmitted() public {
        Job memory job = _request(_spec(3, 1));
        StageVotes memory v = _votes(_poll(job, _empty(), _said(3, 0)));
        Opening[] memory seats = v.seats;
        assembly ("memory-safe") {
            mstore(seats, 2)
        }
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.submit(job, _empty(), _noTable(), _one(v), "");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.VotesMalformed.selector, 0));
        _hub.submit(job, _empty(), _noTable(), new StageVotes[](0), "");
    }

    /// Invariant 18: a changed job is another job; a changed record is refused.
    function testFuzz_RevertWhen_JobOrRecordIsTampered(uint8 what) public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _submit(job, _empty(), 1);
        vm.warp(block.timestamp + W + 1);
        what %= 10;
        if (what == 0) job.requester = address(1);
        if (what == 1) ++job.nonce;
        if (what == 2) ++job.spec.seatReward;
        if (what == 3) job.spec.resultKey = keccak256("key");
        if (what < 4) {
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_NONE, STATE_WINDOW));
        } else {
            if (what == 4) ++r.seats[0];
            if (what == 5) r.boundaries[0] = BAD;
            if (what == 6) r.tallies[0].said[0] = GOOD;
            if (what == 7) r.tallies[0].bond = 1;
            if (what == 8) r.decided = 1;
            if (what == 9) r.tallies[0].challenger = address(this);
            vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        }
        _hub.settle(job, r, "");
    }

    // --- Requests -----------------------------------------------------------------------------------------------------

    function _expectSpecError(Spec memory spec, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        _hub.request(++_nonce, spec);
    }

    /// Bad policies are refused by name: unsupported, under-insured, spam, silent downgrade, unknown callback gas.
    function test_RevertWhen_ThePolicyIsBad() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.mask = ENCLAVE; // no adapter
        _expectSpecError(spec, IHubTypes.NotSupported.selector);
        spec.policy.mask = VOTE | PROOF; // a vote beside a proof
        _expectSpecError(spec, IHubTypes.NotSupported.selector);
        spec = _spec(5, 1);
        spec.policy.cls = 1; // the model computes in integers
        _expectSpecError(spec, IHubTypes.SpecInvalid.selector);
        spec.policy.cls = 2;
        _expectSpecError(spec, IHubTypes.NotSupported.selector);
        spec = _spec(5, 1);
        spec.policy.flags = 64;
        _expectSpecError(spec, IHubTypes.NotSupported.selector);
        spec = _spec(5, 1);
        spec.policy.flags = FLAG_CRITICAL;
        _expectSpecError(spec, IHubTypes.CriticalNeedsConsent.selector);
        spec = _spec(5, 1);
        spec.policy.seatStake -= 1;
        _expectSpecError(spec, IHubTypes.PolicyUnsafe.selector);
        spec = _spec(5, 1);
        (spec.insuredValue, spec.policy.window) = (801, W);
        _expectSpecError(spec, IHubTypes.PolicyUnsafe.selector);
        spec = _spec(5, 1);
        (spec.callback, spec.callbackGas) = (address(1), 19_999);
        _expectSpecError(spec, IHubTypes.SpecInvalid.selector);
        spec = _spec(5, 1);
        spec.stages = 2;
        _expectSpecError(spec, IHubTypes.SpecInvalid.selector);
        spec = _spec(5, 1);
        spec.modelId = keccak256("unknown");
        vm.expectRevert();
        _hub.request(++_nonce, spec);
        require(_hub.totals().openRisk == 0, "risk left behind");
    }

    /// Consent to a downgrade is the requester's own and is told.
    function test_DowngradeNeedsAndTellsConsent() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.flags = FLAG_CRITICAL | FLAG_ACCEPT_DOWNGRADE;
        _request(spec);
    }

    function test_RevertWhen_TheJobIsADuplicate() public {
        Spec memory spec = _spec(3, 1);
        Job memory job = _request(spec);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.JobExists.selector, _id(job)));
        _hub.request(job.nonce, spec);
    }

    function test_RevertWhen_TheBalanceIsTooLow() public {
        Spec memory spec = _spec(3, 1);
        uint256 need = _hub.escrowOf(spec);
        vm.prank(address(7));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.BalanceTooLow.selector, 0, need));
        _hub.request(1, spec);
    }

    /// Job spam beyond an eighth of the ticketed stake is refused, and room returns when jobs end.
    function test_RevertWhen_TheNetworkIsFull() public {
        Spec memory spec = _spec(5, 1);
        uint256 room = (_workers * 4 * BACKING) / 8 / (5 * spec.policy.seatStake);
        Job memory job = _request(spec);
        for (uint256 i = 1; i < room; ++i) _hub.request(++_nonce, spec);
        _expectSpecError(spec, IHubTypes.PolicyUnsafe.selector);
        _submit(job, _empty(), 0);
        _hub.request(++_nonce, spec);
    }

    /// A second spelling of a spec would give a job that honest decoders refuse, and its seats would look absent.
    function testFuzz_RevertWhen_TheSpecIsNotCanonical(uint8 index) public {
        bytes memory data = abi.encodeCall(_hub.request, (1, _spec(3, 1)));
        uint8[19] memory narrow = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];
        data[4 + 32 + 32 * uint256(narrow[index % 19])] = 0x01;
        (bool ok, ) = address(_hub).call(data);
        require(!ok, "dirty word accepted");
    }

    // --- Pause and cancel ---------------------------------------------------------------------------------------------

    /// Invariant 35: a pause blocks requests only, seven days at most.
    function test_PauseBlocksOnlyRequests() public {
        Job memory job = _request(_spec(3, 1));
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.pause(uint48(block.timestamp + 7 days + 1));
        _hub.pause(uint48(block.timestamp + 7 days));
        Spec memory spec = _spec(3, 1);
        _expectSpecError(spec, IHubTypes.Paused.selector);
        _submit(job, _empty(), 0);
        _hub.withdraw(1, address(9));
        vm.prank(address(9));
        vm.expectRevert(IHubTypes.GuardianOnly.selector);
        _hub.pause(0);
        _hub.pause(0);
        _hub.request(++_nonce, spec);
    }

    /// Invariant 32: free before the seed's block, never from it on.
    function test_CancelIsFreeOnlyBeforeTheSeed() public {
        Spec memory spec = _spec(3, 1);
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = Job(address(this), ++_nonce, spec);
        _hub.request(job.nonce, spec);
        vm.prank(address(9));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.RequesterOnly.selector, address(this)));
        _hub.cancel(job);
        _hub.cancel(job);
        require(_hub.balanceOf(address(this)) == free && _hub.totals().openRisk == 0, "refund");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_CLOSED, STATE_OPEN));
        _hub.cancel(job);
        job = _request(spec);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.cancel(job);
    }

    /// The settlement's inner door opens for nobody.
    function test_RevertWhen_FinishIsCalledFromOutside() public {
        Job memory job = _request(_spec(3, 1));
        (bool ok, ) = address(_hub).call(
            abi.encodeWithSignature(
                "finish((address,uint96,(bytes32,bytes32,bytes32,uint8,(uint8,uint8,uint16,uint8,uint32,uint96,uint32,uint32,uint32,uint32),uint96,uint96,uint96,address,address,uint32,uint48,uint32,bytes32)),(uint32[],bytes32[],(uint16,uint8,uint32[],bytes32[],address,uint96)[],uint32),uint8,bool,bytes)",
                job,
                _empty(),
                uint8(0),
                true,
                bytes("")
            )
        );
        require(!ok, "settled from outside");
        _expectState(job, STATE_OPEN);
    }

    // --- Consumers ----------------------------------------------------------------------------------------------------

    function _hostile(HostileConsumer.Mode mode) private returns (Job memory job, HostileConsumer consumer) {
        consumer = new HostileConsumer(_hub);
        consumer.set(mode, abi.encodeCall(_hub.withdraw, (1, address(this))));
        Spec memory spec = _spec(3, 1);
        (spec.callback, spec.callbackGas) = (address(consumer), 100_000);
        job = _request(spec);
    }

    /// Invariant 33: whatever a consumer does, seats are paid and the job is over; it can be told again.
    function testFuzz_HostileConsumersMoveNothing(uint8 seed) public {
        HostileConsumer.Mode mode = HostileConsumer.Mode(seed % 6);
        (Job memory job, HostileConsumer consumer) = _hostile(mode);
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        _expectState(job, STATE_FINAL);
        require(_hub.account(p.ids[0]).earned == REWARD, "unpaid");
        _expectSolvent(0);
        Record memory r;
        (r.seats, r.boundaries, r.tallies) = (p.ids, new bytes32[](1), new Tally[](1));
        r.boundaries[0] = GOOD;
        r.tallies[0] = Tally(0, 0, p.ids, p.outs, address(0), 0);
        bytes32 hash = keccak256(abi.encode(r));
        if (_hub.slot(p.jobId).flags & 16 != 0) {
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.CallbackNotDue.selector, p.jobId));
            _hub.retryCallback(job, GOOD, hash, "");
            return;
        }
        consumer.set(HostileConsumer.Mode.Accept, "");
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.retryCallback(job, BAD, hash, "");
        _hub.retryCallback(job, GOOD, hash, "");
        require(consumer.deliveries() == 1, "delivered once");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.CallbackNotDue.selector, p.jobId));
        _hub.retryCallback(job, GOOD, hash, "");
        require(_hub.verifyResult(p.jobId, GOOD, hash), "result stands");
    }

    /// Invariant 34: too little gas for the callback changes nothing.
    function test_RevertWhen_GasIsTooLowForTheCallback() public {
        (Job memory job, ) = _hostile(HostileConsumer.Mode.Accept);
        StageVotes[] memory votes = _one(_votes(_poll(job, _empty(), _said(3, 0))));
        bytes memory data = abi.encodeCall(_hub.submit, (job, _empty(), _noTable(), votes, ""));
        bool starved;
        bool ok;
        bytes memory answer;
        for (uint256 gasLimit = 200_000; !starved && gasLimit < 500_000; gasLimit += 5_000) {
            (ok, answer) = address(_hub).call{gas: gasLimit}(data);
            require(!ok, "ended with too little gas for the callback");
            starved = bytes4(answer) == IHubTypes.InsufficientGas.selector;
        }
        require(starved, "starved");
        _expectState(job, STATE_OPEN);
        (ok, ) = address(_hub).call(data);
        require(ok, "enough gas");
    }

    /// Outputs reach the consumer only as the bytes behind the digest, 4 KiB at most.
    function test_OutputIsCheckedAgainstTheDigest() public {
        (Job memory job, HostileConsumer consumer) = _hostile(HostileConsumer.Mode.Accept);
        bytes memory output = "tensor";
        bytes32[] memory outs = new bytes32[](3);
        for (uint256 i; i < 3; ++i) outs[i] = keccak256(abi.encodePacked(keccak256("assay.v1.public"), output));
        StageVotes[] memory votes = _one(_votes(_poll(job, _empty(), outs)));
        vm.expectPartialRevert(IHubTypes.OutputMismatch.selector);
        _hub.submit(job, _empty(), _noTable(), votes, "other");
        vm.expectPartialRevert(IHubTypes.OutputTooLarge.selector);
        _hub.submit(job, _empty(), _noTable(), votes, new bytes(4097));
        _hub.submit(job, _empty(), _noTable(), votes, output);
        require(consumer.deliveries() == 1, "delivered");
    }

    // --- Money --------------------------------------------------------------------------------------------------------

    function test_ClaimPaysTheOwner() public {
        Job memory job = _request(_spec(3, 1));
        uint32 id = _committee(job, _empty())[0];
        _submit(job, _empty(), 0);
        require(_hub.claim(id) == REWARD && _token.balanceOf(_vault.ownerOf(id)) == REWARD, "claimed");
        require(_hub.claim(id) == 0, "twice");
        require(_hub.sweepFees() == 1 && _token.balanceOf(TREASURY) == 1, "fees");
    }

    /// A permit that fails is ignored: the allowance decides.
    function test_FailedPermitIsIgnored() public {
        uint256 free = _hub.balanceOf(address(this));
        _hub.depositWithPermit(5, block.timestamp, 27, bytes32(0), bytes32(0));
        require(_hub.balanceOf(address(this)) == free + 5, "deposit");
    }

    function testFuzz_RevertWhen_WithdrawingTooMuch(uint128 extra) public {
        uint256 have = _hub.balanceOf(address(this));
        uint256 need = have + 1 + extra;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.BalanceTooLow.selector, have, need));
        _hub.withdraw(need, address(this));
    }
}
