// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {DerLib} from "../../../contracts/libraries/DerLib.sol";
import {der, integer, slice} from "../support/Der.sol";
import {refusal} from "../support/Refusals.sol";

contract DerLibTest {
    bytes4 private constant _DER = IIntelCollateral.DerInvalid.selector;

    function read(bytes calldata d, uint256 end) external pure returns (uint256, uint256, uint256) {
        return DerLib.read(d, 0, end);
    }

    function only(bytes calldata d) external pure returns (uint256) {
        return DerLib.only(d, 0, d.length, DerLib.SEQUENCE);
    }

    function unsigned(bytes calldata d) external pure returns (uint256 value, uint256 next) {
        return DerLib.unsigned(d, 0, d.length);
    }

    function isTrue(bytes calldata d) external pure returns (uint256) {
        return DerLib.isTrue(d, 0, d.length);
    }

    function wholeBits(bytes calldata d) external pure returns (uint256, uint256) {
        return DerLib.wholeBits(d, 0, d.length);
    }

    function time(bytes calldata d) external pure returns (uint48 seconds_, uint256 next) {
        return DerLib.time(d, 0, d.length);
    }

    /// Which rule a call breaks; 0 for none.
    function _broken(bytes memory call_) private view returns (uint256) {
        (bool ok, bytes memory reason) = address(this).staticcall(call_);
        return ok ? 0 : refusal(reason, _DER);
    }

    function _read(bytes memory d) private view returns (uint256) {
        return _broken(abi.encodeCall(this.read, (d, d.length)));
    }

    function test_LengthsOfEveryForm() public view {
        uint24[8] memory sizes = [uint24(0), 1, 127, 128, 255, 256, 65_535, 65_536];
        for (uint256 i; i < sizes.length; ++i) {
            bytes memory d = der(0x04, new bytes(sizes[i]));
            (uint256 tag, uint256 start, uint256 next) = this.read(d, d.length);
            require(tag == 0x04 && next == d.length && next - start == sizes[i], "length");
            require(_broken(abi.encodeCall(this.read, (d, d.length - 1))) != 0, "a byte is missing");
        }
    }

    function test_RevertWhen_LengthIsNotDer() public view {
        require(_read(hex"0480") == 2, "indefinite");
        require(_read(hex"04800000") == 2, "indefinite, ended");
        require(_read(hex"0484000000800000") == 2, "four bytes of length");
        require(_read(hex"04ff") == 2, "reserved");
        require(_read(hex"048100") == 3, "long form of 0");
        require(_read(bytes.concat(hex"04817f", new bytes(127))) == 3, "long form of 127");
        require(_read(bytes.concat(hex"04820080", new bytes(128))) == 3, "two bytes for one");
        require(_read(bytes.concat(hex"0483000100", new bytes(256))) == 3, "three bytes for two");
        require(_read(hex"") == 1 && _read(hex"04") == 1, "no length");
        require(_read(hex"0481") == 1 && _read(hex"048201") == 1, "half a length");
        require(_read(hex"0401") == 4 && _read(hex"0483ffffff") == 4, "over the container");
        require(_read(hex"1f0100") == 5 && _read(hex"bf8100") == 5, "tag of several bytes");
    }

    /// Nothing but what DER would write is read, and never over the end.
    function testFuzz_WhatIsReadIsCanonical(bytes memory d) public view {
        try this.read(d, d.length) returns (uint256 tag, uint256 start, uint256 next) {
            require(next <= d.length && start <= next, "bounds");
            bytes memory again = der(uint8(tag), slice(d, start, next));
            require(keccak256(again) == keccak256(slice(d, 0, next)), "canonical");
        } catch (bytes memory reason) {
            refusal(reason, _DER);
        }
    }

    function test_RevertWhen_BytesFollow() public view {
        require(this.only(hex"3000") == 2, "alone");
        require(_broken(abi.encodeCall(this.only, (hex"300000"))) == 6, "trailing");
        require(_broken(abi.encodeCall(this.only, (hex"3100"))) == 5, "tag");
    }

    function testFuzz_Unsigned(uint256 value) public view {
        (uint256 back, uint256 next) = this.unsigned(integer(value));
        require(back == value && next == integer(value).length, "value");
    }

    function test_UnsignedAtTheEdges() public view {
        uint256[7] memory values = [uint256(0), 127, 128, 255, 256, type(uint256).max >> 1, type(uint256).max];
        for (uint256 i; i < values.length; ++i) testFuzz_Unsigned(values[i]);
    }

    function test_RevertWhen_IntegerIsNotDer() public view {
        bytes[7] memory bad = [
            bytes(hex"0200"), // nothing
            hex"0280", // indefinite
            hex"020180", // negative
            hex"0202ff80", // negative, padded
            hex"02020000", // zero of two bytes
            hex"0202007f", // a zero byte without need
            hex"040101" // another tag
        ];
        uint8[7] memory rules = [7, 2, 7, 7, 7, 7, 5];
        for (uint256 i; i < bad.length; ++i)
            require(_broken(abi.encodeCall(this.unsigned, (bad[i]))) == rules[i], "rule");
        bytes memory wide = der(0x02, bytes.concat(hex"01", new bytes(32)));
        require(_broken(abi.encodeCall(this.unsigned, (wide))) == 7, "257 bits");
        wide = der(0x02, bytes.concat(hex"0080", new bytes(32)));
        require(_broken(abi.encodeCall(this.unsigned, (wide))) == 7, "34 bytes");
    }

    function test_RevertWhen_BooleanIsNotTrue() public view {
        require(this.isTrue(hex"0101ff") == 3, "true");
        bytes[5] memory bad = [bytes(hex"010100"), hex"010101", hex"0100", hex"0102ffff", hex"0201ff"];
        for (uint256 i; i < bad.length; ++i) require(_broken(abi.encodeCall(this.isTrue, (bad[i]))) != 0, "bad");
    }

    function test_RevertWhen_BitsAreNotWhole() public view {
        (uint256 start, uint256 next) = this.wholeBits(hex"030200aa");
        require(start == 3 && next == 4, "bits");
        bytes[3] memory bad = [bytes(hex"0300"), hex"030201aa", hex"040200aa"];
        for (uint256 i; i < bad.length; ++i) require(_broken(abi.encodeCall(this.wholeBits, (bad[i]))) != 0, "bad");
    }

    function test_Times() public view {
        string[4] memory utc = ["700101000000Z", "491231235959Z", "000229120000Z", "260911131313Z"];
        uint48[4] memory want = [uint48(0), 2_524_607_999, 951_825_600, 1_789_132_393];
        for (uint256 i; i < utc.length; ++i) {
            (uint48 seconds_, uint256 next) = this.time(der(0x17, bytes(utc[i])));
            require(seconds_ == want[i] && next == 15, utc[i]);
        }
        (uint48 far, ) = this.time(der(0x18, "99991231235959Z"));
        require(far == 253_402_300_799, "generalized");
    }

    function test_RevertWhen_TimeIsNotOfRfc5280() public view {
        bytes[10] memory bad = [
            der(0x17, "2609111313Z"), // without seconds
            der(0x17, "260911131313+0000"),
            der(0x17, "2609111313130"), // without Z
            der(0x17, "260911131313z"),
            der(0x18, "20260911131313Z"), // before 2050 in the long form
            der(0x18, "20500101000000.5Z"),
            der(0x18, "20500101000000"),
            der(0x0c, "260911131313Z"), // a text
            der(0x17, ""),
            hex"170d323630"
        ];
        for (uint256 i; i < bad.length; ++i) {
            uint256 rule = _broken(abi.encodeCall(this.time, (bad[i])));
            require(rule == (i == 9 ? 4 : 10), "rule");
        }
        bytes[6] memory dates = [
            der(0x17, "261311131313Z"),
            der(0x17, "260230131313Z"),
            der(0x17, "250229131313Z"),
            der(0x17, "260911240000Z"),
            der(0x17, "260911136013Z"),
            der(0x17, "2609111313:3Z")
        ];
        for (uint256 i; i < dates.length; ++i) {
            (bool ok, bytes memory reason) = address(this).staticcall(abi.encodeCall(this.time, (dates[i])));
            require(!ok && bytes4(reason) == IIntelCollateral.DateInvalid.selector, "date");
        }
    }
}
