// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {CodeLib} from "../../../contracts/libraries/CodeLib.sol";
import {vm} from "../support/Vm.sol";

contract CodeLibTest {
    function store(bytes memory data) external returns (address) {
        return CodeLib.store(data);
    }

    function testFuzz_RoundTrip(bytes memory data) public {
        address code = CodeLib.store(data);
        require(keccak256(CodeLib.load(code)) == keccak256(data), "data");
        // It is no program: whoever calls it gets nothing done.
        require(code.code[0] == 0x00, "STOP");
    }

    function test_EdgesAndOrder() public {
        uint16[5] memory sizes = [0, 1, 31, 32, 24_575];
        for (uint256 i; i < sizes.length; ++i) {
            bytes memory data = new bytes(sizes[i]);
            for (uint256 j; j < data.length; ++j) data[j] = bytes1(uint8(j * 7 + 1));
            testFuzz_RoundTrip(data);
        }
        require(CodeLib.load(address(0xdead)).length == 0, "no code");
    }

    function test_RevertWhen_TooLong() public {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 1));
        this.store(new bytes(24_576));
    }
}
