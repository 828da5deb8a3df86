// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {SketchLib} from "../../../contracts/libraries/SketchLib.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {vm} from "../support/Vm.sol";

contract SketchLibTest {
    function units(bytes calldata data, uint256 scale) external pure returns (int256[] memory) {
        return SketchLib.unitsOf(data, scale);
    }

    function check(
        bytes calldata tensor,
        uint256 scale,
        bytes32 a,
        bytes32 b,
        bytes32 seedB
    ) external pure returns (bool) {
        return SketchLib.check(tensor, scale, a, b, seedB);
    }

    function header(bytes calldata tensor) external pure returns (uint256) {
        return SketchLib.headerOf(tensor);
    }

    function decode(bytes32 word) external pure returns (uint256 tau, uint256 scale) {
        return SketchLib.decode(word);
    }

    /// The first n elements of data words.
    function _data(Cursor memory c, uint256 n) private pure returns (bytes memory data) {
        data = new bytes(((4 * n + 31) / 32) * 32);
        for (uint256 i; i < data.length / 32; ++i) {
            bytes32 w = c.nextWord();
            assembly ("memory-safe") {
                mstore(add(add(data, 0x20), shl(5, i)), w)
            }
        }
        assembly ("memory-safe") {
            mstore(data, mul(4, n))
        }
    }

    /// TypeScript and Solidity sketch alike, to the bit.
    function test_SketchVectors() public view {
        Cursor memory c = openVectors("sketch");
        for (uint256 i; i < c.cases; ++i) {
            (, uint256 scale) = SketchLib.decode(c.nextWord());
            uint256 n = c.next();
            bytes memory data = _data(c, n);
            bytes32 seed = c.nextWord();
            bytes32 commitSet = c.nextWord();
            bytes32 seedB = c.nextWord();
            require(seedB == keccak256(abi.encode(commitSet, seed)), "seed of B");
            int256[] memory u = this.units(data, scale);
            bytes32 a = n <= 16 ? SketchLib.show(u, scale) : SketchLib.project(u, scale, seed);
            require(a == c.nextWord(), "A");
            bytes32 b = n <= 16 ? bytes32(0) : SketchLib.project(u, scale, seedB);
            require(b == c.nextWord(), "B");
        }
        c.assertDone();
    }

    function test_AgreementVectors() public view {
        Cursor memory c = openVectors("sketch-vote");
        for (uint256 i; i < c.cases; ++i) {
            uint256 tau = c.next();
            uint256 k = c.next();
            (bytes32[] memory a, bytes32[] memory b) = (new bytes32[](k), new bytes32[](k));
            uint256 present;
            for (uint256 s; s < k; ++s) {
                if (c.next() == 0) continue;
                present |= 1 << s;
                (a[s], b[s]) = (c.nextWord(), c.nextWord());
            }
            (bytes32 medianA, bytes32 medianB, uint256 agreeing) = SketchLib.agree(a, b, present, tau);
            require(medianA == c.nextWord() && medianB == c.nextWord(), "median");
            for (uint256 s; s < k; ++s) require((agreeing >> s) & 1 == c.next(), "agreeing");
            c.next(); // the lowest of them
        }
        c.assertDone();
    }

    function test_RevertWhen_AToleranceIsNotCanonical() public {
        uint256 good = (uint256(3) << 240) | (uint256(uint16(int16(-10))) << 224) | (uint256(5) << 160);
        (uint256 tau, uint256 scale) = this.decode(bytes32(good));
        require(tau == 3 && scale == 5 << 139, "good");
        uint256[8] memory bad = [
            good & ~(uint256(0xffff) << 240), // tau 0
            good | (uint256(0x8000) << 240), // tau above int16
            good + (uint256(1) << 160), // even mantissa
            good | (uint256(1) << 213), // mantissa of 54 bits
            good | 1, // bits behind
            (uint256(3) << 240) | (uint256(uint16(int16(-150))) << 224) | (uint256(5) << 160),
            (uint256(3) << 240) | (uint256(32) << 224) | (uint256(1) << 160),
            (uint256(3) << 240) | (uint256(30) << 224) | (uint256(5) << 160) // scale above 2^32
        ];
        for (uint256 i; i < bad.length; ++i) {
            require(!SketchLib.isTolerance(bytes32(bad[i])), "accepted");
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.SketchInvalid.selector, 1));
            this.decode(bytes32(bad[i]));
        }
    }

    /// 1.0f as little-endian bytes.
    bytes private constant ONE = hex"0000803f";

    function test_RevertWhen_ATensorIsNot() public {
        require(this.header(bytes.concat(hex"01050101000000", ONE)) == 7, "one element");
        require(this.header(bytes.concat(hex"0105020100000002000000", ONE, ONE)) == 11, "two by one");
        bytes[6] memory bad = [
            bytes(hex"0105"),
            bytes.concat(hex"02050101000000", ONE), // version
            bytes.concat(hex"01030101000000", ONE), // dtype
            bytes.concat(hex"010500", ONE), // rank 0
            bytes.concat(hex"01050102000000", ONE), // short
            bytes.concat(hex"01050101000000", ONE, ONE) // long
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.SketchInvalid.selector, 2));
            this.header(bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.OutputTooLarge.selector, 257, 256));
        this.header(bytes.concat(hex"01050101010000", new bytes(1028)));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.OutputTooLarge.selector, 0, 256));
        this.header(hex"01050100000000");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SketchInvalid.selector, 3));
        this.units(hex"0000807f", 1 << 149); // infinity
    }

    /// An output is held to A where A shows it, to B where it does not.
    function test_Check() public {
        uint256 scale = 1 << 149;
        bytes memory one = bytes.concat(hex"01050101000000", ONE);
        require(this.check(one, scale, bytes32(uint256(1) << 240), 0, 0), "shown");
        require(!this.check(one, scale, bytes32(uint256(2) << 240), 0, 0), "another");
        require(!this.check(one, scale, bytes32(uint256(1) << 240), bytes32(uint256(1)), 0), "B must be 0");
        bytes memory many = bytes.concat(hex"01050100010000");
        for (uint256 i; i < 256; ++i) many = bytes.concat(many, ONE);
        vm.startSnapshotGas("sketch 256 outputs");
        bool fits = this.check(many, scale, 0, 0, bytes32(uint256(7)));
        vm.stopSnapshotGas();
        require(!fits, "B");
        bytes32 b = SketchLib.project(this.units(new bytes(0), scale), scale, bytes32(uint256(7)));
        require(b == 0, "nothing sums to nothing");
        require(
            this.check(many, scale, 0, SketchLib.project(_ones(256), scale, bytes32(uint256(7))), bytes32(uint256(7))),
            "B"
        );
    }

    function _ones(uint256 n) private pure returns (int256[] memory all) {
        all = new int256[](n);
        for (uint256 i; i < n; ++i) all[i] = 1 << 149;
    }
}
