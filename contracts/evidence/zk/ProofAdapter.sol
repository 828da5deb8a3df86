// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../interfaces/IEvidenceAdapter.sol";
import {IKeyRegistry} from "../../interfaces/IKeyRegistry.sol";
import {IProofAdapter} from "../../interfaces/IProofAdapter.sol";
import {ClaimLib} from "../../libraries/ClaimLib.sol";
import {Groth16Lib} from "../../libraries/Groth16Lib.sol";
import {KeyRecordLib} from "../../libraries/KeyRecordLib.sol";
import {ProofEvidenceLib} from "../../libraries/ProofEvidenceLib.sol";
import {KIND_SALTED, StageInfo} from "../../types/Types.sol";

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
        ProofEvidenceLib.Context memory c = _contextOf(domain, stage);
        Groth16Lib.Statement[] memory all = new Groth16Lib.Statement[](1);
        all[0] = _statement(c, claim, stage, evidence);
        all[0].factor = 1;
        _verify(c, all, stage);
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
        ProofEvidenceLib.Context memory c = _contextOf(domain, stage);
        Groth16Lib.Statement[] memory all = new Groth16Lib.Statement[](n);
        // A statement's challenge covers domain, claim, key, C_w and C1: all that its public inputs follow from.
        for (uint256 i; i < n; ++i) {
            all[i] = _statement(c, claims[i], stage, evidences[i]);
            all[i].challenge = c.challenge;
        }
        Groth16Lib.setFactors(all, stage.keyId);
        _verify(c, all, stage);
    }

    /// @inheritdoc IEvidenceAdapter
    function mayOverrule(StageInfo calldata stage) external view returns (bool) {
        if (stage.keyId == 0 || stage.inKind > KIND_SALTED || stage.outKind > KIND_SALTED) return false;
        bytes memory record = KeyRecordLib.load(KeyRecordLib.codeOf(keys, stage.keyId));
        return record.length != 0 && _isUsable(uint8(record[1]));
    }

    // --- Keys ---------------------------------------------------------------------------------------------------------

    function _contextOf(
        bytes32 domain,
        StageInfo calldata stage
    ) private view returns (ProofEvidenceLib.Context memory c) {
        bytes32 keyId = stage.keyId;
        bytes memory record = KeyRecordLib.load(KeyRecordLib.codeOf(keys, keyId));
        require(record.length != 0, IKeyRegistry.KeyUnknown(keyId));
        require(_isUsable(uint8(record[1])), IKeyRegistry.KeyLocalOnly(block.chainid));
        KeyRecordLib.Layout memory key = KeyRecordLib.layoutOf(record);
        (bytes32 x, bytes32 y) = (stage.weightsX, stage.weightsY);
        require((key.backend == KeyRecordLib.BACKEND_WEIGHTS) == (x | y != 0), WeightsMismatch(keyId, x, y));
        uint256 producers = stage.producers.length;
        require(producers + 1 == key.boundaries, BoundaryCountMismatch(producers + 1, key.boundaries));
        (c.domain, c.keyId, c.record, c.key) = (domain, keyId, record, key);
    }

    function _isUsable(uint256 class_) private view returns (bool) {
        return class_ == KeyRecordLib.CLASS_CEREMONY || block.chainid == KeyRecordLib.LOCAL_CHAIN;
    }

    // --- Statements ---------------------------------------------------------------------------------------------------

    function _statement(
        ProofEvidenceLib.Context memory c,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) private pure returns (Groth16Lib.Statement memory made) {
        bytes32 hash = ClaimLib.claimHash(claim.jobId, claim.stage, claim.inDigest, claim.outDigest, claim.worker);
        made.proof = ProofEvidenceLib.readProof(evidence, c.key.backend);
        ProofEvidenceLib.setChallenge(c, hash, stage, made.proof);
        made.publics = ProofEvidenceLib.readPublics(c, claim, stage, evidence);
    }

    function _verify(
        ProofEvidenceLib.Context memory c,
        Groth16Lib.Statement[] memory all,
        StageInfo calldata stage
    ) private view {
        uint256[2] memory weights = [uint256(stage.weightsX), uint256(stage.weightsY)];
        require(Groth16Lib.verify(c.record, c.key, all, weights), ProofFalse());
    }
}
