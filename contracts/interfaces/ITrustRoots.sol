// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Whose word about hardware counts
/// @notice The vendors' root keys are constants of the code; nobody can add one.
/// @dev Warning: a vendor that signs lies is believed. Simulated roots prove nothing: they exist on chain id 31337 only.
interface ITrustRoots {
    /// Simulated roots are for a local chain.
    error SimulatedRootRefused(uint256 chainId);

    /// @notice What a root key is.
    /// @param vendor 1 Intel SGX, 2 Intel TDX (the same root), 3 AMD, 4 AWS, 5 NVIDIA
    /// @param rootId SHA-256 of the root's SubjectPublicKeyInfo
    /// @return class_ 0 unknown, 1 production, 2 simulated
    function classOf(uint8 vendor, bytes32 rootId) external view returns (uint8 class_);
}
