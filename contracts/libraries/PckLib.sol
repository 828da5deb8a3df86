// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {DerLib} from "./DerLib.sol";

/// @title What Intel certifies of a processor: extension 1.2.840.113741.1.13.1 of its PCK certificate
library PckLib {
    uint256 private constant _OID = 0x2a864886f84d010d01;
    uint256 private constant _ALL_SVNS = 0x3fffe; // members 1 to 17 of the TCB

    struct Facts {
        bytes16 ppid;
        bytes16 components; // SVNs of the 16 components, in order
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
    }

    /// @param pos, end contents of the extension
    function parse(bytes calldata d, uint256 pos, uint256 end) internal pure returns (Facts memory facts) {
        pos = DerLib.only(d, pos, end, DerLib.SEQUENCE);
        uint256 seen;
        while (pos < end) {
            (uint256 id, uint256 value, uint256 next) = _member(d, pos, end, 0);
            pos = next;
            if ((seen >> id) & 1 != 0) revert IIntelCollateral.PckInvalid(uint8(id));
            seen |= 1 << id;
            if (id == 1) facts.ppid = bytes16(_octets(d, value, next, 16));
            else if (id == 2) _readTcb(d, value, next, facts);
            else if (id == 3) facts.pceId = bytes2(_octets(d, value, next, 2));
            else if (id == 4) facts.fmspc = bytes6(_octets(d, value, next, 6));
        }
        if (seen & 0x1e != 0x1e) revert IIntelCollateral.PckInvalid(0);
    }

    function _readTcb(bytes calldata d, uint256 pos, uint256 end, Facts memory facts) private pure {
        pos = DerLib.only(d, pos, end, DerLib.SEQUENCE);
        uint256 seen;
        uint256 lanes;
        while (pos < end) {
            (uint256 id, uint256 value, uint256 next) = _member(d, pos, end, 1);
            pos = next;
            if ((seen >> id) & 1 != 0) revert IIntelCollateral.PckInvalid(2);
            seen |= 1 << id;
            // 18 repeats the components as bytes.
            if (id == 0 || id > 17) continue;
            (uint256 svn, uint256 after_) = DerLib.unsigned(d, value, next);
            if (after_ != next || svn > (id == 17 ? 65_535 : 255)) revert IIntelCollateral.PckInvalid(2);
            if (id == 17) facts.pceSvn = uint16(svn);
            else lanes |= svn << (8 * (16 - id));
        }
        if (seen & _ALL_SVNS != _ALL_SVNS) revert IIntelCollateral.PckInvalid(2);
        facts.components = bytes16(uint128(lanes));
    }

    /// A pair of identifier and value.
    /// @return id last arc of the identifier
    /// @return value offset of what it names, which ends the pair
    function _member(
        bytes calldata d,
        uint256 pos,
        uint256 end,
        uint256 depth
    ) private pure returns (uint256 id, uint256 value, uint256 next) {
        uint256 inner;
        (inner, next) = DerLib.expect(d, pos, end, DerLib.SEQUENCE);
        (inner, value) = DerLib.expect(d, inner, next, DerLib.OID);
        uint256 head = DerLib.word(d, inner) >> (176 - 8 * depth);
        uint256 prefix = depth == 0 ? _OID : (_OID << 8) | 2;
        if (value - inner != 10 + depth || head >> 8 != prefix) revert IIntelCollateral.PckInvalid(0);
        id = head & 0xff;
        (, , inner) = DerLib.read(d, value, next);
        if (inner != next) revert IIntelCollateral.PckInvalid(uint8(id));
    }

    function _octets(bytes calldata d, uint256 pos, uint256 end, uint256 length) private pure returns (bytes32) {
        uint256 start = DerLib.only(d, pos, end, DerLib.OCTET_STRING);
        if (end - start != length) revert IIntelCollateral.DerInvalid(pos, 11);
        return bytes32(DerLib.word(d, start));
    }
}
