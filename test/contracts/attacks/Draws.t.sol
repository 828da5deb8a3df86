// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {VaultBase} from "../support/VaultBase.sol";

/// Tables built so that a draw is as dear as it can be.
contract DrawsTest is VaultBase {
    function _cost(uint256 workers, uint256 n) private returns (uint256 most) {
        _deployVault(address(this));
        for (uint256 i = 1; i <= workers; ++i) _join(i, 16 * M, 64);
        _nextEpoch();
        uint32[] memory out = new uint32[](workers - n);
        for (uint256 i; i < out.length; ++i) out[i] = uint32(i + 1);
        for (uint256 seed; seed < 3; ++seed) {
            uint256 before = gasleft();
            _vault.draw(1, 0, bytes32(seed), out, n);
            uint256 used = before - gasleft();
            if (used > most) most = used;
        }
    }

    /// R8, invariant 13: the last 23 of 39 workers with 64 tickets each (k = 5, one stage, second escalation).
    function test_TheLastSeatsOfTheSmallestPoolCanBeDrawn() public {
        require(_cost(39, 23) < 3_000_000, "the smallest pool that request accepts costs too much");
    }
}
