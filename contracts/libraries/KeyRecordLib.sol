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
    /// keccak256 of it, which the compiler would work out at every use.
    bytes32 private constant _CREATOR_HASH = 0x21c35dbe1b344a2488cf3321d6ce542f8e9f305544ff09e4993a62319a497c1f;

    // --- Layout -------------------------------------------------------------------------------------------------------
    // Of a record that was checked, or as far as it was: nothing here looks at its length.

    function classOf(bytes memory record) internal pure returns (uint256) {
        return (word(record, 0) >> 240) & 0xff;
    }

    /// Also how many deltas follow beta: of round 1 (not with backend 1), of round 2, of the weights (backend 3).
    function backendOf(bytes memory record) internal pure returns (uint256) {
        return (word(record, 0) >> 232) & 0xff;
    }

    function boundariesOf(bytes memory record) internal pure returns (uint256) {
        return (word(record, 0) >> 224) & 0xff;
    }

    /// Offset of alpha, behind circuitHash and transcriptHash; then come beta, the deltas and the ICs.
    function alphaOf(uint256 boundaries) internal pure returns (uint256) {
        unchecked {
            return HEAD + BOUNDARY * boundaries + 64;
        }
    }

    /// Public inputs, one less than ICs: three; of a one-round circuit the context and each boundary's digest or words.
    function publicsOf(bytes memory record, uint256 backend, uint256 boundaries) internal pure returns (uint256 count) {
        if (backend != BACKEND_ONE_ROUND) return 3;
        count = 1;
        for (uint256 b; b < boundaries; ++b) {
            (, uint256 kind, uint256 length) = boundary(record, b);
            count += kind == KIND_PUBLIC ? (length + WORD_BYTES - 1) / WORD_BYTES : 1;
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

    /// Where a record's first byte is in memory.
    function positionOf(bytes memory record) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := add(record, 0x20)
        }
    }

    /// @param offset at most the record's length less 32, which callers know from the layout
    function word(bytes memory record, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(record, 0x20), offset))
        }
    }

    // --- Code as storage ----------------------------------------------------------------------------------------------

    /// Address of the key's code, be it there or not, in the registry at `registry`.
    function codeOf(address registry, bytes32 keyId) internal pure returns (address code) {
        bytes32 initHash = _CREATOR_HASH;
        // In assembly because every proof pays for it: 1,700 gas less than with abi.encodePacked.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(248, 0xff))
            mstore(add(p, 1), shl(96, registry))
            mstore(add(p, 21), keyId)
            mstore(add(p, 53), initHash)
            let creator := keccak256(p, 85)
            // The first contract that a contract creates: RLP of (creator, nonce 1).
            mstore(p, shl(240, 0xd694))
            mstore(add(p, 2), shl(96, creator))
            mstore8(add(p, 22), 1)
            code := and(keccak256(p, 23), 0xffffffffffffffffffffffffffffffffffffffff)
        }
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
            mstore(add(record, 0x20), 0) // so that a missing record has no class
            extcodecopy(code, add(record, 0x20), 1, size)
            mstore(0x40, and(add(add(record, 0x3f), size), not(0x1f)))
        }
    }
}
