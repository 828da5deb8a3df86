// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bn254Lib} from "./Bn254Lib.sol";
import {KIND_PUBLIC} from "../types/Types.sol";

/// @title Layout of key records (`IKeyRegistry`) and the contracts whose code they are
library KeyRecordLib {
    uint8 internal constant VERSION = 1;
    uint8 internal constant CLASS_DEVELOPMENT = 1;
    uint8 internal constant CLASS_CEREMONY = 2;
    uint8 internal constant BACKEND_ONE_ROUND = 1;
    uint8 internal constant BACKEND_TWO_ROUND = 2;
    uint8 internal constant BACKEND_WEIGHTS = 3;
    uint256 internal constant LOCAL_CHAIN = 31337;

    uint256 internal constant HEAD = 4; // before the first boundary
    uint256 internal constant BOUNDARY = 38;
    uint256 internal constant WORD_BYTES = 31; // of data in a field element
    /// Contract code is at most 24,576 bytes (EIP-170), of which the first stops whoever calls it.
    uint256 internal constant MAX_RECORD = 24_575;

    /// Deploys a contract that creates what it is called with: `calldatacopy(0, 0, calldatasize())`, `create(callvalue(), 0,
    /// calldatasize())`. What it creates first has an address that depends on the salt alone, not on its code; so whoever
    /// reads a key finds it without asking a mapping: 5,000 gas a proof less.
    bytes16 private constant _CREATOR = 0x67363d3d37363d34f03d5260086018f3;

    /// Where things stand in a record, in bytes from its start, and how many there are.
    struct Layout {
        uint256 backend;
        uint256 boundaries;
        uint256 hashes; // circuitHash, transcriptHash
        uint256 alpha; // then beta
        uint256 deltas; // round 1 (not with backend 1), round 2, weights (backend 3)
        uint256 deltaCount;
        uint256 ics;
        uint256 publics; // one IC more
    }

    /// The layout that a record's first bytes and boundaries announce. The record must be a stored one, or its version,
    /// backend and count of boundaries checked.
    function layoutOf(bytes memory record) internal pure returns (Layout memory found) {
        uint256 backend = uint8(record[2]);
        uint256 boundaries = uint8(record[3]);
        uint256 hashes = HEAD + BOUNDARY * boundaries;
        found.backend = backend;
        found.boundaries = boundaries;
        found.hashes = hashes;
        found.alpha = hashes + 64;
        found.deltas = hashes + 256;
        found.deltaCount = backend;
        found.ics = hashes + 256 + 128 * backend;
        found.publics = backend == BACKEND_ONE_ROUND ? _wordsOf(record, boundaries) : 3;
    }

    /// Public inputs of a one-round circuit: the context, and each boundary's digest or words.
    function _wordsOf(bytes memory record, uint256 boundaries) private pure returns (uint256 words) {
        words = 1;
        for (uint256 b; b < boundaries; ++b) {
            (, uint256 kind, uint256 length) = boundary(record, b);
            words += kind == KIND_PUBLIC ? (length + WORD_BYTES - 1) / WORD_BYTES : 1;
        }
    }

    function boundary(
        bytes memory record,
        uint256 index
    ) internal pure returns (uint256 direction, uint256 kind, uint256 length) {
        uint256 first = word(record, HEAD + BOUNDARY * index);
        return (first >> 248, (first >> 240) & 0xff, (first >> 208) & 0xffffffff);
    }

    function headerHash(bytes memory record, uint256 index) internal pure returns (bytes32) {
        return bytes32(word(record, HEAD + BOUNDARY * index + 6));
    }

    /// @param offset at most the record's length less 32, which callers know from the layout
    function word(bytes memory record, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(record, 0x20), offset))
        }
    }

    // --- Code as storage ----------------------------------------------------------------------------------------------

    /// Address of the key's code, be it there or not, in the registry at `registry`.
    function codeOf(address registry, bytes32 keyId) internal pure returns (address) {
        bytes32 creator = keccak256(
            abi.encodePacked(bytes1(0xff), registry, keyId, keccak256(abi.encodePacked(_CREATOR)))
        );
        // The first contract that a contract creates: RLP of (creator, nonce 1).
        return
            address(uint160(uint256(keccak256(abi.encodePacked(bytes2(0xd694), uint160(uint256(creator)), hex"01")))));
    }

    /// Stores a record as code; the caller is the registry and checked that the key is new.
    function store(bytes32 keyId, bytes memory record) internal returns (address code) {
        code = codeOf(address(this), keyId);
        // Returns what follows it as code: `codecopy(0, 10, size)`, `return(0, size)`; then STOP and the record.
        bytes memory init = abi.encodePacked(hex"61", uint16(record.length + 1), hex"80600a3d393df3", hex"00", record);
        bytes16 creator = _CREATOR;
        assembly ("memory-safe") {
            mstore(0, creator)
            let creation := create2(0, 0, 16, keyId)
            // Failures leave no code, which is checked below.
            pop(call(gas(), creation, 0, add(init, 0x20), mload(init), 0, 0))
        }
        assert(code.code.length == record.length + 1);
    }

    /// The record at `code`; empty if there is none.
    function load(address code) internal view returns (bytes memory record) {
        assembly ("memory-safe") {
            let size := extcodesize(code)
            size := sub(size, iszero(iszero(size)))
            record := mload(0x40)
            mstore(record, size)
            extcodecopy(code, add(record, 0x20), 1, size)
            mstore(0x40, and(add(add(record, 0x3f), size), not(0x1f)))
        }
    }
}
