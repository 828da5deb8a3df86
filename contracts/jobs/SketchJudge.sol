// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SketchLib} from "../libraries/SketchLib.sol";

/// @title The arithmetic of class T, in a contract of its own
/// @notice Pure: whoever wants to know how a committee of float votes compares may ask. `HubSketches` makes one for itself.
contract SketchJudge {
    /// @notice Seats of `present` within tau of the medians; see `SketchLib.agree`.
    function agree(
        bytes32[] calldata a,
        bytes32[] calldata b,
        uint256 present,
        uint256 tau
    ) external pure returns (bytes32 medianA, bytes32 medianB, uint256 agreeing) {
        return SketchLib.agree(a, b, present, tau);
    }

    /// @notice Whether a tensor's bytes have these sketches; see `SketchLib.check`.
    function check(
        bytes calldata tensor,
        uint256 scale,
        bytes32 a,
        bytes32 b,
        bytes32 seedB
    ) external pure returns (bool) {
        return SketchLib.check(tensor, scale, a, b, seedB);
    }

    /// @notice What a float stage's tolerance word says: tau in steps, and a step in units of 2^-149.
    function decode(bytes32 word) external pure returns (uint256 tau, uint256 scale) {
        return SketchLib.decode(word);
    }
}
