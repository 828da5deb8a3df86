// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../../interfaces/IEnclaveEvidence.sol";
import {IEnclaveRegistry} from "../../interfaces/IEnclaveRegistry.sol";
import {IEvidenceAdapter} from "../../interfaces/IEvidenceAdapter.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ClaimLib} from "../../libraries/ClaimLib.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";
import {StageInfo} from "../../types/Types.sol";

/// @title The hub's judge of enclaves' signatures
contract EnclaveEvidence is IEnclaveEvidence {
    bytes32 private constant _RESULT_TYPEHASH = keccak256(
        "EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)"
    );
    uint256 private constant _SIGNED = 98;

    IEnclaveRegistry private immutable _ENCLAVES;
    IModelRegistry private immutable _MODELS;

    constructor(IEnclaveRegistry enclaves_, IModelRegistry models) {
        (_ENCLAVES, _MODELS) = (enclaves_, models);
    }

    /// @inheritdoc IEvidenceAdapter
    function check(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external view {
        require(evidence.length >= _SIGNED, EvidenceMalformed(evidence.length));
        uint16 epoch = uint16(bytes2(evidence[32:34]));
        address signer = _signer(domain, claim, epoch, evidence);
        IEnclaveRegistry.Enclave memory e = _ENCLAVES.enclave(signer);
        require(signer != address(0) && e.epoch != 0, SignerUnknown(signer));
        bool simulated = e.vendor & EnclaveLib.SIMULATED != 0;
        require(!simulated || block.chainid == EnclaveLib.LOCAL_CHAIN, SimulatedEnclaveRefused(signer));
        require(e.worker == claim.worker, WorkerMismatch(e.worker, claim.worker));
        // A renewal in the middle of a job voids nothing; an older epoch's signature was made under older evidence.
        require(epoch == e.epoch || (epoch != 0 && epoch + 1 == e.epoch), EpochMismatch(epoch, e.epoch));
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

    function _signer(
        bytes32 domain,
        Claim calldata claim,
        uint16 epoch,
        bytes calldata evidence
    ) private view returns (address) {
        bytes32 hash = ClaimLib.claimHash(claim.jobId, claim.stage, claim.inDigest, claim.outDigest, claim.worker);
        hash = keccak256(abi.encode(_RESULT_TYPEHASH, hash, bytes32(evidence[:32]), epoch));
        hash = keccak256(abi.encodePacked(hex"1901", domain, hash));
        return ClaimLib.recover(hash, bytes32(evidence[34:66]), bytes32(evidence[66:98]));
    }

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
