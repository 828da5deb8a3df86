// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

// Writes DER for tests. Shares nothing with the strict reader: a mistake in one must not be mirrored by the other.

function der(uint8 tag, bytes memory contents) pure returns (bytes memory) {
    uint256 n = contents.length;
    bytes memory size = abi.encodePacked(uint8(n));
    if (n > 0xffff) size = abi.encodePacked(uint8(0x83), uint24(n));
    else if (n > 0xff) size = abi.encodePacked(uint8(0x82), uint16(n));
    else if (n > 0x7f) size = abi.encodePacked(uint8(0x81), uint8(n));
    return bytes.concat(bytes1(tag), size, contents);
}

function sequence(bytes memory contents) pure returns (bytes memory) {
    return der(0x30, contents);
}

function integer(uint256 value) pure returns (bytes memory) {
    uint256 size = 1;
    while (size < 32 && value >> (8 * size) != 0) ++size;
    bytes memory digits = new bytes(size);
    for (uint256 i; i < size; ++i) digits[size - 1 - i] = bytes1(uint8(value >> (8 * i)));
    return der(0x02, digits[0] & 0x80 == 0 ? digits : bytes.concat(hex"00", digits));
}

function utcTime(string memory text) pure returns (bytes memory) {
    return der(0x17, bytes(text));
}

function slice(bytes memory data, uint256 from, uint256 to) pure returns (bytes memory out) {
    out = new bytes(to - from);
    for (uint256 i; i < out.length; ++i) out[i] = data[from + i];
}

function name(string memory commonName) pure returns (bytes memory) {
    bytes memory pair = sequence(bytes.concat(hex"0603550403", der(0x0c, bytes(commonName))));
    bytes memory organisation = sequence(bytes.concat(hex"060355040a", der(0x0c, "Test")));
    return sequence(bytes.concat(der(0x31, pair), der(0x31, organisation)));
}

bytes constant ECDSA_SHA256 = hex"300a06082a8648ce3d040302";

function point(bytes32 x, bytes32 y) pure returns (bytes memory) {
    bytes memory algorithm = sequence(hex"06072a8648ce3d020106082a8648ce3d030107");
    return sequence(bytes.concat(algorithm, der(0x03, abi.encodePacked(hex"0004", x, y))));
}

function signature(uint256 r, uint256 s) pure returns (bytes memory) {
    return der(0x03, bytes.concat(hex"00", sequence(bytes.concat(integer(r), integer(s)))));
}

function extension(bytes memory oid, bool isCritical, bytes memory contents) pure returns (bytes memory) {
    bytes memory critical = isCritical ? bytes(hex"0101ff") : bytes("");
    return sequence(bytes.concat(der(0x06, oid), critical, der(0x04, contents)));
}
