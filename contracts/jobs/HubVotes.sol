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
import {HubBallots} from "./HubBallots.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Committees of all kinds of jobs: the fast path in general, and the slow path
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage.
contract HubVotes is HubBallots, IHubVotes {
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
        BallotLib.Ballot memory b = _exact(c, spec, table);
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
            _exact(c, job.spec, table),
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
        poll.ballot = _exact(c, spec, table);
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

    /// Class E is counted here; of class T only the commitments.
    function _exact(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table
    ) private view returns (BallotLib.Ballot memory) {
        if (spec.policy.cls != 0) revert NotSupported("class E");
        return _ballot(c, spec, table);
    }

    // --- Counting -----------------------------------------------------------------------------------------------------

    /// A stage with a probe is compared by what the probe saw: who does not say it says nothing. Then every word that is
    /// said there is the hash of a pair, and a court can be shown what each stands for.
    function _say(Context memory c, bytes32 outDigest, bytes32 payload) private pure returns (bytes32) {
        if (payload == 0 && (c.probes >> c.slot.stage) & 1 != 0) return SAID_ABSTAIN;
        return VoteRules.say(outDigest, payload);
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

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
