// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StageInfo} from "../types/Types.sol";
import {IEvidenceAdapter} from "./IEvidenceAdapter.sol";

/// @title PROOF evidence: a zero-knowledge proof that a stage maps its input to its output
/// @notice The adapter computes every public input itself, from the claim, the stage and the public tensors it is sent.
/// Evidence is `abi.encode(ProofEvidence)` in its one canonical form; any other spelling is refused.
/// @dev Warning: proofs are as sound as the key's set-up (`IKeyRegistry`) and the two-round construction, which nobody has
/// audited; keys of backend 1 use plain Groth16.
interface IProofAdapter is IEvidenceAdapter {
    struct ProofEvidence {
        uint256[10] proof; // A (2 words), B (4), C1 (2; 0 with backend 1), C2 (2)
        bytes[] tensors; // canonical encodings of the PUBLIC boundaries, inputs first, output last
        bytes32[] joined; // the inputs' digests in manifest order if there are several, else empty
    }

    error BoundaryCountMismatch(uint256 have, uint256 need);
    error BoundaryKindMismatch(uint256 boundary, uint256 have, uint256 need);
    /// @dev The stage has a weight commitment where its key takes none, or lacks one.
    error WeightsMismatch(bytes32 keyId, bytes32 weightsX, bytes32 weightsY);
    /// @dev Not the canonical encoding, or more or fewer tensors or digests than the key and the stage have.
    error EvidenceMalformed();
    /// @dev Fields: 1 length, 2 header (version, type or shape).
    error TensorMismatch(uint256 boundary, uint8 field);
    error DigestMismatch(uint256 boundary, bytes32 have, bytes32 need);
    /// @dev A SALTED digest is a field element; one that is not reduced would be another spelling of it.
    error DigestNotReduced(uint256 boundary, bytes32 digest);
    error JoinMismatch(bytes32 have, bytes32 need);
    /// @dev A, B or C2 is infinity, C1 is where it must not be (or is not, with backend 1), or A's y is not reduced; or
    /// the claim's stage or worker is wider than its type.
    error ProofMalformed();
    /// @dev The proof, or one of a batch, is false, or a point of it is not in its group.
    error ProofFalse();
    error BatchMalformed(uint256 claims, uint256 evidences);

    /// @notice As `check`, for many claims about stages with the same key and weights, at about a third of the gas each.
    /// One false proof fails all; which one, `check` tells.
    function verifyBatch(
        bytes32 domain,
        StageInfo calldata stage,
        Claim[] calldata claims,
        bytes[] calldata evidences
    ) external view;

    /// @notice The registry that keys are read from.
    function keys() external view returns (address registry);
}
