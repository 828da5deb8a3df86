// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IAssayHub} from "../interfaces/IAssayHub.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IZkmlRegistry, IZkmlVerifier} from "../interfaces/IZkml.sol";
import {Job, PROOF} from "../types/Types.sol";
import {DigestLib} from "../libraries/DigestLib.sol";

/// @title Proven inferences, as ERC-7992 (draft) asks for them
/// @notice Reads only: models from the registry, results from the hub. Nothing depends on it.
contract ZkmlFacade is IZkmlRegistry, IZkmlVerifier, IERC165 {
    bytes4 private constant _PROOF_SYSTEM = bytes4(keccak256("groth16-two-round-bn254-v1"));

    IAssayHub public immutable HUB;

    constructor(IAssayHub hub) {
        HUB = hub;
    }

    // --- Models -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IZkmlRegistry
    function registerModel(ModelCommitment calldata commitment) external view returns (uint256) {
        revert NotModelOwner(uint256(commitment.modelHash), msg.sender);
    }

    /// @inheritdoc IZkmlRegistry
    function updateModel(uint256 modelId, ModelCommitment calldata) external view {
        revert NotModelOwner(modelId, msg.sender);
    }

    /// @inheritdoc IZkmlRegistry
    function deprecateModel(uint256 modelId) external view {
        revert NotModelOwner(modelId, msg.sender);
    }

    /// @inheritdoc IZkmlRegistry
    function getModel(
        uint256 modelId
    ) public view returns (ModelCommitment memory commitment, bool deprecated, address owner) {
        try IModelRegistry(HUB.registry()).model(bytes32(modelId)) returns (IModelRegistry.Model memory model) {
            if ((model.acceptedMasks >> PROOF) & 1 == 0) revert ModelNotFound(modelId);
            commitment = ModelCommitment(bytes32(modelId), model.stagesHash, model.stagesHash, _PROOF_SYSTEM, "");
            return (commitment, false, address(0));
        } catch {
            revert ModelNotFound(modelId);
        }
    }

    // --- Inferences ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IZkmlVerifier
    function verifyInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external {
        getModel(modelId);
        (Job memory job, bytes32 recordHash) = abi.decode(proof, (Job, bytes32));
        if (uint256(job.spec.modelId) != modelId) revert ModelMismatch();
        bytes32 jobId = HUB.jobIdOf(job.requester, job.nonce, job.spec);
        if (inputCommitment != keccak256(abi.encode("assay.v1.7992", jobId, job.spec.inDigest)))
            revert InputCommitmentMismatch();
        // A vote is no proof: only jobs whose every stage was proven count.
        if (job.spec.policy.mask != PROOF) revert InvalidProof();
        if (!HUB.verifyResult(jobId, DigestLib.publicDigest(output), recordHash)) revert InvalidProof();
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    /// @inheritdoc IZkmlVerifier
    function proofSystemOf(uint256 modelId) external view returns (bytes4) {
        getModel(modelId);
        return _PROOF_SYSTEM;
    }

    /// @inheritdoc IZkmlVerifier
    function registry() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return
            id == type(IZkmlRegistry).interfaceId ||
            id == type(IZkmlVerifier).interfaceId ||
            id == type(IERC165).interfaceId;
    }
}
