// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hashes of past blocks, as far as the chain remembers them
library BlockHistory {
    uint256 private constant _OPCODE_REACH = 256;
    uint256 private constant _HISTORY_REACH = 8_191; // EIP-2935's ring
    address private constant _HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// The hash of a past block; 0 if it is forgotten, or not past.
    function hashOf(uint256 blockNumber) internal view returns (bytes32 hash) {
        if (blockNumber >= block.number) return 0;
        uint256 age = block.number - blockNumber;
        if (age <= _OPCODE_REACH) return blockhash(blockNumber);
        if (age > _HISTORY_REACH) return 0;
        // Chains without the history contract answer with nothing: then the hash is lost, never a wrong one.
        (bool ok, bytes memory answer) = _HISTORY.staticcall(abi.encode(blockNumber));
        return ok && answer.length == 32 ? abi.decode(answer, (bytes32)) : bytes32(0);
    }
}
