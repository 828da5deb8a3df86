// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {DateLib} from "./DateLib.sol";

/// @title Strict DER (X.690, the distinguished rules); mirror: offchain/engines/tee/bytes/der.ts
/// @notice Definite, minimal lengths; one encoding a value; a value never runs over its container. Offsets are into `d`; `end`
/// is where the container ends.
/// @dev Lengths are below 2^24 and `end` is within `d`: sums cannot overflow.
library DerLib {
    uint256 internal constant BOOLEAN = 0x01;
    uint256 internal constant INTEGER = 0x02;
    uint256 internal constant BIT_STRING = 0x03;
    uint256 internal constant OCTET_STRING = 0x04;
    uint256 internal constant OID = 0x06;
    uint256 internal constant UTC_TIME = 0x17;
    uint256 internal constant GENERALIZED_TIME = 0x18;
    uint256 internal constant SEQUENCE = 0x30;
    uint256 internal constant SET = 0x31;

    /// 32 bytes from `pos` on; bytes behind `d` are arbitrary: callers look at those only that they know to be inside.
    function word(bytes calldata d, uint256 pos) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(d.offset, pos))
        }
    }

    function hashOf(bytes calldata d, uint256 from, uint256 to) internal pure returns (bytes32) {
        return keccak256(d[from:to]);
    }

    /// @return tag of the value at `pos`
    /// @return start of its contents
    /// @return next offset behind them
    function read(
        bytes calldata d,
        uint256 pos,
        uint256 end
    ) internal pure returns (uint256 tag, uint256 start, uint256 next) {
        unchecked {
            if (pos + 2 > end) revert IIntelCollateral.DerInvalid(pos, 1);
            uint256 head = word(d, pos);
            tag = head >> 248;
            if (tag & 0x1f == 0x1f) revert IIntelCollateral.DerInvalid(pos, 5);
            uint256 length = (head >> 240) & 0xff;
            start = pos + 2;
            if (length >= 0x80) {
                uint256 count = length & 0x7f;
                if (count == 0 || count > 3) revert IIntelCollateral.DerInvalid(pos, 2);
                start += count;
                if (start > end) revert IIntelCollateral.DerInvalid(pos, 1);
                length = (head << 16) >> (256 - 8 * count);
                if (length < 0x80 || length >> (8 * (count - 1)) == 0) revert IIntelCollateral.DerInvalid(pos, 3);
            }
            next = start + length;
            if (next > end) revert IIntelCollateral.DerInvalid(pos, 4);
        }
    }

    function expect(
        bytes calldata d,
        uint256 pos,
        uint256 end,
        uint256 tag
    ) internal pure returns (uint256 start, uint256 next) {
        uint256 found;
        (found, start, next) = read(d, pos, end);
        if (found != tag) revert IIntelCollateral.DerInvalid(pos, 5);
    }

    /// A value that fills its container.
    function only(bytes calldata d, uint256 pos, uint256 end, uint256 tag) internal pure returns (uint256 start) {
        uint256 next;
        (start, next) = expect(d, pos, end, tag);
        if (next != end) revert IIntelCollateral.DerInvalid(next, 6);
    }

    /// A non-negative INTEGER of at most 256 bits.
    function unsigned(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint256 value, uint256 next) {
        unchecked {
            uint256 start;
            (start, next) = expect(d, pos, end, INTEGER);
            uint256 length = next - start;
            uint256 head = word(d, start);
            if (length == 0 || head >> 255 != 0) revert IIntelCollateral.DerInvalid(pos, 7);
            if (length > 1 && head >> 248 == 0) {
                // A zero byte in front only where the next one would read as a sign.
                if ((head >> 247) & 1 == 0) revert IIntelCollateral.DerInvalid(pos, 7);
                head <<= 8;
                (start, length) = (start + 1, length - 1);
                if (length == 32) head = word(d, start);
            }
            if (length > 32) revert IIntelCollateral.DerInvalid(pos, 7);
            value = head >> (256 - 8 * length);
        }
    }

    /// TRUE and nothing else: what DER leaves out is FALSE.
    function isTrue(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint256 next) {
        uint256 start;
        (start, next) = expect(d, pos, end, BOOLEAN);
        if (next - start != 1 || word(d, start) >> 248 != 0xff) revert IIntelCollateral.DerInvalid(pos, 8);
    }

    /// Contents of a BIT STRING of whole bytes.
    function wholeBits(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint256 start, uint256 next) {
        (start, next) = expect(d, pos, end, BIT_STRING);
        if (start == next || word(d, start) >> 248 != 0) revert IIntelCollateral.DerInvalid(pos, 9);
        ++start;
    }

    /// UTCTime or GeneralizedTime to the second in Z, as RFC 5280 section 4.1.2.5 wants; Unix seconds.
    function time(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint48 seconds_, uint256 next) {
        unchecked {
            (uint256 tag, uint256 start, uint256 after_) = read(d, pos, end);
            next = after_;
            uint256 digits = tag == UTC_TIME ? 12 : 14;
            if (tag != UTC_TIME && tag != GENERALIZED_TIME) revert IIntelCollateral.DerInvalid(pos, 10);
            uint256 text = word(d, start);
            if (next - start != digits + 1 || (text >> (248 - 8 * digits)) & 0xff != 0x5a)
                revert IIntelCollateral.DerInvalid(pos, 10);
            uint256 year = DateLib.twoDigits(text, 0);
            if (digits == 12) year += year < 50 ? 2000 : 1900;
            else year = 100 * year + DateLib.twoDigits(text, 2);
            if (digits == 14 && year < 2050) revert IIntelCollateral.DerInvalid(pos, 10);
            uint256 o = digits - 10;
            seconds_ = DateLib.toSeconds(
                year,
                DateLib.twoDigits(text, o),
                DateLib.twoDigits(text, o + 2),
                DateLib.twoDigits(text, o + 4) * 3600 + DateLib.sixties(text, o + 6) * 60 + DateLib.sixties(text, o + 8)
            );
        }
    }
}
