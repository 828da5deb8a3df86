// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../../../contracts/interfaces/IEnclaveEvidence.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import "../../../contracts/types/Types.sol";
import {CriticalBase} from "../support/CriticalBase.sol";
import {vm} from "../support/Vm.sol";

/// Jobs of mask ENCLAVE: each stage signed in an enclave, boundaries over channels between them, the plan told on chain.
contract ScheduledEnclavesTest is CriticalBase {
    bytes32 private constant _RESULT_TYPE = keccak256(
        "EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)"
    );
    bytes32 private constant _CHANNEL = keccak256("handshake");
    uint256 private constant _HANDSHAKE = 144;

    Job private _job;
    StageInfo[] private _stages;
    uint32 private _a;
    uint32 private _b;

    function setUp() public {
        _deployCritical();
        _job = _request(_scheduled(2));
        StageInfo[] memory table = _keyed(2, NO_PROBE);
        for (uint256 s; s < table.length; ++s) _stages.push(table[s]);
        uint32[] memory ids = _candidates(_job);
        (_a, _b) = (ids[3], ids[8]);
        _intel(_a, 2, 0);
        _intel(_b, 2, 0);
    }

    function _scheduled(uint8 stages) private returns (Spec memory spec) {
        spec = _spec(1, stages);
        StageInfo[] memory table = _keyed(stages, NO_PROBE);
        ModelManifest memory m;
        m.name = "scheduled";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(abi.encode(table));
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32(1 << ENCLAVE), 1, table);
        spec.modelId = _registry.register(m);
        (spec.policy.mask, spec.policy.flags) = (ENCLAVE, 0);
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, spec.modelId, bytes32(0), bytes32(0));
    }

    function _sign(uint16 stage, uint32 worker, bytes32 out, bytes32 channel) private view returns (bytes memory) {
        bytes32 claim = _claimOf(_job, stage, worker, out);
        bytes32 hash = keccak256(abi.encode(_RESULT_TYPE, claim, channel, uint16(1)));
        hash = keccak256(abi.encodePacked(hex"1901", _hub.domainSeparator(), hash));
        (bytes32 r, bytes32 vs) = vm.signCompact(_secret(worker, 2), hash);
        return abi.encodePacked(channel, uint16(1), r, vs, channel == 0 ? new bytes(0) : new bytes(_HANDSHAKE));
    }

    function _both() private view returns (StageProof[] memory proofs) {
        proofs = new StageProof[](2);
        proofs[0] = StageProof(vm.addr(_a), _out(0), _sign(0, _a, _out(0), 0));
        proofs[1] = StageProof(vm.addr(_b), _out(1), _sign(1, _b, _out(1), _CHANNEL));
    }

    function _refuse(StageProof[] memory proofs, bytes4 problem) private {
        vm.expectPartialRevert(problem);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
    }

    /// R60: two enclaves end a job of two stages, the second by a result that names its channel; each is paid for its stage.
    function test_EachStageInItsOwnEnclave() public {
        _hub.submitProofs(_job, _empty(), _stages, _both(), "");
        vm.snapshotGasLastCall("job of two stages, each signed in an enclave");
        _expectState(_job, STATE_FINAL);
        require(_hub.account(_a).earned == REWARD && _hub.account(_b).earned == REWARD, "rewards");
        _expectSolvent(0);
    }

    /// R60: each may be told by itself, in order; the second only of what the first's digest says.
    function test_StagesAreToldOneAfterTheOther() public {
        StageProof[] memory both = _both();
        StageProof[] memory one = new StageProof[](1);
        one[0] = both[1];
        _refuse(one, IEnclaveEvidence.SignerUnknown.selector);
        one[0] = both[0];
        _hub.submitProofs(_job, _empty(), _stages, one, "");
        vm.snapshotGasLastCall("first of two stages, signed in an enclave");
        Record memory r = _latest(_empty());
        one[0] = both[1];
        _hub.submitProofs(_job, r, _stages, one, "");
        _expectState(_job, STATE_FINAL);
    }

    /// R60: a result whose digest, channel, form or worker is another's counts nowhere.
    function test_RevertWhen_AResultIsAnothers() public {
        StageProof[] memory p = _both();
        p[1].outDigest = _out(0);
        _refuse(p, IEnclaveEvidence.SignerUnknown.selector);
        p = _both();
        p[1].evidence[0] ^= 0x01; // another channel than the enclave signed
        _refuse(p, IEnclaveEvidence.SignerUnknown.selector);
        p = _both();
        p[1].evidence = bytes.concat(p[1].evidence, hex"00");
        _refuse(p, IHubTypes.ResultMalformed.selector);
        p[1].evidence = new bytes(97);
        _refuse(p, IHubTypes.ResultMalformed.selector);
        p = _both();
        p[0].evidence = bytes.concat(p[0].evidence, new bytes(_HANDSHAKE)); // no channel, and a handshake
        _refuse(p, IHubTypes.ResultMalformed.selector);
        p = _both();
        p[1].worker = vm.addr(_a);
        _refuse(p, IEnclaveEvidence.SignerUnknown.selector);
        p = _both();
        p[1].worker = address(0xBAD);
        _refuse(p, IHubTypes.NotCandidate.selector);
        p = _both();
        (p[0], p[1]) = (p[1], p[0]);
        _refuse(p, IEnclaveEvidence.SignerUnknown.selector);
        // Nothing of a refused call stands.
        _hub.submitProofs(_job, _empty(), _stages, _both(), "");
    }

    /// R60: an enclave alone, unaudited, may only share a program with others; it insures nothing and is never critical.
    function test_RevertWhen_OneEnclaveWouldDecideAlone() public {
        Spec memory spec = _scheduled(1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(77, spec);
        spec = _job.spec;
        (spec.insuredValue, spec.policy.window) = (1, 600);
        vm.expectPartialRevert(IHubTypes.PolicyUnsafe.selector);
        _hub.request(77, spec);
        (spec.insuredValue, spec.policy.flags) = (0, FLAG_CRITICAL);
        vm.expectRevert(IHubTypes.CriticalNeedsConsent.selector);
        _hub.request(77, spec);
        _router.retire(ENCLAVE);
        spec.policy.flags = 0;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(77, spec);
    }

    // --- Plans --------------------------------------------------------------------------------------------------------

    function _plan(bytes32 jobId, uint256 runs) private pure returns (bytes memory) {
        return bytes.concat(hex"01", jobId, bytes32(uint256(7)), hex"00", bytes1(uint8(runs)), new bytes(44 * runs));
    }

    /// R61: the requester commits to the plan, and again after an enclave was lost; nobody else, of no other job, never late.
    function test_ThePlanIsToldOnChain() public {
        bytes32 jobId = _id(_job);
        bytes memory plan = _plan(jobId, 2);
        vm.expectEmit();
        emit IHubTypes.Scheduled(jobId, keccak256(abi.encodePacked(keccak256("assay.v1.plan"), plan)), plan);
        _hub.schedule(_job, plan);
        vm.snapshotGasLastCall("commit to a plan of two runs");
        _hub.schedule(_job, _plan(jobId, 1));
        bytes[5] memory bad = [bytes(""), _plan(jobId, 0), _plan(jobId, 3), bytes.concat(plan, hex"00"), _plan(0, 2)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectPartialRevert(IHubTypes.PlanWrong.selector);
            _hub.schedule(_job, bad[i]);
        }
        vm.prank(address(0xBAD));
        vm.expectPartialRevert(IHubTypes.RequesterOnly.selector);
        _hub.schedule(_job, plan);
        _hub.submitProofs(_job, _empty(), _stages, _both(), "");
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _hub.schedule(_job, plan);
        Job memory voted = _request(_spec(5, 1));
        plan = _plan(_id(voted), 1);
        vm.expectPartialRevert(IHubTypes.EvidenceWrong.selector);
        _hub.schedule(voted, plan);
    }

    /// R8: a job whose enclaves stay away ends, and nobody is to blame.
    function test_NobodyOwesAStage() public {
        StageProof[] memory one = new StageProof[](1);
        one[0] = _both()[0];
        _hub.submitProofs(_job, _empty(), _stages, one, "");
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + 10 * WORK);
        _hub.expire(_job, r);
        _expectState(_job, STATE_CLOSED);
        // What was told is paid.
        require(_hub.account(_a).earned == REWARD, "reward");
        _expectSolvent(0);
    }
}
