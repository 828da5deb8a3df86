// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title ECDSA over P-256 as vendors sign
library P256Lib {
    /// s or N - s: whichever is low. Intel does not normalise, and OpenZeppelin takes the low one only. Both are good, so
    /// signatures are never identities.
    function lowS(bytes32 s) internal pure returns (bytes32) {
        return uint256(s) > P256.N / 2 && uint256(s) < P256.N ? bytes32(P256.N - uint256(s)) : s;
    }

    /// By the precompile of EIP-7951 where the chain has it, else in Solidity.
    function isSigned(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        return P256.verify(digest, r, lowS(s), x, y);
    }
}
