// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IEvidenceRouter} from "../interfaces/IEvidenceRouter.sol";
import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProtocolParams} from "../interfaces/IProtocolParams.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {Job, KIND_PUBLIC, ParameterSet, Slot, STATE_CLOSED, STATE_FINAL} from "../types/Types.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {JobLib} from "../libraries/JobLib.sol";

/// What a hub is built from; fixed for good.
struct HubConfig {
    IERC20 token;
    IStakeVault vault;
    IModelRegistry registry;
    IProtocolParams params;
    IRandomness randomness;
    IEvidenceRouter router;
    address guardian; // may pause new requests
    address treasury; // receives fees
}

/// @title What the hub's contracts share: storage, collaborators, callback
/// @dev The hub is seven contracts behind one address (a contract's code is limited to 24,576 bytes): `AssayHub` delegates votes
/// to `HubVotes`, votes on floats to `HubSketches`, proofs to `HubProofs`, those of enclaves to `HubEnclaves`, samples to `HubAudits`
/// and the rest to `HubDisputes`. All start from this one: same storage.
abstract contract HubCore is IHubTypes {
    uint48 internal constant RETRY_TIME = 30 days;
    address internal constant DEAD = 0x000000000000000000000000000000000000dEaD; // burned tokens
    uint256 internal constant CALLBACK_SPARE = 30_000; // gas kept for what follows a callback

    IERC20 internal immutable TOKEN;
    IStakeVault internal immutable VAULT;
    IModelRegistry internal immutable REGISTRY;
    IProtocolParams internal immutable PARAMS;
    IRandomness internal immutable RANDOM;
    IEvidenceRouter internal immutable ROUTER;
    address internal immutable GUARDIAN;
    address internal immutable TREASURY;
    address private immutable _SELF;
    uint256 private immutable _CHAIN;
    bytes32 private immutable _DOMAIN;

    mapping(bytes32 jobId => Slot) internal _slots;
    mapping(address account => uint256) internal _free;
    mapping(uint32 workerId => Account) internal _accounts;
    Totals internal _totals;
    mapping(bytes32 boxKey => Box) internal _boxes;
    mapping(bytes32 boxKey => mapping(address signer => bytes32 commitment)) internal _posted;
    mapping(bytes32 boxKey => mapping(uint256 seat => bytes32 word)) internal _revealed;
    /// Immutable records of others, packed into one word each when first used: a request then reads 2 slots, not 4 slots
    /// of 2 more contracts.
    mapping(bytes32 modelId => uint256) private _models;
    mapping(uint32 version => uint256) private _sets;
    bool private transient _calling;
    bool internal transient _ending; // `HubVotes` or `HubProofs` hands a job that ended to `HubDisputes.finish`

    bool internal transient _joining; // `HubAudits` has checked the parents of the job that `request` opens

    /// Nothing that moves a job or money runs inside a consumer's callback.
    modifier unlocked() {
        if (_calling) revert Reentered();
        _;
    }

    constructor(HubConfig memory c) {
        (TOKEN, VAULT, REGISTRY, PARAMS, RANDOM) = (c.token, c.vault, c.registry, c.params, c.randomness);
        (ROUTER, GUARDIAN, TREASURY) = (c.router, c.guardian, c.treasury);
        (_SELF, _CHAIN, _DOMAIN) = (address(this), block.chainid, ClaimLib.domainSeparator(address(this)));
    }

    /// @notice Of the contracts and accounts that this one was built for.
    function configHash() public view returns (bytes32) {
        return keccak256(abi.encode(TOKEN, VAULT, REGISTRY, PARAMS, RANDOM, ROUTER, GUARDIAN, TREASURY));
    }

    // --- Shared reads -------------------------------------------------------------------------------------------------

    /// Of the hub's address, also where this code runs on its behalf.
    function _domain() internal view returns (bytes32) {
        if (address(this) == _SELF && block.chainid == _CHAIN) return _DOMAIN;
        return ClaimLib.domainSeparator(address(this));
    }

    function _boxKey(bytes32 jobId, uint256 stage, uint256 round) internal pure returns (bytes32) {
        return keccak256(abi.encode(jobId, stage, round));
    }

    /// A model's {acceptedMasks u32, workUnits u64, stages u8, network, linear, public output, probes u8}.
    function _model(bytes32 modelId) internal returns (uint256 packed) {
        packed = _models[modelId];
        if (packed != 0) return packed;
        IModelRegistry.Model memory m = REGISTRY.model(modelId);
        packed = m.acceptedMasks | (uint256(m.workUnits) << 32) | (uint256(m.stages) << 96);
        if (m.network) packed |= 1 << 104;
        if (m.linear) packed |= 1 << 105;
        if (m.outKind == KIND_PUBLIC) packed |= 1 << 106;
        packed |= uint256(m.probes) << 107;
        _models[modelId] = packed;
    }

    /// A parameter set, packed: nine durations of 24 bits (194 days), feeBps, forceUninsured, and a mark.
    function _params(uint32 version) internal returns (ParameterSet memory set) {
        uint256 packed = _sets[version];
        if (packed == 0) {
            set = PARAMS.parameters(version);
            _sets[version] = _pack(set);
            return set;
        }
        return _unpack(packed);
    }

    function _paramsView(uint32 version) internal view returns (ParameterSet memory set) {
        uint256 packed = _sets[version];
        return packed == 0 ? PARAMS.parameters(version) : _unpack(packed);
    }

    function _pack(ParameterSet memory set) private pure returns (uint256 packed) {
        packed = (1 << 233) | (uint256(set.feeBps) << 216);
        if (set.forceUninsured) packed |= 1 << 232;
        uint256 all;
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, 9) {
                i := add(i, 1)
            } {
                let value := mload(add(set, shl(5, i)))
                all := or(all, value)
                packed := or(packed, shl(mul(24, i), value))
            }
        }
        if (all >> 24 != 0) revert IProtocolParams.ParameterSetInvalid(0);
    }

    function _unpack(uint256 packed) private pure returns (ParameterSet memory set) {
        set.feeBps = uint16(packed >> 216);
        set.forceUninsured = (packed >> 232) & 1 == 1;
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, 9) {
                i := add(i, 1)
            } {
                mstore(add(set, shl(5, i)), and(shr(mul(24, i), packed), 0xffffff))
            }
        }
    }

    // --- Callback -----------------------------------------------------------------------------------------------------

    /// Tells the consumer how its job ended: last, once, and whatever it does. `s` is the slot as saved.
    function _callBack(
        Job calldata job,
        bytes32 jobId,
        Slot memory s,
        bytes32 outDigest,
        bytes calldata output
    ) internal {
        address consumer = job.spec.callback;
        if (consumer == address(0)) return;
        if (output.length != 0) {
            if (s.state != STATE_FINAL || s.flags & JobLib.OUTPUT_PUBLIC == 0) revert OutputTooLarge(output.length, 0);
            DigestLib.checkOutput(output, outDigest);
        }
        bytes memory data = abi.encodeCall(IInferenceConsumer.handleInference, (jobId, s.state, outDigest, output));
        uint256 gasLimit = job.spec.callbackGas;
        // EIP-150 keeps a 64th back: without this check a sender could starve the consumer and count it as delivered.
        uint256 have = (gasleft() * 63) / 64;
        if (have <= gasLimit + CALLBACK_SPARE) revert InsufficientGas(have, gasLimit + CALLBACK_SPARE);
        _calling = true;
        uint256 before = gasleft();
        bool ok;
        assembly ("memory-safe") {
            // No return data is copied: it may be a bomb.
            ok := call(gasLimit, consumer, 0, add(data, 0x20), mload(data), 0, 0)
        }
        uint256 used = before - gasleft();
        _calling = false;
        if (ok) {
            s.flags |= JobLib.DELIVERED;
            JobLib.saveEnd(_slots[jobId], s);
        }
        emit CallbackResult(jobId, ok, used);
    }

    /// The terminal form of a slot; `stage` of a closed job holds its reason.
    function _end(Slot memory s, uint8 reason) internal view {
        s.state = reason == 0 ? STATE_FINAL : STATE_CLOSED;
        (s.stage, s.round) = (reason, 0);
        s.deadline = uint48(block.timestamp) + RETRY_TIME;
    }
}
