// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICipherReferee} from "../interfaces/ICipherReferee.sol";
import {CipherDigestLib} from "./CipherDigestLib.sol";
import {SheProfileLib} from "./SheProfileLib.sol";
import {ShaTreeLib} from "./ShaTreeLib.sol";

/// @title One row operation at one coordinate (she.md section 8); mirror: offchain/core/she/row-operation.ts and judge-step.ts
library RowStepLib {
    uint256 private constant _CHUNK = 1024; // bytes: 256 residues
    uint256 private constant _NONE = 0;
    uint256 private constant _MAC = 1;
    uint256 private constant _ADD = 2;
    uint256 private constant _SCALE = 3;
    uint256 private constant _DIVIDE = 4;
    uint256 private constant _PERMUTE = 5;
    uint256 private constant _LIFT = 6;
    uint256 private constant _FORWARD = 7;
    uint256 private constant _INVERSE = 8;
    uint256 private constant _COPY = 9;
    uint256 private constant _TRACE = 1;
    uint256 private constant _INPUT = 2;
    uint256 private constant _KEYS = 3;
    uint256 private constant _WEIGHTS = 4;

    /// A record, unpacked.
    struct Operation {
        uint256 op;
        uint256 passBits;
        uint256 p;
        uint256 root; // of unity, modulo p
        uint256 q; // prime of the first operand, if it is another
        uint256 factor;
        uint256 galois;
        uint256 bits; // log2 of the degree
        bool summed; // has a third operand
        uint256 count;
        uint256[3] rows;
        uint256[3] places; // coordinates
    }

    /// Reverts unless the proof shows the residue in question to be what its operation gives.
    function check(
        ICipherReferee.StageFacts calldata facts,
        ICipherReferee.Question calldata question,
        ICipherReferee.StepProof calldata proof
    ) internal pure {
        _checkRecord(facts.stage, question.row, proof);
        Operation memory o = _decode(facts.stage.profile, uint256(proof.record), question.coordinate);
        if (o.op == _NONE) {
            if (!question.isRow || question.node != 0) revert ICipherReferee.StepFalse(uint256(question.node), 0);
            return;
        }
        if (question.isRow) revert ICipherReferee.RecordFalse(proof.record);
        if (proof.operands.length != o.count) revert ICipherReferee.OperandsWrong(proof.operands.length, o.count);
        if (proof.chunk.length != _CHUNK || ShaTreeLib.leaf(proof.chunk) != question.node)
            revert ICipherReferee.OpeningFalse(0);
        uint256[3] memory x;
        for (uint256 i; i < o.count; ++i) {
            _checkOpening(facts, question, proof, o, i);
            x[i] = _residue(proof.operands[i].chunk, o.places[i], o.op == _LIFT ? o.q : o.p);
        }
        uint256 have = _residue(proof.chunk, question.coordinate, o.p);
        uint256 need = _value(o, question.coordinate, x);
        if (have != need) revert ICipherReferee.StepFalse(have, need);
    }

    /// The record is the stage's, at this row.
    function _checkRecord(
        ICipherReferee.CipherStage calldata stage,
        uint256 row,
        ICipherReferee.StepProof calldata proof
    ) private pure {
        bytes32 leaf = ShaTreeLib.leaf(abi.encodePacked(proof.record));
        if (proof.recordPath.length != stage.depth || ShaTreeLib.climb(leaf, row, proof.recordPath) != stage.opRoot)
            revert ICipherReferee.RecordFalse(proof.record);
    }

    function _checkOpening(
        ICipherReferee.StageFacts calldata facts,
        ICipherReferee.Question calldata question,
        ICipherReferee.StepProof calldata proof,
        Operation memory o,
        uint256 i
    ) private pure {
        ICipherReferee.Opening calldata opening = proof.operands[i];
        uint256 where = o.rows[i];
        uint256 depth = (where >> 38) & 63;
        uint256 position = where & ((1 << 38) - 1);
        uint256 chunkBits = o.bits - 8;
        if (opening.chunk.length != _CHUNK || opening.path.length != depth + chunkBits)
            revert ICipherReferee.OpeningFalse(i + 1);
        uint256 index = (position << chunkBits) | (o.places[i] >> 8);
        bytes32 root = ShaTreeLib.climb(ShaTreeLib.leaf(opening.chunk), index, opening.path);
        bool held = depth <= 38 && _isHeld(facts, question, where, root);
        if (!held) revert ICipherReferee.OpeningFalse(i + 1);
    }

    /// Whether a row whose tree has this root is one of what was committed to.
    function _isHeld(
        ICipherReferee.StageFacts calldata facts,
        ICipherReferee.Question calldata question,
        uint256 where,
        bytes32 root
    ) private pure returns (bool) {
        uint256 source = where >> 44;
        if (source == _KEYS) return root == facts.keySetRoot;
        if (source == _WEIGHTS) return root == facts.stage.weightRoot;
        uint256 depth = (where >> 38) & 63;
        if (source == _TRACE) {
            // The leftmost difference concedes earlier rows only.
            bool earlier = depth == facts.stage.depth && where & ((1 << 38) - 1) < question.row;
            return earlier && root == question.traceRoot;
        }
        uint256 level = facts.stage.levelIn;
        return
            depth == ShaTreeLib.depthOf(2 * level) &&
            CipherDigestLib.digest(facts.stage.profile, level, root) == facts.inDigest;
    }

    /// u32le at a coordinate's place in its chunk, below its prime.
    function _residue(bytes calldata chunk, uint256 coordinate, uint256 p) private pure returns (uint256 r) {
        uint256 start = (coordinate & 255) << 2;
        for (uint256 i; i < 4; ++i) r |= uint256(uint8(chunk[start + i])) << (8 * i);
        if (r >= p) revert ICipherReferee.ResidueTooLarge(r, p);
    }

    // --- Records ------------------------------------------------------------------------------------------------------

    /// Fields in range, exactly the operands that the operation has; else one operation would have two records.
    function _decode(uint256 profile, uint256 word, uint256 coordinate) private pure returns (Operation memory o) {
        uint256 primes;
        (o.bits, primes) = SheProfileLib.shape(profile);
        o.op = word >> 248;
        o.passBits = (word >> 224) & 0xff;
        o.factor = (word >> 48) & 0xffffffff;
        o.galois = (word >> 16) & 0xffffffff;
        uint256 prime = (word >> 240) & 0xff;
        uint256 other = (word >> 232) & 0xff;
        bool fits = o.op <= _COPY && prime < primes && other < primes && word & 0xffff == 0;
        if (!fits) revert ICipherReferee.RecordMalformed(bytes32(word));
        (o.p, o.root) = SheProfileLib.primeAt(profile, prime);
        if (o.op == _LIFT) (o.q, ) = SheProfileLib.primeAt(profile, other);
        bool pass = o.op == _FORWARD || o.op == _INVERSE;
        fits =
            (o.op == _LIFT || other == 0) &&
            (pass ? o.passBits < o.bits : o.passBits == 0) &&
            (o.op == _SCALE || o.op == _DIVIDE ? o.factor < o.p : o.factor == 0) &&
            (o.op == _PERMUTE ? o.galois & 1 == 1 && o.galois >> (o.bits + 1) == 0 : o.galois == 0) &&
            (o.op != _NONE || prime == 0);
        if (!fits || !_place(o, word, coordinate)) revert ICipherReferee.RecordMalformed(bytes32(word));
    }

    /// Where the operands are.
    function _place(Operation memory o, uint256 word, uint256 coordinate) private pure returns (bool fits) {
        uint256 a = (word >> 176) & 0xffffffffffff;
        uint256 b = (word >> 128) & 0xffffffffffff;
        uint256 c = (word >> 80) & 0xffffffffffff;
        bool two = o.op == _MAC || o.op == _ADD || o.op == _DIVIDE;
        o.summed = c != 0;
        if ((a != 0) != (o.op != _NONE) || (b != 0) != two || (c != 0 && o.op != _MAC && o.op != _DIVIDE)) return false;
        if (!_isPlace(a) || !_isPlace(b) || !_isPlace(c)) return false;
        if (o.op == _NONE) return true;
        (o.rows[0], o.places[0], o.count) = (a, coordinate, 1);
        if (o.op == _PERMUTE) {
            o.places[0] = _reversed(
                ((o.galois * (2 * _reversed(coordinate, o.bits) + 1)) % (2 << o.bits)) >> 1,
                o.bits
            );
        } else if (o.op == _FORWARD || o.op == _INVERSE) {
            uint256 gap = 1 << (o.bits - 1 - o.passBits);
            o.places[0] = coordinate & ~gap;
            (o.rows[1], o.places[1], o.count) = (a, coordinate | gap, 2);
        } else if (two) {
            (o.rows[1], o.places[1], o.count) = (b, coordinate, 2);
            if (c != 0) (o.rows[2], o.places[2], o.count) = (c, coordinate, 3);
        }
        return true;
    }

    /// A where: source u4, levels above the row u6, position u38; 0 for none.
    function _isPlace(uint256 where) private pure returns (bool) {
        if (where == 0) return true;
        uint256 source = where >> 44;
        uint256 depth = (where >> 38) & 63;
        if (source == 0 || source > _WEIGHTS || depth > 38) return false;
        return (where & ((1 << 38) - 1)) >> depth == 0;
    }

    // --- Arithmetic ---------------------------------------------------------------------------------------------------

    /// What the operation gives at the coordinate; operands are below their primes, so nothing here exceeds 2^62.
    function _value(Operation memory o, uint256 coordinate, uint256[3] memory x) private pure returns (uint256) {
        uint256 p = o.p;
        if (o.op == _MAC) return (x[0] * x[1] + x[2]) % p;
        if (o.op == _ADD) return (x[0] + x[1]) % p;
        if (o.op == _SCALE) return (x[0] * o.factor) % p;
        if (o.op == _DIVIDE) return (((x[0] + p - x[1]) % p) * o.factor + x[2]) % p;
        // Centred: residues above the half stand for negative numbers.
        if (o.op == _LIFT) return x[0] > (o.q - 1) / 2 ? (x[0] + 2 * p - o.q) % p : x[0] % p;
        if (o.op == _FORWARD || o.op == _INVERSE) return _butterfly(o, coordinate, x);
        return x[0]; // permute, copy
    }

    function _butterfly(Operation memory o, uint256 coordinate, uint256[3] memory x) private pure returns (uint256) {
        uint256 p = o.p;
        uint256 gap = 1 << (o.bits - 1 - o.passBits);
        bool high = coordinate & gap != 0;
        uint256 exponent = _reversed((1 << o.passBits) + coordinate / (2 * gap), o.bits);
        if (o.op == _INVERSE) {
            if (!high) return (x[0] + x[1]) % p;
            // root^-e = root^(2N - e)
            return (((x[0] + p - x[1]) % p) * _power(o.root, (2 << o.bits) - exponent, p)) % p;
        }
        uint256 turned = (x[1] * _power(o.root, exponent, p)) % p;
        return high ? (x[0] + p - turned) % p : (x[0] + turned) % p;
    }

    function _power(uint256 base, uint256 exponent, uint256 p) private pure returns (uint256 result) {
        result = 1;
        for (; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = (result * base) % p;
            base = (base * base) % p;
        }
    }

    function _reversed(uint256 x, uint256 bits) private pure returns (uint256 result) {
        for (uint256 i; i < bits; ++i) result = (result << 1) | ((x >> i) & 1);
    }
}
