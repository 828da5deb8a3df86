// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVerdictBoard} from "./IVerdictBoard.sol";

/// @title Keys that live in attested enclaves
/// @notice A quote shows once that a listed program on an admissible platform made a key; from then on one signature shows that
/// it made a result.
/// @dev Intel's quotes are verified here. Of vendors that sign over P-384, too dear for a chain, the verdict of `IVerdictBoard` counts.
/// Warning: a registered key is as good as its platform's vendor, its image's source and the hands that hold the machine.
interface IEnclaveRegistry {
    /// A key, while it has ever been registered.
    struct Enclave {
        bytes32 modelId; // the one model that it serves
        bytes32 origin; // Intel: certificate of its platform, in `IIntelCollateral`; else the case, in `IVerdictBoard`
        address worker; // whose claims it signs
        uint32 expiry;
        uint8 life; // hours from its registration to `expiry`, rounded up
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
    /// admissible any more, 5 the verdict that it rests on did not survive its challenge
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
    /// Not of this call: Intel's evidence is verified on chain, and a GPU has no key of its own.
    error VendorWrong(uint8 vendor);
    error RootUnknown(uint8 vendor, bytes32 rootId);
    /// The board's verdict states other facts.
    error FactsMismatch(bytes32 have, bytes32 need);

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

    /// @notice Registers an AMD or AWS enclave's key, or renews it, by a verdict of BOARD that stands and that the worker asked for
    /// itself. By the worker's own transaction.
    /// @dev The challenge is the block hash that the board checked when it was shown the evidence.
    /// @param facts those that the verdict is the hash of
    function registerByVerdict(
        uint256 caseId,
        IVerdictBoard.Facts calldata facts,
        Binding calldata binding,
        bytes calldata runtime
    ) external returns (uint40 expiry);

    /// @notice Ends a key whose platform, CA or image was revoked, denied or removed, or whose verdict was overruled. Anyone.
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

    /// @notice When a key that lives was last registered, or up to an hour earlier.
    function registeredAt(address key) external view returns (uint40);

    /// @notice How long an ended key's signatures still open what was begun before: nobody loses a stake by another's key.
    function DRAIN() external view returns (uint40);

    /// @notice The first half of the report data.
    function bindingHash(Binding calldata binding, bytes32 challenge) external view returns (bytes32);
}
