// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDcapVerifier} from "../../interfaces/IDcapVerifier.sol";
import {IEnclaveRegistry} from "../../interfaces/IEnclaveRegistry.sol";
import {IIntelCollateral} from "../../interfaces/IIntelCollateral.sol";
import {IMeasurementRegistry} from "../../interfaces/IMeasurementRegistry.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";

/// @title Enclaves' keys, three slots each
contract EnclaveRegistry is IEnclaveRegistry {
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

    /// @inheritdoc IEnclaveRegistry
    uint40 public constant DRAIN = 1 days;

    IIntelCollateral public immutable COLLATERAL;
    IDcapVerifier public immutable VERIFIER;
    IMeasurementRegistry public immutable IMAGES;

    mapping(address key => Enclave) private _enclaves;

    constructor(IIntelCollateral collateral, IDcapVerifier verifier, IMeasurementRegistry images) {
        (COLLATERAL, VERIFIER, IMAGES) = (collateral, verifier, images);
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
        return _enter(v, pckId, binding, challenge, runtime);
    }

    function _isAdmissible(uint8 status, bool grace) private pure returns (bool) {
        return status <= EnclaveLib.SW_HARDENING_NEEDED || grace;
    }

    function _enter(
        IDcapVerifier.Verdict memory v,
        bytes32 pckId,
        Binding calldata binding,
        bytes32 challenge,
        bytes calldata runtime
    ) private returns (uint40 expiry) {
        require(binding.key != address(0), KeyEmpty());
        _checkBinding(v.dataHigh, v.dataLow, binding, challenge, runtime);
        require(!IMAGES.isDenied(v.platformId), PlatformIsDenied(v.platformId));
        (uint24 image, bytes32 bundle) = IMAGES.imageOf(v.measurementId);
        bytes32 modelId = _checkRuntime(runtime, bundle);

        Enclave memory e = _next(binding, modelId);
        uint256 end = block.timestamp + _LIFE;
        e.expiry = expiry = uint40(end < v.notAfter ? end : v.notAfter);
        (e.pckId, e.image, e.status) = (pckId, image, v.status);
        e.vendor = v.simulated ? v.vendor | EnclaveLib.SIMULATED : v.vendor;
        _enclaves[binding.key] = e;
        _tell(e, v, binding, challenge, runtime);
    }

    function _tell(
        Enclave memory e,
        IDcapVerifier.Verdict memory v,
        Binding calldata binding,
        bytes32 challenge,
        bytes calldata runtime
    ) private {
        emit EnclaveRegistered(
            binding.key,
            e.worker,
            e.modelId,
            e,
            v.measurementId,
            v.platformId,
            binding,
            challenge,
            runtime,
            v.simulated
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
        uint8 reason = _reasonAgainst(e);
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
        IDcapVerifier.Verdict memory v = VERIFIER.assess(packed, e.pckId);
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
        e.expiry = uint40(block.timestamp);
        emit EnclaveEnded(key, reason);
    }

    /// 0 if nothing speaks against it.
    function _reasonAgainst(Enclave storage e) private view returns (uint8) {
        bytes32 pckId = e.pckId;
        if (COLLATERAL.isRevoked(pckId)) return _ENDED_REVOKED;
        bool isTdx = e.vendor & ~EnclaveLib.SIMULATED == EnclaveLib.INTEL_TDX;
        if (IMAGES.isDenied(COLLATERAL.platformIdOf(pckId, isTdx))) return _ENDED_DENIED;
        return IMAGES.imageAt(e.image).listed ? 0 : _ENDED_REMOVED;
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnclaveRegistry
    function isLive(address key, uint256 need) external view returns (bool) {
        Enclave storage e = _enclaves[key];
        if (e.epoch == 0 || block.timestamp >= e.expiry || need > e.expiry) return false;
        return _reasonAgainst(e) == 0;
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
