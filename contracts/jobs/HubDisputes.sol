// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubDisputes} from "../interfaces/IHubDisputes.sol";
import {IReferee} from "../interfaces/IReferee.sol";
import {
    CIPHER,
    Job,
    Record,
    REASON_EXPIRED,
    REASON_UNRESOLVED,
    SAID_ABSENT,
    SAID_UNREVEALED,
    Slot,
    Spec,
    STATE_CLOSED,
    STATE_FINAL,
    STATE_HUNG,
    STATE_OPEN,
    STATE_WINDOW,
    Tally
} from "../types/Types.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {SettleLib} from "../libraries/SettleLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubSettlement} from "./HubSettlement.sol";

/// @title Disputes and ends of jobs
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage.
contract HubDisputes is HubSettlement, IHubDisputes {
    uint48 private constant _MAX_PAUSE = 7 days;

    constructor(HubConfig memory config) HubCore(config) {}

    // --- Ends ---------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubDisputes
    function expire(Job calldata job, Record calldata record) external unlocked {
        Context memory c;
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        uint8 state = c.slot.state;
        if (state != STATE_OPEN && state != STATE_HUNG) revert StateWrong(state, STATE_OPEN);
        _fill(c, job, record);
        bool expired = block.timestamp > job.spec.expiry;
        if (state == STATE_HUNG) {
            if (!expired) {
                if (block.timestamp <= c.slot.deadline) revert TooEarly(block.timestamp, c.slot.deadline + 1);
                _checkNoGame(c, job.spec);
            }
            _giveUp(c, job.spec, expired);
        } else {
            _expireOpen(c, job, expired);
        }
        if (c.slot.state == STATE_CLOSED) return _settle(c, job, true, msg.data[:0]);
        _payPoke(c, job.spec);
        _save(c);
        emit StageTallied(c.jobId, c.slot.stage, c.slot.round, 0, c.record);
    }

    /// OPEN: too few commitments. The committee is seated if that is still possible, so that absence has a price.
    function _expireOpen(Context memory c, Job calldata job, bool expired) private {
        Box storage box_ = _boxes[_boxKey(c.jobId, c.slot.stage, c.slot.round)];
        uint32 committed = box_.posted | box_.batched;
        uint256 have = _bits(committed);
        bool enough = box_.closedAt != 0 || have >= _openingQuorum(c);
        bool late = block.timestamp > c.slot.deadline;
        if (!_isVoted(c, job.spec)) {
            // Nobody owes a proof or a proposal: the chain does not know which candidates were asked and given the input.
            if (!late && !expired) revert TooEarly(block.timestamp, c.slot.deadline + 1);
            (c.slot.state, c.reason) = (STATE_CLOSED, late ? REASON_EXPIRED : REASON_UNRESOLVED);
            return;
        }
        if (!expired) {
            if (enough) revert QuorumCommitted(have);
            if (!late) revert TooEarly(block.timestamp, c.slot.deadline + 1);
            // Whoever wants the job to fail must not be faster than whoever fills its seats.
            uint256 from = c.slot.deadline + job.spec.policy.tReveal;
            if (block.timestamp <= from && _hasStandbys(c, job.spec)) revert StandbysDue(c.jobId, from + 1);
        }
        if (c.slot.round == 0 && !enough && late) {
            if (_tryPin(c, job.spec)) _push(c, Tally(c.slot.stage, 0, _seats(c), _missed(c, committed), address(0), 0));
            return _stop(c, job.spec, REASON_EXPIRED, expired);
        }
        if (c.slot.round != 0) {
            Tally memory last = c.record.tallies[c.record.tallies.length - 1];
            // A committee that committed but was never counted is left out: its openings may be known off the chain.
            if (!enough && late && _tryPin(c, job.spec)) last.said = _missed(c, committed);
            else last.seats = new uint32[](0);
            if (!expired) return _hang(c);
        }
        _giveUp(c, job.spec, expired);
    }

    function _missed(Context memory c, uint32 committed) private pure returns (bytes32[] memory said) {
        said = new bytes32[](c.size);
        for (uint256 i; i < said.length; ++i) said[i] = (committed >> i) & 1 != 0 ? SAID_UNREVEALED : SAID_ABSENT;
    }

    /// The stage stays undecided, and what came after it has no input any more.
    function _giveUp(Context memory c, Spec calldata spec, bool expired) private view {
        _truncate(c, c.slot.stage);
        _stop(c, spec, REASON_UNRESOLVED, expired);
    }

    /// Past the job's expiry nobody may challenge any more: what nobody could contradict is no verdict then.
    function _stop(Context memory c, Spec calldata spec, uint8 reason, bool expired) private view {
        if (!expired) return _abandon(c, spec, reason);
        uint256 contested = _contested(c, 1);
        uint256 stands;
        while (contested >> stands != 0 && (contested >> stands) & 1 == 0) ++stands;
        if (contested != 0) _truncate(c, stands);
        (c.slot.state, c.reason) = (STATE_CLOSED, reason);
    }

    /// @inheritdoc IHubDisputes
    function settle(Job calldata job, Record calldata record, bytes calldata output) external unlocked {
        Context memory c = _open(job, record, STATE_WINDOW);
        if (block.timestamp <= c.slot.deadline) revert TooEarly(block.timestamp, c.slot.deadline + 1);
        _checkNoGame(c, job.spec);
        if (c.record.boundaries.length != job.spec.stages) c.reason = _whyIncomplete(c.record);
        _settle(c, job, true, output);
    }

    /// An end waits for games that were opened in time and for their verdicts, or whoever lost one would end the job in the
    /// same block; not for a referee that never ends a game, nor for a broken one.
    function _checkNoGame(Context memory c, Spec calldata spec) private view {
        if (spec.policy.mask & CIPHER == 0) return;
        uint256 until = _gameEnd(c);
        if (block.timestamp > until) return;
        (uint256 openedAt, uint256 judged) = IReferee(ROUTER.adapterOf(CIPHER)).games(c.jobId);
        // Of stages that stand, or the one that hangs.
        uint256 stages = (1 << c.record.boundaries.length) - 1;
        if (c.slot.state == STATE_HUNG) stages |= 1 << c.slot.stage;
        bool runs = openedAt != 0 && openedAt <= c.slot.deadline;
        if (runs || judged & ~uint256(c.record.decided) & stages != 0) revert GameOpen(c.jobId, until);
    }

    /// The next stage ended without a verdict; or an inner one was overturned, and nothing follows from its digest.
    function _whyIncomplete(Record memory record) private pure returns (uint8) {
        // The latest: before it there may be one of seats that were filled again.
        for (uint256 t = record.tallies.length; t > 0;) {
            Tally memory past = record.tallies[--t];
            if (past.round != 0 || past.stage != record.boundaries.length) continue;
            (uint8 verdict, , ) = VoteRules.decide(past.said, past.stage, 0);
            if (verdict < VoteRules.VERDICT_ACCEPTED) return verdict;
        }
        return REASON_UNRESOLVED;
    }

    /// @notice Ends a job that `HubVotes` counted, or `HubProofs`, in the same call. Nobody else can: `_ending` lives within it.
    function finish(
        Job calldata job,
        Record calldata record,
        uint8 reason,
        bool poked,
        bytes calldata output
    ) external {
        if (!_ending) revert StateWrong(0, 0);
        _ending = false;
        Context memory c;
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        c.record = record;
        c.set = _params(job.spec.paramsVersion);
        c.k = job.spec.policy.k;
        c.reason = reason;
        _settle(c, job, poked, output);
    }

    // --- Disputes -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubDisputes
    function challenge(Job calldata job, Record calldata record, uint8 stage) external unlocked {
        Context memory c;
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        uint8 state = c.slot.state;
        if (state != STATE_HUNG && state != STATE_WINDOW) revert StateWrong(state, STATE_WINDOW);
        _fill(c, job, record);
        if (block.timestamp > c.slot.deadline) revert TooLate(block.timestamp, c.slot.deadline);
        if (block.timestamp > job.spec.expiry) revert TooLate(block.timestamp, job.spec.expiry);
        if (state == STATE_HUNG ? stage != c.slot.stage : stage >= c.record.boundaries.length)
            revert StageInvalid(stage);
        if ((c.record.decided >> stage) & 1 != 0) revert NoRoundsLeft(stage, 0);

        uint256 round = 1;
        for (uint256 t; t < c.record.tallies.length; ++t) {
            Tally memory past = c.record.tallies[t];
            if (past.stage == stage && past.round >= round) round = past.round + 1;
        }
        if (round > _rounds(c)) revert NoRoundsLeft(stage, _rounds(c));
        uint256 bond = SettleLib.bondOf(job.spec, round);
        uint256 have = _free[msg.sender];
        if (have < bond) revert BalanceTooLow(have, bond);
        _free[msg.sender] = have - bond;
        // round <= 2; a bond is below 2^96 because it was a balance.
        _push(c, Tally(stage, uint8(round), new uint32[](0), new bytes32[](0), msg.sender, uint96(bond)));
        (c.slot.state, c.slot.stage, c.slot.round) = (STATE_OPEN, stage, uint8(round));
        c.slot.deadline = uint48(block.timestamp) + job.spec.policy.tWork;
        (c.slot.tableVersion, , ) = VAULT.pool(job.spec.policy.ticketClass);
        c.slot.seedRef = RANDOM.activate();
        _save(c);
        emit Challenged(c.jobId, stage, uint8(round), msg.sender, bond, c.record);
    }

    // --- Pause --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubDisputes
    function pause(uint48 until) external {
        if (msg.sender != GUARDIAN) revert GuardianOnly();
        if (until > block.timestamp + _MAX_PAUSE) revert TooLate(until, block.timestamp + _MAX_PAUSE);
        _totals.pausedUntil = until;
        emit PauseSet(until);
    }

    // --- Callback -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubDisputes
    function retryCallback(
        Job calldata job,
        bytes32 outDigest,
        bytes32 recordHash,
        bytes calldata output
    ) external unlocked {
        bytes32 jobId = JobLib.idOf(job);
        Slot memory s = JobLib.load(_slots[jobId]);
        if (s.state < STATE_FINAL || s.flags & JobLib.DELIVERED != 0) revert CallbackNotDue(jobId);
        if (block.timestamp > s.deadline) revert TooLate(block.timestamp, s.deadline);
        if (s.state == STATE_FINAL) {
            bytes32 have = JobLib.finalWord(outDigest, recordHash);
            if (have != s.word) revert RecordMismatch(have, s.word);
        } else if (outDigest != 0) {
            revert RecordMismatch(outDigest, 0);
        }
        _callBack(job, jobId, s, outDigest, output);
    }
}
