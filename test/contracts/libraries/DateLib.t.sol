// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {DateLib} from "../../../contracts/libraries/DateLib.sol";
import {vm} from "../support/Vm.sol";

contract DateLibTest {
    function toSeconds(uint256 year, uint256 month, uint256 day, uint256 daytime) external pure returns (uint48) {
        return DateLib.toSeconds(year, month, day, daytime);
    }

    function twoDigits(bytes32 text, uint256 pos) external pure returns (uint256) {
        return DateLib.twoDigits(uint256(text), pos);
    }

    function sixties(bytes32 text) external pure returns (uint256) {
        return DateLib.sixties(uint256(text), 0);
    }

    function _days(uint256 year, uint256 month) private pure returns (uint256) {
        uint8[12] memory table = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        return month == 2 && leap ? 29 : table[month - 1];
    }

    /// Day after day from 1970 on, in both countings.
    function test_EveryMonthFor180Years() public view {
        uint256 elapsed;
        for (uint256 year = 1970; year < 2150; ++year)
            for (uint256 month = 1; month < 13; ++month) {
                uint256 last = _days(year, month);
                require(this.toSeconds(year, month, 1, 0) == elapsed * 86_400, "first");
                require(this.toSeconds(year, month, last, 86_399) == (elapsed + last) * 86_400 - 1, "last");
                elapsed += last;
            }
    }

    function testFuzz_RevertWhen_ThereIsNoSuchDay(uint16 year, uint8 month, uint8 day, uint32 daytime) public {
        bool good = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && daytime < 86_400;
        good = good && day <= _days(year, month);
        if (!good) vm.expectRevert(IIntelCollateral.DateInvalid.selector);
        this.toSeconds(year, month, day, daytime);
    }

    function test_RevertWhen_ThereIsNoSuchDay() public {
        uint16[4][9] memory bad = [
            [uint16(1969), 12, 31, 0],
            [uint16(2026), 0, 1, 0],
            [uint16(2026), 13, 1, 0],
            [uint16(2026), 1, 0, 0],
            [uint16(2026), 1, 32, 0],
            [uint16(2026), 4, 31, 0],
            [uint16(2026), 2, 29, 0],
            [uint16(2100), 2, 29, 0],
            [uint16(2024), 2, 30, 0]
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(IIntelCollateral.DateInvalid.selector);
            this.toSeconds(bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
        }
        vm.expectRevert(IIntelCollateral.DateInvalid.selector);
        this.toSeconds(2026, 1, 1, 86_400);
    }

    function test_Digits() public {
        require(this.twoDigits("0012", 2) == 12 && this.twoDigits("99", 0) == 99 && this.sixties("59") == 59, "digits");
        bytes32[6] memory bad = [bytes32("/0"), "0/", ":0", "0:", "a0", ""];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(IIntelCollateral.DateInvalid.selector);
            this.twoDigits(bad[i], 0);
        }
        vm.expectRevert(IIntelCollateral.DateInvalid.selector);
        this.sixties("60");
    }
}
