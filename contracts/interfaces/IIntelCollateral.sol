// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What Intel signs about its platforms: certificates, revocation lists, TCB info and enclave identities
/// @notice Anyone brings it, Intel's signature decides, the newest counts, and nothing counts beyond its date.
/// @dev Warning: there is no owner and no other way in. Whoever holds Intel's keys decides what is up to date.
interface IIntelCollateral {
    /// A list that counts: of one issuer's key.
    struct RevocationList {
        uint48 issued;
        uint48 nextUpdate;
    }

    /// What a platform's quotes are judged by. Code addresses hold what `CollateralLib` describes.
    struct Platform {
        bytes32 x; // of the PCK
        bytes32 y;
        bytes16 components; // the 16 SVNs that Intel certifies
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
        bool simulated;
        bytes32 platformId;
        uint48 ends; // the earliest end of all that it rests on
        uint48 seenAt; // when the current evaluation of the TCB info was first seen here
        address tcbInfo;
        address previousTcbInfo; // of the evaluation before, or 0
        address identity; // of the quoting enclave
    }

    // --- Events -------------------------------------------------------------------------------------------------------

    event RootRegistered(bytes32 indexed key, bool simulated, uint48 notAfter);
    event AuthorityRegistered(bytes32 indexed key, bytes32 indexed issuer, uint8 role, uint48 notAfter);
    event PckRegistered(bytes32 indexed pckId, bytes32 indexed issuer, bytes6 fmspc);
    event Revoked(bytes32 indexed issuer, uint256 serial);
    event ListUpdated(bytes32 indexed issuer, uint48 issued, uint48 nextUpdate);
    /// The list holds more new serials than were asked to be entered: send it again.
    event ListPending(bytes32 indexed issuer, uint256 entered);
    event CollateralUpdated(bytes32 indexed family, uint8 kind, bytes6 fmspc, uint32 evaluation, uint48 ends);

    // --- Errors: form -------------------------------------------------------------------------------------------------

    /// @dev Rules: 1 truncated, 2 length of a form that DER forbids, 3 length not minimal, 4 beyond its container, 5 another tag,
    /// 6 bytes behind it, 7 integer, 8 boolean, 9 bit string, 10 time, 11 length
    error DerInvalid(uint256 offset, uint8 rule);
    error DateInvalid();
    /// Not what Intel writes here.
    error JsonUnexpected(uint256 offset);
    /// @dev Fields: 1 version, 2 serial number, 3 signature algorithm, 4 validity or name, 5 public key, 6 extensions, 7 an unknown
    /// critical extension, 8 an extension twice, 9 basic constraints, 10 key usage
    error CertificateInvalid(uint8 field);
    /// @dev Member of Intel's extension; 0 one is missing or unknown.
    error PckInvalid(uint8 member);
    error TooLong(uint256 length, uint256 most);

    // --- Errors: trust ------------------------------------------------------------------------------------------------

    error RootUnknown(bytes32 rootId);
    error AuthorityUnknown(bytes32 key);
    /// @dev Rules: 1 its issuer has another name, 2 its issuer issues none, 3 its role's name, 4 CA or not, 5 the path is too long,
    /// 6 simulated and not mixed
    error ChainInvalid(uint8 rule);
    error SignatureInvalid(bytes32 key);
    error NotValid(uint256 now_, uint48 notBefore, uint48 notAfter);
    error CertificateRevoked(bytes32 issuer, uint256 serial);
    /// No list of this issuer was ever shown: it may have revoked anything.
    error ListMissing(bytes32 issuer);
    error ListEnded(bytes32 issuer, uint48 nextUpdate);
    /// Not newer than what is known: nothing goes back.
    error NotNewer(uint256 have, uint256 known);
    /// @dev Fields: 1 version, 2 a critical extension, 3 another issuer, 4 may not sign lists, 5 more fields
    error ListInvalid(uint8 field);
    error CollateralMissing(bytes32 family);
    error CollateralEnded(bytes32 family, uint48 ends);
    error PckUnknown(bytes32 pckId);
    /// The TCB info is of platforms with another PCE.
    error PceMismatch(bytes2 have, bytes2 need);

    // --- Bringing -----------------------------------------------------------------------------------------------------

    /// @notice A self-signed certificate over a pinned root key (`ITrustRoots`). Anyone.
    function registerRoot(bytes calldata der) external returns (bytes32 key);

    /// @notice A PCK CA or the TCB signer, by its name; issued by a registered root. A newer certificate over the same key
    /// replaces an older one. Anyone.
    /// @return key keccak256 of the key's coordinates
    function registerAuthority(bytes calldata der, bytes32 root) external returns (bytes32 key);

    /// @notice A platform's PCK certificate. Anyone.
    function registerPck(bytes calldata der, bytes32 ca) external returns (bytes32 pckId);

    /// @notice A revocation list of a root or a PCK CA, newer than the one known. Anyone. What was revoked stays revoked.
    /// @param mostNew how many new serials to enter at most: the list counts once all are, by as many calls as it takes
    /// @return complete whether it counts
    function submitCrl(bytes calldata der, bytes32 issuer, uint256 mostNew) external returns (bool complete);

    /// @notice TCB info, exactly as Intel signed it. Anyone.
    /// @param json the signed text: the value of `tcbInfo` in Intel's answer
    /// @param signer a registered TCB signer
    function submitTcbInfo(bytes calldata json, bytes32 r, bytes32 s, bytes32 signer) external;

    /// @notice The identity of Intel's quoting enclave: the value of `enclaveIdentity`. Anyone.
    function submitIdentity(bytes calldata json, bytes32 r, bytes32 s, bytes32 signer) external;

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @notice Everything that quotes of this platform are judged by. Reverts if any of it is missing, revoked or over.
    /// @param isTdx which TCB info and identity
    function platform(bytes32 pckId, bool isTdx) external view returns (Platform memory);

    /// @notice Whether the certificate of a platform, or of its CA, is on a list.
    function isRevoked(bytes32 pckId) external view returns (bool);

    /// @notice Names the processor, whatever its PCK: keccak256 of vendor and PPID.
    function platformIdOf(bytes32 pckId, bool isTdx) external view returns (bytes32);

    function listOf(bytes32 issuer) external view returns (RevocationList memory);

    /// @return family names TCB info (SGX, TDX) or an identity (fmspc 0) under one root
    function familyOf(bytes32 root, uint8 kind, bytes6 fmspc) external pure returns (bytes32 family);
}
