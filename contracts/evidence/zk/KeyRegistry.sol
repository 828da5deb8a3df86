// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IKeyRegistry} from "../../interfaces/IKeyRegistry.sol";
import {Bn254Lib} from "../../libraries/Bn254Lib.sol";
import {KeyRecordLib} from "../../libraries/KeyRecordLib.sol";
import {KIND_PUBLIC, KIND_SALTED} from "../../types/Types.sol";

/// @title Verifying keys, one contract's code each
contract KeyRegistry is IKeyRegistry {
    uint256 private constant _MAX_BOUNDARIES = 9; // a stage has up to eight producers
    uint256 private constant _MAX_PUBLIC = 8192;

    /// @inheritdoc IKeyRegistry
    function add(bytes calldata record_) external returns (bytes32 keyId) {
        keyId = keccak256(record_);
        require(!has(keyId), KeyExists(keyId));
        bytes memory copy = record_;
        _checkHead(copy);
        (uint256 alpha, uint256 publics) = _checkBody(copy);
        _checkPoints(copy, alpha, publics);
        uint8 class_ = uint8(copy[1]);
        require(
            class_ == KeyRecordLib.CLASS_CEREMONY || block.chainid == KeyRecordLib.LOCAL_CHAIN,
            KeyLocalOnly(block.chainid)
        );
        address code = KeyRecordLib.store(keyId, copy);
        emit KeyAdded(keyId, class_, uint8(copy[2]), msg.sender, code);
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IKeyRegistry
    function classOf(bytes32 keyId) external view returns (uint8 class_) {
        return uint8(record(keyId)[1]);
    }

    /// @inheritdoc IKeyRegistry
    function boundaries(bytes32 keyId) external view returns (uint8 count) {
        return uint8(record(keyId)[3]);
    }

    /// @inheritdoc IKeyRegistry
    function record(bytes32 keyId) public view returns (bytes memory found) {
        found = KeyRecordLib.load(codeOf(keyId));
        require(found.length != 0, KeyUnknown(keyId));
    }

    /// @inheritdoc IKeyRegistry
    function has(bytes32 keyId) public view returns (bool) {
        return codeOf(keyId).code.length != 0;
    }

    /// @inheritdoc IKeyRegistry
    function codeOf(bytes32 keyId) public view returns (address code) {
        return KeyRecordLib.codeOf(address(this), keyId);
    }

    // --- Checks -------------------------------------------------------------------------------------------------------

    function _checkHead(bytes memory r) private pure {
        require(r.length >= KeyRecordLib.HEAD, RecordInvalid(10));
        require(uint8(r[0]) == KeyRecordLib.VERSION, RecordInvalid(1));
        uint256 class_ = uint8(r[1]);
        require(class_ == KeyRecordLib.CLASS_DEVELOPMENT || class_ == KeyRecordLib.CLASS_CEREMONY, RecordInvalid(2));
        uint256 backend = uint8(r[2]);
        require(backend >= KeyRecordLib.BACKEND_ONE_ROUND && backend <= KeyRecordLib.BACKEND_WEIGHTS, RecordInvalid(3));
        uint256 count = uint8(r[3]);
        require(count >= 2 && count <= _MAX_BOUNDARIES, RecordInvalid(4));
    }

    function _checkBody(bytes memory r) private pure returns (uint256 alpha, uint256 publics) {
        uint256 count = uint8(r[3]);
        require(r.length >= KeyRecordLib.HEAD + KeyRecordLib.BOUNDARY * count + 64, RecordInvalid(10));
        for (uint256 b; b < count; ++b) {
            (uint256 direction, uint256 kind, uint256 length) = KeyRecordLib.boundary(r, b);
            require(direction == (b + 1 == count ? 1 : 0), RecordInvalid(4));
            require(kind == KIND_PUBLIC || kind == KIND_SALTED, RecordInvalid(5));
            require(length != 0 && (kind == KIND_SALTED || length <= _MAX_PUBLIC), RecordInvalid(6));
            require(KeyRecordLib.headerHash(r, b) != 0, RecordInvalid(7));
        }
        uint256 backend = KeyRecordLib.backendOf(r);
        alpha = KeyRecordLib.alphaOf(count);
        publics = KeyRecordLib.publicsOf(r, backend, count);
        require(r.length == alpha + 192 + 128 * backend + 64 * (publics + 1), RecordInvalid(10));
        require(r.length <= KeyRecordLib.MAX_RECORD, RecordInvalid(10));
        require(KeyRecordLib.word(r, alpha - 64) != 0, RecordInvalid(8));
        bool ceremony = uint8(r[1]) == KeyRecordLib.CLASS_CEREMONY;
        require(!ceremony || KeyRecordLib.word(r, alpha - 32) != 0, RecordInvalid(9));
    }

    /// With delta = 1, or two deltas the same, what a proof commits to in one group can be moved to another after the
    /// challenge is known; with beta among them, e(alpha, beta) cancels and no witness is needed at all.
    function _checkPoints(bytes memory r, uint256 alpha, uint256 publics) private view {
        // beta stands before the deltas: `count` points of G2 in a row.
        uint256 first = alpha + 64;
        uint256 count = KeyRecordLib.backendOf(r) + 1;
        _checkG1(r, alpha);
        for (uint256 i; i <= publics; ++i) _checkG1(r, first + 128 * count + 64 * i);
        for (uint256 i; i < count; ++i) {
            uint256 offset = first + 128 * i;
            (uint256 im, uint256 re) = (KeyRecordLib.word(r, offset), KeyRecordLib.word(r, offset + 32));
            bool zero = im | re | KeyRecordLib.word(r, offset + 64) | KeyRecordLib.word(r, offset + 96) == 0;
            require(!zero, PointInvalid(offset, 1));
            require(im != Bn254Lib.G2_X_IM || re != Bn254Lib.G2_X_RE, PointInvalid(offset, 3));
            for (uint256 j; j < i; ++j) {
                uint256 other = first + 128 * j;
                bool same = im == KeyRecordLib.word(r, other) && re == KeyRecordLib.word(r, other + 32);
                require(!same, PointInvalid(offset, 3));
            }
        }
        require(Bn254Lib.areInG2(_addressOf(r, first), count), PointInvalid(first, 2));
    }

    function _checkG1(bytes memory r, uint256 offset) private view {
        require(KeyRecordLib.word(r, offset) | KeyRecordLib.word(r, offset + 32) != 0, PointInvalid(offset, 1));
        require(Bn254Lib.isInG1(_addressOf(r, offset)), PointInvalid(offset, 2));
    }

    function _addressOf(bytes memory r, uint256 offset) private pure returns (uint256 point) {
        assembly ("memory-safe") {
            point := add(add(r, 0x20), offset)
        }
    }
}
