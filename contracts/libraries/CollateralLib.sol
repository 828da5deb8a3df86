// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {JsonLib} from "./JsonLib.sol";

/// @title Intel's TCB info (version 3) and enclave identity (version 2): from signed JSON to the bytes that are kept
/// @notice Layout, as `DcapVerifier` reads it. A head of 59 bytes: issued u48, ends u48, evaluation u32, kind u8, levels u8,
/// modules u8, fmspc 6, pceId 2, revocation key of the signer 32. Then, of TCB info for TDX, the unnumbered module's mrSigner 48,
/// attributes 8, mask 8, and each module: version u8, levels u8, mrSigner 48, attributes 8, mask 8, levels of 3 bytes. Then the
/// levels. Of an enclave identity instead: mrSigner 32, attributes 16, mask 16, miscSelect 4, mask 4, isvProdId u16, levels.
/// A level of a platform: SGX components 16, TDX components 16, PCE SVN u16, status u8; of an enclave or module: SVN u16, status u8.
library CollateralLib {
    uint256 internal constant HEAD = 59;
    uint256 internal constant PLATFORM_LEVEL = 35;
    uint256 internal constant SVN_LEVEL = 3;
    uint256 internal constant MODULE = 66;
    uint256 internal constant IDENTITY = 74;

    uint8 internal constant TCB_SGX = 0;
    uint8 internal constant TCB_TDX = 1;
    uint8 internal constant QE = 2;
    uint8 internal constant TD_QE = 3;

    struct Parsed {
        uint8 kind;
        uint48 issued;
        uint48 nextUpdate;
        uint32 evaluation;
        bytes6 fmspc; // 0 of an identity
        bytes2 pceId;
        uint256 levels;
        uint256 modules;
        bytes body; // what follows the head
        uint256 used;
    }

    function pack(Parsed memory p, uint48 ends, bytes32 signer) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                abi.encodePacked(p.issued, ends, p.evaluation, p.kind, uint8(p.levels), uint8(p.modules)),
                abi.encodePacked(p.fmspc, p.pceId, signer, p.body)
            );
    }

    // --- TCB info -----------------------------------------------------------------------------------------------------

    function parseTcbInfo(bytes calldata j) internal pure returns (Parsed memory p) {
        // Every level and module is written in more bytes than it is kept in.
        p.body = new bytes(j.length);
        uint256 pos = JsonLib.skip(j, 0, '{"id":"', 7);
        if (JsonLib.has(j, pos, 'TDX"', 4)) p.kind = TCB_TDX;
        else pos = JsonLib.skip(j, pos, 'SGX"', 4) - 4;
        pos = JsonLib.skip(j, pos + 4, ',"version":3', 12);
        pos = _dates(j, pos, p);
        pos = JsonLib.skip(j, pos, ',"fmspc":"', 10);
        bytes32 value;
        (value, pos) = JsonLib.hexBytes(j, pos, 6);
        p.fmspc = bytes6(value);
        (value, pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"pceId":"', 10), 2);
        p.pceId = bytes2(value);
        pos = _evaluation(j, JsonLib.skip(j, pos, ',"tcbType":0', 12), p);
        if (p.kind == TCB_TDX) pos = _modules(j, pos, p);
        pos = JsonLib.skip(j, pos, ',"tcbLevels":[', 14);
        while (true) {
            pos = _platformLevel(j, pos, p);
            if (!JsonLib.has(j, pos, ",", 1)) break;
            ++pos;
        }
        _finish(j, pos, p);
    }

    function _modules(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        pos = _module(j, JsonLib.skip(j, pos, ',"tdxModule":{', 14), p);
        pos = JsonLib.skip(j, pos, "}", 1);
        if (!JsonLib.has(j, pos, ',"tdxModuleIdentities":[', 24)) return pos;
        pos += 24;
        while (true) {
            pos = JsonLib.skip(j, pos, '{"id":"TDX_', 11);
            bytes32 version;
            (version, pos) = JsonLib.hexBytes(j, pos, 1);
            uint256 head = p.used;
            _put(p, version, 2);
            pos = _module(j, JsonLib.skip(j, pos, ",", 1), p);
            uint256 levels;
            (levels, pos) = _svnLevels(j, pos, p);
            p.body[head + 1] = bytes1(uint8(levels));
            pos = JsonLib.skip(j, pos, "}", 1);
            if (++p.modules > 32) revert IIntelCollateral.JsonUnexpected(pos);
            if (!JsonLib.has(j, pos, ",", 1)) break;
            ++pos;
        }
        return JsonLib.skip(j, pos, "]", 1);
    }

    function _module(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        bytes32 value;
        (value, pos) = JsonLib.hexPart(j, JsonLib.skip(j, pos, '"mrsigner":"', 12), 24);
        _put(p, value, 24);
        (value, pos) = JsonLib.hexBytes(j, pos, 24);
        _put(p, value, 24);
        (value, pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"attributes":"', 15), 8);
        _put(p, value, 8);
        (value, pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"attributesMask":"', 19), 8);
        _put(p, value, 8);
        return pos;
    }

    function _platformLevel(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        pos = JsonLib.skip(j, pos, '{"tcb":{"sgxtcbcomponents":[', 28);
        pos = _components(j, pos, p);
        uint256 svn;
        (svn, pos) = JsonLib.number(j, JsonLib.skip(j, pos, ',"pcesvn":', 10), 65_535);
        if (p.kind == TCB_TDX) pos = _components(j, JsonLib.skip(j, pos, ',"tdxtcbcomponents":[', 21), p);
        else _put(p, 0, 16);
        _put(p, bytes32(svn << 240), 2);
        pos = _status(j, JsonLib.skip(j, pos, "}", 1), p);
        if (++p.levels > 255) revert IIntelCollateral.JsonUnexpected(pos);
        return pos;
    }

    /// Sixteen, and the bracket behind them.
    function _components(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        uint256 lanes;
        for (uint256 i; i < 16; ++i) {
            uint256 svn;
            (svn, pos) = JsonLib.number(j, JsonLib.skip(j, pos, '{"svn":', 7), 255);
            lanes = (lanes << 8) | svn;
            // What raises it, for people.
            if (JsonLib.has(j, pos, ',"category":"', 13)) (, pos) = JsonLib.text(j, pos + 13, 64);
            if (JsonLib.has(j, pos, ',"type":"', 9)) (, pos) = JsonLib.text(j, pos + 9, 64);
            pos = i == 15 ? JsonLib.skip(j, pos, "}]", 2) : JsonLib.skip(j, pos, "},", 2);
        }
        _put(p, bytes32(lanes << 128), 16);
        return pos;
    }

    // --- Enclave identity ---------------------------------------------------------------------------------------------

    function parseIdentity(bytes calldata j) internal pure returns (Parsed memory p) {
        p.body = new bytes(j.length);
        uint256 pos = JsonLib.skip(j, 0, '{"id":"', 7);
        if (JsonLib.has(j, pos, 'TD_QE"', 6)) (p.kind, pos) = (TD_QE, pos + 6);
        else (p.kind, pos) = (QE, JsonLib.skip(j, pos, 'QE"', 3));
        pos = _dates(j, JsonLib.skip(j, pos, ',"version":2', 12), p);
        pos = _evaluation(j, pos, p);
        bytes32[5] memory fields;
        (fields[0], pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"miscselect":"', 15), 4);
        (fields[1], pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"miscselectMask":"', 19), 4);
        (fields[2], pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"attributes":"', 15), 16);
        (fields[3], pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"attributesMask":"', 19), 16);
        (fields[4], pos) = JsonLib.hexBytes(j, JsonLib.skip(j, pos, ',"mrsigner":"', 13), 32);
        _put(p, fields[4], 32);
        _put(p, fields[2], 16);
        _put(p, fields[3], 16);
        _put(p, fields[0], 4);
        _put(p, fields[1], 4);
        uint256 prodId;
        (prodId, pos) = JsonLib.number(j, JsonLib.skip(j, pos, ',"isvprodid":', 13), 65_535);
        _put(p, bytes32(prodId << 240), 2);
        (p.levels, pos) = _svnLevels(j, pos, p);
        _close(j, pos, p);
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    function _dates(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        (p.issued, pos) = JsonLib.date(j, JsonLib.skip(j, pos, ',"issueDate":"', 14));
        (p.nextUpdate, pos) = JsonLib.date(j, JsonLib.skip(j, pos, ',"nextUpdate":"', 15));
        return pos;
    }

    function _evaluation(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        uint256 value;
        (value, pos) = JsonLib.number(j, JsonLib.skip(j, pos, ',"tcbEvaluationDataNumber":', 27), type(uint32).max);
        p.evaluation = uint32(value);
        return pos;
    }

    function _svnLevels(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256 count, uint256) {
        pos = JsonLib.skip(j, pos, ',"tcbLevels":[', 14);
        while (true) {
            uint256 svn;
            (svn, pos) = JsonLib.number(j, JsonLib.skip(j, pos, '{"tcb":{"isvsvn":', 17), 65_535);
            _put(p, bytes32(svn << 240), 2);
            pos = _status(j, JsonLib.skip(j, pos, "}", 1), p);
            if (++count > 255) revert IIntelCollateral.JsonUnexpected(pos);
            if (!JsonLib.has(j, pos, ",", 1)) break;
            ++pos;
        }
        return (count, JsonLib.skip(j, pos, "]", 1));
    }

    /// Date, status and advisories of a level, and the brace behind them.
    function _status(bytes calldata j, uint256 pos, Parsed memory p) private pure returns (uint256) {
        (, pos) = JsonLib.date(j, JsonLib.skip(j, pos, ',"tcbDate":"', 12));
        pos = JsonLib.skip(j, pos, ',"tcbStatus":"', 14);
        (uint256 end, uint256 next) = JsonLib.text(j, pos, 40);
        _put(p, bytes32(_statusOf(keccak256(j[pos:end]), pos) << 248), 1);
        pos = next;
        if (JsonLib.has(j, pos, ',"advisoryIDs":[', 16)) {
            pos += 15;
            do {
                (, pos) = JsonLib.text(j, JsonLib.skip(j, pos + 1, '"', 1), 64);
            } while (JsonLib.has(j, pos, ",", 1));
            pos = JsonLib.skip(j, pos, "]", 1);
        }
        return JsonLib.skip(j, pos, "}", 1);
    }

    function _statusOf(bytes32 hash, uint256 pos) private pure returns (uint256) {
        if (hash == keccak256("UpToDate")) return 0;
        if (hash == keccak256("SWHardeningNeeded")) return 1;
        if (hash == keccak256("ConfigurationNeeded")) return 2;
        if (hash == keccak256("ConfigurationAndSWHardeningNeeded")) return 3;
        if (hash == keccak256("OutOfDate")) return 4;
        if (hash == keccak256("OutOfDateConfigurationNeeded")) return 5;
        if (hash == keccak256("Revoked")) return 6;
        revert IIntelCollateral.JsonUnexpected(pos);
    }

    function _finish(bytes calldata j, uint256 pos, Parsed memory p) private pure {
        _close(j, JsonLib.skip(j, pos, "]", 1), p);
    }

    function _close(bytes calldata j, uint256 pos, Parsed memory p) private pure {
        if (JsonLib.skip(j, pos, "}", 1) != j.length) revert IIntelCollateral.JsonUnexpected(pos + 1);
        bytes memory body = p.body;
        uint256 used = p.used;
        assembly ("memory-safe") {
            mstore(body, used)
        }
    }

    /// Appends the first `length` bytes of `value`.
    function _put(Parsed memory p, bytes32 value, uint256 length) private pure {
        bytes memory body = p.body;
        uint256 used = p.used;
        // What is kept is shorter than what it was written in; a word more may be touched, which the next one overwrites.
        assert(used + 32 <= body.length);
        assembly ("memory-safe") {
            mstore(add(add(body, 0x20), used), value)
        }
        p.used = used + length;
    }
}
