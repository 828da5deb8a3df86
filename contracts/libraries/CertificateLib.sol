// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {DerLib} from "./DerLib.sol";

/// @title X.509 v3 certificates on P-256, as Intel issues them (RFC 5280); mirror: offchain/engines/tee/bytes/certificate.ts
/// @notice Checks the form and says what is written; who signed and whether it counts is the caller's to ask.
library CertificateLib {
    /// AlgorithmIdentifier of ecdsa-with-SHA256, whole.
    bytes12 private constant _ECDSA_SHA256 = hex"300a06082a8648ce3d040302";
    /// SubjectPublicKeyInfo of an uncompressed P-256 key, up to the point.
    bytes27 internal constant SPKI = hex"3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    uint256 internal constant NO_PATH_LENGTH = 255;
    uint256 internal constant USAGE_ISSUE = 0x04; // keyCertSign
    uint256 internal constant USAGE_CRL = 0x02;

    struct Certificate {
        bytes32 digest; // SHA-256 of what is signed
        bytes32 r;
        bytes32 s;
        bytes32 x;
        bytes32 y;
        bytes32 issuer; // keccak256 of the name's DER
        bytes32 subject;
        bytes32 commonName; // keccak256 of the subject's
        uint256 serial;
        uint48 notBefore;
        uint48 notAfter;
        bool isCa;
        bool simulated; // carries Assay's critical label of simulated CAs
        uint8 pathLength;
        uint8 usage;
        uint256 sgxFrom; // contents of Intel's SGX extension, 0 without one
        uint256 sgxTo;
    }

    function parse(bytes calldata d) internal pure returns (Certificate memory c) {
        unchecked {
            uint256 start = DerLib.only(d, 0, d.length, DerLib.SEQUENCE);
            (uint256 pos, uint256 tbsEnd) = DerLib.expect(d, start, d.length, DerLib.SEQUENCE);
            c.digest = sha256(d[start:tbsEnd]);
            readSignature(d, tbsEnd, d.length, c);

            uint256 inner;
            (inner, pos) = DerLib.expect(d, pos, tbsEnd, 0xa0);
            (uint256 version, uint256 next) = DerLib.unsigned(d, inner, pos);
            if (version != 2 || next != pos) revert IIntelCollateral.CertificateInvalid(1);
            (c.serial, pos) = DerLib.unsigned(d, pos, tbsEnd);
            if (c.serial >> 160 != 0) revert IIntelCollateral.CertificateInvalid(2);
            pos = readAlgorithm(d, pos, tbsEnd);
            (c.issuer, pos) = readName(d, pos, tbsEnd);
            (inner, next) = DerLib.expect(d, pos, tbsEnd, DerLib.SEQUENCE);
            (c.notBefore, inner) = DerLib.time(d, inner, next);
            (c.notAfter, inner) = DerLib.time(d, inner, next);
            if (inner != next) revert IIntelCollateral.CertificateInvalid(4);
            (inner, pos) = DerLib.expect(d, next, tbsEnd, DerLib.SEQUENCE);
            c.subject = DerLib.hashOf(d, next, pos);
            c.commonName = _commonName(d, inner, pos);
            pos = _readKey(d, pos, tbsEnd, c);
            (inner, next) = DerLib.expect(d, pos, tbsEnd, 0xa3);
            if (next != tbsEnd) revert IIntelCollateral.CertificateInvalid(6);
            _readExtensions(d, DerLib.only(d, inner, next, DerLib.SEQUENCE), next, c);
        }
    }

    /// Hash of a whole name.
    function readName(bytes calldata d, uint256 pos, uint256 end) internal pure returns (bytes32 hash, uint256 next) {
        (, next) = DerLib.expect(d, pos, end, DerLib.SEQUENCE);
        hash = DerLib.hashOf(d, pos, next);
    }

    function readAlgorithm(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint256 next) {
        next = pos + 12;
        if (next > end || bytes12(bytes32(DerLib.word(d, pos))) != _ECDSA_SHA256)
            revert IIntelCollateral.CertificateInvalid(3);
    }

    /// Algorithm and signature behind what is signed; nothing follows.
    function readSignature(bytes calldata d, uint256 pos, uint256 end, Certificate memory c) internal pure {
        pos = readAlgorithm(d, pos, end);
        (uint256 start, uint256 next) = DerLib.wholeBits(d, pos, end);
        if (next != end) revert IIntelCollateral.DerInvalid(next, 6);
        start = DerLib.only(d, start, end, DerLib.SEQUENCE);
        uint256 value;
        (value, start) = DerLib.unsigned(d, start, end);
        c.r = bytes32(value);
        (value, start) = DerLib.unsigned(d, start, end);
        c.s = bytes32(value);
        if (start != end) revert IIntelCollateral.DerInvalid(start, 6);
    }

    function _readKey(
        bytes calldata d,
        uint256 pos,
        uint256 end,
        Certificate memory c
    ) private pure returns (uint256 next) {
        next = pos + 91;
        if (next > end || bytes27(bytes32(DerLib.word(d, pos))) != SPKI) revert IIntelCollateral.CertificateInvalid(5);
        c.x = bytes32(DerLib.word(d, pos + 27));
        c.y = bytes32(DerLib.word(d, pos + 59));
    }

    /// Of the last commonName.
    function _commonName(bytes calldata d, uint256 pos, uint256 end) private pure returns (bytes32 hash) {
        while (pos < end) {
            (uint256 inner, uint256 setEnd) = DerLib.expect(d, pos, end, DerLib.SET);
            while (inner < setEnd) {
                (uint256 pair, uint256 next) = DerLib.expect(d, inner, setEnd, DerLib.SEQUENCE);
                (uint256 oid, uint256 value) = DerLib.expect(d, pair, next, DerLib.OID);
                bool isCommonName = value - oid == 3 && DerLib.word(d, oid) >> 232 == 0x550403;
                (, uint256 text, uint256 after_) = DerLib.read(d, value, next);
                if (after_ != next) revert IIntelCollateral.CertificateInvalid(4);
                if (isCommonName) hash = DerLib.hashOf(d, text, next);
                inner = next;
            }
            pos = setEnd;
        }
    }

    function _readExtensions(bytes calldata d, uint256 pos, uint256 end, Certificate memory c) private pure {
        uint256 seen; // bit 0 basic constraints, 1 key usage, 2 label, 3 SGX
        c.pathLength = uint8(NO_PATH_LENGTH);
        while (pos < end) {
            (uint256 oid, uint256 next) = DerLib.expect(d, pos, end, DerLib.SEQUENCE);
            pos = next;
            uint256 kind;
            (kind, oid) = _kindOf(d, oid, next);
            (uint256 tag, uint256 start, uint256 valueEnd) = DerLib.read(d, oid, next);
            if (tag == DerLib.BOOLEAN) {
                uint256 value = DerLib.isTrue(d, oid, next);
                // What is critical and unknown changes the meaning of the rest.
                if (kind == 0 || kind == 4) revert IIntelCollateral.CertificateInvalid(7);
                (tag, start, valueEnd) = DerLib.read(d, value, next);
                if (kind == 3) c.simulated = true;
            }
            if (tag != DerLib.OCTET_STRING || valueEnd != next) revert IIntelCollateral.CertificateInvalid(6);
            if (kind == 0) continue;
            if ((seen >> kind) & 1 != 0) revert IIntelCollateral.CertificateInvalid(8);
            seen |= 1 << kind;
            if (kind == 1) _readConstraints(d, start, next, c);
            if (kind == 2) _readUsage(d, start, next, c);
            if (kind == 4) (c.sgxFrom, c.sgxTo) = (start, next);
        }
    }

    /// @return kind 1 basic constraints, 2 key usage, 3 the simulated label, 4 Intel's SGX extension, 0 anything else
    function _kindOf(bytes calldata d, uint256 pos, uint256 end) private pure returns (uint256 kind, uint256 next) {
        uint256 oid;
        (oid, next) = DerLib.expect(d, pos, end, DerLib.OID);
        uint256 length = next - oid;
        uint256 head = DerLib.word(d, oid);
        if (length == 3 && head >> 232 == 0x551d13) kind = 1;
        else if (length == 3 && head >> 232 == 0x551d0f) kind = 2;
        else if (length == 19 && head >> 104 == 0x6982f3a6c8e1b5d09a97bce4f2a1d8c3b6e50b) kind = 3;
        else if (length == 9 && head >> 184 == 0x2a864886f84d010d01) kind = 4;
    }

    function _readConstraints(bytes calldata d, uint256 pos, uint256 end, Certificate memory c) private pure {
        pos = DerLib.only(d, pos, end, DerLib.SEQUENCE);
        if (pos == end) return;
        pos = DerLib.isTrue(d, pos, end);
        c.isCa = true;
        if (pos == end) return;
        uint256 length;
        (length, pos) = DerLib.unsigned(d, pos, end);
        if (length > 16 || pos != end) revert IIntelCollateral.CertificateInvalid(9);
        c.pathLength = uint8(length);
    }

    function _readUsage(bytes calldata d, uint256 pos, uint256 end, Certificate memory c) private pure {
        pos = DerLib.only(d, pos, end, DerLib.BIT_STRING);
        uint256 head = DerLib.word(d, pos);
        uint256 unused = head >> 248;
        if (end - pos < 2 || unused > 7) revert IIntelCollateral.CertificateInvalid(10);
        uint256 last = DerLib.word(d, end - 1) >> 248;
        if (last & ((1 << unused) - 1) != 0) revert IIntelCollateral.CertificateInvalid(10);
        c.usage = uint8(head >> 240);
    }
}
