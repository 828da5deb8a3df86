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
    uint256 private constant _MAX_HEADER = 35; // of a tensor: version, type, rank and up to eight dimensions

    /// Where reading stands. `list` and `next` are positions in calldata, `filled` is one in memory.
    struct Cursor {
        uint256 bad; // not 0: something was not canonical
        uint256 list; // of the next tensor's offset
        uint256 next; // where the next tensor must start
        uint256 rho; // 0 in one-round circuits
        uint256 fingerprint; // not reduced
        uint256 filled; // where a one-round circuit's next public input goes
        uint256 base; // what tensors' offsets count from
    }

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
            _readProof(evidence, row, batch.backend);
            uint256 h = _challenge(batch, claim, row);
            Cursor memory cursor;
            if (batch.backend == KeyRecordLib.BACKEND_ONE_ROUND) {
                _store(inputs, h % Bn254Lib.R);
                cursor.filled = inputs + 0x20;
            } else {
                cursor.rho = _putPoleAndRho(h, inputs);
            }
            _readBoundaries(batch, cursor, claim, stage, evidence);
            if (cursor.filled == 0) _store(inputs, cursor.fingerprint % Bn254Lib.R);
        }
    }

    // --- Proof and challenge ------------------------------------------------------------------------------------------

    /// Infinity is never needed; the precompiles refuse all coordinates that are not reduced but one, which is negated first.
    function _readProof(bytes calldata evidence, uint256 row, uint256 backend) private pure {
        uint256 q = Bn254Lib.Q;
        bool bad;
        assembly ("memory-safe") {
            calldatacopy(add(row, 0x20), add(evidence.offset, _STRUCT), 0x140)
            let y := mload(add(row, 0x40))
            bad := or(iszero(or(mload(add(row, 0x20)), y)), iszero(lt(y, q)))
            let b := or(
                or(mload(add(row, 0x60)), mload(add(row, 0x80))),
                or(mload(add(row, 0xa0)), mload(add(row, 0xc0)))
            )
            bad := or(bad, iszero(b))
            let c1 := or(mload(add(row, 0xe0)), mload(add(row, 0x100)))
            bad := or(bad, xor(iszero(c1), eq(backend, 1)))
            bad := or(bad, iszero(or(mload(add(row, 0x120)), mload(add(row, 0x140)))))
        }
        require(!bad, IProofAdapter.ProofMalformed());
    }

    /// Both challenges come from one hash over everything that must be fixed before them.
    function _challenge(
        Groth16Lib.Batch memory batch,
        IEvidenceAdapter.Claim calldata claim,
        uint256 row
    ) private pure returns (uint256 h) {
        bytes32 typeHash = ClaimLib.CLAIM_TYPEHASH;
        bytes32 tag = CHALLENGE_TAG;
        uint256 over; // what a stage or worker would have beyond its type
        assembly ("memory-safe") {
            // hashStruct(claim), then abi.encode of eight words; neither is kept.
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 0x20), claim, 0xa0)
            over := or(shr(16, mload(add(p, 0x40))), shr(160, mload(add(p, 0xa0))))
            let hash := keccak256(p, 0xc0)
            mstore(p, tag)
            mstore(add(p, 0x20), mload(batch))
            mstore(add(p, 0x40), hash)
            mcopy(add(p, 0x60), add(batch, 0x20), 0x60) // keyId, weightsX, weightsY
            mcopy(add(p, 0xc0), add(row, 0xe0), 0x40) // C1
            h := keccak256(p, 0x100)
            mstore(row, h)
        }
        require(over == 0, IProofAdapter.ClaimMalformed());
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
        Cursor memory cursor,
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
                mstore(cursor, or(bad, xor(calldataload(sub(joined, 0x20)), shr(5, size))))
                let list := add(start, 0x1c0)
                mstore(add(cursor, 0x20), list)
                mstore(add(cursor, 0x40), add(list, shl(5, calldataload(add(start, _TAIL)))))
                mstore(add(cursor, 0xc0), list)
            }
            if (producers == 1) {
                _readBoundary(batch.record, cursor, 0, inKind, claim.inDigest);
            } else {
                _checkJoin(joined, claim.inDigest, stage);
                for (uint256 i; i < producers; ++i) {
                    _readBoundary(batch.record, cursor, i, inKind, bytes32(_load(joined + 0x20 * i)));
                }
            }
            _readBoundary(batch.record, cursor, producers, outKind, claim.outDigest);
            uint256 read_ = cursor.list - cursor.base;
            // As many tensors as the key has PUBLIC boundaries, and behind them the count of `joined`.
            bool good = cursor.bad | (cursor.next ^ (joined - 0x20)) | ((_load(cursor.base - 0x20) << 5) ^ read_) == 0;
            require(good && _load(cursor.base - 0x20) <= producers + 1, IProofAdapter.EvidenceMalformed());
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

    function _readBoundary(
        uint256 record,
        Cursor memory cursor,
        uint256 index,
        uint256 kind,
        bytes32 digest
    ) private pure {
        unchecked {
            uint256 position = record + KeyRecordLib.HEAD + KeyRecordLib.BOUNDARY * index;
            uint256 head; // u8 direction, u8 kind, u32 length
            bytes32 headerHash;
            assembly ("memory-safe") {
                head := mload(position)
                headerHash := mload(add(position, 6))
            }
            uint256 need = (head >> 240) & 0xff;
            require(kind == need, IProofAdapter.BoundaryKindMismatch(index, kind, need));
            if (kind == KIND_PUBLIC) _readTensor(cursor, index, (head >> 208) & 0xffffffff, headerHash, digest);
            else _putDigest(cursor, index, uint256(digest));
        }
    }

    function _putDigest(Cursor memory cursor, uint256 index, uint256 digest) private pure {
        require(digest < Bn254Lib.R, IProofAdapter.DigestNotReduced(index, bytes32(digest)));
        if (cursor.filled != 0) {
            _store(cursor.filled, digest);
            cursor.filled += 0x20;
        } else {
            cursor.fingerprint = addmod(mulmod(cursor.fingerprint, cursor.rho, Bn254Lib.R), digest, Bn254Lib.R);
        }
    }

    /// The next of `tensors`: its offset, its length, header and digest, its data, zeros up to a whole word.
    function _readTensor(
        Cursor memory cursor,
        uint256 index,
        uint256 length,
        bytes32 headerHash,
        bytes32 digest
    ) private pure {
        unchecked {
            uint256 data;
            uint256 size;
            assembly ("memory-safe") {
                let list := mload(add(cursor, 0x20))
                let next := mload(add(cursor, 0x40))
                mstore(add(cursor, 0x20), add(list, 0x20))
                size := calldataload(next)
                let end := add(add(next, 0x20), size)
                // Between the end of the bytes and that of the last word only zeros.
                let over := and(size, 0x1f)
                let bad := mul(shr(shl(3, over), calldataload(end)), iszero(iszero(over)))
                bad := or(bad, xor(calldataload(list), sub(next, mload(add(cursor, 0xc0)))))
                mstore(cursor, or(mload(cursor), bad))
                mstore(add(cursor, 0x40), add(end, and(sub(0x20, over), 0x1f)))
                data := sub(end, length)
            }
            require(size - length <= _MAX_HEADER, IProofAdapter.TensorMismatch(index, 1));
            (bytes32 hash, bytes32 have) = _hashes(data + length - size, size - length, size);
            if ((hash ^ headerHash) | (have ^ digest) != 0) {
                require(hash == headerHash, IProofAdapter.TensorMismatch(index, 2));
                revert IProofAdapter.DigestMismatch(index, have, digest);
            }
            if (cursor.filled != 0) _copyWords(cursor, data, length);
            else cursor.fingerprint = _absorb(cursor.fingerprint, cursor.rho, data, length);
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
            // Five words a turn: 35 gas less a word.
            for {
                let last := sub(end, mod(length, 155))
            } lt(position, last) {
                position := add(position, 155)
            } {
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(position)))
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 31))))
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 62))))
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 93))))
                sum := add(mulmod(sum, rho, r), shr(8, calldataload(add(position, 124))))
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
    function _copyWords(Cursor memory cursor, uint256 position, uint256 length) private pure {
        unchecked {
            uint256 filled = cursor.filled;
            for (uint256 i; i < length; i += KeyRecordLib.WORD_BYTES) {
                uint256 unused = 8;
                if (length - i < KeyRecordLib.WORD_BYTES) unused = 256 - 8 * (length - i);
                _store(filled, ((_load(position + i) >> unused) << unused) >> 8);
                filled += 0x20;
            }
            cursor.filled = filled;
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
