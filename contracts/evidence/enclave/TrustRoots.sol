// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITrustRoots} from "../../interfaces/ITrustRoots.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";

/// @title Vendors' roots, by key; mirror: offchain/engines/tee/roots.ts, which names the sources
contract TrustRoots is ITrustRoots {
    bytes32 private constant _INTEL = 0xa0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e;
    bytes32 private constant _AMD_MILAN = 0x9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9;
    bytes32 private constant _AMD_GENOA = 0x429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831;
    bytes32 private constant _AWS = 0xf2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225;
    bytes32 private constant _NVIDIA = 0xa90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4;

    /// Written by the constructor only.
    mapping(bytes32 rootId => bool) private _simulated;

    /// @param simulated roots of development platforms; none but on a local chain
    constructor(bytes32[] memory simulated) {
        require(simulated.length == 0 || block.chainid == EnclaveLib.LOCAL_CHAIN, SimulatedRootRefused(block.chainid));
        for (uint256 i; i < simulated.length; ++i) _simulated[simulated[i]] = true;
    }

    /// @inheritdoc ITrustRoots
    function classOf(uint8 vendor, bytes32 rootId) external view returns (uint8 class_) {
        if (_isProduction(vendor, rootId)) return EnclaveLib.ROOT_PRODUCTION;
        // Asked again at each use: a local chain's state may be carried to another.
        if (_simulated[rootId] && block.chainid == EnclaveLib.LOCAL_CHAIN) return EnclaveLib.ROOT_SIMULATED;
        return 0;
    }

    function _isProduction(uint8 vendor, bytes32 rootId) private pure returns (bool) {
        if (vendor == EnclaveLib.INTEL_SGX || vendor == EnclaveLib.INTEL_TDX) return rootId == _INTEL;
        // Turin's root is left out: nothing here was tested with evidence of it.
        if (vendor == EnclaveLib.AMD_SNP) return rootId == _AMD_MILAN || rootId == _AMD_GENOA;
        if (vendor == EnclaveLib.AWS_NITRO) return rootId == _AWS;
        return vendor == EnclaveLib.NVIDIA_GPU && rootId == _NVIDIA;
    }
}
