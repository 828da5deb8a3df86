// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Numbers of enclave evidence (tee.md sections 2 and 5); mirror: offchain/engines/tee
library EnclaveLib {
    uint256 internal constant LOCAL_CHAIN = 31337;

    // Hashed into measurement and platform ids: never renumbered.
    uint8 internal constant INTEL_SGX = 1;
    uint8 internal constant INTEL_TDX = 2;
    uint8 internal constant AMD_SNP = 3;
    uint8 internal constant AWS_NITRO = 4;
    uint8 internal constant NVIDIA_GPU = 5;

    /// Bit of a registered key's vendor: its evidence is of a development platform.
    uint8 internal constant SIMULATED = 128;

    uint8 internal constant ROOT_PRODUCTION = 1;
    uint8 internal constant ROOT_SIMULATED = 2;

    // Intel's statuses from best to worst: of several parts the worst counts.
    uint8 internal constant UP_TO_DATE = 0;
    uint8 internal constant SW_HARDENING_NEEDED = 1;
    uint8 internal constant OUT_OF_DATE = 4;
    uint8 internal constant REVOKED = 6;
    /// AWS tells none: it patches itself.
    uint8 internal constant VENDOR_MANAGED = 7;

    /// Names a machine by what its vendor calls it.
    function platformId(uint8 vendor, bytes memory identity) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("assay.v1.platform", vendor, identity));
    }

    /// Who could forge two kinds of evidence at once forges one family's: SGX and TDX share their roots.
    function family(uint8 vendor) internal pure returns (uint8) {
        vendor &= ~SIMULATED;
        return vendor == INTEL_SGX ? INTEL_TDX : vendor;
    }
}
