// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, Spec, StageInfo, Tally, VOTE} from "../types/Types.sol";
import {BallotLib} from "../libraries/BallotLib.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title What committees of both classes have in common: phases, commitments, and what a count does to a job
abstract contract HubBallots is HubRounds {
    function _openToVote(Job calldata job, Record calldata record) internal returns (Context memory c) {
        c = _openLive(job, record);
        if (!_isVoted(c, job.spec)) revert EvidenceWrong(job.spec.policy.mask, VOTE);
        c.probes = uint8(_model(job.spec.modelId) >> 107);
    }

    /// When openings may still be stored; reverts while commitments are taken, or if too few were.
    function _revealEnd(Context memory c, Spec calldata spec, Box storage box_) internal view returns (uint256) {
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
    ) internal view returns (bytes32[] memory commitments) {
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

    function _checkOpening(
        BallotLib.Ballot memory b,
        SeatVote memory vote,
        address signer,
        bytes32 need
    ) internal pure {
        bytes32 claim = ClaimLib.claimHash(b.jobId, b.stage, b.inDigest, vote.outDigest, signer);
        bytes32 have = ClaimLib.commitment(b.domain, claim, b.round, vote.payload, vote.salt);
        if (have != need) revert CommitmentMismatch(vote.seat, have, need);
    }

    function _ballot(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table
    ) internal view returns (BallotLib.Ballot memory) {
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

    // --- Counting -----------------------------------------------------------------------------------------------------

    /// Enters one committee's words into the record and moves the job on.
    /// @param digest the outDigest behind the quorum's word, if there is one
    function _count(Context memory c, Spec calldata spec, bytes32[] memory said, bytes32 digest) internal view {
        (uint8 verdict, , bool dissent) = VoteRules.decide(said, c.slot.stage, c.slot.round);
        uint256 stage = c.slot.stage;
        if (c.slot.round == 0) {
            _push(c, Tally(uint16(stage), 0, _seats(c), said, address(0), 0));
        } else {
            c.record.tallies[c.record.tallies.length - 1].said = said;
        }
        // Where the pool has no larger committee, only a court may contradict a dissenter.
        if (verdict == VoteRules.VERDICT_HUNG || (dissent && _rounds(c) == 0)) return _hang(c);
        if (verdict != VoteRules.VERDICT_ACCEPTED) return _abandon(c, spec, verdict);
        uint256 accepted = c.record.boundaries.length;
        if (accepted == stage) {
            _setBoundary(c, stage, digest);
            if (stage + 1 < spec.stages) return _nextStage(c, spec, stage + 1);
        } else if (c.record.boundaries[stage] != digest) {
            // Overturned: what came after it has no input any more.
            _setBoundary(c, stage, digest);
        }
        _closeVote(c, spec, c.slot.round != 0 || _contested(c, type(uint256).max) != 0);
    }
}
