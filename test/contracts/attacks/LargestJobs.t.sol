// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {vm} from "../support/Vm.sol";

/// The longest records that challengers can make, against what one transaction may use.
contract LargestJobsTest is AttackBase {
    uint256 private constant TRANSACTION = 16_777_216; // EIP-7825

    function setUp() public {
        _deploy(280);
    }

    function _escalated(uint8 k, uint8 stages) private returns (Job memory job, Record memory r) {
        Spec memory spec = _spec(k, stages);
        spec.policy.window = W;
        job = _request(spec);
        uint256 most;
        for (uint256 s; s < stages; ++s) r = _submit(job, r, 0);
        for (uint256 s; s < stages; ++s) {
            for (uint256 round = 1; round < 3; ++round) {
                r = _challenge(job, r, uint8(s));
                uint256 n = ((uint256(k) + 1) << round) - 1;
                Poll memory p = _poll(job, r, _said(n, (1 << (n / 3)) - 1));
                StageVotes memory v = _votes(p);
                uint256 before = gasleft();
                _hub.submit(job, r, _noTable(), _one(v), "");
                uint256 used = before - gasleft();
                if (used > most) most = used;
                r = _latest(r);
            }
        }
        require(most < TRANSACTION, "a committee cannot vote in one transaction");
    }

    function _end(Job memory job, Record memory r) private {
        vm.warp(block.timestamp + W + 1);
        uint256 before = gasleft();
        _hub.settle(job, r, "");
        uint256 used = before - gasleft();
        require(used < TRANSACTION - 5_000_000, "the largest record cannot be settled in one transaction");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// R8, invariant 13: eight stages of three seats, every one challenged twice, with the most liars a verdict allows.
    function test_EightStagesChallengedTwiceCanBeSettled() public {
        (Job memory job, Record memory r) = _escalated(3, 8);
        _end(job, r);
    }

    /// R8, invariant 13: the most seats that any job can have: 30 and 204 escalated ones.
    function test_ThirtySeatsChallengedTwiceCanBeSettled() public {
        (Job memory job, Record memory r) = _escalated(5, 6);
        _end(job, r);
    }
}
