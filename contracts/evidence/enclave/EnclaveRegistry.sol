// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDcapVerifier} from "../../interfaces/IDcapVerifier.sol";
import {IEnclaveRegistry} from "../../interfaces/IEnclaveRegistry.sol";
import {IIntelCollateral} from "../../interfaces/IIntelCollateral.sol";
import {IMeasurementRegistry} from "../../interfaces/IMeasurementRegistry.sol";
import {ITrustRoots} from "../../interfaces/ITrustRoots.sol";
import {IVerdictBoard} from "../../interfaces/IVerdictBoard.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";

/// @title Enclaves' keys, three slots each, and four more of those that rest on a verdict of the board
contract EnclaveRegistry is IEnclaveRegistry {
    /// What a registration rests on, whoever verified it.
    struct Attested {
        uint8 vendor;
        uint8 status;
        bool simulated;
        uint48 notAfter;
        bytes32 origin;
        bytes32 platformId;
        bytes32 measurementId;
        bytes32 dataHigh;
        bytes32 dataLow;
        bytes32 challenge;
    }

    struct Origin {
        uint32 svns;
        bytes32 platformId;
        bytes32 rootId;
        bytes32 word;
    }

    bytes32 private constant _BIND_TYPEHASH = keccak256(
        "EnclaveBinding(uint256 chainId,address registry,address key,bytes32 channelKey,bytes32 sealKey,bytes32 worker,uint16 epoch,bytes32 challenge)"
    );
    bytes32 private constant _RUNTIME_TYPEHASH = keccak256(
        "EnclaveRuntime(bytes32 bundleDigest,bytes32 modelId,bytes32 gpuDigest,bytes32 configDigest)"
    );
    uint256 private constant _LIFE = 7 days;
    uint8 private constant _ENDED_REVOKED = 1;
    uint8 private constant _ENDED_DENIED = 2;
    uint8 private constant _ENDED_REMOVED = 3;
    uint8 private constant _ENDED_STATUS = 4;
    uint8 private constant _ENDED_OVERRULED = 5;

    /// @inheritdoc IEnclaveRegistry
    uint40 public constant DRAIN = 1 days;

    IIntelCollateral public immutable COLLATERAL;
    IDcapVerifier public immutable VERIFIER;
    IMeasurementRegistry public immutable IMAGES;
    ITrustRoots public immutable ROOTS;
    IVerdictBoard public immutable BOARD;

    mapping(address key => Enclave) private _enclaves;
    /// Not of Intel's enclaves: what their quotes state is asked for again.
    mapping(address key => Origin) private _origins;

    constructor(
        IIntelCollateral collateral,
        IDcapVerifier verifier,
        IMeasurementRegistry images,
        ITrustRoots roots,
        IVerdictBoard board
    ) {
        (COLLATERAL, VERIFIER, IMAGES, ROOTS, BOARD) = (collateral, verifier, images, roots, board);
    }

    // --- Registering --------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnclaveRegistry
    function register(
        bytes calldata packed,
        bytes32 pckId,
        Binding calldata binding,
        bytes calldata runtime
    ) external returns (uint40 expiry) {
        require(msg.sender == binding.worker, WorkerOnly(msg.sender, binding.worker));
        bytes32 challenge = blockhash(binding.challengeBlock);
        require(challenge != 0, ChallengeOld(binding.challengeBlock, block.number));
        IDcapVerifier.Verdict memory v = VERIFIER.verify(packed, pckId);
        require(_isAdmissible(v.status, v.grace), StatusNotAdmitted(v.status));
        Attested memory a;
        (a.vendor, a.status, a.simulated, a.notAfter) = (v.vendor, v.status, v.simulated, v.notAfter);
        (a.origin, a.platformId, a.measurementId) = (pckId, v.platformId, v.measurementId);
        (a.dataHigh, a.dataLow, a.challenge) = (v.dataHigh, v.dataLow, challenge);
        return _enter(a, binding, runtime);
    }

    function _isAdmissible(uint8 status, bool grace) private pure returns (bool) {
        return status <= EnclaveLib.SW_HARDENING_NEEDED || grace;
    }

    /// @inheritdoc IEnclaveRegistry
    function registerByVerdict(
        uint256 caseId,
        IVerdictBoard.Facts calldata facts,
        Binding calldata binding,
        bytes calldata runtime
    ) external returns (uint40 expiry) {
        require(msg.sender == binding.worker, WorkerOnly(msg.sender, binding.worker));
        Attested memory a = _attested(caseId, facts, binding.worker);
        expiry = _enter(a, binding, runtime);
        Origin storage from = _origins[binding.key];
        (from.svns, from.platformId, from.rootId) = (facts.svns, facts.platformId, facts.rootId);
        from.word = BOARD.wordOf(caseId, facts);
    }

    /// What the board's verdict says, and what can be judged without its word: root, firmware, vendor.
    function _attested(
        uint256 caseId,
        IVerdictBoard.Facts calldata facts,
        address worker
    ) private view returns (Attested memory a) {
        (bytes32 need, bytes32 challenge, address payer) = BOARD.standing(caseId);
        // Attesters drawn were not the payer: so the worker was none of them.
        require(payer == worker, WorkerOnly(payer, worker));
        bytes32 word = BOARD.wordOf(caseId, facts);
        require(word == need, FactsMismatch(word, need));
        uint8 vendor = facts.vendor;
        // A GPU has no key: its report is part of its enclave's runtime.
        bool keyed = vendor == EnclaveLib.AMD_SNP || vendor == EnclaveLib.AWS_NITRO;
        require(keyed, VendorWrong(vendor));
        uint8 class_ = ROOTS.classOf(vendor, facts.rootId);
        require(class_ != 0, RootUnknown(vendor, facts.rootId));
        bool current = vendor != EnclaveLib.AMD_SNP || IMAGES.meetsFloor(facts.rootId, facts.svns);
        require(current, StatusNotAdmitted(EnclaveLib.OUT_OF_DATE));
        (a.vendor, a.simulated, a.notAfter) = (vendor, class_ == EnclaveLib.ROOT_SIMULATED, facts.notAfter);
        a.status = vendor == EnclaveLib.AMD_SNP ? EnclaveLib.UP_TO_DATE : EnclaveLib.VENDOR_MANAGED;
        (a.origin, a.platformId, a.measurementId) = (bytes32(caseId), facts.platformId, facts.measurementId);
        (a.dataHigh, a.dataLow, a.challenge) = (facts.dataHigh, facts.dataLow, challenge);
    }

    function _enter(
        Attested memory a,
        Binding calldata binding,
        bytes calldata runtime
    ) private returns (uint40 expiry) {
        require(binding.key != address(0), KeyEmpty());
        _checkBinding(a.dataHigh, a.dataLow, binding, a.challenge, runtime);
        require(!IMAGES.isDenied(a.platformId), PlatformIsDenied(a.platformId));
        (uint24 image, bytes32 bundle) = IMAGES.imageOf(a.measurementId);
        bytes32 modelId = _checkRuntime(runtime, bundle);

        Enclave memory e = _next(binding, modelId);
        uint256 end = block.timestamp + _LIFE;
        expiry = uint40(end < a.notAfter ? end : a.notAfter);
        e.expiry = uint32(expiry);
        // Rounded up: a registration is never taken for younger than it is.
        e.life = expiry > block.timestamp ? uint8((expiry - block.timestamp + 1 hours - 1) / 1 hours) : 0;
        (e.origin, e.image, e.status) = (a.origin, image, a.status);
        e.vendor = a.simulated ? a.vendor | EnclaveLib.SIMULATED : a.vendor;
        _enclaves[binding.key] = e;
        _tell(e, a, binding, runtime);
    }

    function _tell(Enclave memory e, Attested memory a, Binding calldata binding, bytes calldata runtime) private {
        emit EnclaveRegistered(
            binding.key,
            e.worker,
            e.modelId,
            e,
            a.measurementId,
            a.platformId,
            binding,
            a.challenge,
            runtime,
            a.simulated
        );
    }

    /// A key stays with its worker and model; each registration counts one up, so none can be shown twice.
    function _next(Binding calldata binding, bytes32 modelId) private view returns (Enclave memory e) {
        Enclave storage known = _enclaves[binding.key];
        uint16 epoch = known.epoch;
        require(epoch == 0 || (known.worker == binding.worker && known.modelId == modelId), KeyTaken(binding.key));
        // After 65,535 renewals, a thousand years of them, the key is used up.
        require(binding.epoch == epoch + 1, EpochWrong(binding.epoch, epoch + 1));
        (e.modelId, e.worker, e.epoch) = (modelId, binding.worker, binding.epoch);
    }

    /// Report data of 64 bytes: the binding's hash, then the runtime's.
    function _checkBinding(
        bytes32 high,
        bytes32 low,
        Binding calldata binding,
        bytes32 challenge,
        bytes calldata runtime
    ) private view {
        bytes32 need = bindingHash(binding, challenge);
        require(high == need, BindingMismatch(high, need));
        need = sha256(runtime);
        require(low == need, BindingMismatch(low, need));
    }

    function _checkRuntime(bytes calldata runtime, bytes32 bundle) private pure returns (bytes32 modelId) {
        require(runtime.length == 160, RuntimeInvalid(1));
        require(bytes32(runtime[:32]) == _RUNTIME_TYPEHASH, RuntimeInvalid(2));
        require(bytes32(runtime[32:64]) == bundle, RuntimeInvalid(3));
        return bytes32(runtime[64:96]);
    }

    // --- Ending -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnclaveRegistry
    function invalidate(address key) external {
        Enclave storage e = _known(key);
        uint8 reason = _reasonAgainst(key, e);
        require(reason != 0, NothingToEnd(key));
        _end(key, e, reason);
    }

    /// @inheritdoc IEnclaveRegistry
    function invalidateBy(
        address key,
        bytes calldata packed,
        Binding calldata binding,
        bytes32 challenge,
        bytes calldata runtime
    ) external {
        Enclave storage e = _known(key);
        require(
            binding.key == key,
            BindingMismatch(bytes32(uint256(uint160(binding.key))), bytes32(uint256(uint160(key))))
        );
        require(binding.epoch == e.epoch, EpochWrong(binding.epoch, e.epoch));
        require(_isIntel(e.vendor), VendorWrong(e.vendor));
        IDcapVerifier.Verdict memory v = VERIFIER.assess(packed, e.origin);
        _checkBinding(v.dataHigh, v.dataLow, binding, challenge, runtime);
        require(!_isAdmissible(v.status, v.grace), NothingToEnd(key));
        _end(key, e, _ENDED_STATUS);
    }

    function _known(address key) private view returns (Enclave storage e) {
        e = _enclaves[key];
        require(e.epoch != 0, KeyUnknown(key));
        // What ended once cannot be ended later again, which would prolong its drain.
        require(block.timestamp < e.expiry, NothingToEnd(key));
    }

    function _end(address key, Enclave storage e, uint8 reason) private {
        // `registeredAt` counts back from the expiry.
        uint256 lived = block.timestamp + uint256(e.life) * 1 hours - e.expiry;
        (e.expiry, e.life) = (uint32(block.timestamp), uint8((lived + 1 hours - 1) / 1 hours));
        emit EnclaveEnded(key, reason);
    }

    /// 0 if nothing speaks against it.
    function _reasonAgainst(address key, Enclave storage e) private view returns (uint8) {
        bytes32 platform;
        if (_isIntel(e.vendor)) {
            if (COLLATERAL.isRevoked(e.origin)) return _ENDED_REVOKED;
            platform = COLLATERAL.platformIdOf(e.origin, e.vendor & ~EnclaveLib.SIMULATED == EnclaveLib.INTEL_TDX);
        } else {
            Origin storage from = _origins[key];
            if (BOARD.isOverruled(uint256(e.origin), from.word)) return _ENDED_OVERRULED;
            bool isAmd = e.vendor & ~EnclaveLib.SIMULATED == EnclaveLib.AMD_SNP;
            if (isAmd && !IMAGES.meetsFloor(from.rootId, from.svns)) return _ENDED_STATUS;
            platform = from.platformId;
        }
        if (IMAGES.isDenied(platform)) return _ENDED_DENIED;
        return IMAGES.imageAt(e.image).listed ? 0 : _ENDED_REMOVED;
    }

    function _isIntel(uint8 vendor) private pure returns (bool) {
        return vendor & ~EnclaveLib.SIMULATED <= EnclaveLib.INTEL_TDX;
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnclaveRegistry
    function isLive(address key, uint256 need) external view returns (bool) {
        Enclave storage e = _enclaves[key];
        if (e.epoch == 0 || block.timestamp >= e.expiry || need > e.expiry) return false;
        // In doubt no new work: a verdict that is being challenged does not stand.
        if (!_isIntel(e.vendor) && !BOARD.isStanding(uint256(e.origin), _origins[key].word)) return false;
        return _reasonAgainst(key, e) == 0;
    }

    /// @inheritdoc IEnclaveRegistry
    function registeredAt(address key) external view returns (uint40) {
        Enclave storage e = _enclaves[key];
        return uint40(uint256(e.expiry) - uint256(e.life) * 1 hours);
    }

    /// @inheritdoc IEnclaveRegistry
    function enclave(address key) external view returns (Enclave memory) {
        return _enclaves[key];
    }

    /// @inheritdoc IEnclaveRegistry
    function bindingHash(Binding calldata b, bytes32 challenge) public view returns (bytes32) {
        bytes memory head = abi.encode(_BIND_TYPEHASH, block.chainid, address(this), b.key, b.channelKey, b.sealKey);
        return keccak256(bytes.concat(head, abi.encode(b.worker, b.epoch, challenge)));
    }
}
