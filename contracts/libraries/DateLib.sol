// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";

/// @title Dates of certificates and collateral, in Unix seconds
library DateLib {
    /// Two decimal digits at byte `pos` of `text`.
    function twoDigits(uint256 text, uint256 pos) internal pure returns (uint256) {
        unchecked {
            uint256 pair = (text >> (240 - 8 * pos)) & 0xffff;
            (uint256 high, uint256 low) = ((pair >> 8) - 0x30, (pair & 0xff) - 0x30);
            if (high > 9 || low > 9) revert IIntelCollateral.DateInvalid();
            return 10 * high + low;
        }
    }

    function sixties(uint256 text, uint256 pos) internal pure returns (uint256 value) {
        value = twoDigits(text, pos);
        if (value > 59) revert IIntelCollateral.DateInvalid();
    }

    /// @param year from 1970 on
    /// @param daytime seconds of the day, below 24 hours
    function toSeconds(uint256 year, uint256 month, uint256 day, uint256 daytime) internal pure returns (uint48) {
        unchecked {
            if (year < 1970 || month - 1 > 11 || day - 1 >= _daysIn(year, month) || daytime >= 86_400)
                revert IIntelCollateral.DateInvalid();
            // Years that begin in March put the leap day last.
            if (month < 3) --year;
            uint256 days_ = 365 * year + year / 4 - year / 100 + year / 400;
            days_ += (153 * (month < 3 ? month + 9 : month - 3) + 2) / 5 + day - 1;
            return uint48((days_ - 719_468) * 86_400 + daytime);
        }
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }
}
