// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Trees over ciphertexts' rows (she.md section 2); mirror: offchain/core/she/digest.ts
library ShaTreeLib {
    /// sha256(0x00 | bytes)
    function leaf(bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), data));
    }

    /// sha256(0x01 | left | right)
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left, right));
    }

    /// Root of the tree that holds `word` at `index`, by its siblings.
    function climb(bytes32 word, uint256 index, bytes32[] calldata path) internal pure returns (bytes32) {
        for (uint256 i; i < path.length; ++i) {
            word = (index >> i) & 1 == 1 ? node(path[i], word) : node(word, path[i]);
        }
        return word;
    }

    /// Root over a power of two of words.
    function fold(bytes32[] calldata words) internal pure returns (bytes32) {
        bytes32[] memory level = words;
        for (uint256 n = words.length / 2; n > 0; n /= 2)
            for (uint256 i; i < n; ++i) level[i] = node(level[2 * i], level[2 * i + 1]);
        return level[0];
    }

    /// Levels of a tree over so many words.
    function depthOf(uint256 words) internal pure returns (uint256 depth) {
        while ((uint256(1) << depth) < words) ++depth;
    }
}
