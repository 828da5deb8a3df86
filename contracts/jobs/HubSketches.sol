// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubSketches} from "../interfaces/IHubSketches.sol";
import {
    Delivery,
    Job,
    Opening,
    Record,
    SAID_ABSTAIN,
    SAID_UNREVEALED,
    SketchVotes,
    Spec,
    StageInfo,
    STATE_FINAL,
    Tally
} from "../types/Types.sol";
import {BallotLib} from "../libraries/BallotLib.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {SketchLib} from "../libraries/SketchLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubBallots} from "./HubBallots.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubRounds} from "./HubRounds.sol";
import {SketchJudge} from "./SketchJudge.sol";

/// @title Committees of class T
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage.
contract HubSketches is HubBallots, IHubSketches {
    uint8 private constant _HUNG = 0xff; // last byte of a round 0 tally's `challenger`

    /// One committee as it is counted.
    struct Count {
        BallotLib.Ballot ballot;
        address[] signers;
        bytes32[] outs; // a seat: its outDigest; 0 where it said none
        bytes32[] a;
        bytes32[] b;
        bytes32[] said; // words, as the record will hold them
        bytes32 seed; // of the committee's draw
        bytes32 commitSet;
        uint256 present; // seats that showed sketches
        uint256 tau;
        uint256 scale;
    }

    /// Pure arithmetic that does not fit in here.
    SketchJudge public immutable JUDGE = new SketchJudge();

    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    // --- Fast path ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubSketches
    function submitSketches(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SketchVotes calldata votes,
        Delivery calldata delivery
    ) external unlocked {
        (Context memory c, Count memory n) = _openCount(job, record, table, votes);
        bytes32[] memory commitments = new bytes32[](c.size);
        for (uint256 i; i < c.size; ++i) commitments[i] = _commitmentOf(n, votes, i);
        n.commitSet = _setOf(commitments);
        for (uint256 i; i < c.size; ++i) {
            _checkReveal(n, votes, i);
            _take(n, votes, i);
        }
        _conclude(c, job, n, delivery, false);
    }

    // --- Slow path ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubSketches
    function revealSketch(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 seat,
        SketchVotes calldata vote,
        bytes32[] calldata batch
    ) external unlocked {
        Context memory c = _openTolerant(job, record, table);
        bytes32 key = _boxKey(c.jobId, c.slot.stage, c.slot.round);
        uint256 until = _revealEnd(c, job.spec, _boxes[key]);
        if (block.timestamp > until) revert TooLate(block.timestamp, until);
        if (seat >= c.size) revert SeatInvalid(seat);
        if (_revealed[key][seat] != 0) revert AlreadyRevealed(seat);
        if (vote.outs.length != 1 || vote.a.length != 1 || vote.b.length != 1 || vote.seats.length != 1)
            revert VotesMalformed(c.slot.stage);
        address signer = VAULT.signersOf(_seats(c))[seat];
        // Sketch B is bound by no commitment: its seat must say it itself.
        if (msg.sender != signer) revert SignerMismatch(seat, msg.sender, signer);
        _checkOpening(
            _ballot(c, job.spec, table),
            SeatVote(seat, vote.outs[0], vote.a[0], vote.seats[0].salt),
            signer,
            _commitments(c, key, batch)[seat]
        );
        _boxes[key].revealed |= uint32(1) << seat;
        _revealed[key][seat] = _triple(vote.outs[0], vote.a[0], vote.b[0]);
        _tellRevealed(c, seat, vote);
    }

    function _tellRevealed(Context memory c, uint8 seat, SketchVotes calldata vote) private {
        (bytes32 outDigest, bytes32 salt) = (vote.outs[0], vote.seats[0].salt);
        emit SketchRevealed(c.jobId, c.slot.stage, c.slot.round, seat, outDigest, vote.a[0], vote.b[0], salt);
    }

    /// @inheritdoc IHubSketches
    function tallySketches(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SketchVotes calldata votes,
        Delivery calldata delivery,
        bytes32[] calldata batch
    ) external unlocked {
        (Context memory c, Count memory n) = _openCount(job, record, table, votes);
        bytes32 key = _boxKey(c.jobId, c.slot.stage, c.slot.round);
        uint256 until = _revealEnd(c, job.spec, _boxes[key]);
        bytes32[] memory commitments = _commitments(c, key, batch);
        n.commitSet = _setOf(commitments);
        uint32 missing;
        for (uint256 i; i < c.size; ++i) {
            if (commitments[i] == 0) continue; // ABSENT
            if (_takeSlowly(n, votes, i, _revealed[key][i], commitments[i])) continue;
            n.said[i] = SAID_UNREVEALED;
            missing |= uint32(1 << i);
        }
        if (missing != 0 && block.timestamp <= until) revert OpeningsMissing(missing, until);
        delete _boxes[key];
        _conclude(c, job, n, delivery, true);
    }

    /// Takes what seat i stored or what is supplied for it. Returns false if there is neither.
    function _takeSlowly(
        Count memory n,
        SketchVotes calldata votes,
        uint256 i,
        bytes32 stored,
        bytes32 commitment
    ) private view returns (bool) {
        uint256 which = votes.seats[i].which;
        if (which == BallotLib.NOT_SUPPLIED) {
            if (stored != 0) revert VotesMalformed(n.ballot.stage);
            return false;
        }
        if (stored == 0) {
            bytes32 have = _commitmentOf(n, votes, i);
            if (have != commitment) revert CommitmentMismatch(i, have, commitment);
            _checkReveal(n, votes, i);
        } else if (stored != _triple(votes.outs[which], votes.a[which], votes.b[which])) {
            revert VotesMalformed(n.ballot.stage);
        }
        _take(n, votes, i);
        return true;
    }

    // --- Openings -----------------------------------------------------------------------------------------------------

    function _openTolerant(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table
    ) private returns (Context memory c) {
        c = _openToVote(job, record);
        if (job.spec.policy.cls != 1) revert NotSupported("class T");
        _checkTable(job.spec, table);
        _pin(c, job.spec);
    }

    function _openCount(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SketchVotes calldata votes
    ) private returns (Context memory c, Count memory n) {
        c = _openTolerant(job, record, table);
        uint256 size = c.size;
        uint256 pairs = votes.outs.length;
        if (pairs > size || votes.a.length != pairs || votes.b.length != pairs || votes.seats.length != size)
            revert VotesMalformed(c.slot.stage);
        n.ballot = _ballot(c, job.spec, table);
        n.signers = VAULT.signersOf(_seats(c));
        n.seed = _drawSeed(c, RANDOM.seedOf(c.slot.seedRef));
        (n.tau, n.scale) = JUDGE.decode(table[c.slot.stage].weightsY);
        (n.outs, n.said) = (new bytes32[](size), new bytes32[](size));
        (n.a, n.b) = (new bytes32[](size), new bytes32[](size));
    }

    function _claimOf(Count memory n, SketchVotes calldata votes, uint256 i) private pure returns (bytes32) {
        bytes32 outDigest = votes.outs[votes.seats[i].which];
        return ClaimLib.claimHash(n.ballot.jobId, n.ballot.stage, n.ballot.inDigest, outDigest, n.signers[i]);
    }

    function _commitmentOf(Count memory n, SketchVotes calldata votes, uint256 i) private pure returns (bytes32) {
        Opening calldata o = votes.seats[i];
        return ClaimLib.commitment(n.ballot.domain, _claimOf(n, votes, i), n.ballot.round, votes.a[o.which], o.salt);
    }

    function _setOf(bytes32[] memory commitments) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(ClaimLib.COMMIT_SET_TAG, commitments));
    }

    /// The seat signed both sketches, over the set of all commitments.
    function _checkReveal(Count memory n, SketchVotes calldata votes, uint256 i) private view {
        Opening calldata o = votes.seats[i];
        bytes32 digest = ClaimLib.revealDigest(
            n.ballot.domain,
            _claimOf(n, votes, i),
            n.ballot.round,
            votes.a[o.which],
            votes.b[o.which],
            n.commitSet
        );
        address have = ClaimLib.recover(digest, o.r, o.vs);
        if (have != n.signers[i] || have == address(0)) revert SignerMismatch(i, have, n.signers[i]);
    }

    function _take(Count memory n, SketchVotes calldata votes, uint256 i) private pure {
        uint256 which = votes.seats[i].which;
        bytes32 outDigest = votes.outs[which];
        if (VoteRules.isReserved(outDigest)) {
            n.said[i] = SAID_ABSTAIN;
            return;
        }
        (n.outs[i], n.a[i], n.b[i]) = (outDigest, votes.a[which], votes.b[which]);
        n.said[i] = keccak256(abi.encode("assay.v1.sketched", outDigest, n.a[i], n.b[i]));
        n.present |= 1 << i;
    }

    function _triple(bytes32 outDigest, bytes32 a, bytes32 b) private pure returns (bytes32) {
        return keccak256(abi.encode(outDigest, a, b));
    }

    // --- Counting -----------------------------------------------------------------------------------------------------

    /// Who agrees, whose output stands, and what that makes of the job.
    function _conclude(
        Context memory c,
        Job calldata job,
        Count memory n,
        Delivery calldata delivery,
        bool poked
    ) private {
        bytes32 medianA;
        bytes32 medianB;
        uint256 agreeing;
        (medianA, medianB, agreeing) = JUDGE.agree(n.a, n.b, n.present, n.tau);
        bytes32 digest;
        uint8 mark = _HUNG;
        if (_bits(uint32(agreeing)) >= VoteRules.quorum(c.size)) {
            if (c.slot.round != 0) digest = _judgePast(c, n, delivery, medianA, medianB);
            if (digest == 0) {
                digest = _delivered(n, agreeing, delivery);
                mark = delivery.seat + 1;
            }
            for (uint256 i; i < c.size; ++i) if ((agreeing >> i) & 1 != 0) n.said[i] = digest;
        }
        _enter(c, job.spec, n, digest, mark);
        // A result's bytes were just shown: its consumer gets them.
        _proceed(c, job, poked, c.slot.state == STATE_FINAL ? delivery.output : msg.data[:0]);
    }

    /// The output of a seat that agrees, as its sketches show it.
    function _delivered(
        Count memory n,
        uint256 agreeing,
        Delivery calldata delivery
    ) private view returns (bytes32 outDigest) {
        uint256 seat = delivery.seat;
        if ((agreeing >> seat) & 1 == 0) revert DeliveryWrong(seat);
        outDigest = n.outs[seat];
        DigestLib.checkOutput(delivery.output, outDigest);
        bytes32 seedB = keccak256(abi.encode(n.commitSet, n.seed));
        if (!JUDGE.check(delivery.output, n.scale, n.a[seat], n.b[seat], seedB)) revert DeliveryWrong(seat);
    }

    /// Round 1 has a quorum: its median says who of round 0 was right. What round 0 revealed is compared with what round 1
    /// committed (B of 0 and A of 1 have one seed), or A with A where they show the outputs.
    /// @return upheld the digest that stands already, if its seat was right; else 0
    function _judgePast(
        Context memory c,
        Count memory n,
        Delivery calldata delivery,
        bytes32 medianA,
        bytes32 medianB
    ) private pure returns (bytes32 upheld) {
        Tally memory past = _firstTally(c);
        uint256 have = _fingerprint(delivery.pastA, delivery.pastB);
        uint256 need = uint160(past.challenger) >> 8;
        if (have != need) revert SketchesMismatch(have, need);
        uint256 right;
        for (uint256 i; i < past.said.length; ++i) {
            bytes32 sketch = medianB == 0 ? delivery.pastA[i] : delivery.pastB[i];
            if (!VoteRules.isReserved(past.said[i]) && SketchLib.isWithin(sketch, medianA, n.tau)) right |= 1 << i;
        }
        uint256 mark = uint8(uint160(past.challenger));
        bytes32 standing = mark == _HUNG ? bytes32(0) : c.record.boundaries[c.slot.stage];
        if (standing != 0 && (right >> (mark - 1)) & 1 != 0) upheld = standing;
        bytes32 truth = upheld != 0 ? upheld : n.outs[delivery.seat];
        for (uint256 i; i < past.said.length; ++i) {
            if ((right >> i) & 1 != 0) past.said[i] = truth;
            else if (past.said[i] == truth)
                past.said[i] = keccak256(abi.encode("assay.v1.sketched", truth, delivery.pastA[i], delivery.pastB[i]));
        }
    }

    function _firstTally(Context memory c) private pure returns (Tally memory past) {
        for (uint256 t; ; ++t) {
            past = c.record.tallies[t];
            if (past.stage == c.slot.stage && past.round == 0) return past;
        }
    }

    function _fingerprint(bytes32[] memory a, bytes32[] memory b) private pure returns (uint256) {
        return uint160(uint256(keccak256(abi.encode(a, b)))) >> 8;
    }

    function _enter(Context memory c, Spec calldata spec, Count memory n, bytes32 digest, uint8 mark) private {
        (uint8 stage, uint8 round) = (c.slot.stage, c.slot.round);
        _count(c, spec, n.said, digest);
        if (round == 0) {
            Tally memory tally = c.record.tallies[c.record.tallies.length - 1];
            tally.challenger = address(uint160((_fingerprint(n.a, n.b) << 8) | mark));
        }
        emit Sketched(c.jobId, stage, round, n.a, n.b, keccak256(abi.encode(n.commitSet, n.seed)));
        emit StageTallied(c.jobId, stage, round, digest, c.record);
    }
}
