// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../interfaces/IEvidenceAdapter.sol";
import {IKeyRegistry} from "../../interfaces/IKeyRegistry.sol";
import {IProofAdapter} from "../../interfaces/IProofAdapter.sol";
import {Groth16Lib} from "../../libraries/Groth16Lib.sol";
import {KeyRecordLib} from "../../libraries/KeyRecordLib.sol";
import {ProofEvidenceLib} from "../../libraries/ProofEvidenceLib.sol";
import {KIND_PUBLIC, KIND_SALTED, StageInfo} from "../../types/Types.sol";

/// @title PROOF evidence for every model, from the keys of one registry
contract ProofAdapter is IProofAdapter {
    /// @inheritdoc IProofAdapter
    address public immutable keys;

    constructor(IKeyRegistry registry) {
        keys = address(registry);
    }

    // --- Evidence -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IEvidenceAdapter
    function check(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external view {
        Groth16Lib.Batch memory one = Groth16Lib.reserve()[0];
        _prepare(one, 1, domain, stage);
        ProofEvidenceLib.read(one, 0, claim, stage, evidence);
        require(Groth16Lib.verify(one), ProofFalse());
    }

    /// @inheritdoc IProofAdapter
    function verifyBatch(
        bytes32 domain,
        StageInfo calldata stage,
        Claim[] calldata claims,
        bytes[] calldata evidences
    ) external view {
        uint256 n = claims.length;
        require(n != 0 && n == evidences.length, BatchMalformed(n, evidences.length));
        Groth16Lib.Batch memory all = Groth16Lib.reserve()[0];
        _prepare(all, n, domain, stage);
        for (uint256 i; i < n; ++i) ProofEvidenceLib.read(all, i, claims[i], stage, evidences[i]);
        Groth16Lib.setFactors(all);
        require(Groth16Lib.verify(all), ProofFalse());
    }

    /// @inheritdoc IEvidenceAdapter
    function mayOverrule(StageInfo calldata stage) external view returns (bool) {
        // A SALTED output has as many digests as there are salts, and the proof chooses.
        if (stage.keyId == 0 || stage.inKind > KIND_SALTED || stage.outKind != KIND_PUBLIC) return false;
        bytes memory record = KeyRecordLib.load(KeyRecordLib.codeOf(keys, stage.keyId));
        return _isUsable(KeyRecordLib.classOf(record));
    }

    // --- Steps --------------------------------------------------------------------------------------------------------

    /// What the statements of one key and stage have in common.
    function _prepare(Groth16Lib.Batch memory batch, uint256 n, bytes32 domain, StageInfo calldata stage) private view {
        (batch.domain, batch.n) = (domain, n);
        bytes32 keyId = stage.keyId;
        bytes memory record = KeyRecordLib.load(KeyRecordLib.codeOf(keys, keyId));
        if (!_isUsable(KeyRecordLib.classOf(record))) {
            require(record.length != 0, IKeyRegistry.KeyUnknown(keyId));
            revert IKeyRegistry.KeyLocalOnly(block.chainid);
        }
        uint256 backend = KeyRecordLib.backendOf(record);
        uint256 producers = ProofEvidenceLib.producersOf(stage);
        uint256 boundaries = KeyRecordLib.boundariesOf(record);
        unchecked {
            require(producers + 1 == boundaries, BoundaryCountMismatch(producers + 1, boundaries));
            (batch.keyId, batch.backend, batch.producers) = (keyId, backend, producers);
            batch.record = KeyRecordLib.positionOf(record);
            batch.alpha = batch.record + KeyRecordLib.alphaOf(boundaries);
        }
        batch.publics = KeyRecordLib.publicsOf(record, backend, boundaries);
        (bytes32 x, bytes32 y) = (stage.weightsX, stage.weightsY);
        require((backend == KeyRecordLib.BACKEND_WEIGHTS) == (x | y != 0), WeightsMismatch(keyId, x, y));
        (batch.weightsX, batch.weightsY) = (x, y);
        Groth16Lib.allocate(batch);
    }

    function _isUsable(uint256 class_) private view returns (bool) {
        if (class_ == KeyRecordLib.CLASS_CEREMONY) return true;
        return class_ == KeyRecordLib.CLASS_DEVELOPMENT && block.chainid == KeyRecordLib.LOCAL_CHAIN;
    }
}
