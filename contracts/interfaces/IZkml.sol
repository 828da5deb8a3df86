// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ERC-7992 (draft of November 2025), models
/// @notice Assay's models are registered in `ModelRegistry` and never change: here they can only be read.
interface IZkmlRegistry {
    struct ModelCommitment {
        bytes32 modelHash; // Assay: the model id, hash of the whole manifest
        bytes32 circuitHash; // Assay: the hash of the stage table, which names programs, keys and weight commitments
        bytes32 vkHash; // the same
        bytes4 proofSystemId;
        string uri; // empty
    }

    error ModelNotFound(uint256 modelId);
    error NotModelOwner(uint256 modelId, address caller);

    /// @notice Always reverts: register the manifest in `ModelRegistry`.
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);

    /// @notice Always reverts `NotModelOwner`: any change is another model.
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;

    /// @notice Always reverts `NotModelOwner`: nobody owns a model.
    function deprecateModel(uint256 modelId) external;

    /// @notice A model that accepts PROOF jobs. Never deprecated, owned by nobody. Reverts `ModelNotFound`.
    function getModel(
        uint256 modelId
    ) external view returns (ModelCommitment memory commitment, bool deprecated, address owner);
}

/// @title ERC-7992 (draft of November 2025), inferences
interface IZkmlVerifier {
    event InferenceVerified(
        uint256 indexed modelId,
        bytes32 indexed inputCommitment,
        bytes output,
        address indexed caller
    );

    error InvalidProof();
    error ModelMismatch();
    error InputCommitmentMismatch();

    /// @notice Returns, and tells, if a PROOF job of this model ended FINAL with this output; reverts otherwise.
    /// @param inputCommitment keccak256(abi.encode("assay.v1.7992", jobId, inDigest)): the job makes it unique
    /// @param output canonical tensor bytes of a PUBLIC result
    /// @param proof abi.encode(Job job, bytes32 recordHash): the hub checked the proofs behind that record
    function verifyInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external;

    /// @notice Id of two-round Groth16 over BN254. Reverts `ModelNotFound`.
    function proofSystemOf(uint256 modelId) external view returns (bytes4);

    /// @notice Where models are read: this contract.
    function registry() external view returns (address registryAddress);
}
