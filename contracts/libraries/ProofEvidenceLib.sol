// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {KIND_PUBLIC, StageInfo} from "../types/Types.sol";
import {Bn254Lib} from "./Bn254Lib.sol";
import {ClaimLib} from "./ClaimLib.sol";
import {Groth16Lib} from "./Groth16Lib.sol";
import {KeyRecordLib} from "./KeyRecordLib.sol";

/// @title From evidence to a proof and its public inputs (zk.md sections 1, 2, 8); mirror: offchain/core/zk
/// @notice Evidence is read where it stands, and only in its canonical form: the offsets of `abi.encode`, no gaps, padding
/// of zeros, nothing after the end. Every public input is computed here.
/// @dev What must have one value is compared into `bad`, which is judged once, in the end. Reads follow one another and the
/// last must end where the evidence ends, so all were in it. Arithmetic is unchecked and calldata read by assembly: 15,000
/// gas of the 245,000 that a proof may take. A size that the sender chose is compared before anything is copied by it.
library ProofEvidenceLib {
    bytes32 internal constant CHALLENGE_TAG = keccak256("assay.v1.zk.challenge");
    bytes32 internal constant PUBLIC_TAG = keccak256("assay.v1.public");

    // Offsets in evidence. Those that the encoding itself holds count from the struct, which starts after the first word.
    uint256 private constant _STRUCT = 0x20;
    uint256 private constant _TENSORS = 0x160; // offset of `tensors`, then that of `joined`
    uint256 private constant _TAIL = 0x1a0; // `tensors`
    // Fields of `Groth16Lib.Batch`.
    uint256 private constant _BAD = 0x1a0;
    uint256 private constant _BASE = 0x1c0;
    uint256 private constant _LIST = 0x1e0;
    uint256 private constant _NEXT = 0x200;
    uint256 private constant _MAX_HEADER = 35; // of a tensor: version, type, rank and up to eight dimensions

    /// Reads statement `index` of a batch: its proof, the hash for its challenges, its public inputs.
    function read(
        Groth16Lib.Batch memory batch,
        uint256 index,
        IEvidenceAdapter.Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) internal pure {
        unchecked {
            uint256 row = batch.rows + Groth16Lib.ROW * index;
            uint256 inputs = batch.inputs + 0x20 * batch.publics * index;
            uint256 bad = _readProof(evidence, row, batch.backend);
            uint256 h = _challenge(batch, claim, row);
            require(bad | _excessOf(claim) == 0, IProofAdapter.ProofMalformed());
            if (batch.backend == KeyRecordLib.BACKEND_ONE_ROUND) {
                _store(inputs, h % Bn254Lib.R);
                batch.filled = inputs + 0x20;
            } else {
                (batch.rho, batch.filled, batch.fingerprint) = (_putPoleAndRho(h, inputs), 0, 0);
            }
            _readBoundaries(batch, claim, stage, evidence);
            if (batch.filled == 0) _store(inputs, batch.fingerprint % Bn254Lib.R);
        }
    }

    // --- Proof and challenge ------------------------------------------------------------------------------------------

    /// Infinity, the only point with y = 0 in groups of odd order, is never needed. The precompiles refuse all coordinates that are not reduced but one, which is negated first.
    function _readProof(bytes calldata evidence, uint256 row, uint256 backend) private pure returns (uint256 bad) {
        uint256 q = Bn254Lib.Q;
        assembly ("memory-safe") {
            calldatacopy(add(row, 0x20), add(evidence.offset, _STRUCT), 0x140)
            let y := mload(add(row, 0x40))
            bad := iszero(lt(sub(y, 1), sub(q, 1)))
            bad := or(bad, iszero(or(mload(add(row, 0xa0)), mload(add(row, 0xc0)))))
            let c1 := or(mload(add(row, 0xe0)), mload(add(row, 0x100)))
            bad := or(bad, xor(iszero(c1), eq(backend, 1)))
            bad := or(bad, iszero(mload(add(row, 0x140))))
        }
    }

    /// Both challenges come from one hash over everything that must be fixed before them.
    function _challenge(
        Groth16Lib.Batch memory batch,
        IEvidenceAdapter.Claim calldata claim,
        uint256 row
    ) private pure returns (uint256 h) {
        bytes32 typeHash = ClaimLib.CLAIM_TYPEHASH;
        bytes32 tag = CHALLENGE_TAG;
        assembly ("memory-safe") {
            // hashStruct(claim), then abi.encode of eight words; neither is kept.
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 0x20), claim, 0xa0)
            let hash := keccak256(p, 0xc0)
            mstore(p, tag)
            mstore(add(p, 0x20), mload(batch))
            mstore(add(p, 0x40), hash)
            mcopy(add(p, 0x60), add(batch, 0x20), 0x60) // keyId, weightsX, weightsY
            mcopy(add(p, 0xc0), add(row, 0xe0), 0x40) // C1
            h := keccak256(p, 0x100)
            mstore(row, h)
        }
    }

    /// What a stage or worker has beyond its type.
    function _excessOf(IEvidenceAdapter.Claim calldata claim) private pure returns (uint256 excess) {
        assembly ("memory-safe") {
            excess := or(shr(16, calldataload(add(claim, 0x20))), shr(160, calldataload(add(claim, 0x80))))
        }
    }

    function _putPoleAndRho(uint256 h, uint256 inputs) private pure returns (uint256 rho) {
        uint256 r = Bn254Lib.R;
        assembly ("memory-safe") {
            mstore(0, h)
            mstore(0x20, 1)
            mstore(add(inputs, 0x20), mod(keccak256(0, 0x40), r))
            mstore(0x20, 2)
            rho := mod(keccak256(0, 0x40), r)
            mstore(add(inputs, 0x40), rho)
        }
    }

    // --- Boundaries ---------------------------------------------------------------------------------------------------

    function _readBoundaries(
        Groth16Lib.Batch memory batch,
        IEvidenceAdapter.Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) private pure {
        unchecked {
            uint256 producers = batch.producers;
            uint256 size = producers == 1 ? 0 : 0x20 * producers; // of the digests in `joined`
            uint256 joined;
            (uint256 inKind, uint256 outKind) = _kindsOf(stage);
            assembly ("memory-safe") {
                let start := evidence.offset
                joined := add(start, sub(evidence.length, size))
                // `joined` is last, behind its count, so its offset has one value only.
                let bad := xor(calldataload(start), _STRUCT)
                bad := or(bad, xor(calldataload(add(start, _TENSORS)), sub(_TAIL, _STRUCT)))
                bad := or(bad, xor(calldataload(add(start, 0x180)), sub(sub(joined, start), 0x40)))
                mstore(add(batch, _BAD), or(bad, xor(calldataload(sub(joined, 0x20)), shr(5, size))))
                let list := add(start, 0x1c0)
                mstore(add(batch, _LIST), list)
                mstore(add(batch, _NEXT), add(list, shl(5, calldataload(add(start, _TAIL)))))
                mstore(add(batch, _BASE), list)
            }
            if (producers == 1) {
                _readBoundary(batch, 0, inKind, claim.inDigest);
            } else {
                _checkJoin(joined, claim.inDigest, stage);
                for (uint256 i; i < producers; ++i) {
                    _readBoundary(batch, i, inKind, bytes32(_load(joined + 0x20 * i)));
                }
            }
            _readBoundary(batch, producers, outKind, claim.outDigest);
            // As many tensors as the key has PUBLIC boundaries, and behind them the count of `joined`.
            uint256 tensors = _load(batch.base - 0x20);
            uint256 bad = batch.bad | (batch.next ^ (joined - 0x20)) | (((batch.list - batch.base) >> 5) ^ tensors);
            require(bad == 0, IProofAdapter.EvidenceMalformed());
        }
    }

    /// Without the checks of the ABI: whoever calls vouches for the stage, and the number is compared with the key's.
    function producersOf(StageInfo calldata stage) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := calldataload(add(stage, calldataload(add(stage, 0x100))))
        }
    }

    /// Whole words, since they are compared with a byte each.
    function _kindsOf(StageInfo calldata stage) private pure returns (uint256 inKind, uint256 outKind) {
        assembly ("memory-safe") {
            inKind := calldataload(add(stage, 0x20))
            outKind := calldataload(add(stage, 0x40))
        }
    }

    /// The join of the digests at `joined` must be what the claim consumes.
    function _checkJoin(uint256 joined, bytes32 need, StageInfo calldata stage) private pure {
        uint256 producers = stage.producers.length;
        bytes memory all = abi.encodePacked("assay.v1.join", uint8(producers));
        for (uint256 i; i < producers; ++i) {
            // The model registry holds every producer to the kind that the stage expects.
            all = abi.encodePacked(all, stage.producers[i], stage.inKind, _load(joined + 0x20 * i));
        }
        bytes32 have = keccak256(all);
        require(have == need, IProofAdapter.JoinMismatch(have, need));
    }

    function _readBoundary(Groth16Lib.Batch memory batch, uint256 index, uint256 kind, bytes32 digest) private pure {
        unchecked {
            uint256 position = batch.record + KeyRecordLib.HEAD + KeyRecordLib.BOUNDARY * index;
            uint256 head; // u8 direction, u8 kind, u32 length
            bytes32 headerHash;
            assembly ("memory-safe") {
                head := mload(position)
                headerHash := mload(add(position, 6))
            }
            uint256 need = (head >> 240) & 0xff;
            require(kind == need, IProofAdapter.BoundaryKindMismatch(index, kind, need));
            if (kind == KIND_PUBLIC) _readTensor(batch, index, (head >> 208) & 0xffffffff, headerHash, digest);
            else _putDigest(batch, index, uint256(digest));
        }
    }

    function _putDigest(Groth16Lib.Batch memory batch, uint256 index, uint256 digest) private pure {
        require(digest < Bn254Lib.R, IProofAdapter.DigestNotReduced(index, bytes32(digest)));
        if (batch.filled != 0) {
            _store(batch.filled, digest);
            batch.filled += 0x20;
        } else {
            batch.fingerprint = addmod(mulmod(batch.fingerprint, batch.rho, Bn254Lib.R), digest, Bn254Lib.R);
        }
    }

    /// The next of `tensors`: its offset, its length, header and digest, its data, zeros up to a whole word.
    function _readTensor(
        Groth16Lib.Batch memory batch,
        uint256 index,
        uint256 length,
        bytes32 headerHash,
        bytes32 digest
    ) private pure {
        unchecked {
            uint256 start;
            uint256 size;
            assembly ("memory-safe") {
                let list := mload(add(batch, _LIST))
                let next := mload(add(batch, _NEXT))
                mstore(add(batch, _LIST), add(list, 0x20))
                size := calldataload(next)
                start := add(next, 0x20)
                // Between the end of the bytes and that of the last word only zeros.
                let over := and(size, 0x1f)
                let end := add(start, size)
                let bad := mul(shr(shl(3, over), calldataload(end)), iszero(iszero(over)))
                bad := or(bad, xor(calldataload(list), sub(next, mload(add(batch, _BASE)))))
                mstore(add(batch, _BAD), or(mload(add(batch, _BAD)), bad))
                mstore(add(batch, _NEXT), add(end, and(sub(0, over), 0x1f)))
            }
            uint256 header = size - length;
            require(header <= _MAX_HEADER, IProofAdapter.TensorMismatch(index, 1));
            (bytes32 hash, bytes32 have) = _hashes(start, header, size);
            if ((hash ^ headerHash) | (have ^ digest) != 0) {
                require(hash == headerHash, IProofAdapter.TensorMismatch(index, 2));
                revert IProofAdapter.DigestMismatch(index, have, digest);
            }
            if (batch.filled != 0) _copyWords(batch, start + header, length);
            else batch.fingerprint = _absorb(batch.fingerprint, batch.rho, start + header, length);
        }
    }

    /// Of a tensor's header, and its PUBLIC digest (`DigestLib.publicDigest`), from one copy that is not kept.
    function _hashes(
        uint256 position,
        uint256 header,
        uint256 size
    ) private pure returns (bytes32 headerHash, bytes32 digest) {
        bytes32 tag = PUBLIC_TAG;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, tag)
            calldatacopy(add(p, 0x20), position, size)
            headerHash := keccak256(add(p, 0x20), header)
            digest := keccak256(p, add(0x20, size))
        }
    }

    /// v <- v * rho + word, over data in words of 31 bytes, the last one filled up with zeros. A word has 248 bits and a
    /// product is below r, so their sum needs no reduction before it is multiplied again.
    function _absorb(uint256 v, uint256 rho, uint256 position, uint256 length) private pure returns (uint256 sum) {
        uint256 r = Bn254Lib.R;
        assembly ("memory-safe") {
            sum := v
            let end := add(position, length)
            // Twenty-five words a turn, as 784 bytes have them whole, up to three a statement: 45 gas less a word.
            for {
                let last := sub(end, mod(length, 775))
            } lt(position, last) {
                position := add(position, 775)
            } {
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(position))), rho, r),
                            shr(8, calldataload(add(position, 31)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 62)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 93)))), rho, r),
                            shr(8, calldataload(add(position, 124)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 155)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 186)))), rho, r),
                            shr(8, calldataload(add(position, 217)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 248)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 279)))), rho, r),
                            shr(8, calldataload(add(position, 310)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 341)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 372)))), rho, r),
                            shr(8, calldataload(add(position, 403)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 434)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 465)))), rho, r),
                            shr(8, calldataload(add(position, 496)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 527)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 558)))), rho, r),
                            shr(8, calldataload(add(position, 589)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 620)))
                )
                sum := add(
                    mulmod(
                        add(
                            mulmod(add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 651)))), rho, r),
                            shr(8, calldataload(add(position, 682)))
                        ),
                        rho,
                        r
                    ),
                    shr(8, calldataload(add(position, 713)))
                )
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 744))))
            }
            for {
                let last := sub(end, mod(length, 31))
            } lt(position, last) {
                position := add(position, 31)
            } {
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(position)))
            }
            let rest := sub(end, position)
            if rest {
                // What follows the data in calldata must not count.
                let unused := sub(256, shl(3, rest))
                sum := add(mulmod(sum, rho, r), shr(8, shl(unused, shr(unused, calldataload(position)))))
            }
        }
    }

    /// The same words as public inputs of their own.
    function _copyWords(Groth16Lib.Batch memory batch, uint256 position, uint256 length) private pure {
        unchecked {
            uint256 filled = batch.filled;
            for (uint256 i; i < length; i += KeyRecordLib.WORD_BYTES) {
                uint256 unused = 8;
                if (length - i < KeyRecordLib.WORD_BYTES) unused = 256 - 8 * (length - i);
                _store(filled, ((_load(position + i) >> unused) << unused) >> 8);
                filled += 0x20;
            }
            batch.filled = filled;
        }
    }

    function _load(uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(position)
        }
    }

    function _store(uint256 position, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(position, value)
        }
    }
}
