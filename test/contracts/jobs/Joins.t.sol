// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {LogVm, logs} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// Jobs whose input is the join of other jobs' results, and who may not feed them.
contract JoinsTest is AttackBase {
    uint256 private constant CLIENT = 0xC11E;
    bytes32 private constant FED = keccak256("what the client made of it");

    function setUp() public {
        _deploy(60);
    }

    /// A job that ended FINAL with GOOD.
    function _final() private returns (Parent memory parent) {
        Job memory job = _request(_spec(3, 1));
        StageVotes[] memory votes = _one(_votes(_poll(job, _empty(), _said(3, 0))));
        logs.getRecordedLogs();
        _hub.submit(job, _empty(), _noTable(), votes, "");
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i)
            if (all[i].topics[0] == IHubTypes.Finalized.selector)
                (parent.outDigest, parent.recordHash, ) = abi.decode(all[i].data, (bytes32, bytes32, uint8));
        parent.jobId = _id(job);
        require(parent.recordHash != 0, "not final");
    }

    function _parents(uint256 count) private returns (Parent[] memory parents) {
        parents = new Parent[](count);
        for (uint256 i; i < count; ++i) parents[i] = _final();
    }

    function _feed(Parent memory parent, bytes32 fed, uint256 key) private view {
        parent.fedDigest = fed;
        bytes32 claim = ClaimLib.claimHash(parent.jobId, STAGE_CLIENT, parent.outDigest, fed, vm.addr(CLIENT));
        (parent.r, parent.vs) = _sign(key, ClaimLib.typed(_hub.domainSeparator(), claim));
    }

    function _joined(Parent[] memory parents) private pure returns (bytes32) {
        bytes memory all = abi.encodePacked("assay.v1.join", uint8(parents.length));
        for (uint256 i; i < parents.length; ++i) {
            bytes32 fed = parents[i].fedDigest == 0 ? parents[i].outDigest : parents[i].fedDigest;
            if (parents.length == 1) return fed;
            all = abi.encodePacked(all, uint16(i), KIND_PUBLIC, fed);
        }
        return keccak256(all);
    }

    function _joiner(Parent[] memory parents) private returns (Spec memory spec) {
        spec = _spec(3, 1);
        spec.policy.flags = FLAG_JOIN;
        spec.client = vm.addr(CLIENT);
        spec.inDigest = _joined(parents);
        spec.inputRef = _ref(parents);
    }

    function _ref(Parent[] memory parents) private pure returns (bytes32) {
        return keccak256(abi.encode("assay.v1.parents", parents));
    }

    function _ask(Spec memory spec, Parent[] memory parents) private returns (Job memory job) {
        job = Job(address(this), ++_nonce, spec);
        require(_hub.requestJoined(job.nonce, spec, _table(1), parents) == _id(job), "id");
        _toSeed(_id(job));
    }

    /// Branches under policies of their own, one ending on the client, feed a job that is voted on like any other.
    function test_ParentsFeedAJob() public {
        Parent[] memory parents = _parents(2);
        _feed(parents[0], FED, CLIENT);
        Spec memory spec = _joiner(parents);
        logs.getRecordedLogs();
        Job memory job = _ask(spec, parents);
        LogVm.Log[] memory all = logs.getRecordedLogs();
        bool told;
        for (uint256 i; i < all.length; ++i)
            if (all[i].topics[0] == IHubTypes.JobJoined.selector)
                told = all[i].topics[1] == _id(job) && keccak256(all[i].data) == keccak256(abi.encode(parents));
        require(told, "parents not told");
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// A modality may be absent, and is shown so; not all of them, and nothing beside its digest may be said.
    function test_AModalityMayBeAbsent() public {
        Parent[] memory parents = _parents(2);
        (parents[1].jobId, parents[1].recordHash) = (0, 0);
        parents[1].outDigest = keccak256("zeros");
        _ask(_joiner(parents), parents);
        bytes4 why = IHubTypes.ParentNotFinal.selector;
        parents[1].recordHash = FED;
        _refused(why, _joiner(parents), parents);
        (parents[1].recordHash, parents[1].fedDigest) = (0, FED);
        _refused(why, _joiner(parents), parents);
        (parents[1].outDigest, parents[1].fedDigest) = (0, 0);
        _refused(why, _joiner(parents), parents);
        parents[1].outDigest = FED;
        parents[0] = parents[1];
        _refused(IHubTypes.ParentCountWrong.selector, _joiner(parents), parents);
    }

    /// Of one parent the digest itself is the input, as with stages.
    function test_OneParentFeedsAJob() public {
        Parent[] memory parents = _parents(1);
        Job memory job = _ask(_joiner(parents), parents);
        require(job.spec.inDigest == parents[0].outDigest, "input");
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
    }

    function test_Gas() public {
        Parent[] memory parents = _parents(2);
        _feed(parents[0], FED, CLIENT);
        Spec memory spec = _joiner(parents);
        vm.startSnapshotGas("request a job that joins two, one through its client");
        _hub.requestJoined(++_nonce, spec, _table(1), parents);
        vm.stopSnapshotGas();
    }

    // --- Attacks ------------------------------------------------------------------------------------------------------

    function _refused(bytes4 why, Spec memory spec, Parent[] memory parents) private {
        StageInfo[] memory table = _table(1);
        vm.expectPartialRevert(why);
        _hub.requestJoined(++_nonce, spec, table, parents);
    }

    /// Nobody calls a job joined whose parents were not checked.
    function test_RevertWhen_AJoinComesWithoutParents() public {
        Spec memory spec = _joiner(_parents(2));
        vm.expectRevert(IHubTypes.ParentsUnchecked.selector);
        _hub.request(++_nonce, spec);
        _refused(IHubTypes.ParentCountWrong.selector, spec, new Parent[](0));
        // Also after a joined request in the same transaction.
        Parent[] memory parents = _parents(2);
        spec = _joiner(parents);
        _hub.requestJoined(++_nonce, spec, _table(1), parents);
        vm.expectRevert(IHubTypes.ParentsUnchecked.selector);
        _hub.request(++_nonce, spec);
    }

    function test_RevertWhen_TheFlagIsMissing() public {
        Parent[] memory parents = _parents(2);
        Spec memory spec = _joiner(parents);
        spec.policy.flags = 0;
        _refused(IHubTypes.ParentsUnchecked.selector, spec, parents);
    }

    function test_RevertWhen_ThereAreTooManyParents() public {
        Parent[] memory one = _parents(1);
        Parent[] memory parents = new Parent[](9);
        for (uint256 i; i < 9; ++i) parents[i] = one[0];
        _refused(IHubTypes.ParentCountWrong.selector, _joiner(parents), parents);
    }

    /// Open, closed, unknown, and another hub's: an id commits to its hub.
    function test_RevertWhen_AParentIsNotFinal() public {
        Parent[] memory parents = _parents(2);
        bytes32 real = parents[1].jobId;
        Job memory open = _request(_spec(3, 1));
        parents[1].jobId = _id(open);
        _refused(IHubTypes.ParentNotFinal.selector, _joiner(parents), parents);
        Spec memory spec = _spec(3, 1);
        bytes32 closed = _hub.request(++_nonce, spec);
        _hub.cancel(Job(address(this), _nonce, spec));
        parents[1].jobId = closed;
        _refused(IHubTypes.ParentNotFinal.selector, _joiner(parents), parents);
        parents[1].jobId = keccak256(abi.encode(real, "another hub"));
        _refused(IHubTypes.ParentNotFinal.selector, _joiner(parents), parents);
    }

    /// Any other digest or record hash of a parent is refused, also where the job's input says the same.
    function testFuzz_RevertWhen_AParentEndedOtherwise(bytes32 wrong, bool record, uint8 which) public {
        Parent[] memory parents = _parents(2);
        Parent memory parent = parents[which % 2];
        vm.assume(wrong != parent.outDigest && wrong != parent.recordHash);
        if (record) parent.recordHash = wrong;
        else parent.outDigest = wrong;
        _refused(IHubTypes.ParentMismatch.selector, _joiner(parents), parents);
    }

    function test_RevertWhen_AParentIsRepeated() public {
        Parent[] memory parents = _parents(2);
        parents[1] = parents[0];
        _refused(IHubTypes.ParentRepeated.selector, _joiner(parents), parents);
    }

    /// Another order, one parent less, another kind or any other digest is another input.
    function testFuzz_RevertWhen_TheInputIsNotTheJoin(bytes32 other) public {
        Parent[] memory parents = _parents(2);
        // Both ended with the same digest, but not this client's claim.
        _feed(parents[0], FED, CLIENT);
        Spec memory spec = _joiner(parents);
        vm.assume(other != spec.inDigest);
        bytes32 right = spec.inDigest;
        (parents[0], parents[1]) = (parents[1], parents[0]);
        spec.inputRef = _ref(parents);
        _refused(IHubTypes.JoinMismatch.selector, spec, parents);
        Parent[] memory fewer = new Parent[](1);
        fewer[0] = parents[0];
        spec.inputRef = _ref(fewer);
        _refused(IHubTypes.JoinMismatch.selector, spec, fewer);
        (parents[0], parents[1]) = (parents[1], parents[0]);
        spec.inputRef = _ref(parents);
        spec.inDigest = keccak256(
            abi.encodePacked("assay.v1.join", uint8(2), uint16(0), KIND_SALTED, FED, uint16(1), KIND_SALTED, GOOD)
        );
        _refused(IHubTypes.JoinMismatch.selector, spec, parents);
        spec.inDigest = other;
        _refused(IHubTypes.JoinMismatch.selector, spec, parents);
        spec.inDigest = right;
        _hub.requestJoined(++_nonce, spec, _table(1), parents);
    }

    /// The job id commits to the parents, in their order: a job of the same result is another parent.
    function testFuzz_RevertWhen_TheSpecNamesOtherParents(bytes32 other) public {
        Parent[] memory parents = _parents(3);
        Spec memory spec = _joiner(parents);
        bytes32 right = spec.inputRef;
        vm.assume(other != right);
        spec.inputRef = other;
        _refused(IHubTypes.SpecInvalid.selector, spec, parents);
        spec.inputRef = 0;
        _refused(IHubTypes.SpecInvalid.selector, spec, parents);
        spec.inputRef = right;
        require(parents[0].outDigest == parents[2].outDigest, "alike");
        (parents[0], parents[2]) = (parents[2], parents[0]);
        _refused(IHubTypes.SpecInvalid.selector, spec, parents);
    }

    /// The kind comes from the model's own table.
    function test_RevertWhen_TheTableIsAnother() public {
        Parent[] memory parents = _parents(2);
        Spec memory spec = _joiner(parents);
        StageInfo[] memory table = _table(1);
        table[0].inKind = KIND_SALTED;
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.requestJoined(++_nonce, spec, table, parents);
    }

    /// Another signer, another job's claim, a claim of another stage, no signature, a signature without a digest, its malleated twin.
    function test_RevertWhen_TheClientsClaimIsForged() public {
        Parent[] memory parents = _parents(2);
        Parent memory fed = parents[0];
        _feed(fed, FED, 1);
        bytes4 wrong = IHubTypes.ClientClaimWrong.selector;
        _refused(wrong, _joiner(parents), parents);
        // About the other parent.
        _feed(parents[1], FED, CLIENT);
        (fed.r, fed.vs) = (parents[1].r, parents[1].vs);
        (parents[1].fedDigest, parents[1].r, parents[1].vs) = (0, 0, 0);
        _refused(wrong, _joiner(parents), parents);
        // Of a stage: what a client says there is no consent to feed it on.
        bytes32 claim = ClaimLib.claimHash(fed.jobId, 0, fed.outDigest, FED, vm.addr(CLIENT));
        (fed.r, fed.vs) = _sign(CLIENT, ClaimLib.typed(_hub.domainSeparator(), claim));
        _refused(wrong, _joiner(parents), parents);
        // For another hub.
        claim = ClaimLib.claimHash(fed.jobId, STAGE_CLIENT, fed.outDigest, FED, vm.addr(CLIENT));
        (fed.r, fed.vs) = _sign(CLIENT, ClaimLib.typed(ClaimLib.domainSeparator(address(this)), claim));
        _refused(wrong, _joiner(parents), parents);
        (fed.r, fed.vs) = (0, 0);
        _refused(wrong, _joiner(parents), parents);
        // A client that is nobody signs nothing.
        Spec memory spec = _joiner(parents);
        spec.client = address(0);
        _refused(wrong, spec, parents);
        _feed(fed, FED, CLIENT);
        (bytes32 r, bytes32 vs) = (fed.r, fed.vs);
        fed.fedDigest = 0;
        _refused(wrong, _joiner(parents), parents);
        fed.fedDigest = FED;
        bytes32 s = bytes32(
            0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - ((uint256(vs) << 1) >> 1)
        );
        // EIP-2098 has no room for a large s: its highest bit is the parity.
        (fed.r, fed.vs) = (r, s);
        _refused(wrong, _joiner(parents), parents);
        (fed.r, fed.vs) = (r, vs);
        _ask(_joiner(parents), parents);
    }

    /// What a request demands is demanded here too, of the same caller.
    function test_RequestsRulesHold() public {
        Parent[] memory parents = _parents(2);
        Spec memory spec = _joiner(parents);
        spec.policy.mask = PROOF;
        spec.policy.k = 1;
        _refused(IHubTypes.NotSupported.selector, spec, parents);
        spec = _joiner(parents);
        spec.policy.flags = FLAG_JOIN | (2 << 8);
        _refused(IHubTypes.NotSupported.selector, spec, parents);
        spec = _joiner(parents);
        StageInfo[] memory table = _table(1);
        vm.prank(address(0xBAD));
        vm.expectPartialRevert(IHubTypes.BalanceTooLow.selector);
        _hub.requestJoined(++_nonce, spec, table, parents);
        _hub.pause(uint48(block.timestamp + 1 days));
        _refused(IHubTypes.Paused.selector, spec, parents);
        _hub.pause(0);
        _hub.requestJoined(7777, spec, table, parents);
        vm.expectPartialRevert(IHubTypes.JobExists.selector);
        _hub.requestJoined(7777, spec, table, parents);
    }

    // --- Lanes --------------------------------------------------------------------------------------------------------

    function _lanes() private pure returns (ModelManifest memory m) {
        m.name = "lanes";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256("lanes");
        (m.acceptedMasks, m.workUnits, m.stages) = (2, 1, _table(2));
        m.stages[1].producers[0] = PRODUCER_INPUT;
        for (uint256 s; s < 2; ++s) (m.stages[s].inKind, m.stages[s].outKind) = (KIND_BLINDED, KIND_BLINDED);
    }

    /// Two stages over the job's input, neither feeding another: only as the lanes of a MASKED stage.
    function test_LanesEndAtTheClient() public {
        ModelManifest memory m = _lanes();
        Spec memory spec = _spec(2, 2);
        spec.modelId = _registry.register(m);
        Job memory job = _request(spec);
        _hub.pin(job, _empty());
        Record memory r = _latest(_empty());
        StageVotes[] memory votes = new StageVotes[](2);
        for (uint16 s; s < 2; ++s) {
            Poll memory p = Poll(_id(job), s, 0, INPUT, new uint32[](2), new bytes32[](2));
            for (uint256 i; i < 2; ++i)
                (p.ids[i], p.outs[i]) = (r.seats[uint256(s) * 2 + i], s == 0 ? GOOD : keccak256("B"));
            votes[s] = _votes(p);
        }
        _hub.submit(job, r, m.stages, votes, "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
        m.stages[0].inKind = KIND_PUBLIC;
        vm.expectPartialRevert(bytes4(keccak256("StageInvalid(uint256,uint8)")));
        _registry.register(m);
        m = _lanes();
        m.stages[1].outKind = KIND_SALTED;
        vm.expectPartialRevert(bytes4(keccak256("StageInvalid(uint256,uint8)")));
        _registry.register(m);
        m = _lanes();
        m.stages[0].place = PLACE_CLIENT;
        vm.expectPartialRevert(bytes4(keccak256("StageInvalid(uint256,uint8)")));
        _registry.register(m);
    }
}
