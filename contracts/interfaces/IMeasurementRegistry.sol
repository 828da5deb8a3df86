// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Which programs may run in enclaves, and which platforms may not
/// @notice A measurement that is not listed is a stranger's program. Listing one takes 48 hours in the open; taking one off is
/// immediate.
/// @dev Warning: TIMELOCK decides what runs where inputs are private. It can end keys, but no claim that an enclave signed
/// before: `EnclaveRegistry.DRAIN`.
interface IMeasurementRegistry {
    struct Image {
        bytes32 measurementId;
        bytes32 bundleDigest; // of the worker bundle that the measurement is of
        bool listed;
        uint48 removedAt; // 0 while listed
    }

    event ImageAnnounced(bytes32 indexed measurementId, bytes32 bundleDigest, uint48 readyAt);
    event ImageListed(bytes32 indexed measurementId, uint24 indexed image, bytes32 bundleDigest);
    event ImageRemoved(bytes32 indexed measurementId, uint24 indexed image);
    event PlatformDenied(bytes32 indexed platformId);
    event PlatformAllowanceAnnounced(bytes32 indexed platformId, uint48 readyAt);
    event PlatformAllowed(bytes32 indexed platformId);
    event FloorRaised(bytes32 indexed rootId, uint32 svns);

    error NotTimelock(address caller, address timelock);
    error ImageUnknown(bytes32 measurementId);
    error ImageExists(bytes32 measurementId);
    error NotReady(uint256 now_, uint256 readyAt);
    error PlatformNotDenied(bytes32 platformId);
    /// Of four numbers, one is lower than before.
    error FloorTooLow(uint32 have, uint32 floor);
    /// 0 names nothing.
    error IdEmpty();

    /// @notice Announces an image; anyone can list it 48 hours later. TIMELOCK only.
    function announce(bytes32 measurementId, bytes32 bundleDigest) external;

    /// @notice Lists an announced image whose time has come. Anyone.
    function list(bytes32 measurementId) external returns (uint24 image);

    /// @notice Takes an image off, and withdraws its announcement. At once; TIMELOCK only.
    function remove(bytes32 measurementId) external;

    /// @notice Refuses a platform, whatever its vendor says. At once; TIMELOCK only.
    function deny(bytes32 platformId) external;

    /// @notice Announces that a platform is to be taken back; anyone can do so 48 hours later. TIMELOCK only.
    function announceAllowance(bytes32 platformId) external;

    /// @notice Takes a platform back. Anyone, once announced for 48 hours.
    function allow(bytes32 platformId) external;

    /// @notice Sets the oldest firmware that counts under a root whose vendor signs no levels (AMD: one root a product). It only
    /// rises. At once; TIMELOCK only.
    /// @param svns boot loader, TEE, SNP and microcode, a byte each
    function raiseFloor(bytes32 rootId, uint32 svns) external;

    /// @notice Whether none of the four is below the root's floor. False while none is set.
    function meetsFloor(bytes32 rootId, uint32 svns) external view returns (bool);

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @notice The number of a listed image. Reverts with `ImageUnknown`.
    function imageOf(bytes32 measurementId) external view returns (uint24 image, bytes32 bundleDigest);

    /// @param image its number
    function imageAt(uint24 image) external view returns (Image memory);

    function isDenied(bytes32 platformId) external view returns (bool);
}
