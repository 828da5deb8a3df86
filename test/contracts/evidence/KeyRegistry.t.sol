// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IKeyRegistry} from "../../../contracts/interfaces/IKeyRegistry.sol";
import {Bn254Lib} from "../../../contracts/libraries/Bn254Lib.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// R31, R35: a record is what its id says, for good; keys under which anything can be proved do not enter.
contract KeyRegistryTest is ProofBase {
    bytes private _development; // backend 3, one input, SALTED ends
    bytes private _ceremony; // backend 3, PUBLIC ends
    bytes private _oneRound;
    uint256 private constant _ALPHA = 4 + 2 * 38 + 64;
    uint256 private constant _BETA = _ALPHA + 64;
    uint256 private constant _DELTAS = _BETA + 128;
    uint256 private constant _ICS = _DELTAS + 3 * 128;

    function setUp() public {
        _deploy();
        _development = _proofCase(7).record;
        (_ceremony, , , ) = _digits(3, 0);
        (_oneRound, , , ) = _digits(1, 0);
    }

    function _add(bytes memory record) private returns (bool ok, bytes memory reason) {
        return address(registry).call{gas: 5_000_000}(abi.encodeCall(IKeyRegistry.add, (record)));
    }

    function _refused(bytes memory record, bytes memory need) private {
        (bool ok, bytes memory reason) = _add(record);
        if (ok) revert Accepted("record", 0);
        if (keccak256(reason) != keccak256(need)) revert OtherReason("record", 0, reason);
    }

    function _invalid(uint8 field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IKeyRegistry.RecordInvalid.selector, field);
    }

    function _point(uint256 offset, uint8 field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IKeyRegistry.PointInvalid.selector, offset, field);
    }

    // --- Life of a record ---------------------------------------------------------------------------------------------

    function test_AddAKey() public {
        bytes32 id = keccak256(_ceremony);
        require(!registry.has(id), "before");
        vm.startSnapshotGas("add a key with a weights group");
        bytes32 keyId = registry.add(_ceremony);
        vm.stopSnapshotGas();
        require(keyId == id && registry.has(id), "id");
        require(keccak256(registry.record(id)) == id, "record");
        require(registry.classOf(id) == 2 && registry.boundaries(id) == 2, "views");
        address code = registry.codeOf(id);
        require(code.code.length == _ceremony.length + 1 && code.code[0] == 0, "code starts with STOP");
    }

    /// Whoever calls a record's contract stops at once, changing nothing.
    function test_ARecordIsNoProgram() public {
        bytes32 id = registry.add(_ceremony);
        (bool ok, bytes memory returned) = registry.codeOf(id).call(hex"01020304");
        require(ok && returned.length == 0, "it did something");
        require(keccak256(registry.record(id)) == id, "changed");
    }

    function test_RevertWhen_AddedTwice() public {
        bytes32 id = registry.add(_ceremony);
        _refused(_ceremony, abi.encodeWithSelector(IKeyRegistry.KeyExists.selector, id));
    }

    function testFuzz_RevertWhen_Unknown(bytes32 id) public {
        bytes memory need = abi.encodeWithSelector(IKeyRegistry.KeyUnknown.selector, id);
        vm.expectRevert(need);
        registry.record(id);
        vm.expectRevert(need);
        registry.classOf(id);
        vm.expectRevert(need);
        registry.boundaries(id);
        require(!registry.has(id), "has");
    }

    function test_AllBackendsEnter() public {
        for (uint256 i; i < 9; ++i) {
            bytes memory record = _proofCase(i).record;
            bytes32 id = registry.add(record);
            require(keccak256(registry.record(id)) == id, "record");
            require(registry.classOf(id) == 1 && registry.boundaries(id) == uint8(record[3]), "views");
        }
        registry.add(_oneRound);
    }

    /// The largest record that fits into code enters; one more boundary word does not.
    function test_AKeyOfManyPublicsEnters() public {
        bytes memory ics;
        bytes memory point = abi.encode(uint256(1), uint256(2));
        // Context, 265 words and one digest: 268 ICs.
        for (uint256 i; i < 268; ++i) ics = abi.encodePacked(ics, point);
        bytes memory record = abi.encodePacked(
            hex"01020102_00_00_00002000",
            keccak256("header"),
            hex"01_01_00000001",
            keccak256("header"),
            keccak256("circuit"),
            keccak256("transcript")
        );
        // alpha, beta and delta from the one-round key.
        bytes memory points = new bytes(64 + 2 * 128);
        for (uint256 i; i < points.length; i += 32) _put(points, i, _word(_oneRound, _ALPHA + i));
        bytes32 id = registry.add(abi.encodePacked(record, points, ics));
        require(registry.record(id).length == record.length + points.length + ics.length, "length");
    }

    // --- Class --------------------------------------------------------------------------------------------------------

    function test_RevertWhen_ADevelopmentKeyMeetsAnotherChain() public {
        vm.chainId(1);
        _refused(_development, abi.encodeWithSelector(IKeyRegistry.KeyLocalOnly.selector, uint256(1)));
        registry.add(_ceremony);
        vm.chainId(31337);
        registry.add(_development);
    }

    function test_RevertWhen_ACeremonyHasNoTranscript() public {
        bytes memory record = _ceremony;
        _put(record, _ALPHA - 32, 0);
        _refused(record, _invalid(9));
        _put(record, _ALPHA - 64, 0);
        _refused(record, _invalid(8));
    }

    // --- Form ---------------------------------------------------------------------------------------------------------

    function _withByte(uint256 offset, uint256 value) private view returns (bytes memory record) {
        record = _ceremony;
        record[offset] = bytes1(uint8(value));
    }

    function test_RevertWhen_AHeadByteIsWrong() public {
        _refused(_withByte(0, 0), _invalid(1));
        _refused(_withByte(0, 2), _invalid(1));
        _refused(_withByte(1, 0), _invalid(2));
        _refused(_withByte(1, 3), _invalid(2));
        _refused(_withByte(2, 0), _invalid(3));
        _refused(_withByte(2, 4), _invalid(3));
        _refused(_withByte(2, 2), _invalid(10)); // shorter by a delta
        _refused(_withByte(2, 1), _invalid(10));
        _refused(_withByte(3, 0), _invalid(4));
        _refused(_withByte(3, 1), _invalid(4));
        _refused(_withByte(3, 10), _invalid(4));
        _refused(_withByte(4, 1), _invalid(4)); // an output first
        _refused(_withByte(4, 2), _invalid(4));
        _refused(_withByte(42, 0), _invalid(4)); // no output
        _refused(_withByte(5, 2), _invalid(5)); // BLINDED
        _refused(_withByte(43, 3), _invalid(5)); // CIPHER
        _refused(_withByte(6, 1), _invalid(6)); // 16 MiB of PUBLIC data
        _refused(_withByte(8, 0x21), _invalid(6));
    }

    /// A count of boundaries that the bytes do not bear out shifts all that follows.
    function test_RevertWhen_TheBoundaryCountIsWrong() public {
        for (uint256 count; count < 256; ++count) {
            if (count == 2) continue;
            (bool ok, ) = _add(_withByte(3, count));
            if (ok) revert Accepted("boundaries", count);
        }
    }

    function test_RevertWhen_ALengthOrAHeaderIsZero() public {
        bytes memory record = _ceremony;
        for (uint256 i = 6; i < 10; ++i) record[i] = 0;
        _refused(record, _invalid(6));
        (record, , , ) = _digits(3, 0);
        _put(record, 10, 0);
        _refused(record, _invalid(7));
    }

    function test_RevertWhen_TheLengthIsWrong() public {
        _refused(abi.encodePacked(_ceremony, hex"00"), _invalid(10));
        _refused(abi.encodePacked(_ceremony, new bytes(64)), _invalid(10));
        for (uint256 cut = 1; cut < _ceremony.length; cut += 1 + cut / 4) {
            bytes memory record = _ceremony;
            assembly ("memory-safe") {
                mstore(record, sub(mload(record), cut))
            }
            (bool ok, ) = _add(record);
            if (ok) revert Accepted("cut", cut);
        }
        _refused("", _invalid(10));
    }

    /// Every byte is looked at: a flipped one is refused, or, where it is a number or a hash, makes another key.
    function test_NoFlippedPointEnters() public {
        for (uint256 i = _ALPHA; i < _ceremony.length; ++i) {
            bytes memory record = _ceremony;
            record[i] = bytes1(uint8(record[i]) ^ uint8(1 << (i & 7)));
            (bool ok, ) = _add(record);
            if (ok) revert Accepted("flipped", i);
        }
    }

    // --- Points -------------------------------------------------------------------------------------------------------

    function test_RevertWhen_APointIsInfinity() public {
        for (uint256 i; i < 5; ++i) {
            uint256 offset = i == 0 ? _ALPHA : _ICS + 64 * (i - 1);
            bytes memory record = _ceremony;
            _put(record, offset, 0);
            _put(record, offset + 32, 0);
            _refused(record, _point(offset, 1));
        }
        for (uint256 i; i < 4; ++i) {
            uint256 offset = _BETA + 128 * i;
            bytes memory record = _ceremony;
            for (uint256 j; j < 4; ++j) _put(record, offset + 32 * j, 0);
            _refused(record, _point(offset, 1));
        }
    }

    function test_RevertWhen_APointIsNotInItsGroup() public {
        bytes memory stray = vm.parseJsonBytes(_read("digits"), ".stray");
        for (uint256 i; i < 4; ++i) {
            bytes memory record = _ceremony;
            for (uint256 j; j < 4; ++j) _put(record, _BETA + 128 * i + 32 * j, _word(stray, 32 * j));
            _refused(record, _point(_BETA, 2));
        }
        for (uint256 i; i < 5; ++i) {
            uint256 offset = i == 0 ? _ALPHA : _ICS + 64 * (i - 1);
            bytes memory record = _ceremony;
            _put(record, offset + 32, _word(record, offset + 32) ^ 1);
            _refused(record, _point(offset, 2));
            (record, , , ) = _digits(3, 0);
            _put(record, offset, _word(record, offset) + Bn254Lib.Q);
            _refused(record, _point(offset, 2));
        }
    }

    function _setG2(bytes memory record, uint256 offset, uint256[4] memory words, bool negated) private pure {
        _put(record, offset, words[0]);
        _put(record, offset + 32, words[1]);
        _put(record, offset + 64, negated ? Bn254Lib.Q - words[2] : words[2]);
        _put(record, offset + 96, negated ? Bn254Lib.Q - words[3] : words[3]);
    }

    function _g2At(bytes memory record, uint256 offset) private pure returns (uint256[4] memory words) {
        for (uint256 i; i < 4; ++i) words[i] = _word(record, offset + 32 * i);
    }

    /// beta, delta of round 1, of round 2, of the weights: each pair equal, and each equal up to sign.
    function test_RevertWhen_TwoPointsAreTheSame() public {
        for (uint256 i; i < 4; ++i) {
            for (uint256 j = i + 1; j < 4; ++j) {
                for (uint256 sign; sign < 2; ++sign) {
                    bytes memory record = _ceremony;
                    _setG2(record, _BETA + 128 * j, _g2At(record, _BETA + 128 * i), sign == 1);
                    _refused(record, _point(_BETA + 128 * j, 3));
                }
            }
        }
    }

    /// A set-up whose second phase was skipped leaves delta = 1 (Veil Cash, FoomCash).
    function test_RevertWhen_APointIsTheGenerator() public {
        uint256[4] memory g2 = [Bn254Lib.G2_X_IM, Bn254Lib.G2_X_RE, Bn254Lib.G2_Y_IM, Bn254Lib.G2_Y_RE];
        for (uint256 i; i < 4; ++i) {
            for (uint256 sign; sign < 2; ++sign) {
                bytes memory record = _ceremony;
                _setG2(record, _BETA + 128 * i, g2, sign == 1);
                _refused(record, _point(_BETA + 128 * i, 3));
            }
        }
    }

    /// Coordinates that are not reduced would hide that two points are the same.
    function test_RevertWhen_AnEqualPointIsNotReduced() public {
        bytes memory record = _ceremony;
        uint256[4] memory words = _g2At(record, _DELTAS);
        words[0] += Bn254Lib.Q;
        _setG2(record, _DELTAS + 128, words, false);
        _refused(record, _point(_BETA, 2));
    }
}
