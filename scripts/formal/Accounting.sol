// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Spec} from "contracts/types/Types.sol";
import {SettleLib} from "formal/SettleLib.sol";

/// What `npm run formal` proves for every input, not for samples: one contract a property, so that each is one question.
contract SlashSplit {
    function check(uint256 taken) external pure {
        uint256 burned = SettleLib.burned(taken);
        assert(burned <= taken);
        assert(burned >= taken - burned);
        assert(burned - (taken - burned) <= 1);
    }
}

contract Unanimous {
    function check(Spec calldata spec, uint16 feeBps, uint256 escrow, uint8 agreed, bool poked) external pure {
        (uint256 fees, uint256 poke, uint256 requester) = SettleLib.unanimous(spec, feeBps, escrow, agreed, poked);
        assert(uint256(agreed) * spec.seatReward + fees + poke + requester == escrow);
        assert(poke <= spec.pokeFee);
        assert(poked || poke == 0);
    }
}

contract PokeDue {
    function check(Spec calldata spec, uint16 feeBps, uint256 escrow) external pure {
        uint256 due = SettleLib.pokeDue(spec, feeBps, escrow);
        uint256 rewards = uint256(spec.stages) * spec.policy.k * spec.seatReward;
        assert(due <= spec.pokeFee);
        assert(due == 0 || escrow - due >= rewards + (rewards * feeBps) / 10_000);
    }
}

contract LateFee {
    function check(Spec calldata spec, uint256 taken) external pure {
        uint256 fee = SettleLib.lateFee(spec, taken);
        assert(fee + SettleLib.burned(taken) <= taken);
    }
}

contract Reputation {
    function check(int32 rho, int32 change) external pure {
        require(rho >= -2_302_585 && rho <= 2_302_585);
        require(change >= -2_302_585 && change <= 2_302_585);
        int32 sum = SettleLib.addRho(rho, change);
        assert(sum >= -2_302_585 && sum <= 2_302_585);
        assert(change < 0 || sum >= rho);
        assert(change > 0 || sum <= rho);
    }
}
