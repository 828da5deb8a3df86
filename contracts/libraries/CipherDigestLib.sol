// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title CIPHER digests (she.md section 2); mirror: offchain/core/she/digest.ts
library CipherDigestLib {
    /// sha256(u8(15) | "assay.v1.cipher" | canonical header of a ciphertext | body root)
    function digest(uint256 profile, uint256 level, bytes32 body) internal pure returns (bytes32) {
        // "ASHE", version, kind, profile u16le, level, flags, u16, element u32, rows u32le, 12 zero bytes.
        bytes memory header = abi.encodePacked(
            bytes6(0x415348450101),
            uint8(profile),
            uint8(profile >> 8),
            uint8(level),
            bytes7(0),
            uint8(2 * level),
            uint8((2 * level) >> 8),
            bytes14(0)
        );
        return sha256(abi.encodePacked(uint8(15), "assay.v1.cipher", header, body));
    }
}
