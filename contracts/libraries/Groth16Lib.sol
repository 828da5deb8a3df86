// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bn254Lib} from "./Bn254Lib.sol";
import {KeyRecordLib} from "./KeyRecordLib.sol";

/// @title Groth16 with committed rounds (zk.md section 2), for any key, one proof or many; mirror: offchain/core/zk
/// @notice e(-A, B) e(alpha, beta) e(L, g2) e(C1, delta1) e(C2, delta2) e(C_w, delta_w) = 1, with L = IC_0 + sum of IC_j
/// times public input j. Without rounds C1 and its pair fall away, without private weights C_w and its.
/// Of many proofs the equations are added up, each times a factor of its own that their provers could not foresee.
library Groth16Lib {
    bytes32 internal constant BATCH_TAG = keccak256("assay.v1.zk.batch");

    // Offsets in a proof, and the size of a pair.
    uint256 private constant _B = 0x40;
    uint256 private constant _C1 = 0xc0;
    uint256 private constant _C2 = 0x100;
    uint256 private constant _PAIR = 0xc0;

    struct Statement {
        uint256[10] proof; // coordinates of A reduced: y is negated here
        uint256[] publics; // reduced; as many as the key takes
        uint256 factor; // 1 for the first
        bytes32 challenge; // hash over all that the public inputs follow from
    }

    /// Factors of a batch, each from a hash over everything in it: whoever knew them before fixing its proofs could let two
    /// false ones cancel out.
    function setFactors(Statement[] memory all, bytes32 keyId) internal pure {
        bytes memory parts = abi.encodePacked(BATCH_TAG, keyId);
        assembly ("memory-safe") {
            // All challenges and proofs in one row, at the free end of memory: a hash, not kept.
            let end := add(add(parts, 0x20), mload(parts))
            let n := mload(all)
            for {
                let i := 1
            } iszero(gt(i, n)) {
                i := add(i, 1)
            } {
                let one := mload(add(all, mul(i, 0x20)))
                mstore(end, mload(add(one, 0x60)))
                mcopy(add(end, 0x20), mload(one), 0x140)
                end := add(end, 0x160)
            }
            let seed := keccak256(add(parts, 0x20), sub(end, add(parts, 0x20)))
            mstore(0, seed)
            for {
                let i := 1
            } iszero(gt(i, n)) {
                i := add(i, 1)
            } {
                let factor := 1
                if gt(i, 1) {
                    mstore(0x20, sub(i, 1))
                    factor := shr(128, shl(128, keccak256(0, 0x40)))
                }
                mstore(add(mload(add(all, mul(i, 0x20))), 0x40), factor)
            }
        }
    }

    function verify(
        bytes memory record,
        KeyRecordLib.Layout memory key,
        Statement[] memory all,
        uint256[2] memory weights
    ) internal view returns (bool) {
        uint256 n = all.length;
        uint256 count = n + 2 + key.deltaCount;
        uint256 pairs;
        assembly ("memory-safe") {
            pairs := mload(0x40)
            mstore(0x40, add(pairs, mul(count, _PAIR)))
        }
        (bool ok, uint256 total) = _putProofs(pairs, all, key.backend != KeyRecordLib.BACKEND_ONE_ROUND);
        uint256 alpha = pairs + n * _PAIR;
        uint256 base;
        assembly ("memory-safe") {
            base := add(record, 0x20)
            // alpha and beta stand in the record as a pair.
            mcopy(add(alpha, 0x40), add(base, add(mload(add(key, 0x60)), 0x40)), 0x80)
        }
        ok = Bn254Lib.scale(base + key.alpha, total, alpha) && ok;
        ok = _putPublics(alpha + _PAIR, base + key.ics, all, key.publics, total) && ok;
        _putDeltas(alpha + _PAIR * 2, base + key.deltas, key.deltaCount);
        if (key.backend == KeyRecordLib.BACKEND_WEIGHTS) {
            uint256 commitment;
            assembly ("memory-safe") {
                commitment := weights
            }
            ok = Bn254Lib.scale(commitment, total, pairs + (count - 1) * _PAIR) && ok;
        }
        return ok && Bn254Lib.pairingIsOne(pairs, count);
    }

    /// (-factor A, B) of each proof from `pairs` on; sums of C1 and C2 where their pairs stand after those of alpha and L.
    function _putProofs(
        uint256 pairs,
        Statement[] memory all,
        bool rounds
    ) private view returns (bool ok, uint256 total) {
        uint256 n = all.length;
        uint256 sum1 = pairs + (n + 2) * _PAIR;
        uint256 sum2 = rounds ? sum1 + _PAIR : sum1;
        ok = true;
        for (uint256 i; i < n; ++i) {
            uint256 proof;
            uint256 factor = all[i].factor;
            {
                uint256[10] memory words = all[i].proof;
                assembly ("memory-safe") {
                    proof := words
                }
            }
            uint256 pair = pairs + i * _PAIR;
            ok = Bn254Lib.scale(proof, factor, pair) && ok;
            uint256 q = Bn254Lib.Q;
            assembly ("memory-safe") {
                // No point of this curve has y = 0 but infinity, whose negative it is.
                let y := mload(add(pair, 0x20))
                if y {
                    mstore(add(pair, 0x20), sub(q, y))
                }
                mcopy(add(pair, 0x40), add(proof, _B), 0x80)
            }
            if (i == 0) {
                if (rounds) ok = Bn254Lib.scale(proof + _C1, factor, sum1) && ok;
                ok = Bn254Lib.scale(proof + _C2, factor, sum2) && ok;
            } else {
                if (rounds) ok = Bn254Lib.addScaled(proof + _C1, factor, sum1) && ok;
                ok = Bn254Lib.addScaled(proof + _C2, factor, sum2) && ok;
            }
            // Below 2^128 each: their sum cannot overflow.
            total += factor;
        }
    }

    /// (sum of factor L, g2)
    function _putPublics(
        uint256 pair,
        uint256 ics,
        Statement[] memory all,
        uint256 count,
        uint256 total
    ) private view returns (bool ok) {
        ok = Bn254Lib.scale(ics, total, pair);
        for (uint256 j; j < count; ++j) {
            uint256 sum = all[0].publics[j];
            for (uint256 i = 1; i < all.length; ++i) {
                sum = addmod(sum, mulmod(all[i].publics[j], all[i].factor, Bn254Lib.R), Bn254Lib.R);
            }
            ok = Bn254Lib.addScaled(ics + 64 * (j + 1), sum, pair) && ok;
        }
        (uint256 xIm, uint256 xRe) = (Bn254Lib.G2_X_IM, Bn254Lib.G2_X_RE);
        (uint256 yIm, uint256 yRe) = (Bn254Lib.G2_Y_IM, Bn254Lib.G2_Y_RE);
        assembly ("memory-safe") {
            mstore(add(pair, 0x40), xIm)
            mstore(add(pair, 0x60), xRe)
            mstore(add(pair, 0x80), yIm)
            mstore(add(pair, 0xa0), yRe)
        }
    }

    function _putDeltas(uint256 pair, uint256 deltas, uint256 count) private pure {
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, count) {
                i := add(i, 1)
            } {
                mcopy(add(add(pair, mul(i, _PAIR)), 0x40), add(deltas, mul(i, 0x80)), 0x80)
            }
        }
    }
}
