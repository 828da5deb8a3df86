// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// The last argument of a revert with this error: which rule or field was broken.
function refusal(bytes memory reason, bytes4 selector) pure returns (uint256 which) {
    require(bytes4(reason) == selector, "another error");
    assembly ("memory-safe") {
        which := mload(add(reason, mload(reason)))
    }
}
