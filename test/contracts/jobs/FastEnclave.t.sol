// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EnclaveEvidence} from "../../../contracts/evidence/enclave/EnclaveEvidence.sol";
import {IEnclaveEvidence} from "../../../contracts/interfaces/IEnclaveEvidence.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {AuditBase} from "../support/AuditBase.sol";
import {EnclaveBase} from "../support/EnclaveBase.sol";
import {vm} from "../support/Vm.sol";

/// The preset `fast-enclave`: one answer, signed inside an enclave, audited by chance.
contract FastEnclaveTest is AuditBase, EnclaveBase {
    function setUp() public {
        _deploy(80);
        _deployEnclaves();
        _router.announce(ENCLAVE, address(new EnclaveEvidence(enclaves, _registry)));
        vm.warp(block.timestamp + 48 hours);
        _router.add(ENCLAVE);
        _nextEpoch();
    }

    function _fast() private returns (Spec memory spec) {
        spec = _economy();
        (spec.policy.mask, spec.policy.k, spec.policy.auditBps) = (OPTIMISTIC | ENCLAVE, 3, 200);
        (spec.policy.window, spec.policy.seatStake) = (300, 53 * REWARD);
        spec.expiry = uint48(block.timestamp + 6 days);
    }

    /// The primary's enclave signs what the primary offered.
    function _signed(
        Job memory job,
        uint32 primary,
        bytes32 outDigest,
        uint256 secret
    ) private view returns (bytes memory) {
        bytes32 hash = ClaimLib.claimHash(_id(job), 0, job.spec.inDigest, outDigest, vm.addr(primary));
        bytes32 result = keccak256("EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)");
        hash = keccak256(abi.encode(result, hash, bytes32(0), uint16(1)));
        hash = keccak256(abi.encodePacked(hex"1901", _hub.domainSeparator(), hash));
        (bytes32 r, bytes32 vs) = vm.signCompact(secret, hash);
        return abi.encodePacked(bytes32(0), uint16(1), r, vs);
    }

    function _enclaveOf(uint32 primary, bytes32 modelId) private {
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, modelId, bytes32(0), bytes32(0));
        _register(_binding(vm.addr(primary), 1));
    }

    /// R58: the hub takes an enclave's answer by its signature, and nobody else's.
    function test_AnswersOfEnclavesStand() public {
        Spec memory spec = _fast();
        Job memory job = _request(spec);
        Record memory r = _propose(job, GOOD);
        uint32 primary = r.seats[0];
        _fate(job, false);
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        bytes32 salt = _saltOf(job, primary);
        bytes memory quote = _signed(job, primary, GOOD, SECRET);
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.open(job, r, table, GOOD, 0, salt, quote);
        _enclaveOf(primary, spec.modelId);
        vm.expectPartialRevert(IEnclaveEvidence.EvidenceMalformed.selector);
        _hub.open(job, r, table, GOOD, 0, salt, "");
        bytes memory own = _signed(job, primary, GOOD, primary);
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.open(job, r, table, GOOD, 0, salt, own);
        bytes memory other = _signed(job, primary, BAD, SECRET);
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.open(job, r, table, GOOD, 0, salt, other);
        _hub.open(job, r, table, GOOD, 0, salt, quote);
        vm.snapshotGasLastCall("open an enclave's answer");
        r = _latest(r);
        _expectState(job, STATE_WINDOW);
        vm.warp(block.timestamp + 301);
        _hub.settle(job, r, "");
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "result");
    }

    function test_RevertWhen_TheEnclaveIsAnothersOrServesAnotherModel() public {
        Spec memory spec = _fast();
        Job memory job = _request(spec);
        Record memory r = _propose(job, GOOD);
        uint32 primary = r.seats[0];
        _fate(job, false);
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        bytes32 salt = _saltOf(job, primary);
        bytes memory quote = _signed(job, primary, GOOD, SECRET);
        uint256 state = vm.snapshotState();
        _enclaveOf(primary == 1 ? 2 : 1, spec.modelId);
        vm.expectPartialRevert(IEnclaveEvidence.WorkerMismatch.selector);
        _hub.open(job, r, table, GOOD, 0, salt, quote);
        vm.revertToState(state);
        _enclaveOf(primary, _linearModel(1));
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        _hub.open(job, r, table, GOOD, 0, salt, quote);
    }

    /// A retired kind takes no new requests; critical jobs need stronger evidence than an enclave's word.
    function test_RevertWhen_NotWanted() public {
        Spec memory spec = _fast();
        spec.policy.flags = FLAG_CRITICAL;
        vm.expectRevert(IHubTypes.CriticalNeedsConsent.selector);
        _hub.request(1, spec);
        spec.policy.flags = 0;
        _router.retire(ENCLAVE);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(1, spec);
    }
}
