// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {BlockSeed} from "../../../contracts/staking/BlockSeed.sol";
import {vm} from "../support/Vm.sol";

/// R16: a seed is fixed before anyone knows it and never changes.
contract BlockSeedTest {
    BlockSeed private _seeds;

    function setUp() public {
        vm.roll(1_000);
        _seeds = new BlockSeed(8_000);
    }

    function test_Seed() public {
        uint48 ref = _seeds.activate();
        require(ref == 1_002 && _seeds.fixedBlock(ref) == 1_002, "two blocks ahead");
        require(_seeds.maxInsured() == 800, "a tenth of the least stake");
        vm.roll(1_003);
        vm.setBlockhash(1_002, keccak256("hash"));
        require(_seeds.seedOf(ref) == keccak256("hash"), "that block's hash");
    }

    function testFuzz_RevertWhen_BlockIsNotMined(uint8 ahead) public {
        uint48 ref = uint48(block.number + ahead);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedNotReady.selector, ref, uint256(ref) + 1));
        _seeds.seedOf(ref);
    }

    function test_RevertWhen_TheChainForgot() public {
        vm.roll(100_000);
        uint48 ref = uint48(block.number - 8_192);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedLost.selector, ref));
        _seeds.seedOf(ref);
    }
}
