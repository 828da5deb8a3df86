// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {der, ECDSA_SHA256, extension, integer, name, point, sequence, signature, utcTime} from "./Der.sol";

/// A certificate in parts, so that a test replaces one.
struct CertificateParts {
    bytes version;
    bytes serial;
    bytes algorithm;
    bytes issuer;
    bytes validity;
    bytes subject;
    bytes key;
    bytes extensions;
    bytes outerAlgorithm;
    bytes signature;
    bytes tail;
}

bytes constant CA_CONSTRAINTS = hex"30060101ff020101";
bytes constant CA_USAGE = hex"03020106";
bytes constant SIMULATED_LABEL = hex"6982f3a6c8e1b5d09a97bce4f2a1d8c3b6e50b";

function basicConstraints(bytes memory contents) pure returns (bytes memory) {
    return extension(hex"551d13", true, contents);
}

function keyUsage(bytes memory contents) pure returns (bytes memory) {
    return extension(hex"551d0f", true, contents);
}

function withExtensions(bytes memory list) pure returns (bytes memory) {
    return der(0xa3, sequence(list));
}

function plainCertificate() pure returns (CertificateParts memory p) {
    p.version = der(0xa0, integer(2));
    p.serial = integer(0x1234);
    p.algorithm = ECDSA_SHA256;
    p.issuer = name("Some Root");
    p.validity = sequence(bytes.concat(utcTime("260101000000Z"), utcTime("300101000000Z")));
    p.subject = name("Some CA");
    p.key = point(bytes32(uint256(1) << 255), bytes32(uint256(2)));
    p.extensions = withExtensions(bytes.concat(basicConstraints(CA_CONSTRAINTS), keyUsage(CA_USAGE)));
    p.outerAlgorithm = ECDSA_SHA256;
    p.signature = signature(uint256(1) << 255, 7);
}

function signedPart(CertificateParts memory p) pure returns (bytes memory) {
    bytes memory first = bytes.concat(p.version, p.serial, p.algorithm, p.issuer);
    return sequence(bytes.concat(first, p.validity, p.subject, p.key, p.extensions));
}

function write(CertificateParts memory p) pure returns (bytes memory) {
    return bytes.concat(sequence(bytes.concat(signedPart(p), p.outerAlgorithm, p.signature)), p.tail);
}
