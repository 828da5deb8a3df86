// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {CrlLib} from "../../../contracts/libraries/CrlLib.sol";
import {der, ECDSA_SHA256, extension, integer, name, sequence, signature, slice, utcTime} from "../support/Der.sol";
import {refusal} from "../support/Refusals.sol";

contract CrlLibTest {
    bytes4 private constant _LIST = IIntelCollateral.ListInvalid.selector;
    bytes4 private constant _DER = IIntelCollateral.DerInvalid.selector;

    struct Parts {
        bytes version;
        bytes algorithm;
        bytes issuer;
        bytes dates;
        bytes entries;
        bytes extensions;
        bytes signature;
        bytes tail;
    }

    function parse(bytes calldata d) external pure returns (CrlLib.List memory, uint256[] memory serials) {
        CrlLib.List memory list = CrlLib.parse(d);
        serials = new uint256[](8);
        uint256 count;
        for (uint256 pos = list.from; pos < list.to; ++count) (serials[count], pos) = CrlLib.entry(d, pos, list.to);
        assembly ("memory-safe") {
            mstore(serials, count)
        }
        return (list, serials);
    }

    function _entry(uint256 serial) private pure returns (bytes memory) {
        return sequence(bytes.concat(integer(serial), utcTime("260102000000Z")));
    }

    function _plain() private pure returns (Parts memory p) {
        p.version = integer(1);
        p.algorithm = ECDSA_SHA256;
        p.issuer = name("Some CA");
        p.dates = bytes.concat(utcTime("260101000000Z"), utcTime("260201000000Z"));
        p.entries = sequence(bytes.concat(_entry(5), _entry(uint256(1) << 159)));
        p.extensions = der(0xa0, sequence(extension(hex"551d14", false, integer(1))));
        p.signature = signature(3, 7);
    }

    function _signed(Parts memory p) private pure returns (bytes memory) {
        bytes memory first = bytes.concat(p.version, p.algorithm, p.issuer, p.dates);
        return sequence(bytes.concat(first, p.entries, p.extensions));
    }

    function _write(Parts memory p) private pure returns (bytes memory) {
        return bytes.concat(sequence(bytes.concat(_signed(p), ECDSA_SHA256, p.signature)), p.tail);
    }

    function _refused(Parts memory p, bytes4 selector) private view returns (uint256) {
        try this.parse(_write(p)) {
            revert("accepted");
        } catch (bytes memory reason) {
            return refusal(reason, selector);
        }
    }

    function test_Fields() public view {
        Parts memory p = _plain();
        (CrlLib.List memory list, uint256[] memory serials) = this.parse(_write(p));
        require(list.digest == sha256(_signed(p)) && uint256(list.r) == 3 && uint256(list.s) == 7, "signed");
        require(list.issuer == keccak256(p.issuer), "issuer");
        require(list.issued == 1_767_225_600 && list.nextUpdate == 1_769_904_000, "dates");
        require(serials.length == 2 && serials[0] == 5 && serials[1] == uint256(1) << 159, "serials");
    }

    function test_EmptyListsAndReasons() public view {
        Parts memory p = _plain();
        p.entries = "";
        (, uint256[] memory serials) = this.parse(_write(p));
        require(serials.length == 0, "no entries");
        p.extensions = "";
        (, serials) = this.parse(_write(p));
        require(serials.length == 0, "no extensions either");
        // A reason, even a critical one, frees nobody.
        bytes memory reason = sequence(extension(hex"551d15", true, hex"0a0108"));
        p.entries = sequence(sequence(bytes.concat(integer(9), utcTime("260102000000Z"), reason)));
        (, serials) = this.parse(_write(p));
        require(serials.length == 1 && serials[0] == 9, "removeFromCRL");
    }

    function test_RevertWhen_ItIsNoWholeList() public view {
        Parts memory p = _plain();
        p.version = integer(0);
        require(_refused(p, _LIST) == 1, "version 1");
        p.version = "";
        require(_refused(p, _DER) == 5, "no version");
        p = _plain();
        p.extensions = der(0xa0, sequence(extension(hex"551d1c", true, hex"3000")));
        require(_refused(p, _LIST) == 2, "of some certificates only");
        p.extensions = der(0xa0, sequence(extension(hex"551d1b", true, integer(1))));
        require(_refused(p, _LIST) == 2, "of changes only");
        p = _plain();
        p.extensions = bytes.concat(p.extensions, hex"0500");
        require(_refused(p, _LIST) == 5, "more fields");
        p.extensions = hex"a10130";
        require(_refused(p, _LIST) == 5, "other fields");
        p = _plain();
        p.dates = utcTime("260101000000Z");
        require(_refused(p, _DER) == 10, "no end");
        p = _plain();
        p.algorithm = sequence(hex"06082a8648ce3d040303");
        require(_refused(p, IIntelCollateral.CertificateInvalid.selector) == 3, "another algorithm");
        p = _plain();
        p.tail = hex"00";
        require(_refused(p, _DER) == 6, "a byte behind");
    }

    function test_RevertWhen_AnEntryIsBroken() public view {
        Parts memory p = _plain();
        p.entries = sequence(sequence(bytes.concat(hex"020181", utcTime("260102000000Z"))));
        require(_refused(p, _DER) == 7, "negative serial");
        p.entries = sequence(sequence(integer(5)));
        require(_refused(p, _DER) == 1, "no date");
        p.entries = sequence(integer(5));
        require(_refused(p, _DER) == 5, "no sequence");
        p.entries = sequence(bytes.concat(_entry(5), hex"30"));
        require(_refused(p, _DER) == 1, "half an entry");
    }

    function test_RevertWhen_Truncated() public view {
        bytes memory d = _write(_plain());
        for (uint256 length; length < d.length; ++length) {
            (bool ok, bytes memory reason) = address(this).staticcall(
                abi.encodeCall(this.parse, (slice(d, 0, length)))
            );
            require(!ok && bytes4(reason) == _DER, "truncated");
        }
    }
}
