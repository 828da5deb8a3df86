// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Judge of Intel's quotes: SGX of version 3, TDX of versions 4 and 5
/// @notice States facts about a quote; what status is good enough is for others to say. Debug enclaves mean nothing and are
/// refused here.
/// @dev Warning: `UpToDate` means patched, not honest: whoever holds the machine can forge quotes with cheap hardware.
interface IDcapVerifier {
    struct Verdict {
        uint8 vendor; // 1 SGX, 2 TDX
        uint8 status; // 0 UpToDate, 1 SWHardeningNeeded, 2 ConfigurationNeeded, 3 both, 4 OutOfDate, 5 with 2, 6 Revoked
        bool simulated;
        bool grace; // was UpToDate until Intel's last evaluation, younger than 14 days here; never of Revoked
        uint32 evaluation;
        uint48 notAfter;
        bytes32 platformId;
        bytes32 measurementId;
        bytes32 dataHigh; // the 64 bytes that the enclave chose
        bytes32 dataLow;
    }

    /// @dev Fields: 1 version, 2 key type, 3 TEE type, 4 body's type or size, 5 truncated, 6 the attestation key's signature
    error QuoteInvalid(uint8 field);
    /// @dev Fields: 1 vendor, 2 mrSigner, 3 isvProdId, 4 attributes, 5 miscSelect, 6 another attestation key, 7 the PCK's signature
    error QuotingEnclaveInvalid(uint8 field);
    /// Lower than every level that Intel lists.
    /// @dev Parts: 1 platform, 2 quoting enclave, 3 TDX module
    error TcbTooLow(uint8 part, uint256 svns);
    error PceMismatch(bytes2 have, bytes2 need);
    /// @dev Fields: 1 unknown module, 2 its signer, 3 its attributes
    error ModuleInvalid(uint8 field);
    error DebugEnclave();
    /// @dev Fields: 1 SEPT_VE_DISABLE is off, 2 a service TD may migrate it
    error TdUnsafe(uint8 field);

    /// @notice Verifies a quote against the collateral that is known now. Reverts naming what is wrong.
    /// @param packed header and body as signed, signature 64, attestation key 64, QE report 384, its signature 64, QE
    /// authentication data: a quote without lengths and certificates
    function verify(bytes calldata packed, bytes32 pckId) external view returns (Verdict memory);

    /// @notice The same, but a platform, quoting enclave or module below every level that Intel lists now has status 255 and is
    /// not refused: what was good once can be shown to be so no more. Everything else reverts as in `verify`.
    function assess(bytes calldata packed, bytes32 pckId) external view returns (Verdict memory);
}
