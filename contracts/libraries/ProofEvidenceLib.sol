// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {KIND_PUBLIC, StageInfo} from "../types/Types.sol";
import {Bn254Lib} from "./Bn254Lib.sol";
import {DigestLib} from "./DigestLib.sol";
import {KeyRecordLib} from "./KeyRecordLib.sol";

/// @title From evidence to a proof and its public inputs (zk.md sections 1, 2, 8); mirror: offchain/core/zk
/// @notice Evidence is read where it stands, and only in its canonical form: the offsets of `abi.encode`, no gaps, padding
/// of zeros, nothing after the end. Every public input is computed here.
library ProofEvidenceLib {
    bytes32 internal constant CHALLENGE_TAG = keccak256("assay.v1.zk.challenge");

    // Offsets in evidence. Those that the encoding itself holds count from the struct, which starts after the first word.
    uint256 private constant _STRUCT = 0x20;
    uint256 private constant _TENSORS = 0x160; // offset of `tensors`, then that of `joined`
    uint256 private constant _TAIL = 0x1a0; // `tensors`

    struct Context {
        bytes32 domain;
        bytes32 keyId;
        bytes record;
        KeyRecordLib.Layout key;
        // Of the statement that is being read:
        bytes32 challenge;
        uint256 rho;
    }

    // --- Proof and challenge ------------------------------------------------------------------------------------------

    function readProof(bytes calldata evidence, uint256 backend) internal pure returns (uint256[10] memory proof) {
        require(evidence.length >= _TAIL, IProofAdapter.EvidenceMalformed(evidence.length));
        _expect(evidence, 0, _STRUCT);
        assembly ("memory-safe") {
            calldatacopy(proof, add(evidence.offset, _STRUCT), 0x140)
        }
        // Infinity is never needed; the precompiles refuse all other coordinates that are not reduced.
        require(proof[0] | proof[1] != 0 && proof[1] < Bn254Lib.Q, IProofAdapter.ProofPointInvalid(0));
        require(proof[2] | proof[3] | proof[4] | proof[5] != 0, IProofAdapter.ProofPointInvalid(2));
        bool empty = proof[6] | proof[7] == 0;
        require(empty == (backend == KeyRecordLib.BACKEND_ONE_ROUND), IProofAdapter.ProofPointInvalid(6));
        require(proof[8] | proof[9] != 0, IProofAdapter.ProofPointInvalid(8));
    }

    /// Both challenges come from one hash over everything that must be fixed before them.
    function setChallenge(
        Context memory c,
        bytes32 claimHash,
        StageInfo calldata stage,
        uint256[10] memory proof
    ) internal pure {
        bytes32 h = keccak256(
            abi.encode(CHALLENGE_TAG, c.domain, claimHash, c.keyId, stage.weightsX, stage.weightsY, proof[6], proof[7])
        );
        (c.challenge, c.rho) = (h, uint256(keccak256(abi.encode(h, uint256(2)))) % Bn254Lib.R);
    }

    // --- Public inputs ------------------------------------------------------------------------------------------------

    /// Fingerprint, pole and rho; of a one-round circuit the context and all words.
    function readPublics(
        Context memory c,
        IEvidenceAdapter.Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) internal pure returns (uint256[] memory publics) {
        publics = new uint256[](c.key.publics);
        bool oneRound = c.key.backend == KeyRecordLib.BACKEND_ONE_ROUND;
        if (oneRound) publics[0] = uint256(c.challenge) % Bn254Lib.R;
        Cursor memory cursor = _open(c, claim, stage, evidence);
        cursor.publics = oneRound ? publics : new uint256[](0);
        for (uint256 b; b < c.key.boundaries; ++b) _readBoundary(c, cursor, evidence, b);
        _close(cursor);
        if (oneRound) return publics;
        publics[0] = cursor.fingerprint;
        publics[1] = uint256(keccak256(abi.encode(c.challenge, uint256(1)))) % Bn254Lib.R;
        publics[2] = c.rho;
    }

    /// Where reading stands. Offsets in evidence.
    struct Cursor {
        uint256 tensors; // how many there are
        uint256 read; // how many were read
        uint256 next; // where the next one must start
        uint256 list; // where `joined` must start
        bytes32[] digests; // of all boundaries
        uint256 inKind;
        uint256 outKind;
        uint256 fingerprint;
        uint256[] publics; // of a one-round circuit
        uint256 filled;
    }

    function _open(
        Context memory c,
        IEvidenceAdapter.Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) private pure returns (Cursor memory cursor) {
        _expect(evidence, _TENSORS, _TAIL - _STRUCT);
        cursor.tensors = _word(evidence, _TAIL);
        // As many as the key has PUBLIC boundaries, which `_readBoundary` and `_close` hold it to.
        require(cursor.tensors <= c.key.boundaries, IProofAdapter.EvidenceMalformed(_TAIL));
        cursor.next = _TAIL + 0x20 + 0x20 * cursor.tensors;
        uint256 list = _word(evidence, _TENSORS + 0x20);
        require(list <= evidence.length, IProofAdapter.EvidenceMalformed(_TENSORS + 0x20));
        cursor.list = list + _STRUCT;
        uint256 producers = stage.producers.length;
        bool joins = producers != 1;
        _expect(evidence, cursor.list, joins ? producers : 0);
        uint256 end = cursor.list + 0x20 + (joins ? 0x20 * producers : 0);
        require(evidence.length == end, IProofAdapter.EvidenceMalformed(end));
        (cursor.inKind, cursor.outKind, cursor.filled) = (stage.inKind, stage.outKind, 1);
        cursor.digests = new bytes32[](producers + 1);
        cursor.digests[producers] = claim.outDigest;
        if (joins) _join(cursor, claim.inDigest, stage, evidence);
        else cursor.digests[0] = claim.inDigest;
    }

    /// The digests that were joined, as sent; their join must be what the claim consumes.
    function _join(Cursor memory cursor, bytes32 need, StageInfo calldata stage, bytes calldata evidence) private pure {
        uint256 producers = stage.producers.length;
        bytes memory all = abi.encodePacked("assay.v1.join", uint8(producers));
        for (uint256 i; i < producers; ++i) {
            bytes32 digest = bytes32(_word(evidence, cursor.list + 0x20 + 0x20 * i));
            cursor.digests[i] = digest;
            // The model registry holds every producer to the kind that the stage expects.
            all = abi.encodePacked(all, stage.producers[i], stage.inKind, digest);
        }
        bytes32 have = keccak256(all);
        require(have == need, IProofAdapter.JoinMismatch(have, need));
    }

    function _close(Cursor memory cursor) private pure {
        require(cursor.read == cursor.tensors, IProofAdapter.EvidenceMalformed(_TAIL));
        require(cursor.next == cursor.list, IProofAdapter.EvidenceMalformed(_TENSORS + 0x20));
    }

    function _readBoundary(
        Context memory c,
        Cursor memory cursor,
        bytes calldata evidence,
        uint256 index
    ) private pure {
        uint256 kind = index + 1 == c.key.boundaries ? cursor.outKind : cursor.inKind;
        (, uint256 need, uint256 length) = KeyRecordLib.boundary(c.record, index);
        require(kind == need, IProofAdapter.BoundaryKindMismatch(index, uint8(kind), uint8(need)));
        if (kind != KIND_PUBLIC) {
            _putDigest(c, cursor, index);
            return;
        }
        bytes calldata data = _publicData(c, cursor, evidence, index, length);
        if (cursor.publics.length != 0) _copyWords(cursor, data);
        else cursor.fingerprint = _absorb(cursor.fingerprint, c.rho, data);
    }

    function _putDigest(Context memory c, Cursor memory cursor, uint256 index) private pure {
        uint256 digest = uint256(cursor.digests[index]);
        require(digest < Bn254Lib.R, IProofAdapter.DigestNotReduced(index, bytes32(digest)));
        if (cursor.publics.length != 0) cursor.publics[cursor.filled++] = digest;
        else cursor.fingerprint = addmod(mulmod(cursor.fingerprint, c.rho, Bn254Lib.R), digest, Bn254Lib.R);
    }

    /// The next tensor's data, once its header and its digest are what they must be.
    function _publicData(
        Context memory c,
        Cursor memory cursor,
        bytes calldata evidence,
        uint256 index,
        uint256 length
    ) private pure returns (bytes calldata data) {
        bytes calldata tensor = _nextTensor(evidence, cursor);
        require(tensor.length > length, IProofAdapter.TensorMismatch(index, 1));
        uint256 header = tensor.length - length;
        bool same = keccak256(tensor[:header]) == KeyRecordLib.headerHash(c.record, index);
        require(same, IProofAdapter.TensorMismatch(index, 2));
        bytes32 have = DigestLib.publicDigest(tensor);
        require(have == cursor.digests[index], IProofAdapter.DigestMismatch(index, have, cursor.digests[index]));
        return tensor[header:];
    }

    /// v <- v * rho + word, over data in words of 31 bytes, the last one filled up with zeros.
    function _absorb(uint256 start, uint256 rho, bytes calldata data) private pure returns (uint256 v) {
        uint256 r = Bn254Lib.R;
        v = start;
        // In assembly because a step costs 60 gas here and 8 KiB have 265.
        assembly ("memory-safe") {
            let position := data.offset
            let end := add(position, data.length)
            for {
                let next := add(position, 31)
            } iszero(gt(next, end)) {
                next := add(position, 31)
            } {
                v := addmod(mulmod(v, rho, r), shr(8, calldataload(position)), r)
                position := next
            }
            let rest := sub(end, position)
            if rest {
                // What follows the data in calldata must not count.
                let unused := sub(256, shl(3, rest))
                let last := shl(unused, shr(unused, calldataload(position)))
                v := addmod(mulmod(v, rho, r), shr(8, last), r)
            }
        }
    }

    /// The same words as public inputs of their own.
    function _copyWords(Cursor memory cursor, bytes calldata data) private pure {
        for (uint256 i; i < data.length; i += KeyRecordLib.WORD_BYTES) {
            uint256 size = data.length - i;
            if (size > KeyRecordLib.WORD_BYTES) size = KeyRecordLib.WORD_BYTES;
            cursor.publics[cursor.filled++] = uint256(uint248(bytes31(data[i:i + size])));
        }
    }

    // --- Canonical encoding -------------------------------------------------------------------------------------------

    /// The next element of `tensors`: its offset, its length, its bytes, zeros up to a whole word.
    function _nextTensor(bytes calldata evidence, Cursor memory cursor) private pure returns (bytes calldata tensor) {
        require(cursor.read < cursor.tensors, IProofAdapter.EvidenceMalformed(_TAIL));
        uint256 start = cursor.next;
        _expect(evidence, _TAIL + 0x20 + 0x20 * cursor.read++, start - _TAIL - 0x20);
        uint256 length = _word(evidence, start);
        start += 0x20;
        // Compared before anything is added to a length that the sender chose.
        require(length <= evidence.length - start, IProofAdapter.EvidenceMalformed(start - 0x20));
        tensor = evidence[start:start + length];
        uint256 padding = (0x20 - (length & 0x1f)) & 0x1f;
        cursor.next = start + length + padding;
        if (padding == 0) return tensor;
        uint256 last = _word(evidence, cursor.next - 0x20);
        require(last << (256 - 8 * padding) == 0, IProofAdapter.EvidenceMalformed(start + length));
    }

    function _expect(bytes calldata evidence, uint256 offset, uint256 need) private pure {
        require(_word(evidence, offset) == need, IProofAdapter.EvidenceMalformed(offset));
    }

    function _word(bytes calldata evidence, uint256 offset) private pure returns (uint256 value) {
        require(offset + 0x20 <= evidence.length, IProofAdapter.EvidenceMalformed(offset));
        assembly ("memory-safe") {
            value := calldataload(add(evidence.offset, offset))
        }
    }
}
