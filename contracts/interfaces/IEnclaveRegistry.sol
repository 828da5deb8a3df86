// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Keys that live in attested enclaves
/// @notice A quote shows once that a listed program on an admissible platform made a key; from then on one signature shows that
/// it made a result.
/// @dev Intel's quotes only: those of vendors that sign over P-384 are too dear for a chain.
/// Warning: a registered key is as good as its platform's vendor, its image's source and the hands that hold the machine.
interface IEnclaveRegistry {
    /// A key, while it has ever been registered.
    struct Enclave {
        bytes32 modelId; // the one model that it serves
        bytes32 pckId; // certificate of its platform, in `IIntelCollateral`
        address worker; // whose claims it signs
        uint40 expiry;
        uint24 image; // of `IMeasurementRegistry`
        uint16 epoch; // counts the key's registrations
        uint8 status;
        uint8 vendor; // with bit 7: simulated
    }

    /// What a quote's report data binds: keccak256 of it and the type's hash, then sha256 of the runtime.
    struct Binding {
        address key; // secp256k1, signs results
        bytes32 channelKey; // X25519
        bytes32 sealKey;
        address worker;
        uint16 epoch;
        uint256 challengeBlock; // its hash is the challenge: the quote is younger
    }

    // --- Events -------------------------------------------------------------------------------------------------------

    /// Everything that `invalidateBy` asks for but the quote.
    /// @param simulated nothing that this key signs says anything about hardware
    event EnclaveRegistered(
        address indexed key,
        address indexed worker,
        bytes32 indexed modelId,
        Enclave enclave,
        bytes32 measurementId,
        bytes32 platformId,
        Binding binding,
        bytes32 challenge,
        bytes runtime,
        bool simulated
    );
    /// @param reason 1 the certificate of its platform or CA revoked, 2 platform denied, 3 image removed, 4 its status is not
    /// admissible any more
    event EnclaveEnded(address indexed key, uint8 reason);

    // --- Errors -------------------------------------------------------------------------------------------------------

    error WorkerOnly(address caller, address worker);
    error KeyEmpty();
    /// The key is registered for another worker or model.
    error KeyTaken(address key);
    error KeyUnknown(address key);
    error EpochWrong(uint16 have, uint16 need);
    /// Not one of the last 256 blocks.
    error ChallengeOld(uint256 blockNumber, uint256 now_);
    /// The quote's report data says something else.
    error BindingMismatch(bytes32 have, bytes32 need);
    /// @dev Fields: 1 length, 2 type, 3 bundle that is not the image's
    error RuntimeInvalid(uint8 field);
    error StatusNotAdmitted(uint8 status);
    error PlatformIsDenied(bytes32 platformId);
    error NothingToEnd(address key);

    // --- Keys ---------------------------------------------------------------------------------------------------------

    /// @notice Registers an Intel enclave's key, or renews it. By the worker's own transaction.
    /// @param packed as `IDcapVerifier` takes it
    /// @param runtime abi.encode(type hash, bundleDigest, modelId, gpuDigest, configDigest): what the measured program declares
    function register(
        bytes calldata packed,
        bytes32 pckId,
        Binding calldata binding,
        bytes calldata runtime
    ) external returns (uint40 expiry);

    /// @notice Ends a key whose platform, CA or image was revoked, denied or removed. Anyone.
    function invalidate(address key) external;

    /// @notice Ends an Intel enclave's key whose status is not admissible under the newest collateral. Anyone.
    /// @dev The quote must verify and bind this key's current registration: what does not verify proves nothing against it.
    /// @param challenge of the registration, as its event told
    function invalidateBy(
        address key,
        bytes calldata packed,
        Binding calldata binding,
        bytes32 challenge,
        bytes calldata runtime
    ) external;

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @notice Whether a key may be given work that lasts until `need`. Reads image, platform and revocation again.
    function isLive(address key, uint256 need) external view returns (bool);

    function enclave(address key) external view returns (Enclave memory);

    /// @notice How long an ended key's signatures still open what was begun before: nobody loses a stake by another's key.
    function DRAIN() external view returns (uint40);

    /// @notice The first half of the report data.
    function bindingHash(Binding calldata binding, bytes32 challenge) external view returns (bytes32);
}
