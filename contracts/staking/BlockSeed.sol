// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "../interfaces/IRandomness.sol";
import {BlockHistory} from "./BlockHistory.sol";

/// @title Seeds from block hashes
/// @notice The seed of a request in block b is the hash of block b + 2: unknown to everyone when the request is made.
/// @dev Warning: the producer of block b + 2 can discard a block whose hash it dislikes, at the price of its reward.
/// Hence the small `maxInsured`.
contract BlockSeed is IRandomness {
    uint256 private constant _DELAY = 2;

    /// @inheritdoc IRandomness
    uint96 public immutable maxInsured;

    /// @param minimumStake M of the deployment's vault
    constructor(uint96 minimumStake) {
        maxInsured = minimumStake / 10;
    }

    /// @inheritdoc IRandomness
    function activate() external view returns (uint48 seedRef) {
        return uint48(block.number + _DELAY);
    }

    /// @inheritdoc IRandomness
    function seedOf(uint48 seedRef) external view returns (bytes32 seed) {
        require(block.number > seedRef, SeedNotReady(seedRef, uint256(seedRef) + 1));
        seed = BlockHistory.hashOf(seedRef);
        require(seed != 0, SeedLost(seedRef));
    }

    /// @inheritdoc IRandomness
    function fixedBlock(uint48 seedRef) external pure returns (uint256 blockNumber) {
        return seedRef;
    }
}
