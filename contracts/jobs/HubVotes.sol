// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubVotes} from "../interfaces/IHubVotes.sol";
import {
    Job,
    Opening,
    Record,
    SAID_ABSTAIN,
    SAID_UNREVEALED,
    SignedCommit,
    Spec,
    StageInfo,
    STATE_CLOSED,
    STATE_OPEN,
    StageVotes,
    Tally,
    VOTE
} from "../types/Types.sol";
import {BallotLib} from "../libraries/BallotLib.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Committees of all kinds of jobs: the fast path in general, and the slow path
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage.
contract HubVotes is HubRounds, IHubVotes {
    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    // --- Fast path ----------------------------------------------------------------------------------------------------

    /// @notice `IHubFront.submit` for jobs that `AssayHub` does not count itself: several digests, abstentions, windows,
    /// stage tables, parts of a job, escalations.
    function submit(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes[] calldata votes,
        bytes calldata output
    ) external unlocked {
        Context memory c = _openToVote(job, record);
        _pin(c, job.spec);
        if (votes.length == 0) revert VotesMalformed(c.slot.stage);
        for (uint256 i; i < votes.length; ++i) {
            // The committees after one that ended, hung or closed the job cannot have voted.
            if (c.slot.state != STATE_OPEN) revert VotesMalformed(c.slot.stage);
            _countBallot(c, job.spec, table, votes[i]);
        }
        _proceed(c, job, false, output);
    }

    function _countBallot(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        StageVotes calldata votes
    ) private {
        uint256 n = c.size;
        uint256 stage = c.slot.stage;
        BallotLib.checkShape(votes, stage, n);
        BallotLib.Ballot memory b = _ballot(c, spec, table);
        address[] memory signers = VAULT.signersOf(_seats(c));
        if (votes.outs.length != 1) BallotLib.check(b, votes, signers, 0, n);
        else BallotLib.checkUnanimous(b, votes.outs[0], votes.payloads[0], votes.seats, signers, 0);
        _checkProposal(c, b, votes, signers[0]);
        bytes32[] memory said = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            uint256 which = votes.seats[i].which;
            said[i] = _say(c, votes.outs[which], votes.payloads[which]);
        }
        _enter(c, spec, said, votes);
    }

    /// Seat 0 of an audit must open what it proposed, on the fast path too.
    function _checkProposal(
        Context memory c,
        BallotLib.Ballot memory b,
        StageVotes calldata votes,
        address primary
    ) private view {
        if (c.slot.flags & JobLib.PROPOSED == 0 || b.round != 0) return;
        Opening calldata o = votes.seats[0];
        SeatVote memory vote = SeatVote(0, votes.outs[o.which], votes.payloads[o.which], o.salt);
        _checkOpening(b, vote, primary, _posted[_boxKey(c.jobId, 0, 0)][primary]);
    }

    // --- Slow path ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubVotes
    function pin(Job calldata job, Record calldata record) external unlocked {
        Context memory c = _openLive(job, record);
        if (!_pin(c, job.spec)) revert AlreadyPinned(c.jobId);
        _save(c);
    }

    /// @inheritdoc IHubVotes
    function commit(Job calldata job, Record calldata record, uint8 seat, bytes32 commitment) external unlocked {
        (Context memory c, Box storage box_, bytes32 key) = _openToCommit(job, record);
        if (seat >= c.size || commitment == 0) revert SeatInvalid(seat);
        address signer = VAULT.signersOf(_seats(c))[seat];
        if (msg.sender != signer) revert SignerMismatch(seat, msg.sender, signer);
        uint32 bit = uint32(1) << seat;
        if ((box_.posted | box_.batched) & bit != 0) revert AlreadyCommitted(seat);
        bool first = box_.posted | box_.batched == 0;
        box_.posted |= bit;
        _posted[key][signer] = commitment;
        emit Committed(c.jobId, c.slot.stage, c.slot.round, seat, commitment);
        _committed(c, job.spec, box_, first);
    }

    /// @inheritdoc IHubVotes
    function commitMany(Job calldata job, Record calldata record, SignedCommit[] calldata commits) external unlocked {
        (Context memory c, Box storage box_, ) = _openToCommit(job, record);
        if (box_.batched != 0) revert AlreadyCommitted(type(uint8).max);
        (uint32 batched, bytes32[] memory batch) = _checkCommits(c, commits, box_.posted);
        if (batched == 0) revert SeatInvalid(type(uint8).max);
        bool first = box_.posted == 0;
        (box_.batched, box_.batchHash) = (batched, keccak256(abi.encodePacked(batch)));
        emit CommittedMany(c.jobId, c.slot.stage, c.slot.round, batched, batch);
        _committed(c, job.spec, box_, first);
    }

    function _checkCommits(
        Context memory c,
        SignedCommit[] calldata commits,
        uint32 posted
    ) private view returns (uint32 batched, bytes32[] memory batch) {
        address[] memory signers = VAULT.signersOf(_seats(c));
        batch = new bytes32[](commits.length);
        uint256 count;
        uint256 least;
        for (uint256 i; i < commits.length; ++i) {
            SignedCommit calldata s = commits[i];
            uint256 seat = s.seat;
            if (seat < least || seat >= c.size || s.commitment == 0) revert SeatInvalid(seat);
            least = seat + 1;
            if ((posted >> seat) & 1 != 0) continue;
            _checkSigned(c, s, signers[seat]);
            batched |= uint32(1 << seat);
            batch[count++] = s.commitment;
        }
        assembly ("memory-safe") {
            // Skipped seats leave nothing behind.
            mstore(batch, count)
        }
    }

    function _checkSigned(Context memory c, SignedCommit calldata s, address need) private view {
        bytes32 digest = ClaimLib.commitDigest(_domain(), c.jobId, c.slot.stage, c.slot.round, s.commitment);
        address have = ClaimLib.recover(digest, s.r, s.vs);
        if (have != need || have == address(0)) revert SignerMismatch(s.seat, have, need);
    }

    /// @inheritdoc IHubVotes
    function reveal(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SeatVote calldata vote,
        bytes32[] calldata batch
    ) external unlocked {
        Context memory c = _openToVote(job, record);
        bytes32 key = _boxKey(c.jobId, c.slot.stage, c.slot.round);
        uint256 until = _revealEnd(c, job.spec, _boxes[key]);
        if (block.timestamp > until) revert TooLate(block.timestamp, until);
        if (vote.seat >= c.size) revert SeatInvalid(vote.seat);
        if (_revealed[key][vote.seat] != 0) revert AlreadyRevealed(vote.seat);
        _checkOpening(
            _ballot(c, job.spec, table),
            vote,
            VAULT.signersOf(_seats(c))[vote.seat],
            _commitments(c, key, batch)[vote.seat]
        );
        _boxes[key].revealed |= uint32(1) << vote.seat;
        _revealed[key][vote.seat] = keccak256(abi.encode(vote.outDigest, vote.payload));
        emit Revealed(c.jobId, c.slot.stage, c.slot.round, vote.seat, vote.outDigest, vote.payload, vote.salt);
    }

    /// @inheritdoc IHubVotes
    function tally(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes calldata votes,
        bytes32[] calldata batch,
        bytes calldata output
    ) external unlocked {
        Context memory c = _openToVote(job, record);
        BallotLib.checkShape(votes, c.slot.stage, c.size);
        bytes32[] memory said = _words(c, job.spec, table, votes, batch);
        // Counted for good: the round's storage is freed. Posted commitments stay, for proofs of equivocation.
        delete _boxes[_boxKey(c.jobId, c.slot.stage, c.slot.round)];
        _enter(c, job.spec, said, votes);
        _proceed(c, job, true, output);
    }

    /// What the openings of a committee are checked against.
    struct Poll {
        bytes32 key;
        bytes32[] commitments;
        address[] signers;
        BallotLib.Ballot ballot;
    }

    /// What every seat said: stored by `reveal`, opened in `votes`, or nothing.
    function _words(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        StageVotes calldata votes,
        bytes32[] calldata batch
    ) private view returns (bytes32[] memory said) {
        Poll memory poll;
        poll.key = _boxKey(c.jobId, c.slot.stage, c.slot.round);
        uint256 until = _revealEnd(c, spec, _boxes[poll.key]);
        poll.commitments = _commitments(c, poll.key, batch);
        poll.signers = VAULT.signersOf(_seats(c));
        poll.ballot = _ballot(c, spec, table);
        said = new bytes32[](c.size);
        uint32 missing;
        for (uint256 i; i < said.length; ++i) {
            if (poll.commitments[i] == 0) continue; // ABSENT
            said[i] = _word(c, poll, votes, i);
            if (said[i] == SAID_UNREVEALED) missing |= uint32(1 << i);
        }
        if (missing != 0 && block.timestamp <= until) revert OpeningsMissing(missing, until);
    }

    function _word(
        Context memory c,
        Poll memory poll,
        StageVotes calldata votes,
        uint256 seat
    ) private view returns (bytes32) {
        uint256 which = votes.seats[seat].which;
        bytes32 stored = _revealed[poll.key][seat];
        if (which == BallotLib.NOT_SUPPLIED) {
            if (stored != 0) revert VotesMalformed(poll.ballot.stage);
            return SAID_UNREVEALED;
        }
        SeatVote memory vote = SeatVote(uint8(seat), votes.outs[which], votes.payloads[which], votes.seats[seat].salt);
        if (stored == 0) {
            _checkOpening(poll.ballot, vote, poll.signers[seat], poll.commitments[seat]);
        } else if (stored != keccak256(abi.encode(vote.outDigest, vote.payload))) {
            revert VotesMalformed(poll.ballot.stage);
        }
        return _say(c, vote.outDigest, vote.payload);
    }

    // --- Counting -----------------------------------------------------------------------------------------------------

    /// Enters one committee's words into the record and moves the job on.
    /// @param digest the outDigest behind the quorum's word, if there is one
    function _count(Context memory c, Spec calldata spec, bytes32[] memory said, bytes32 digest) private view {
        (uint8 verdict, , ) = VoteRules.decide(said, c.slot.stage, c.slot.round);
        uint256 stage = c.slot.stage;
        if (c.slot.round == 0) {
            _push(c, Tally(uint16(stage), 0, _seats(c), said, address(0), 0));
        } else {
            c.record.tallies[c.record.tallies.length - 1].said = said;
        }
        if (verdict == VoteRules.VERDICT_HUNG) return _hang(c);
        if (verdict != VoteRules.VERDICT_ACCEPTED) {
            (c.slot.state, c.reason) = (STATE_CLOSED, verdict);
            return;
        }
        uint256 accepted = c.record.boundaries.length;
        if (accepted == stage) {
            _setBoundary(c, stage, digest);
            if (stage + 1 < spec.stages) return _nextStage(c, spec, stage + 1);
        } else if (c.record.boundaries[stage] != digest) {
            // Overturned: what came after it has no input any more.
            _setBoundary(c, stage, digest);
        }
        _closeVote(c, spec, c.slot.round != 0 || _hasDissent(c.record));
    }

    function _hasDissent(Record memory record) private pure returns (bool) {
        for (uint256 t; t < record.tallies.length; ++t) {
            Tally memory past = record.tallies[t];
            (, , bool dissent) = VoteRules.decide(past.said, past.stage, past.round);
            if (dissent) return true;
        }
        return false;
    }

    /// A stage with a probe is compared by what the probe saw: who does not say it says nothing. Then every word that is
    /// said there is the hash of a pair, and a court can be shown what each stands for.
    function _say(Context memory c, bytes32 outDigest, bytes32 payload) private pure returns (bytes32) {
        if (payload == 0 && (c.probes >> c.slot.stage) & 1 != 0) return SAID_ABSTAIN;
        return VoteRules.say(outDigest, payload);
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    function _openToVote(Job calldata job, Record calldata record) private returns (Context memory c) {
        c = _openLive(job, record);
        if (!_isVoted(c, job.spec)) revert EvidenceWrong(job.spec.policy.mask, VOTE);
        c.probes = uint8(_model(job.spec.modelId) >> 107);
    }

    function _openToCommit(
        Job calldata job,
        Record calldata record
    ) private returns (Context memory c, Box storage box_, bytes32 key) {
        c = _openToVote(job, record);
        key = _boxKey(c.jobId, c.slot.stage, c.slot.round);
        box_ = _boxes[key];
        if (box_.closedAt != 0) revert TooLate(block.timestamp, box_.closedAt);
        if (block.timestamp > c.slot.deadline) revert TooLate(block.timestamp, c.slot.deadline);
        _pin(c, job.spec);
    }

    /// After a commitment: the first one restarts the clock, the last one closes the phase.
    function _committed(Context memory c, Spec calldata spec, Box storage box_, bool first) private {
        if (first) c.slot.deadline = uint48(block.timestamp) + spec.policy.tWork;
        // size <= 31
        if (box_.posted | box_.batched == uint32((1 << c.size) - 1)) box_.closedAt = uint48(block.timestamp);
        _save(c);
    }

    /// When openings may still be stored; reverts while commitments are taken, or if too few were.
    function _revealEnd(Context memory c, Spec calldata spec, Box storage box_) private view returns (uint256) {
        uint256 closed = box_.closedAt;
        if (closed == 0) {
            closed = c.slot.deadline;
            if (block.timestamp <= closed) revert TooEarly(block.timestamp, closed + 1);
            uint256 have = _bits(box_.posted | box_.batched);
            uint256 need = _openingQuorum(c);
            if (have < need) revert TooFewCommitments(have, need);
        }
        return closed + spec.policy.tReveal;
    }

    /// Commitment of every seat of the current committee, 0 where there is none.
    function _commitments(
        Context memory c,
        bytes32 key,
        bytes32[] calldata batch
    ) private view returns (bytes32[] memory commitments) {
        Box memory box_ = _boxes[key];
        commitments = new bytes32[](c.size);
        if (box_.batched != 0) {
            bytes32 have = keccak256(abi.encodePacked(batch));
            if (have != box_.batchHash) revert CommitmentMismatch(type(uint8).max, have, box_.batchHash);
        }
        address[] memory signers = box_.posted == 0 ? new address[](0) : VAULT.signersOf(_seats(c));
        uint256 next;
        for (uint256 i; i < commitments.length; ++i) {
            if ((box_.batched >> i) & 1 != 0) commitments[i] = batch[next++];
            else if ((box_.posted >> i) & 1 != 0) commitments[i] = _posted[key][signers[i]];
        }
    }

    function _checkOpening(BallotLib.Ballot memory b, SeatVote memory vote, address signer, bytes32 need) private pure {
        bytes32 claim = ClaimLib.claimHash(b.jobId, b.stage, b.inDigest, vote.outDigest, signer);
        bytes32 have = ClaimLib.commitment(b.domain, claim, b.round, vote.payload, vote.salt);
        if (have != need) revert CommitmentMismatch(vote.seat, have, need);
    }

    function _ballot(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table
    ) private view returns (BallotLib.Ballot memory) {
        uint256 stage = c.slot.stage;
        bytes32 inDigest;
        if (c.slot.flags & JobLib.LINEAR != 0) {
            inDigest = stage == 0 ? spec.inDigest : c.record.boundaries[stage - 1];
        } else {
            _checkTable(spec, table);
            inDigest = DigestLib.inDigestOf(table, stage, spec.inDigest, c.record.boundaries);
        }
        return BallotLib.Ballot(_domain(), c.jobId, stage, c.slot.round, inDigest);
    }

    /// Counts `said` and tells; finds the outDigest behind the quorum's word among the pairs.
    function _enter(Context memory c, Spec calldata spec, bytes32[] memory said, StageVotes calldata votes) private {
        (uint8 stage, uint8 round) = (c.slot.stage, c.slot.round);
        (, bytes32 word, ) = VoteRules.decide(said, stage, round);
        bytes32 digest;
        // Of two spellings of one word the pair counts: anyone can name the hash that a pair is said as as a bare outDigest.
        for (uint256 i; word != 0 && i < votes.outs.length; ++i) {
            if (_say(c, votes.outs[i], votes.payloads[i]) != word) continue;
            if (digest == 0 || votes.payloads[i] != 0) digest = votes.outs[i];
        }
        _count(c, spec, said, digest);
        emit StageTallied(c.jobId, stage, round, digest, c.record);
    }
}
