// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {TrustRoots} from "../../../../contracts/evidence/enclave/TrustRoots.sol";
import {ITrustRoots} from "../../../../contracts/interfaces/ITrustRoots.sol";
import {vm} from "../../support/Vm.sol";

contract TrustRootsTest {
    bytes32 private constant _INTEL = 0xa0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e;

    function deploy(bytes32[] memory simulated) external returns (TrustRoots) {
        return new TrustRoots(simulated);
    }

    function test_VendorsAreApart() public {
        TrustRoots roots = new TrustRoots(new bytes32[](0));
        for (uint8 vendor; vendor < 8; ++vendor) {
            require(roots.classOf(vendor, _INTEL) == (vendor == 1 || vendor == 2 ? 1 : 0), "Intel's, for Intel only");
            require(roots.classOf(vendor, bytes32(uint256(_INTEL) ^ 1)) == 0, "unknown");
            require(roots.classOf(vendor, 0) == 0, "none");
        }
    }

    /// R57: simulated platforms are for a local chain.
    function test_RevertWhen_SimulatedElsewhere() public {
        bytes32[] memory simulated = new bytes32[](1);
        simulated[0] = keccak256("development");
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(ITrustRoots.SimulatedRootRefused.selector, 1));
        this.deploy(simulated);
        this.deploy(new bytes32[](0));
        vm.chainId(31_337);
        TrustRoots roots = new TrustRoots(simulated);
        require(roots.classOf(1, simulated[0]) == 2, "local");
        // Its state, carried to another chain, brings no root along.
        vm.chainId(1);
        require(roots.classOf(1, simulated[0]) == 0 && roots.classOf(1, _INTEL) == 1, "elsewhere");
    }
}
