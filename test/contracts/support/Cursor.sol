// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// Reads the flat number lists of test/fixtures/vectors one after another.
struct Cursor {
    uint256[] data;
    uint256 position;
    uint256 cases;
}

using {next, nextWord, nextIds, nextWords, assertDone} for Cursor global;

function openVectors(string memory name) view returns (Cursor memory c) {
    string memory json = vm.readFile(string.concat("test/fixtures/vectors/", name, ".json"));
    c.data = vm.parseJsonUintArray(json, ".data");
    c.cases = vm.parseJsonUint(json, ".cases");
    require(c.cases >= 1000, "too few cases");
}

function next(Cursor memory c) pure returns (uint256) {
    return c.data[c.position++];
}

function nextWord(Cursor memory c) pure returns (bytes32) {
    return bytes32(c.data[c.position++]);
}

function nextIds(Cursor memory c, uint256 n) pure returns (uint32[] memory ids) {
    ids = new uint32[](n);
    for (uint256 i; i < n; ++i) ids[i] = uint32(c.data[c.position++]);
}

function nextWords(Cursor memory c, uint256 n) pure returns (bytes32[] memory words) {
    words = new bytes32[](n);
    for (uint256 i; i < n; ++i) words[i] = bytes32(c.data[c.position++]);
}

function assertDone(Cursor memory c) pure {
    require(c.position == c.data.length, "vectors left over");
}
