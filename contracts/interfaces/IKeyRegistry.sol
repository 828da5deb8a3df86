// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Verifying keys of circuits, kept as contract code
/// @notice Anyone adds a key; its id is the hash of its record, so a record never changes and nobody can remove it.
/// A record, big-endian and packed:
/// `u8 version = 1, u8 class, u8 backend, u8 boundaries; per boundary {u8 direction (0 in, 1 out), u8 kind, u32 dataLength,
/// bytes32 headerHash}; bytes32 circuitHash, bytes32 transcriptHash; alpha (64), beta (128), delta of round 1 (128, not
/// with backend 1), delta of round 2 (128), delta of the weights (128, backend 3 only), IC_0 .. IC_n (64 each)`; points as
/// the precompiles take them. n is 3 (fingerprint, pole, rho), with backend 1 the context and one a SALTED digest or word
/// of PUBLIC data.
/// @dev Warning: a record says which circuit a key belongs to; it cannot show that the circuit is right, nor that its
/// ceremony was honest. Whoever takes seats that a court may judge runs `assay zk verify-setup` on the key first.
interface IKeyRegistry {
    /// @param code address of the contract whose code is a STOP byte and then the record
    event KeyAdded(bytes32 indexed keyId, uint8 class_, uint8 backend, address indexed author, address code);

    error KeyExists(bytes32 keyId);
    error KeyUnknown(bytes32 keyId);
    /// @dev A development key can be forged by anyone: it is refused unless the chain is local.
    error KeyLocalOnly(uint256 chainId);
    /// @dev Fields: 1 version, 2 class, 3 backend, 4 boundaries (2 to 9, the output last), 5 a boundary's kind, 6 a
    /// boundary's length (0; PUBLIC data above 8,192 bytes), 7 a boundary's header hash (0), 8 circuit hash (0), 9 transcript
    /// hash (0 in a ceremony key), 10 length of the record
    error RecordInvalid(uint8 field);
    /// @dev Fields: 1 infinity, 2 not a point of its group (beta stands for all points of G2), 3 the same as the generator,
    /// beta or another delta, up to sign.
    /// @param offset where the point starts in the record
    error PointInvalid(uint256 offset, uint8 field);

    /// @notice Adds a key. Its points are checked: none at infinity, all on their curves and in their groups; deltas,
    /// beta and the generator differ pairwise, also up to sign (an equal pair lets anyone forge proofs).
    function add(bytes calldata record) external returns (bytes32 keyId);

    /// @notice 1 for a development key, 2 for a key from a ceremony. Reverts `KeyUnknown`.
    function classOf(bytes32 keyId) external view returns (uint8 class_);

    /// @notice Boundaries of the key's circuit: the stage's inputs and, last, its output. Reverts `KeyUnknown`.
    function boundaries(bytes32 keyId) external view returns (uint8 count);

    /// @notice The key's record. Reverts `KeyUnknown`.
    function record(bytes32 keyId) external view returns (bytes memory);

    /// @notice Whether the key was added.
    function has(bytes32 keyId) external view returns (bool);

    /// @notice Where the key's record is, or will be once added: it follows from this registry's address and the id alone.
    function codeOf(bytes32 keyId) external view returns (address code);
}
