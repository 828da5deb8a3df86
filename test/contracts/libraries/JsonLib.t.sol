// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {JsonLib} from "../../../contracts/libraries/JsonLib.sol";

contract JsonLibTest {
    function skip(bytes calldata j, bytes32 known, uint256 length) external pure returns (uint256) {
        return JsonLib.skip(j, 0, known, length);
    }

    function number(bytes calldata j, uint256 most) external pure returns (uint256 value, uint256 next) {
        return JsonLib.number(j, 0, most);
    }

    function hexBytes(bytes calldata j, uint256 count) external pure returns (bytes32 value, uint256 next) {
        return JsonLib.hexBytes(j, 0, count);
    }

    function date(bytes calldata j) external pure returns (uint48 seconds_, uint256 next) {
        return JsonLib.date(j, 0);
    }

    function text(bytes calldata j, uint256 most) external pure returns (uint256 end, uint256 next) {
        return JsonLib.text(j, 0, most);
    }

    function _refused(bytes memory call_) private view returns (bool) {
        (bool ok, bytes memory reason) = address(this).staticcall(call_);
        if (ok) return false;
        bytes4 error_ = bytes4(reason);
        bool known =
            error_ == IIntelCollateral.JsonUnexpected.selector || error_ == IIntelCollateral.DateInvalid.selector;
        require(known, "another error");
        return true;
    }

    function test_Skip() public view {
        require(this.skip('{"id":1', '{"id":', 6) == 6, "skip");
        require(this.skip("x", "x", 1) == 1, "one");
        bytes[4] memory bad = [bytes(""), '{"id"', '{"iD":', ' {"id":'];
        for (uint256 i; i < bad.length; ++i)
            require(_refused(abi.encodeCall(this.skip, (bad[i], '{"id":', 6))), "accepted");
    }

    function test_Numbers() public view {
        (uint256 value, uint256 next) = this.number("0,", 0);
        require(value == 0 && next == 1, "zero");
        (value, next) = this.number("65535", 65_535);
        require(value == 65_535 && next == 5, "at the end");
        (value, next) = this.number("4294967295}", type(uint32).max);
        require(value == 4_294_967_295 && next == 10, "most");
        bytes[11] memory bad = [
            bytes(""),
            "-1",
            "+1",
            " 1",
            "x",
            "00",
            "01",
            "256",
            "99999999999",
            "115792089237316195423570985008687907853269984665640564039457584007913129639936",
            '"1"'
        ];
        for (uint256 i; i < bad.length; ++i) require(_refused(abi.encodeCall(this.number, (bad[i], 255))), "accepted");
        // What ends a number is the next reader's business: it expects a comma or a brace.
        (value, next) = this.number("1e3", 255);
        require(value == 1 && next == 1, "exponent");
        (value, next) = this.number("1.5", 255);
        require(value == 1 && next == 1, "fraction");
    }

    function test_Hex() public view {
        (bytes32 value, uint256 next) = this.hexBytes('00aFF9"', 3);
        require(value == bytes32(hex"00aff9") && next == 7, "hex");
        (value, next) = this.hexBytes('ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"', 32);
        require(value == bytes32(type(uint256).max) && next == 65, "32 bytes");
        bytes[9] memory bad = [
            bytes(""),
            '"',
            "00",
            '0"',
            '0g"',
            '00"', // three are asked for
            "00aFF9",
            '00aFF9a"',
            '00aFF:"'
        ];
        for (uint256 i; i < bad.length; ++i) require(_refused(abi.encodeCall(this.hexBytes, (bad[i], 3))), "accepted");
        // The characters beside the digits and letters.
        bytes memory beside = "/:@G`g\x00\xff";
        for (uint256 i; i < beside.length; ++i)
            require(_refused(abi.encodeCall(this.hexBytes, (abi.encodePacked("0", beside[i], '"'), 1))), "beside");
    }

    function test_Dates() public view {
        (uint48 seconds_, uint256 next) = this.date('2026-09-11T13:13:13Z"');
        require(seconds_ == 1_789_132_393 && next == 21, "date");
        bytes[13] memory bad = [
            bytes(""),
            "2026-09-11T13:13:13Z",
            '2026-09-11T13:13:13"',
            '2026-09-11T13:13:13z"',
            '2026-09-11t13:13:13Z"',
            '2026-09-11 13:13:13Z"',
            '2026/09/11T13:13:13Z"',
            '2026-9-11T13:13:13Z"',
            '2026-02-30T13:13:13Z"',
            '2026-09-11T24:00:00Z"',
            '2026-09-11T13:60:13Z"',
            '2026-09-11T13:13:60Z"',
            '1969-12-31T23:59:59Z"'
        ];
        for (uint256 i; i < bad.length; ++i) require(_refused(abi.encodeCall(this.date, (bad[i]))), "accepted");
    }

    function test_Texts() public view {
        (uint256 end, uint256 next) = this.text('UpToDate",', 8);
        require(end == 8 && next == 9, "text");
        (end, next) = this.text('"', 0);
        require(end == 0 && next == 1, "empty");
        bytes[7] memory bad = [bytes(""), "open", 'a\\"', 'a\nb"', 'a\x7f"', 'a\xc3\xa9"', 'UpToDateX"'];
        for (uint256 i; i < bad.length; ++i) require(_refused(abi.encodeCall(this.text, (bad[i], 8))), "accepted");
    }

    /// Hostile bytes are refused by name or read inside their bounds.
    function testFuzz_NothingIsReadBeyondTheEnd(bytes memory j) public view {
        (bool ok, bytes memory out) = address(this).staticcall(abi.encodeCall(this.number, (j, type(uint256).max)));
        if (ok) _inside(out, j.length);
        else require(_refused(abi.encodeCall(this.number, (j, type(uint256).max))), "number");
        (ok, out) = address(this).staticcall(abi.encodeCall(this.text, (j, 64)));
        if (ok) _inside(out, j.length);
        else require(_refused(abi.encodeCall(this.text, (j, 64))), "text");
        (ok, out) = address(this).staticcall(abi.encodeCall(this.hexBytes, (j, 2)));
        if (ok) _inside(out, j.length);
        else require(_refused(abi.encodeCall(this.hexBytes, (j, 2))), "hex");
        require(j.length >= 21 || _refused(abi.encodeCall(this.date, (j))), "date");
    }

    function _inside(bytes memory out, uint256 length) private pure {
        (, uint256 next) = abi.decode(out, (uint256, uint256));
        require(next != 0 && next <= length, "beyond the end");
    }
}
