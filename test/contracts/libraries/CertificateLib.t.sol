// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {CertificateLib} from "../../../contracts/libraries/CertificateLib.sol";
import {basicConstraints, CA_CONSTRAINTS, CA_USAGE, CertificateParts, keyUsage, plainCertificate, signedPart, SIMULATED_LABEL, withExtensions, write} from "../support/Certificates.sol"; // prettier-ignore
import {der, extension, integer, name, point, sequence, signature, slice, utcTime} from "../support/Der.sol";
import {refusal} from "../support/Refusals.sol";

contract CertificateLibTest {
    bytes4 private constant _FIELD = IIntelCollateral.CertificateInvalid.selector;
    bytes4 private constant _DER = IIntelCollateral.DerInvalid.selector;

    function parse(bytes calldata d) external pure returns (CertificateLib.Certificate memory) {
        return CertificateLib.parse(d);
    }

    function _refused(CertificateParts memory p, bytes4 selector) private view returns (uint256) {
        try this.parse(write(p)) {
            revert("accepted");
        } catch (bytes memory reason) {
            return refusal(reason, selector);
        }
    }

    function _read(bytes memory extensions) private view returns (CertificateLib.Certificate memory) {
        CertificateParts memory p = plainCertificate();
        p.extensions = withExtensions(extensions);
        return this.parse(write(p));
    }

    function _refusedWith(bytes memory extensions) private view returns (uint256) {
        CertificateParts memory p = plainCertificate();
        p.extensions = withExtensions(extensions);
        return _refused(p, _FIELD);
    }

    function test_Fields() public view {
        CertificateParts memory p = plainCertificate();
        CertificateLib.Certificate memory c = this.parse(write(p));
        require(c.digest == sha256(signedPart(p)), "digest");
        require(uint256(c.r) == uint256(1) << 255 && uint256(c.s) == 7, "signature");
        require(uint256(c.x) == uint256(1) << 255 && uint256(c.y) == 2, "key");
        require(c.issuer == keccak256(p.issuer) && c.subject == keccak256(p.subject), "names");
        require(c.commonName == keccak256("Some CA") && c.serial == 0x1234, "subject");
        require(c.notBefore == 1_767_225_600 && c.notAfter == 1_893_456_000, "validity");
        require(c.isCa && c.pathLength == 1 && c.usage == 0x06 && !c.simulated && c.sgxTo == 0, "extensions");
    }

    function test_RevertWhen_AFieldIsNotIntels() public view {
        CertificateParts memory p = plainCertificate();
        p.version = der(0xa0, integer(1));
        require(_refused(p, _FIELD) == 1, "version 2");
        p.version = der(0xa0, bytes.concat(integer(2), integer(2)));
        require(_refused(p, _FIELD) == 1, "two versions");
        p.version = "";
        require(_refused(p, _DER) == 5, "no version");
        p = plainCertificate();
        p.serial = integer(uint256(1) << 160);
        require(_refused(p, _FIELD) == 2, "serial of 21 bytes");
        p.serial = hex"020181";
        require(_refused(p, _DER) == 7, "negative serial");
        p = plainCertificate();
        p.algorithm = sequence(hex"06082a8648ce3d040303");
        require(_refused(p, _FIELD) == 3, "SHA-384 inside");
        p = plainCertificate();
        p.outerAlgorithm = sequence(hex"06082a8648ce3d040303");
        require(_refused(p, _FIELD) == 3, "SHA-384 outside");
        p = plainCertificate();
        p.validity = sequence(utcTime("260101000000Z"));
        require(_refused(p, _DER) == 1, "no end");
        bytes memory both = bytes.concat(utcTime("260101000000Z"), utcTime("300101000000Z"));
        p.validity = sequence(bytes.concat(both, utcTime("310101000000Z")));
        require(_refused(p, _FIELD) == 4, "three dates");
    }

    function test_RevertWhen_KeyOrSignatureIsOfAnotherForm() public view {
        CertificateParts memory p = plainCertificate();
        bytes memory key = point(bytes32(uint256(1)), bytes32(uint256(2)));
        key[26] = 0x02; // compressed
        p.key = key;
        require(_refused(p, _FIELD) == 5, "compressed point");
        p.key = sequence(bytes.concat(sequence(hex"06072a8648ce3d020106052b8104000a"), der(0x03, new bytes(66))));
        require(_refused(p, _FIELD) == 5, "secp256k1");
        p = plainCertificate();
        p.signature = der(0x03, bytes.concat(hex"00", sequence(integer(1))));
        require(_refused(p, _DER) == 1, "half a signature");
        bytes memory three = bytes.concat(integer(1), integer(2), integer(3));
        p.signature = der(0x03, bytes.concat(hex"00", sequence(three)));
        require(_refused(p, _DER) == 6, "three numbers");
        p.signature = der(0x03, bytes.concat(hex"01", sequence(bytes.concat(integer(1), integer(2)))));
        require(_refused(p, _DER) == 9, "unused bits");
        p.signature = bytes.concat(signature(1, 2), hex"00");
        require(_refused(p, _DER) == 6, "a byte behind the signature");
        // A number with a zero byte too many: the same signature in other bytes.
        p.signature = der(0x03, bytes.concat(hex"00", sequence(bytes.concat(hex"02020001", integer(2)))));
        require(_refused(p, _DER) == 7, "padded r");
        p = plainCertificate();
        p.tail = hex"00";
        require(_refused(p, _DER) == 6, "a byte behind the certificate");
    }

    function test_RevertWhen_ExtensionsChangeTheMeaning() public view {
        bytes memory ca = basicConstraints(CA_CONSTRAINTS);
        bytes memory usage = keyUsage(CA_USAGE);
        require(_refusedWith(extension(hex"2a0304", true, hex"0500")) == 7, "critical and unknown");
        require(_refusedWith(extension(hex"2a864886f84d010d01", true, hex"3000")) == 7, "SGX, critical");
        // Close to a known one, but of another length.
        require(_refusedWith(extension(hex"551d1300", true, hex"3000")) == 7, "longer than a known one");
        require(_refusedWith(bytes.concat(ca, ca)) == 8, "constraints twice");
        require(_refusedWith(bytes.concat(usage, keyUsage(hex"03020780"))) == 8, "usage twice");
        require(_refusedWith(sequence(hex"0603551d130101ff30030101ff")) == 6, "no octets");
        require(_refusedWith(sequence(bytes.concat(hex"0603551d13", der(0x04, hex"3000"), hex"0500"))) == 6, "more");
        require(_refusedWith(basicConstraints(sequence(hex"0101ff020111"))) == 9, "path of 17");
        require(_refusedWith(basicConstraints(sequence(hex"0101ff0201010201ff"))) == 9, "more in the constraints");
        require(_refusedWith(keyUsage(hex"030107")) == 10, "no usage");
        require(_refusedWith(keyUsage(hex"03020806")) == 10, "eight unused bits");
        require(_refusedWith(keyUsage(hex"03020206")) == 10, "an unused bit that is set");
        CertificateParts memory p = plainCertificate();
        p.extensions = withExtensions(basicConstraints(sequence(hex"010100")));
        require(_refused(p, _DER) == 8, "FALSE, which DER leaves out");
        p.extensions = withExtensions(sequence(bytes.concat(hex"0603551d13", hex"010101", der(0x04, hex"3000"))));
        require(_refused(p, _DER) == 8, "TRUE of another byte");
        p.extensions = bytes.concat(withExtensions(ca), hex"a400");
        require(_refused(p, _FIELD) == 6, "more behind the extensions");
        p.extensions = "";
        require(_refused(p, _DER) == 1, "none");
        // issuerUniqueID before them
        p.extensions = bytes.concat(hex"810100", withExtensions(ca));
        require(_refused(p, _DER) == 5, "a unique identifier");
    }

    function test_ExtensionsThatCount() public view {
        CertificateLib.Certificate memory c = _read(bytes.concat(basicConstraints(hex"3000"), keyUsage(hex"03020780")));
        require(!c.isCa && c.usage == 0x80 && c.pathLength == CertificateLib.NO_PATH_LENGTH, "leaf");
        c = _read(basicConstraints(sequence(hex"0101ff")));
        require(c.isCa && c.pathLength == CertificateLib.NO_PATH_LENGTH && c.usage == 0, "CA without a limit");
        c = _read(extension(hex"2a0304", false, hex"0500"));
        require(!c.isCa, "unknown, not critical");
        c = _read(extension(SIMULATED_LABEL, true, hex"0500"));
        require(c.simulated, "label");
        // Only the critical label is one: production refuses it for being critical.
        c = _read(extension(SIMULATED_LABEL, false, hex"0500"));
        require(!c.simulated, "not critical");
        c = _read(extension(hex"2a864886f84d010d01", false, hex"3000"));
        require(c.sgxTo - c.sgxFrom == 2, "SGX");
    }

    function test_RevertWhen_Truncated() public view {
        bytes memory d = write(plainCertificate());
        for (uint256 length; length < d.length; ++length) {
            (bool ok, bytes memory reason) = address(this).staticcall(
                abi.encodeCall(this.parse, (slice(d, 0, length)))
            );
            require(!ok && bytes4(reason) == _DER, "truncated");
        }
    }

    /// Whoever changes a byte changes what is signed, or the signature, or is refused.
    function testFuzz_NoByteIsIgnored(uint256 index, uint8 bits) public view {
        bytes memory d = write(plainCertificate());
        CertificateLib.Certificate memory before = this.parse(d);
        if (bits == 0) bits = 1;
        d[index % d.length] ^= bytes1(bits);
        try this.parse(d) returns (CertificateLib.Certificate memory c) {
            require(c.digest != before.digest || c.r != before.r || c.s != before.s, "ignored");
        } catch (bytes memory reason) {
            bytes4 error_ = bytes4(reason);
            bool known = error_ == _DER || error_ == _FIELD || error_ == IIntelCollateral.DateInvalid.selector;
            require(known, "another error");
        }
    }

    function test_LastCommonNameCounts() public view {
        CertificateParts memory p = plainCertificate();
        bytes memory first = sequence(bytes.concat(hex"0603550403", der(0x0c, "Intel SGX PCK Platform CA")));
        bytes memory last = sequence(bytes.concat(hex"0603550403", der(0x0c, "Else")));
        p.subject = sequence(bytes.concat(der(0x31, first), der(0x31, last)));
        require(this.parse(write(p)).commonName == keccak256("Else"), "last");
        p.subject = name("");
        require(this.parse(write(p)).commonName == keccak256(""), "empty");
        p.subject = sequence("");
        require(this.parse(write(p)).commonName == 0, "none");
        p.subject = sequence(der(0x31, sequence(bytes.concat(hex"0603550403", der(0x0c, "a"), der(0x0c, "b")))));
        require(_refused(p, _FIELD) == 4, "two values");
    }
}
