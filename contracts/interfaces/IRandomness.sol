// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Source of seeds for committee draws
/// @notice A seed is fixed by a reference at the moment a job asks for it and can never be re-rolled.
interface IRandomness {
    error SeedNotReady(uint48 seedRef, uint256 readyAt);
    error SeedLost(uint48 seedRef);

    /// @notice Fixes which future randomness a caller will get. Must be called in the requesting transaction.
    /// @return seedRef opaque reference, meaningful to `seedOf` and `fixedBlock`
    function activate() external returns (uint48 seedRef);

    /// @notice The seed behind `seedRef`; the same value for as long as it can be answered.
    /// @dev Reverts `SeedNotReady` before it exists, with the block (or, for an outside beacon, the time) from which to ask
    /// again, and `SeedLost` if it will never exist or the chain forgot it.
    function seedOf(uint48 seedRef) external view returns (bytes32 seed);

    /// @notice The first block in which anyone may know something about the seed: from it on no job may be cancelled for
    /// free. type(uint256).max while no block number is known, and for a seed that will never exist: nobody is charged for
    /// that.
    function fixedBlock(uint48 seedRef) external view returns (uint256 blockNumber);

    /// @notice The largest insured value for which this source is strong enough.
    function maxInsured() external view returns (uint96);
}
