// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../../interfaces/IEnclaveEvidence.sol";
import {IEnclaveRegistry} from "../../interfaces/IEnclaveRegistry.sol";
import {IEvidenceAdapter} from "../../interfaces/IEvidenceAdapter.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ClaimLib} from "../../libraries/ClaimLib.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";
import {EnclaveBundle, StageInfo} from "../../types/Types.sol";

/// @title The hub's judge of enclaves' signatures
contract EnclaveEvidence is IEnclaveEvidence {
    bytes32 private constant _RESULT_TYPEHASH = keccak256(
        "EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)"
    );
    bytes32 private constant _PROOF_TYPEHASH = keccak256(
        "EnclaveProof(bytes32 claimHash,bytes32 proofHash,uint16 epoch)"
    );
    uint256 private constant _SIGNED = 98;
    uint256 private constant _CRITICAL_AGE = 24 hours;

    IEnclaveRegistry private immutable _ENCLAVES;
    IModelRegistry private immutable _MODELS;

    constructor(IEnclaveRegistry enclaves_, IModelRegistry models) {
        (_ENCLAVES, _MODELS) = (enclaves_, models);
    }

    // --- One enclave's result -----------------------------------------------------------------------------------------

    /// @inheritdoc IEvidenceAdapter
    function check(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external view {
        require(evidence.length >= _SIGNED, EvidenceMalformed(evidence.length));
        bytes32 hash = ClaimLib.claimHash(claim.jobId, claim.stage, claim.inDigest, claim.outDigest, claim.worker);
        (address signer, IEnclaveRegistry.Enclave memory e) = _read(domain, hash, claim.worker, evidence[:_SIGNED]);
        require(block.timestamp <= uint256(e.expiry) + _ENCLAVES.DRAIN(), EnclaveExpired(signer, e.expiry));
        _checkModel(e.modelId, claim.stage, stage, evidence[_SIGNED:]);
    }

    /// @inheritdoc IEvidenceAdapter
    function mayOverrule(StageInfo calldata) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IEnclaveEvidence
    function enclaves() external view returns (address) {
        return address(_ENCLAVES);
    }

    /// The registered key behind a result, which is `worker`'s, of this registration or the one before.
    function _read(
        bytes32 domain,
        bytes32 claimHash,
        address worker,
        bytes memory result
    ) private view returns (address signer, IEnclaveRegistry.Enclave memory e) {
        (bytes32 channelHash, uint16 epoch, bytes32 r, bytes32 vs) = _split(result);
        signer = _signer(domain, keccak256(abi.encode(_RESULT_TYPEHASH, claimHash, channelHash, epoch)), r, vs);
        e = _ENCLAVES.enclave(signer);
        require(signer != address(0) && e.epoch != 0, SignerUnknown(signer));
        bool simulated = e.vendor & EnclaveLib.SIMULATED != 0;
        require(!simulated || block.chainid == EnclaveLib.LOCAL_CHAIN, SimulatedEnclaveRefused(signer));
        require(e.worker == worker, WorkerMismatch(e.worker, worker));
        // A renewal in the middle of a job voids nothing; an older epoch's signature was made under older evidence.
        require(epoch == e.epoch || (epoch != 0 && epoch + 1 == e.epoch), EpochMismatch(epoch, e.epoch));
    }

    function _split(
        bytes memory result
    ) private pure returns (bytes32 channelHash, uint16 epoch, bytes32 r, bytes32 vs) {
        require(result.length == _SIGNED, EvidenceMalformed(result.length));
        assembly ("memory-safe") {
            channelHash := mload(add(result, 32))
            epoch := shr(240, mload(add(result, 64)))
            r := mload(add(result, 66))
            vs := mload(add(result, 98))
        }
    }

    function _signer(bytes32 domain, bytes32 hash, bytes32 r, bytes32 vs) private view returns (address) {
        return ClaimLib.recover(keccak256(abi.encodePacked(hex"1901", domain, hash)), r, vs);
    }

    // --- Critical jobs ------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnclaveEvidence
    function checkCritical(
        bytes32 domain,
        Claim calldata claim,
        StageInfo[] calldata table,
        EnclaveBundle calldata bundle
    ) external view {
        bytes32 modelId;
        uint8 vendor;
        {
            bytes32 hash = _hashFor(claim, claim.worker);
            (address key, IEnclaveRegistry.Enclave memory e) = _read(domain, hash, claim.worker, bundle.result);
            _checkCurrent(key, e);
            (modelId, vendor) = (e.modelId, e.vendor);
            (, uint16 epoch, , ) = _split(bundle.result);
            hash = keccak256(abi.encode(_PROOF_TYPEHASH, hash, keccak256(bundle.proof), epoch));
            address maker = _signer(domain, hash, bundle.r, bundle.vs);
            require(maker == key, ProofNotFromEnclave(maker, key));
        }
        require(keccak256(abi.encode(table)) == _MODELS.model(modelId).stagesHash, ModelMismatch(modelId));
        uint8 family = EnclaveLib.family(vendor);
        if (bundle.second == address(0)) {
            require(bundle.secondResult.length == 0, EvidenceMalformed(bundle.secondResult.length));
            require(family == EnclaveLib.INTEL_TDX, NoneVerifiedOnChain(family, 0));
            return;
        }
        uint8 other = _checkSecond(domain, _hashFor(claim, bundle.second), bundle, modelId);
        require(family != other, FamiliesEqual(family));
        // Attesters' word alone makes no critical result.
        require(family == EnclaveLib.INTEL_TDX || other == EnclaveLib.INTEL_TDX, NoneVerifiedOnChain(family, other));
    }

    function _hashFor(Claim calldata c, address worker) private pure returns (bytes32) {
        return ClaimLib.claimHash(c.jobId, c.stage, c.inDigest, c.outDigest, worker);
    }

    function _checkSecond(
        bytes32 domain,
        bytes32 hash,
        EnclaveBundle calldata bundle,
        bytes32 modelId
    ) private view returns (uint8) {
        (address key, IEnclaveRegistry.Enclave memory e) = _read(domain, hash, bundle.second, bundle.secondResult);
        _checkCurrent(key, e);
        require(e.modelId == modelId, ModelMismatch(e.modelId));
        return EnclaveLib.family(e.vendor);
    }

    /// Live now, registered within a day, and as its vendor wants it: no grace, no drain.
    function _checkCurrent(address key, IEnclaveRegistry.Enclave memory e) private view {
        bool good = e.status == EnclaveLib.UP_TO_DATE || e.status == EnclaveLib.VENDOR_MANAGED;
        require(good, StatusNotCritical(key, e.status));
        uint256 since = _ENCLAVES.registeredAt(key);
        require(block.timestamp <= since + _CRITICAL_AGE, RegistrationOld(key, since));
        require(_ENCLAVES.isLive(key, block.timestamp), EnclaveExpired(key, e.expiry));
    }

    // --- Models -------------------------------------------------------------------------------------------------------

    /// The key serves one model; the stage must be that model's. The hub vouches that it is the job's.
    function _checkModel(bytes32 modelId, uint256 index, StageInfo calldata stage, bytes calldata table) private view {
        IModelRegistry.Model memory model = _MODELS.model(modelId);
        bytes32 have;
        if (model.stages == 1) {
            require(table.length == 0, EvidenceMalformed(_SIGNED + table.length));
            StageInfo[] memory one = new StageInfo[](1);
            one[0] = stage;
            have = keccak256(abi.encode(one));
        } else {
            StageInfo[] memory all = abi.decode(table, (StageInfo[]));
            have = keccak256(abi.encode(all));
            bool same = index < all.length && keccak256(abi.encode(all[index])) == keccak256(abi.encode(stage));
            require(same, ModelMismatch(modelId));
        }
        require(have == model.stagesHash, ModelMismatch(modelId));
    }
}
