// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "../interfaces/IRandomness.sol";

/// @title Seeds from block hashes
/// @notice The seed of a request in block b is the hash of block b + 2: unknown to everyone when the request is made.
/// @dev Warning: the producer of block b + 2 can discard a block whose hash it dislikes, at the price of its reward.
/// Hence the small `maxInsured`.
contract BlockSeed is IRandomness {
    uint256 private constant _DELAY = 2;
    uint256 private constant _OPCODE_REACH = 256;
    uint256 private constant _HISTORY_REACH = 8_191; // EIP-2935's ring
    address private constant _HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

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
        uint256 age = block.number - seedRef;
        if (age <= _OPCODE_REACH) seed = blockhash(seedRef);
        else if (age <= _HISTORY_REACH) seed = _history(seedRef);
        require(seed != 0, SeedLost(seedRef));
    }

    /// @inheritdoc IRandomness
    function fixedBlock(uint48 seedRef) external pure returns (uint256 blockNumber) {
        return seedRef;
    }

    /// Chains without the history contract answer with nothing: then the seed is lost, never a wrong one.
    function _history(uint256 blockNumber) private view returns (bytes32) {
        (bool ok, bytes memory answer) = _HISTORY.staticcall(abi.encode(blockNumber));
        return ok && answer.length == 32 ? abi.decode(answer, (bytes32)) : bytes32(0);
    }
}
