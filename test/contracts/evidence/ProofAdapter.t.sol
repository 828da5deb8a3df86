// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ProofBase} from "./ProofBase.sol";

/// R31: proofs of all backends and kinds of boundaries hold.
contract ProofAdapterTest is ProofBase {
    uint256 private constant _CASES = 9;

    function setUp() public {
        _deploy();
    }

    function test_GoldenProofsHold() public {
        for (uint256 i; i < _CASES; ++i) {
            Case memory c = _proofCase(i);
            registry.add(c.record);
            _mustAccept(c, "golden", i);
        }
    }
}
