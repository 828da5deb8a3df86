// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The precompiles of BN254 (EIP-196, EIP-197)
/// @notice Points stand in memory as the precompiles take them: 64 bytes in G1, 128 in G2, all zero at infinity.
/// @dev Assembly throughout, since precompiles have no other interface here: arguments and results are memory addresses,
/// and what is written beyond the free memory pointer is not kept. The precompiles refuse coordinates that are not reduced,
/// points off their curve and points of G2 outside the subgroup; a refusal takes all gas that was passed.
library Bn254Lib {
    /// Order of both groups: the field of circuits.
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    /// Field of coordinates.
    uint256 internal constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// First coordinate of G2's generator, which is enough to tell it from other points, up to sign.
    uint256 internal constant G2_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 internal constant G2_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 internal constant G2_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 internal constant G2_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;

    /// to := factor * from. A factor of 1 copies: whatever is done with the result checks the point.
    function scale(uint256 from, uint256 factor, uint256 to) internal view returns (uint256 ok) {
        assembly ("memory-safe") {
            switch factor
            case 1 {
                mcopy(to, from, 0x40)
                ok := 1
            }
            default {
                let p := mload(0x40)
                mcopy(p, from, 0x40)
                mstore(add(p, 0x40), factor)
                ok := staticcall(gas(), 7, p, 0x60, to, 0x40)
            }
        }
    }

    /// to := to + factor * from
    function addScaled(uint256 from, uint256 factor, uint256 to) internal view returns (uint256 ok) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mcopy(p, from, 0x40)
            mstore(add(p, 0x40), factor)
            ok := 1
            if iszero(eq(factor, 1)) {
                ok := staticcall(gas(), 7, p, 0x60, p, 0x40)
            }
            mcopy(add(p, 0x40), to, 0x40)
            ok := and(ok, staticcall(gas(), 6, p, 0x80, to, 0x40))
        }
    }

    /// Whether the product of `count` pairings at `pairs` is 1. False also if a point is refused.
    function pairingIsOne(uint256 pairs, uint256 count) internal view returns (uint256 one) {
        assembly ("memory-safe") {
            // A refused call returns nothing: the scratch word stays 0.
            mstore(0, 0)
            pop(staticcall(gas(), 8, pairs, mul(count, 0xc0), 0, 0x20))
            one := mload(0)
        }
    }

    /// Whether the point at `point` is on the curve, infinity included; G1 is the whole curve.
    function isInG1(uint256 point) internal view returns (bool ok) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mcopy(p, point, 0x40)
            mstore(add(p, 0x40), 0)
            mstore(add(p, 0x60), 0)
            ok := staticcall(gas(), 6, p, 0x80, p, 0x40)
        }
    }

    /// Whether all `count` points at `points` are in G2, infinity included: e(0, Q) is 1 for those, and refused for others.
    function areInG2(uint256 points, uint256 count) internal view returns (bool) {
        uint256 pairs;
        assembly ("memory-safe") {
            pairs := mload(0x40)
            for {
                let i := 0
            } lt(i, count) {
                i := add(i, 1)
            } {
                let pair := add(pairs, mul(i, 0xc0))
                mstore(pair, 0)
                mstore(add(pair, 0x20), 0)
                mcopy(add(pair, 0x40), add(points, mul(i, 0x80)), 0x80)
            }
        }
        return pairingIsOne(pairs, count) == 1;
    }
}
