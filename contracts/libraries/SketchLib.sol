// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubTypes} from "../interfaces/IHubTypes.sol";

/// @title Class T: what float outputs are compared by (protocol.md section 6); mirror: offchain/core/sketch.ts
/// @notice A sketch is 16 int16 coordinates in a word, coordinate 0 in the most significant 16 bits. Up to 16 outputs are
/// the coordinates themselves, in steps of the model's scale; longer outputs are projected, coordinate c being the sum of all
/// outputs with signs that a seed draws. All of it is exact arithmetic: f32 are whole numbers of units of 2^-149.
library SketchLib {
    uint256 internal constant COORDINATES = 16;
    uint256 internal constant MAX_OUTPUTS = 256; // that the hub recomputes a sketch of
    uint256 private constant _MAX_TAU = 32_767;
    uint256 private constant _UNIT = 149;
    uint256 private constant _CLAMP_STEPS = 40;
    uint8 private constant _TENSOR_VERSION = 1;
    uint8 private constant _DTYPE_F32 = 5;
    uint8 private constant _MAX_RANK = 8;

    /// Whether a word is a float stage's tolerance: u16 tau, i16 exponent, u64 mantissa, 20 zero bytes.
    function isTolerance(bytes32 word) internal pure returns (bool) {
        (uint256 tau, uint256 scale) = _parse(word);
        return tau != 0 && scale != 0;
    }

    /// @return tau steps that honest seats may be from the median
    /// @return scale one step, in units of 2^-149
    function decode(bytes32 word) internal pure returns (uint256 tau, uint256 scale) {
        (tau, scale) = _parse(word);
        if (tau == 0 || scale == 0) revert IHubTypes.SketchInvalid(1);
    }

    /// Both 0 unless the word is canonical: tau from 1, an odd mantissa below 2^53, a scale below 2^32.
    function _parse(bytes32 word) private pure returns (uint256 tau, uint256 scale) {
        uint256 w = uint256(word);
        int256 exponent = int16(uint16(w >> 224));
        uint256 mantissa = uint64(w >> 160);
        tau = w >> 240;
        bool canonical = tau <= _MAX_TAU && mantissa >> 53 == 0 && mantissa & 1 == 1 && uint160(w) == 0;
        if (!canonical || exponent < -int256(_UNIT) || exponent > 31) return (0, 0);
        scale = mantissa << uint256(exponent + int256(_UNIT));
        if (scale >> (32 + _UNIT) != 0) return (0, 0);
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Agreement
    // -----------------------------------------------------------------------------------------------------------------

    /// Which of the seats in `present` are within tau of the coordinate-wise lower median of both sketches.
    /// @return medianA of the sketches A, 0 if nobody is present
    /// @return medianB of the sketches B
    /// @return agreeing bitmap
    function agree(
        bytes32[] memory a,
        bytes32[] memory b,
        uint256 present,
        uint256 tau
    ) internal pure returns (bytes32 medianA, bytes32 medianB, uint256 agreeing) {
        if (present == 0) return (0, 0, 0);
        (medianA, medianB) = (median(a, present), median(b, present));
        for (uint256 i; i < a.length; ++i) {
            if ((present >> i) & 1 == 0) continue;
            if (isWithin(a[i], medianA, tau) && isWithin(b[i], medianB, tau)) agreeing |= 1 << i;
        }
    }

    /// Coordinate-wise lower median of the present sketches; at least one is.
    function median(bytes32[] memory sketches, uint256 present) internal pure returns (bytes32 result) {
        int256[] memory sorted = new int256[](sketches.length);
        uint256 packed;
        // Indices stay below 31 and 16, coordinates within 16 bits.
        unchecked {
            for (uint256 c; c < COORDINATES; ++c) {
                uint256 n;
                for (uint256 i; i < sketches.length; ++i) {
                    if ((present >> i) & 1 == 0) continue;
                    int256 value = _at(sketches[i], c);
                    uint256 j = n++;
                    for (; j > 0 && sorted[j - 1] > value; --j) sorted[j] = sorted[j - 1];
                    sorted[j] = value;
                }
                packed = (packed << 16) | uint16(int16(sorted[(n - 1) / 2]));
            }
        }
        return bytes32(packed);
    }

    function isWithin(bytes32 sketch, bytes32 middle, uint256 tau) internal pure returns (bool) {
        // Differences of int16 stay within 17 bits.
        unchecked {
            for (uint256 c; c < COORDINATES; ++c) {
                int256 off = _at(sketch, c) - _at(middle, c);
                if (uint256(off < 0 ? -off : off) > tau) return false;
            }
        }
        return true;
    }

    function _at(bytes32 sketch, uint256 c) private pure returns (int256) {
        // c < 16
        unchecked {
            return int16(uint16(uint256(sketch) >> (240 - 16 * c)));
        }
    }

    // -----------------------------------------------------------------------------------------------------------------
    // Sketching
    // -----------------------------------------------------------------------------------------------------------------

    /// Whether a tensor's canonical bytes are at most 256 finite f32 with these sketches: A itself of up to 16 outputs (then
    /// B is 0), else B by the seed that nobody knew before all had committed.
    function check(
        bytes calldata tensor,
        uint256 scale,
        bytes32 a,
        bytes32 b,
        bytes32 seedB
    ) internal pure returns (bool) {
        int256[] memory units = unitsOf(tensor[headerOf(tensor):], scale);
        if (units.length <= COORDINATES) return b == 0 && show(units, scale) == a;
        return project(units, scale, seedB) == b;
    }

    /// Bytes before the elements of a canonical f32 tensor: u8 version, u8 dtype, u8 rank, u32le dims[rank].
    function headerOf(bytes calldata tensor) internal pure returns (uint256 length) {
        if (tensor.length < 3 || uint8(tensor[0]) != _TENSOR_VERSION || uint8(tensor[1]) != _DTYPE_F32)
            revert IHubTypes.SketchInvalid(2);
        uint256 rank = uint8(tensor[2]);
        length = 3 + 4 * rank;
        if (rank == 0 || rank > _MAX_RANK || tensor.length < length) revert IHubTypes.SketchInvalid(2);
        uint256 count = 1;
        for (uint256 d; d < rank; ++d) {
            count *= _u32(tensor, 3 + 4 * d);
            if (count == 0 || count > MAX_OUTPUTS) revert IHubTypes.OutputTooLarge(count, MAX_OUTPUTS);
        }
        if (tensor.length - length != 4 * count) revert IHubTypes.SketchInvalid(2);
    }

    /// Little-endian f32 as whole numbers of 2^-149, held within 2^40 steps.
    function unitsOf(bytes calldata data, uint256 scale) internal pure returns (int256[] memory units) {
        uint256 n = data.length / 4;
        units = new int256[](n);
        uint256 most = scale << _CLAMP_STEPS;
        // Shifts are at most 219, of 24 bits.
        unchecked {
            for (uint256 i; i < n; ++i) {
                uint256 word = _u32(data, 4 * i);
                uint256 exponent = (word >> 23) & 0xff;
                if (exponent == 0xff) revert IHubTypes.SketchInvalid(3);
                uint256 magnitude = word & 0x7fffff;
                if (exponent != 0) {
                    magnitude |= 0x800000;
                    // Above 2^222 units anything is beyond the clamp, and a shift could lose bits.
                    magnitude = exponent > 220 ? most : magnitude << (exponent - 1);
                }
                if (magnitude > most) magnitude = most;
                units[i] = word >> 31 == 1 ? -int256(magnitude) : int256(magnitude);
            }
        }
    }

    /// The elements themselves, the missing ones 0.
    function show(int256[] memory units, uint256 scale) internal pure returns (bytes32) {
        uint256 packed;
        for (uint256 c; c < COORDINATES; ++c)
            packed = (packed << 16) | _quantise(c < units.length ? units[c] : int256(0), scale);
        return bytes32(packed);
    }

    /// Sixteen sums with signs: bit i mod 256 of keccak256(abi.encode("assay.v1.sketch", seed, c, i / 256)) means +.
    function project(int256[] memory units, uint256 scale, bytes32 seed) internal pure returns (bytes32) {
        uint256 packed;
        for (uint256 c; c < COORDINATES; ++c) packed = (packed << 16) | _quantise(_sum(units, seed, c), scale);
        return bytes32(packed);
    }

    function _sum(int256[] memory units, bytes32 seed, uint256 c) private pure returns (int256 sum) {
        uint256 n = units.length;
        for (uint256 from; from < n; from += 256) {
            uint256 signs = uint256(keccak256(abi.encode("assay.v1.sketch", seed, c, from / 256)));
            uint256 count = n - from < 256 ? n - from : 256;
            assembly ("memory-safe") {
                let p := add(add(units, 0x20), shl(5, from))
                for {
                    let end := add(p, shl(5, count))
                } lt(p, end) {
                    p := add(p, 0x20)
                } {
                    // + or -: (2s - 1) * unit; 256 units stay below 2^230.
                    sum := add(sum, mul(sub(shl(1, and(signs, 1)), 1), mload(p)))
                    signs := shr(1, signs)
                }
            }
        }
    }

    /// floor(x / scale + 1/2), held within int16.
    function _quantise(int256 units, uint256 scale) private pure returns (uint256) {
        // |units| < 2^230, scale < 2^181
        unchecked {
            int256 below = 2 * int256(scale);
            int256 above = 2 * units + int256(scale);
            int256 steps = above >= 0 ? above / below : -((below - 1 - above) / below);
            if (steps > 32_767) steps = 32_767;
            if (steps < -32_768) steps = -32_768;
            return uint16(int16(steps));
        }
    }

    function _u32(bytes calldata data, uint256 from) private pure returns (uint256) {
        uint256 w = uint32(bytes4(data[from:from + 4]));
        return (w >> 24) | ((w >> 8) & 0xff00) | ((w << 8) & 0xff0000) | ((w << 24) & 0xff000000);
    }
}
