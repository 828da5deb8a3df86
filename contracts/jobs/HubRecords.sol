// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    FLAG_STANDBY,
    Job,
    ParameterSet,
    Record,
    Slot,
    Spec,
    STATE_CLOSED,
    STATE_HUNG,
    STATE_WINDOW,
    Tally,
    VOTE
} from "../types/Types.sol";
import {DrawLib} from "../libraries/DrawLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {SettleLib} from "../libraries/SettleLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubCore} from "./HubCore.sol";

/// @title A job's record in a call: checked, extended, saved; committees drawn into it
abstract contract HubRecords is HubCore {
    /// A job under way in one call: its slot and record as they will be saved.
    struct Context {
        bytes32 jobId;
        Slot slot;
        Record record;
        ParameterSet set;
        uint256 k;
        uint256 size; // seats of the current committee
        uint8 reason; // why it closes, once slot.state is CLOSED
        uint8 probes; // bit s: stage s has a probe; known where votes are counted
    }

    /// A referee's game has 13 moves at most (she.md section 8); one more is for bringing its verdict.
    uint256 private constant _GAME_MOVES = 14;

    // --- Opening and saving -------------------------------------------------------------------------------------------

    /// Loads a job that is in `state` and checks that the record supplied is the one it stands at.
    function _open(Job calldata job, Record calldata record, uint8 state) internal returns (Context memory c) {
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        if (c.slot.state != state) revert StateWrong(c.slot.state, state);
        _fill(c, job, record);
    }

    function _fill(Context memory c, Job calldata job, Record calldata record) internal {
        c.record = record;
        if (c.slot.word == 0) {
            if (record.seats.length | record.boundaries.length | record.tallies.length | record.decided != 0)
                revert RecordMismatch(keccak256(abi.encode(c.record)), 0);
        } else {
            bytes32 have = keccak256(abi.encode(c.record));
            if (have != c.slot.word) revert RecordMismatch(have, c.slot.word);
        }
        c.set = _params(job.spec.paramsVersion);
        c.k = job.spec.policy.k;
        c.size = VoteRules.committeeSize(c.k, c.slot.round);
    }

    function _rounds(Context memory c) internal pure returns (uint256) {
        return c.slot.flags & JobLib.ROUNDS;
    }

    /// Saves a job that goes on.
    function _save(Context memory c) internal {
        bytes32 word = keccak256(abi.encode(c.record));
        if (word != c.slot.word) _slots[c.jobId].word = word;
        c.slot.flags |= JobLib.PINNED;
        JobLib.save(_slots[c.jobId], c.slot);
    }

    /// No quorum, but a larger committee (or a court) may still decide.
    function _hang(Context memory c) internal view {
        c.slot.state = STATE_HUNG;
        c.slot.deadline = uint48(block.timestamp + (c.slot.round < _rounds(c) ? c.set.hung : c.set.hungLast));
    }

    /// Nothing follows the stages that stand. While one of them can still be challenged the job waits for that: otherwise
    /// whoever captured it could end the job elsewhere, and its dissenters would be slashed unheard.
    function _abandon(Context memory c, Spec calldata spec, uint8 reason) internal view {
        if (_contested(c, _rounds(c)) == 0) (c.slot.state, c.reason) = (STATE_CLOSED, reason);
        else _openWindow(c, spec, true);
    }

    function _openWindow(Context memory c, Spec calldata spec, bool dissent) internal view {
        c.slot.state = STATE_WINDOW;
        uint256 time = spec.policy.window;
        if (dissent && time < c.set.minWindow) time = c.set.minWindow;
        c.slot.deadline = uint48(block.timestamp + time);
    }

    /// Bit s: stage s stands, but two digests were said there, no court decided it, and no committee of `round` or later was
    /// asked.
    function _contested(Context memory c, uint256 round) internal pure returns (uint256 stages) {
        uint256 settled = c.record.decided;
        Tally[] memory tallies = c.record.tallies;
        for (uint256 t; t < tallies.length; ++t) {
            Tally memory past = tallies[t];
            (, , bool dissent) = VoteRules.decide(past.said, past.stage, past.round);
            if (past.round >= round) settled |= 1 << past.stage;
            else if (dissent) stages |= 1 << past.stage;
        }
        stages &= ~settled & ((1 << c.record.boundaries.length) - 1);
    }

    /// When a game that was opened in time is over, come what may.
    function _gameEnd(Context memory c) internal pure returns (uint256) {
        return c.slot.deadline + _GAME_MOVES * c.set.moveTime;
    }

    function _truncate(Context memory c, uint256 stages) internal pure {
        bytes32[] memory boundaries = c.record.boundaries;
        if (boundaries.length <= stages) return;
        assembly ("memory-safe") {
            // Shortens the array in place.
            mstore(boundaries, stages)
        }
    }

    function _push(Context memory c, Tally memory tally) internal pure {
        Tally[] memory old = c.record.tallies;
        Tally[] memory tallies = new Tally[](old.length + 1);
        for (uint256 i; i < old.length; ++i) tallies[i] = old[i];
        tallies[old.length] = tally;
        c.record.tallies = tallies;
    }

    /// Worker ids of the committee that votes now.
    function _seats(Context memory c) internal pure returns (uint32[] memory ids) {
        if (c.slot.round != 0) return c.record.tallies[c.record.tallies.length - 1].seats;
        ids = new uint32[](c.k);
        uint256 from = c.slot.stage * c.k;
        for (uint256 i; i < ids.length; ++i) ids[i] = c.record.seats[from + i];
    }

    /// Pays the sender for a step of a job that goes on, as far as the escrow can spare it.
    function _payPoke(Context memory c, Spec calldata spec) internal {
        uint256 due = SettleLib.pokeDue(spec, c.set.feeBps, c.slot.escrow);
        if (due == 0) return;
        // At most the escrow.
        c.slot.escrow -= uint112(due);
        _free[msg.sender] += due;
        emit PokePaid(c.jobId, msg.sender, due);
    }

    // --- Committees ---------------------------------------------------------------------------------------------------

    /// Draws the current committee into the record unless it is there.
    function _pin(Context memory c, Spec calldata spec) internal returns (bool) {
        if (_isPinned(c)) return false;
        uint32[] memory ids = VAULT.drawIds(
            c.slot.tableVersion,
            spec.policy.ticketClass,
            _drawSeed(c, RANDOM.seedOf(c.slot.seedRef)),
            _everyone(c.record),
            _due(c, spec)
        );
        _seat(c, ids);
        return true;
    }

    /// The same where a job must end even if its seed or table is forgotten, or too few workers are left.
    /// @dev A sender cannot fake that by giving little gas: a 64th of what a draw needs cannot settle a job.
    /// @return whether the committee is known
    function _tryPin(Context memory c, Spec calldata spec) internal returns (bool) {
        if (_isPinned(c)) return true;
        bytes32 beat;
        try RANDOM.seedOf(c.slot.seedRef) returns (bytes32 beat_) {
            beat = beat_;
        } catch {
            return false;
        }
        (uint16 version, uint32 class_) = (c.slot.tableVersion, spec.policy.ticketClass);
        try VAULT.drawIds(version, class_, _drawSeed(c, beat), _everyone(c.record), _due(c, spec)) returns (
            uint32[] memory ids
        ) {
            _seat(c, ids);
            return true;
        } catch {
            return false;
        }
    }

    function _isPinned(Context memory c) private pure returns (bool) {
        return c.slot.round == 0 ? c.record.seats.length != 0 : _seats(c).length != 0;
    }

    function _drawSeed(Context memory c, bytes32 beat) internal pure returns (bytes32) {
        return DrawLib.seedFor(beat, c.jobId, c.slot.round == 0 ? DrawLib.ROUND_0 : c.slot.stage, c.slot.round);
    }

    /// Seats to draw: all stages' in round 0; the candidates where nobody votes then.
    function _due(Context memory c, Spec calldata spec) private pure returns (uint256) {
        if (c.slot.round != 0) return c.size;
        return spec.policy.mask & VOTE == 0 ? DrawLib.CANDIDATES : c.k * spec.stages;
    }

    /// Whether what is OPEN is voted on: not before an OPTIMISTIC job's primary is bound.
    function _isVoted(Context memory c, Spec calldata spec) internal pure returns (bool) {
        return spec.policy.mask & VOTE != 0 || c.slot.flags & JobLib.PROPOSED != 0;
    }

    /// Commitments with which the current committee opens.
    function _openingQuorum(Context memory c) internal pure returns (uint256) {
        return VoteRules.openingQuorum(c.size, c.slot.flags & JobLib.PROPOSED != 0 && c.slot.round == 0);
    }

    function _seat(Context memory c, uint32[] memory ids) private {
        if (c.slot.round == 0) c.record.seats = ids;
        else c.record.tallies[c.record.tallies.length - 1].seats = ids;
        emit Pinned(c.jobId, c.slot.stage, c.slot.round, ids);
    }

    /// All workers that ever sat in this job, some more than once.
    function _everyone(Record memory record) internal pure returns (uint32[] memory ids) {
        uint256 n = record.seats.length;
        for (uint256 t; t < record.tallies.length; ++t) n += record.tallies[t].seats.length;
        ids = new uint32[](n);
        n = 0;
        for (uint256 i; i < record.seats.length; ++i) ids[n++] = record.seats[i];
        for (uint256 t; t < record.tallies.length; ++t) {
            uint32[] memory seats = record.tallies[t].seats;
            for (uint256 i; i < seats.length; ++i) ids[n++] = seats[i];
        }
    }

    /// Whether the absent seats of the stage under way may still be filled again. A tally of a stage that is not counted yet holds
    /// those that were.
    function _hasStandbys(Context memory c, Spec calldata spec) internal pure returns (bool) {
        if (spec.policy.flags & FLAG_STANDBY == 0 || c.slot.round != 0) return false;
        uint256 n = c.record.tallies.length;
        return n == 0 || c.record.tallies[n - 1].stage != c.slot.stage;
    }

    function _bits(uint32 bitmap) internal pure returns (uint256 count) {
        for (uint256 rest = bitmap; rest != 0; rest &= rest - 1) ++count;
    }
}
