// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {SettleLib} from "./SettleLib.sol";

/// @title A worker's earnings and history, one storage word
library AccountLib {
    uint256 private constant _EARNED = type(uint96).max;
    uint256 private constant _COUNTER = type(uint32).max;
    uint256 private constant _HALVES = 0x7fffffff7fffffff7fffffff7fffffff; // clears what a halved counter leaves above

    error EarnedOverflow();

    /// Adds a seat's end to its worker's account. Counters are halved together whenever their sum reaches 64, so that
    /// shares follow recent behaviour.
    /// @param kind SettleLib.SEAT_*
    /// @return absent seats missed, after the change
    /// @return total seats held, after the change
    function record(
        IHubTypes.Account storage account,
        uint256 pay,
        uint8 kind,
        int32 rhoChange
    ) internal returns (uint256 absent, uint256 total) {
        uint256 word;
        assembly ("memory-safe") {
            word := sload(account.slot)
        }
        // Layout: earned 0, rho 96, agreed 128, absent 160, wrong 192, abstained 224. The token's supply is below 2^96
        // (checked on deposit), counters stay below 64.
        unchecked {
            uint256 earned = (word & _EARNED) + pay;
            if (earned > _EARNED) revert EarnedOverflow();
            uint256 rho = uint32(SettleLib.addRho(int32(uint32(word >> 96)), rhoChange));
            uint256 counters = word >> 128;
            if (kind == SettleLib.SEAT_AGREED) counters += 1;
            else if (kind == SettleLib.SEAT_ABSENT) counters += 1 << 32;
            else if (kind == SettleLib.SEAT_ABSTAINED) counters += 1 << 96;
            else if (kind != SettleLib.SEAT_UNDECIDED) counters += 1 << 64;
            total = (counters & _COUNTER) + ((counters >> 32) & _COUNTER) + ((counters >> 64) & _COUNTER);
            total += counters >> 96;
            absent = (counters >> 32) & _COUNTER;
            if (total >= 64) counters = (counters >> 1) & _HALVES;
            word = (counters << 128) | (rho << 96) | earned;
        }
        assembly ("memory-safe") {
            sstore(account.slot, word)
        }
    }
}
