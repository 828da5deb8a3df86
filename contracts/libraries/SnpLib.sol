// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EnclaveLib} from "./EnclaveLib.sol";

/// @title What an AMD SEV-SNP report says, but for its signature (AMD 56860, versions 2 and 3)
/// @notice Mirror: offchain/engines/tee/snp. Scalars are little-endian.
library SnpLib {
    uint256 internal constant SIZE = 0x4a0;

    /// @dev Parts: 1 size, 2 version, 3 signature algorithm, 4 debug policy, 5 migration policy, 6 privilege level, 7 signing key,
    /// 8 hidden chip, 9 bytes behind the signature
    error ReportRefused(uint8 part);

    /// @return svns boot loader, TEE, SNP and microcode of the reported TCB
    function read(
        bytes calldata report
    )
        internal
        pure
        returns (uint32 svns, bytes32 platformId, bytes32 measurementId, bytes32 dataHigh, bytes32 dataLow)
    {
        _check(report);
        svns = uint32(bytes4(abi.encodePacked(report[0x180], report[0x181], report[0x186], report[0x187])));
        platformId = EnclaveLib.platformId(EnclaveLib.AMD_SNP, report[0x1a0:0x1e0]);
        bytes memory fields = abi.encodePacked(
            hex"010030",
            report[0x90:0xc0],
            hex"020020",
            report[0xc0:0xe0],
            hex"030008",
            report[0x08:0x10],
            hex"040001",
            report[0x30:0x31],
            hex"050030",
            report[0xe0:0x110]
        );
        measurementId = keccak256(abi.encodePacked("assay.v1.measurement", EnclaveLib.AMD_SNP, fields));
        (dataHigh, dataLow) = (bytes32(report[0x50:0x70]), bytes32(report[0x70:0x90]));
    }

    function _check(bytes calldata report) private pure {
        require(report.length == SIZE, ReportRefused(1));
        bytes4 version = bytes4(report[:4]);
        require(version == 0x02000000 || version == 0x03000000, ReportRefused(2));
        // ECDSA over P-384 with SHA-384.
        require(bytes4(report[0x34:0x38]) == 0x01000000, ReportRefused(3));
        uint8 policy = uint8(report[0x0a]);
        require(policy & 0x08 == 0, ReportRefused(4));
        require(policy & 0x04 == 0, ReportRefused(5));
        // What runs above level 0 is not measured here.
        require(bytes4(report[0x30:0x34]) == 0, ReportRefused(6));
        // Bits 2 to 4 name the signing key, 0 the chip's own; bit 0 tells of an author key.
        require(uint8(report[0x48]) & 0x1e == 0, ReportRefused(7));
        require(bytes32(report[0x1a0:0x1c0]) | bytes32(report[0x1c0:0x1e0]) != 0, ReportRefused(8));
        require(keccak256(report[0x330:]) == keccak256(new bytes(SIZE - 0x330)), ReportRefused(9));
    }
}
