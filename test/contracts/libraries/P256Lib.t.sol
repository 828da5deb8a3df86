// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {P256Lib} from "../../../contracts/libraries/P256Lib.sol";
import {vm} from "../support/Vm.sol";

contract P256LibTest {
    // RFC 6979 A.2.5: the key, and its SHA-256 signatures of "sample" (s is high) and "test" (low).
    bytes32 private constant _X = 0x60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6;
    bytes32 private constant _Y = 0x7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299;
    bytes32 private constant _R1 = 0xefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716;
    bytes32 private constant _S1 = 0xf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8;
    bytes32 private constant _R2 = 0xf1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367;
    bytes32 private constant _S2 = 0x019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083;

    function isSigned(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        return P256Lib.isSigned(digest, r, s, x, y);
    }

    /// By the precompile, and by the Solidity that stands in where a chain has none: one answer.
    function _both(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) private view returns (bool ok) {
        ok = P256Lib.isSigned(digest, r, s, x, y);
        require(ok == P256.verifySolidity(digest, r, P256Lib.lowS(s), x, y), "fallback differs");
    }

    function _mirror(bytes32 s) private pure returns (bytes32) {
        return bytes32(P256.N - uint256(s));
    }

    function test_KnownSignatures() public view {
        require(_both(sha256("sample"), _R1, _S1, _X, _Y), "high s");
        require(_both(sha256("sample"), _R1, _mirror(_S1), _X, _Y), "its mirror");
        require(_both(sha256("test"), _R2, _S2, _X, _Y), "low s");
        require(_both(sha256("test"), _R2, _mirror(_S2), _X, _Y), "its mirror");
    }

    function test_RevertWhen_Forged() public view {
        bytes32 d = sha256("sample");
        bytes32 n = bytes32(P256.N);
        require(!_both(sha256("Sample"), _R1, _S1, _X, _Y), "another message");
        require(!_both(d, _R2, _S1, _X, _Y) && !_both(d, _S1, _R1, _X, _Y), "mixed");
        require(!_both(d, 0, _S1, _X, _Y) && !_both(d, _R1, 0, _X, _Y) && !_both(d, 0, 0, _X, _Y), "zero");
        require(!_both(d, n, _S1, _X, _Y) && !_both(d, _R1, n, _X, _Y), "the order");
        require(!_both(d, _R1, bytes32(type(uint256).max), _X, _Y), "beyond the order");
        require(!_both(d, bytes32(type(uint256).max), _S1, _X, _Y), "r beyond the order");
        require(!_both(d, _R1, _S1, 0, 0), "the point at infinity");
        require(!_both(d, _R1, _S1, _X, bytes32(uint256(_Y) ^ 1)), "a point off the curve");
        require(!_both(d, _R1, _S1, bytes32(type(uint256).max), _Y), "a coordinate beyond the field");
        require(!_both(0, _R1, _S1, _X, _Y), "no digest");
    }

    function testFuzz_AnyBitCounts(uint8 bit, uint8 field) public view {
        bytes32 flip = bytes32(uint256(1) << bit);
        bytes32[5] memory a = [sha256("test"), _R2, _S2, _X, _Y];
        a[field % 5] ^= flip;
        require(!this.isSigned(a[0], a[1], a[2], a[3], a[4]), "accepted");
    }

    function testFuzz_LowS(uint256 s) public pure {
        uint256 low = uint256(P256Lib.lowS(bytes32(s)));
        if (s >= P256.N) require(low == s, "what is no scalar stays none");
        else require(low <= P256.N / 2 && (low == s || low + s == P256.N), "low");
    }

    function test_LowSAtTheEdges() public pure {
        uint256[6] memory edges = [uint256(0), 1, P256.N / 2, P256.N / 2 + 1, P256.N - 1, P256.N];
        for (uint256 i; i < edges.length; ++i) testFuzz_LowS(edges[i]);
    }

    function test_Gas() public {
        vm.startSnapshotGas("check a P-256 signature by the precompile");
        require(P256Lib.isSigned(sha256("sample"), _R1, _S1, _X, _Y), "signed");
        vm.stopSnapshotGas();
        vm.startSnapshotGas("check a P-256 signature without the precompile");
        require(P256.verifySolidity(sha256("sample"), _R1, P256Lib.lowS(_S1), _X, _Y), "signed");
        vm.stopSnapshotGas();
    }
}
