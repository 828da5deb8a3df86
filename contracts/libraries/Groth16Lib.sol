// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bn254Lib} from "./Bn254Lib.sol";
import {KeyRecordLib} from "./KeyRecordLib.sol";

/// @title Groth16 with committed rounds (zk.md section 2), for any key, one proof or many; mirror: offchain/core/zk
/// @notice e(-A, B) e(alpha, beta) e(L, g2) e(C1, delta1) e(C2, delta2) e(C_w, delta_w) = 1, with L = IC_0 + sum of IC_j
/// times public input j. Without rounds C1 and its pair fall away, without private weights C_w and its.
/// Of many proofs the equations are added up, each times a factor of its own that their provers could not foresee.
/// @dev In assembly because points are laid out where the pairing reads them; Solidity's arrays cost 10,000 gas a proof more.
library Groth16Lib {
    bytes32 internal constant BATCH_TAG = keccak256("assay.v1.zk.batch");

    uint256 internal constant ROW = 0x160; // challenge, A, B, C1, C2
    uint256 private constant _C1 = 0xe0;
    uint256 private constant _C2 = 0x120;
    uint256 private constant _PAIR = 0xc0;

    /// Statements of one key. The first four words stand as challenges hash them; positions are in memory.
    struct Batch {
        bytes32 domain;
        bytes32 keyId;
        bytes32 weightsX; // C_w
        bytes32 weightsY;
        uint256 record; // position of the key record's first byte
        uint256 alpha; // position; then beta, the deltas and the ICs
        uint256 backend; // also how many deltas there are
        uint256 publics; // public inputs that the key takes
        uint256 producers; // boundaries of the circuit, less the output
        uint256 n;
        uint256 rows; // position of n times ROW bytes: what public inputs follow from, hashed, and the proof
        uint256 inputs; // position of n times `publics` words, reduced
        uint256 factors; // position of n words; the first is not read, for it is 1
        // Where reading a statement stands (`ProofEvidenceLib`); `base`, `list` and `next` are positions in calldata.
        uint256 bad; // not 0: something was not canonical
        uint256 base; // what tensors' offsets count from
        uint256 list; // of the next tensor's offset
        uint256 next; // where the next tensor must start
        uint256 rho;
        uint256 fingerprint; // not reduced
        uint256 filled; // where a one-round circuit's next public input goes in memory; else 0
    }

    /// One batch, to be filled in every field: a struct of one's own would be zeroed first, for 200 gas.
    function reserve() internal pure returns (Batch[] memory one) {
        assembly ("memory-safe") {
            one := mload(0x40)
            mstore(one, 1)
            mstore(add(one, 0x20), add(one, 0x40))
            mstore(0x40, add(one, 0x2c0))
        }
    }

    /// Room for the statements, and before the rows for two words that are hashed with them.
    function allocate(Batch memory batch) internal pure {
        unchecked {
            (uint256 n, uint256 publics) = (batch.n, batch.publics);
            uint256 rows;
            assembly ("memory-safe") {
                rows := add(mload(0x40), 0x40)
            }
            uint256 inputs = rows + n * ROW;
            uint256 factors = inputs + 0x20 * n * publics;
            (batch.rows, batch.inputs, batch.factors) = (rows, inputs, factors);
            assembly ("memory-safe") {
                mstore(0x40, add(factors, mul(n, 0x20)))
            }
        }
    }

    /// Each factor comes from a hash over all rows: whoever knew it before fixing its proofs could let two false ones cancel.
    /// Public inputs are then summed up, times their factors, in the first row of them.
    function setFactors(Batch memory batch) internal pure {
        (uint256 n, uint256 rows, uint256 factors) = (batch.n, batch.rows, batch.factors);
        (bytes32 tag, bytes32 keyId) = (BATCH_TAG, batch.keyId);
        assembly ("memory-safe") {
            mstore(sub(rows, 0x40), tag)
            mstore(sub(rows, 0x20), keyId)
            mstore(0, keccak256(sub(rows, 0x40), add(0x40, mul(n, ROW))))
            for {
                let i := 1
            } lt(i, n) {
                i := add(i, 1)
            } {
                mstore(0x20, i)
                mstore(add(factors, mul(i, 0x20)), shr(128, shl(128, keccak256(0, 0x40))))
            }
        }
        (uint256 inputs, uint256 count, uint256 r) = (batch.inputs, batch.publics, Bn254Lib.R);
        assembly ("memory-safe") {
            let row := inputs
            for {
                let i := 1
            } lt(i, n) {
                i := add(i, 1)
            } {
                let factor := mload(add(factors, mul(i, 0x20)))
                row := add(row, mul(count, 0x20))
                for {
                    let j := 0
                } lt(j, mul(count, 0x20)) {
                    j := add(j, 0x20)
                } {
                    let sum := add(inputs, j)
                    mstore(sum, addmod(mload(sum), mulmod(mload(add(row, j)), factor, r), r))
                }
            }
        }
    }

    function verify(Batch memory batch) internal view returns (bool) {
        unchecked {
            (uint256 n, uint256 backend) = (batch.n, batch.backend);
            uint256 count = n + 2 + backend;
            uint256 pairs;
            assembly ("memory-safe") {
                pairs := mload(0x40)
                mstore(0x40, add(pairs, mul(count, _PAIR)))
            }
            (uint256 ok, uint256 total) = _putProofs(batch, pairs, backend != KeyRecordLib.BACKEND_ONE_ROUND);
            uint256 pair = pairs + n * _PAIR;
            ok &= _putKey(pair, batch.alpha, backend, total);
            ok &= _putInputs(batch, pair + _PAIR, total);
            if (backend == KeyRecordLib.BACKEND_WEIGHTS) {
                uint256 commitment;
                assembly ("memory-safe") {
                    commitment := add(batch, 0x40)
                }
                ok &= Bn254Lib.scale(commitment, total, pairs + (count - 1) * _PAIR);
            }
            return ok & Bn254Lib.pairingIsOne(pairs, count) != 0;
        }
    }

    /// (total alpha, beta), and the deltas in the pairs after the next, which is that of L.
    function _putKey(uint256 pair, uint256 alpha, uint256 deltas, uint256 total) private view returns (uint256 ok) {
        ok = Bn254Lib.scale(alpha, total, pair);
        assembly ("memory-safe") {
            mcopy(add(pair, 0x40), add(alpha, 0x40), 0x80) // beta
            pair := add(pair, 0x1c0) // two pairs on, behind its point of G1
            let delta := add(alpha, _PAIR)
            for {
                let end := add(delta, shl(7, deltas))
            } lt(delta, end) {
                delta := add(delta, 0x80)
            } {
                mcopy(pair, delta, 0x80)
                pair := add(pair, _PAIR)
            }
        }
    }

    /// (-factor A, B) of each proof from `pairs` on; sums of C1 and C2 in their pairs, behind those of alpha and L.
    function _putProofs(
        Batch memory batch,
        uint256 pairs,
        bool rounds
    ) private view returns (uint256 ok, uint256 total) {
        unchecked {
            uint256 row = batch.rows;
            uint256 n = batch.n;
            uint256 q = Bn254Lib.Q;
            uint256 sum = pairs + (n + 2) * _PAIR;
            (ok, total) = (1, 1);
            assembly ("memory-safe") {
                mcopy(pairs, add(row, 0x20), _PAIR)
                let y := add(pairs, 0x20)
                // Infinity was refused, and no other point of this curve has y = 0.
                mstore(y, sub(q, mload(y)))
                mcopy(sum, add(row, _C1), mul(rounds, 0x40))
                mcopy(add(sum, mul(rounds, _PAIR)), add(row, _C2), 0x40)
            }
            for (uint256 i = 1; i < n; ++i) {
                row += ROW;
                uint256 factor;
                uint256 factors = batch.factors;
                uint256 pair = pairs + i * _PAIR;
                assembly ("memory-safe") {
                    factor := mload(add(factors, mul(i, 0x20)))
                    mcopy(pair, add(row, 0x20), _PAIR)
                    let y := add(pair, 0x20)
                    mstore(y, sub(q, mload(y)))
                }
                ok &= Bn254Lib.scale(pair, factor, pair);
                if (rounds) ok &= Bn254Lib.addScaled(row + _C1, factor, sum);
                ok &= Bn254Lib.addScaled(row + _C2, factor, rounds ? sum + _PAIR : sum);
                // Below 2^128 each: their sum cannot overflow.
                total += factor;
            }
        }
    }

    /// (total L, g2), L of the inputs in the first row. The pair's own place takes the points on the way.
    function _putInputs(Batch memory batch, uint256 pair, uint256 total) private view returns (uint256 ok) {
        uint256 ics;
        unchecked {
            ics = batch.alpha + 0xc0 + 0x80 * batch.backend;
        }
        (uint256 input, uint256 count) = (batch.inputs, batch.publics);
        ok = Bn254Lib.scale(ics, total, pair);
        assembly ("memory-safe") {
            let point := add(pair, 0x40)
            for {
                let end := add(input, shl(5, count))
            } lt(input, end) {
                input := add(input, 0x20)
            } {
                ics := add(ics, 0x40)
                mcopy(point, ics, 0x40)
                mstore(add(pair, 0x80), mload(input))
                ok := and(ok, staticcall(gas(), 7, point, 0x60, point, 0x40))
                ok := and(ok, staticcall(gas(), 6, pair, 0x80, pair, 0x40))
            }
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
}
