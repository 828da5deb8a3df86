// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {PckLib} from "../../../contracts/libraries/PckLib.sol";
import {der, integer, sequence, slice} from "../support/Der.sol";
import {refusal} from "../support/Refusals.sol";

contract PckLibTest {
    bytes4 private constant _PCK = IIntelCollateral.PckInvalid.selector;
    bytes4 private constant _DER = IIntelCollateral.DerInvalid.selector;
    bytes private constant _OID = hex"2a864886f84d010d01";
    bytes private constant _PPID = hex"000102030405060708090a0b0c0d0e0f";

    function parse(bytes calldata d) external pure returns (PckLib.Facts memory) {
        return PckLib.parse(d, 0, d.length);
    }

    function _member(bytes memory id, bytes memory value) private pure returns (bytes memory) {
        return sequence(bytes.concat(der(0x06, bytes.concat(_OID, id)), value));
    }

    function _svn(uint8 i, uint256 value) private pure returns (bytes memory) {
        return _member(abi.encodePacked(uint8(2), i), integer(value));
    }

    function _svns() private pure returns (bytes memory list) {
        for (uint8 i = 1; i < 17; ++i) list = bytes.concat(list, _svn(i, uint256(i) * 15));
    }

    function _tcb(bytes memory list) private pure returns (bytes memory) {
        return _member(hex"02", sequence(list));
    }

    function _plainTcb() private pure returns (bytes memory) {
        return _tcb(bytes.concat(_svns(), _svn(17, 65_535), _member(hex"0212", der(0x04, new bytes(16)))));
    }

    function _ppid() private pure returns (bytes memory) {
        return _member(hex"01", der(0x04, _PPID));
    }

    function _ids() private pure returns (bytes memory) {
        return bytes.concat(_member(hex"03", der(0x04, hex"0102")), _member(hex"04", der(0x04, hex"b0c06f000001")));
    }

    function _plain() private pure returns (bytes memory) {
        return sequence(bytes.concat(_ppid(), _plainTcb(), _ids(), _member(hex"05", hex"0a0100")));
    }

    function _refused(bytes memory list, bytes4 selector) private view returns (uint256) {
        try this.parse(sequence(list)) {
            revert("accepted");
        } catch (bytes memory reason) {
            return refusal(reason, selector);
        }
    }

    function test_Fields() public view {
        PckLib.Facts memory f = this.parse(_plain());
        require(f.ppid == bytes16(_PPID) && f.pceSvn == 65_535, "ppid and PCE");
        require(f.components == bytes16(hex"0f1e2d3c4b5a69788796a5b4c3d2e1f0"), "components");
        require(f.pceId == 0x0102 && f.fmspc == 0xb0c06f000001, "ids");
    }

    function test_OrderDoesNotMatter() public view {
        PckLib.Facts memory f = this.parse(sequence(bytes.concat(_ids(), _plainTcb(), _ppid())));
        require(f.ppid == bytes16(_PPID) && f.pceSvn == 65_535 && f.fmspc == 0xb0c06f000001, "fields");
    }

    function test_RevertWhen_AMemberIsMissingOrTwice() public view {
        require(_refused("", _PCK) == 0, "nothing");
        require(_refused(bytes.concat(_plainTcb(), _ids()), _PCK) == 0, "no PPID");
        require(_refused(bytes.concat(_ppid(), _ids()), _PCK) == 0, "no TCB");
        require(_refused(bytes.concat(_ppid(), _plainTcb()), _PCK) == 0, "no FMSPC");
        require(_refused(bytes.concat(_ppid(), _plainTcb(), _ids(), _ppid()), _PCK) == 1, "two PPIDs");
        require(_refused(bytes.concat(_ppid(), _plainTcb(), _plainTcb(), _ids()), _PCK) == 2, "two TCBs");
    }

    function test_RevertWhen_SvnsAreNotSeventeen() public view {
        bytes[6] memory bad = [
            _svns(), // without the PCE's
            bytes.concat(_svns(), _svn(17, 1), _svn(1, 200)), // one twice: which counts?
            bytes.concat(_svns(), _svn(17, 65_536)),
            bytes.concat(_svns(), _svn(17, 1), _svn(17, 2)),
            _svn(17, 1),
            bytes.concat(_svn(1, 256), slice(_svns(), 17, _svns().length), _svn(17, 1))
        ];
        for (uint256 i; i < bad.length; ++i)
            require(_refused(bytes.concat(_ppid(), _tcb(bad[i]), _ids()), _PCK) == 2, "accepted");
        bytes memory list = bytes.concat(_svns(), _member(hex"0211", bytes.concat(integer(1), integer(2))));
        require(_refused(bytes.concat(_ppid(), _tcb(list), _ids()), _PCK) == 17, "two values");
        list = bytes.concat(_svns(), _member(hex"0211", hex"0201ff"));
        require(_refused(bytes.concat(_ppid(), _tcb(list), _ids()), _DER) == 7, "negative");
    }

    function test_RevertWhen_AMemberIsForeign() public view {
        bytes memory foreign = sequence(bytes.concat(der(0x06, hex"2a864886f84d010d0201"), der(0x04, _PPID)));
        require(_refused(bytes.concat(foreign, _plainTcb(), _ids()), _PCK) == 0, "another arc");
        require(_refused(bytes.concat(_member(hex"8101", der(0x04, _PPID)), _plainTcb(), _ids()), _PCK) == 0, "longer");
        bytes memory short = _member(hex"01", der(0x04, slice(_PPID, 0, 15)));
        require(_refused(bytes.concat(short, _plainTcb(), _ids()), _DER) == 11, "PPID of 15 bytes");
        bytes memory bits = _member(hex"01", der(0x03, _PPID));
        require(_refused(bytes.concat(bits, _plainTcb(), _ids()), _DER) == 5, "PPID of another type");
        // A component of the TCB under the extension itself, and the other way round.
        require(_refused(bytes.concat(_svn(1, 1), _ppid(), _plainTcb(), _ids()), _PCK) == 0, "too deep");
        require(_refused(bytes.concat(_ppid(), _tcb(_ppid()), _ids()), _PCK) == 0, "too shallow");
    }

    function test_RevertWhen_TruncatedOrPadded() public view {
        bytes memory d = _plain();
        for (uint256 length; length < d.length; ++length) {
            (bool ok, bytes memory reason) = address(this).staticcall(
                abi.encodeCall(this.parse, (slice(d, 0, length)))
            );
            require(!ok && bytes4(reason) == _DER, "truncated");
        }
        (bool fine, bytes memory why) = address(this).staticcall(
            abi.encodeCall(this.parse, (bytes.concat(d, hex"00")))
        );
        require(!fine && refusal(why, _DER) == 6, "padded");
    }
}
