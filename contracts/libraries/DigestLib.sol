// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {PRODUCER_INPUT, StageInfo} from "../types/Types.sol";

/// @title Digests that the hub itself computes; mirror: offchain/core/digest.ts
library DigestLib {
    uint256 internal constant MAX_OUTPUT = 4096;

    /// keccak256(keccak256("assay.v1.public") | canonical tensor bytes)
    function publicDigest(bytes calldata tensor) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256("assay.v1.public"), tensor));
    }

    /// An output for a callback: small enough, and the bytes behind the digest.
    function checkOutput(bytes calldata output, bytes32 outDigest) internal pure {
        if (output.length > MAX_OUTPUT) revert IHubTypes.OutputTooLarge(output.length, MAX_OUTPUT);
        bytes32 have = publicDigest(output);
        if (have != outDigest) revert IHubTypes.OutputMismatch(have, outDigest);
    }

    /// What stage `stage` consumes: its only producer's digest, or the join of all in manifest order:
    /// keccak256("assay.v1.join" | u8 n | (u16 producer | u8 kind | bytes32 digest)*).
    function inDigestOf(
        StageInfo[] calldata table,
        uint256 stage,
        bytes32 jobInput,
        bytes32[] memory boundaries
    ) internal pure returns (bytes32) {
        uint16[] calldata producers = table[stage].producers;
        uint256 n = producers.length;
        if (n == 1) return producers[0] == PRODUCER_INPUT ? jobInput : boundaries[producers[0]];
        bytes memory joined = abi.encodePacked("assay.v1.join", uint8(n));
        for (uint256 i; i < n; ++i) {
            uint16 producer = producers[i];
            joined =
                producer == PRODUCER_INPUT
                    ? abi.encodePacked(joined, producer, table[stage].inKind, jobInput)
                    : abi.encodePacked(joined, producer, table[producer].outKind, boundaries[producer]);
        }
        return keccak256(joined);
    }
}
