// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Jobs of many inputs: leaves of their digests; mirror: offchain/core/batch.ts
/// @notice A job whose `policy.flags` name a count in their upper 24 bits asks for so many inferences at once. Its digests,
/// that of the input and of each boundary, are then roots of Merkle trees over tensor digests, in order.
/// @dev leaf = keccak256(keccak256("assay.v1.batch.leaf") | digest), node = keccak256(keccak256("assay.v1.batch.node") | left |
/// right), root = keccak256(keccak256("assay.v1.batch.root") | u64 count | top). A node without a sibling moves up unhashed.
library BatchLib {
    uint256 internal constant SHIFT = 8;
    bytes32 private constant _LEAF = keccak256("assay.v1.batch.leaf");
    bytes32 private constant _NODE = keccak256("assay.v1.batch.node");
    bytes32 private constant _ROOT = keccak256("assay.v1.batch.root");

    /// @return count inputs of a job with these flags; 0: a single one, whose digests are plain
    function countOf(uint32 flags) internal pure returns (uint256 count) {
        return flags >> SHIFT;
    }

    /// Whether `digest` is number `index` of the `count` that `root` stands for.
    /// @param siblings from the leaf upwards; none where the node moves up unhashed
    function verify(
        bytes32 root,
        bytes32 digest,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) internal pure returns (bool) {
        if (index >= count || count > type(uint32).max) return false;
        bytes32 hash = keccak256(abi.encodePacked(_LEAF, digest));
        uint256 used;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            bool odd = index & 1 == 1;
            if (odd || index != width - 1) {
                if (used == siblings.length) return false;
                bytes32 sibling = siblings[used++];
                hash =
                    odd
                        ? keccak256(abi.encodePacked(_NODE, sibling, hash))
                        : keccak256(abi.encodePacked(_NODE, hash, sibling));
            }
            index /= 2;
        }
        return used == siblings.length && keccak256(abi.encodePacked(_ROOT, uint64(count), hash)) == root;
    }
}
