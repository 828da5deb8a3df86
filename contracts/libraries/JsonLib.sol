// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {DateLib} from "./DateLib.sol";

/// @title A cursor over JSON whose every byte but the values is known
/// @notice Intel signs its answers in one fixed key order without spaces: anything else is refused, not interpreted.
library JsonLib {
    bytes1 private constant _QUOTE = '"';

    /// `length` bytes at `pos` must be the first of `known`.
    function skip(bytes calldata j, uint256 pos, bytes32 known, uint256 length) internal pure returns (uint256 next) {
        if (!has(j, pos, known, length)) revert IIntelCollateral.JsonUnexpected(pos);
        unchecked {
            next = pos + length;
        }
    }

    function has(bytes calldata j, uint256 pos, bytes32 known, uint256 length) internal pure returns (bool) {
        unchecked {
            if (pos + length > j.length) return false;
            return (_word(j, pos) ^ uint256(known)) >> (256 - 8 * length) == 0;
        }
    }

    /// A whole number without leading zeros.
    function number(bytes calldata j, uint256 pos, uint256 most) internal pure returns (uint256 value, uint256 next) {
        unchecked {
            next = pos;
            for (uint256 digit; next < j.length && next - pos < 11; ++next) {
                digit = (_word(j, next) >> 248) - 0x30;
                if (digit > 9) break;
                value = 10 * value + digit;
            }
            uint256 length = next - pos;
            bool padded = length > 1 && _word(j, pos) >> 248 == 0x30;
            if (length == 0 || padded || value > most) revert IIntelCollateral.JsonUnexpected(pos);
        }
    }

    /// `count` bytes of hex in either case and the quote behind them; at most 32 bytes, left-aligned.
    function hexBytes(
        bytes calldata j,
        uint256 pos,
        uint256 count
    ) internal pure returns (bytes32 value, uint256 next) {
        (value, next) = hexPart(j, pos, count);
        next = skip(j, next, _QUOTE, 1);
    }

    /// The same where more of them follow.
    function hexPart(bytes calldata j, uint256 pos, uint256 count) internal pure returns (bytes32 value, uint256 next) {
        unchecked {
            next = pos + 2 * count;
            if (next >= j.length) revert IIntelCollateral.JsonUnexpected(pos);
            uint256 bits;
            for (uint256 i = pos; i < next; ++i) {
                uint256 c = _word(j, i) >> 248;
                uint256 digit = c - 0x30;
                if (digit > 9) {
                    digit = (c | 0x20) - 0x57;
                    if (digit - 10 > 5) revert IIntelCollateral.JsonUnexpected(i);
                }
                bits = (bits << 4) | digit;
            }
            value = bytes32(bits << (256 - 8 * count));
        }
    }

    /// "2025-06-19T10:16:03Z" and the quote behind it.
    function date(bytes calldata j, uint256 pos) internal pure returns (uint48 seconds_, uint256 next) {
        unchecked {
            next = skip(j, pos + 19, 'Z"', 2);
            uint256 t = _word(j, pos);
            // Punctuation at bytes 4, 7, 10, 13 and 16.
            bytes20 marks = hex"000000002d00002d00005400003a00003a000000";
            bytes20 mask = hex"00000000ff0000ff0000ff0000ff0000ff000000";
            if (bytes20(bytes32(t)) & mask != marks) revert IIntelCollateral.JsonUnexpected(pos);
            seconds_ = DateLib.toSeconds(
                100 * DateLib.twoDigits(t, 0) + DateLib.twoDigits(t, 2),
                DateLib.twoDigits(t, 5),
                DateLib.twoDigits(t, 8),
                DateLib.twoDigits(t, 11) * 3600 + DateLib.sixties(t, 14) * 60 + DateLib.sixties(t, 17)
            );
        }
    }

    /// A text without escapes, of at most `most` bytes, and the quote behind it.
    function text(bytes calldata j, uint256 pos, uint256 most) internal pure returns (uint256 end, uint256 next) {
        unchecked {
            for (end = pos; ; ++end) {
                uint256 c = end < j.length ? _word(j, end) >> 248 : 0;
                if (c == 0x22) break;
                if (c < 0x20 || c > 0x7e || c == 0x5c || end - pos == most) revert IIntelCollateral.JsonUnexpected(end);
            }
            next = end + 1;
        }
    }

    function _word(bytes calldata j, uint256 pos) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(j.offset, pos))
        }
    }
}
