// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {IHubProofs} from "../interfaces/IHubProofs.sol";
import {IReferee} from "../interfaces/IReferee.sol";
import {
    CIPHER,
    Job,
    KIND_BLINDED,
    KIND_CIPHER,
    KIND_PUBLIC,
    NO_PROBE,
    OPTIMISTIC,
    PROOF,
    Record,
    Spec,
    StageInfo,
    StageProof,
    STATE_FINAL,
    STATE_HUNG,
    STATE_OPEN,
    STATE_WINDOW,
    Tally,
    VOTE
} from "../types/Types.sol";
import {AccountLib} from "../libraries/AccountLib.sol";
import {BatchLib} from "../libraries/BatchLib.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {COURT_ROUND, SettleLib} from "../libraries/SettleLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubProving} from "./HubProving.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Proven jobs, and the court, in time and late
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage. What a proof proves
/// is the adapter's word (`EvidenceRouter`); everything that a claim names is put in here, from the job and its record.
contract HubProofs is HubProving, IHubProofs {
    using SafeERC20 for IERC20;

    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    // --- Proving ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubProofs
    /// @dev Jobs of mask PROOF; those of ENCLAVE and PROOF are the same call in `HubEnclaves`.
    function submitProofs(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageProof[] calldata proofs,
        bytes calldata output
    ) external unlocked {
        _prove(job, record, table, proofs, output, PROOF);
    }

    /// The next stage's proof: its input is what the record says, whoever proves.
    function _accept(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) internal view override returns (uint32[] memory seats) {
        seats = new uint32[](1);
        seats[0] = _candidate(c.record.seats, claim.worker, claim.stage);
        _check(c, spec, table, judge, claim, evidence);
    }

    /// Has the adapter judge a claim whose input is put in here: what the record says that the stage takes.
    function _check(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) private view {
        _complete(c, spec, table, claim);
        judge.check(_domain(), claim, table[claim.stage], evidence);
    }

    // --- Court --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubProofs
    function court(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) external unlocked {
        Context memory c = _openCourt(job, record, stage, ruling.kind == CIPHER);
        bytes32[] memory words =
            ruling.kind == CIPHER ? _ask(c, job.spec, table, stage, ruling) : _judge(c, job.spec, table, stage, ruling);
        _rule(c, job.spec, Tally(stage, COURT_ROUND, new uint32[](0), words, ruling.prover, 0), ruling.outDigest);
        _save(c);
        emit CourtRuled(c.jobId, stage, ruling.kind, ruling.prover, ruling.outDigest, c.record);
    }

    /// Proves a ruling.
    /// @return words said in this stage that stand for the proven digest
    function _judge(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) private view returns (bytes32[] memory words) {
        // A proof is of one tensor, a batch's digest of many.
        if (BatchLib.countOf(spec.policy.flags) != 0) revert CourtClosed(stage);
        _checkTable(spec, table);
        if (ruling.kind != PROOF) revert NotSupported("court");
        _hear(c, spec, table, stage, ruling);
        return _wordsFor(c.record, stage, table[stage].probe != NO_PROBE, ruling);
    }

    /// What the referee says of this stage: its games are the evidence, whoever brings them here.
    /// @return words said in this stage that stand for the digest that it left standing
    function _ask(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) private view returns (bytes32[] memory words) {
        if (spec.policy.mask & CIPHER == 0) revert EvidenceWrong(spec.policy.mask, CIPHER);
        _checkTable(spec, table);
        if (table[stage].inKind != KIND_CIPHER || table[stage].outKind != KIND_CIPHER) revert CourtClosed(stage);
        if (VoteRules.isReserved(ruling.outDigest)) revert DigestReserved(stage, ruling.outDigest);
        bytes32 inDigest = DigestLib.inDigestOf(table, stage, spec.inDigest, c.record.boundaries);
        IReferee referee = IReferee(ROUTER.adapterOf(CIPHER));
        (bytes32 outDigest, address winner, uint256 opened) = referee.verdict(c.jobId, stage, inDigest);
        if (outDigest != ruling.outDigest || winner != ruling.prover || winner == address(0))
            revert NoVerdict(stage, outDigest);
        if (c.slot.state != STATE_OPEN && opened > c.slot.deadline) revert TooLate(opened, c.slot.deadline);
        return _wordsFor(c.record, stage, table[stage].probe != NO_PROBE, ruling);
    }

    /// Whether this evidence may overrule a vote, and proves the ruling.
    function _hear(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) private view {
        IEvidenceAdapter judge = IEvidenceAdapter(ROUTER.adapterOf(PROOF));
        if (!_mayOverrule(judge, table[stage])) revert CourtClosed(stage);
        if (ruling.prover == address(0)) revert NotCandidate(stage, address(0));
        IEvidenceAdapter.Claim memory claim = IEvidenceAdapter.Claim(
            c.jobId,
            stage,
            0,
            ruling.outDigest,
            ruling.prover
        );
        _check(c, spec, table, judge, claim, ruling.evidence);
    }

    /// Only where the input's digest leaves one output digest. A SALTED output has one a salt, and a proof may choose it:
    /// whoever knows the input, its client above all, could prove the honest answer under another salt than the seats were
    /// given, and have all of them slashed.
    function _mayOverrule(IEvidenceAdapter judge, StageInfo calldata info) private view returns (bool) {
        if (info.inKind == KIND_BLINDED || info.outKind != KIND_PUBLIC || info.keyId == 0) return false;
        return address(judge) != address(0) && judge.mayOverrule(info);
    }

    /// WINDOW (any accepted stage), HUNG or OPEN in an escalation (the stage in question).
    /// A referee's verdict may come later than a proof: a game that was opened in time is played to its end.
    function _openCourt(
        Job calldata job,
        Record calldata record,
        uint8 stage,
        bool played
    ) private returns (Context memory c) {
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        uint8 state = c.slot.state;
        bool again = state == STATE_OPEN && c.slot.round != 0;
        if (state != STATE_WINDOW && state != STATE_HUNG && !again) revert StateWrong(state, STATE_WINDOW);
        _fill(c, job, record);
        if (!_isVoted(c, job.spec)) revert EvidenceWrong(job.spec.policy.mask, VOTE);
        uint256 until = played ? _gameEnd(c) : c.slot.deadline;
        if (!again && block.timestamp > until) revert TooLate(block.timestamp, until);
        // A window that its last game outlasts ends by `settle`, whatever the expiry.
        if (block.timestamp > job.spec.expiry && !(played && state == STATE_WINDOW))
            revert TooLate(block.timestamp, job.spec.expiry);
        if (state == STATE_WINDOW ? stage >= c.record.boundaries.length : stage != c.slot.stage)
            revert StageInvalid(stage);
        if ((c.record.decided >> stage) & 1 != 0) revert StageDecided(stage);
    }

    /// The words said in this stage that stand for the proven digest. With a probe every word is the hash of a pair; all of
    /// them must be opened, or a prover could hide what honest seats said and have them slashed.
    function _wordsFor(
        Record memory record,
        uint256 stage,
        bool probed,
        Ruling calldata ruling
    ) private pure returns (bytes32[] memory words) {
        uint256 n = ruling.outs.length;
        if (!probed) {
            if (n != 0) revert WordUnexplained(stage, 0);
            words = new bytes32[](1);
            words[0] = ruling.outDigest;
            return words;
        }
        bytes32[] memory hashes = new bytes32[](n);
        words = new bytes32[](n);
        uint256 found;
        for (uint256 i; i < n; ++i) {
            // Ascending: no word occurs twice, and a record has one spelling.
            hashes[i] = keccak256(abi.encode("assay.v1.said", ruling.outs[i], ruling.payloads[i]));
            if (i != 0 && hashes[i] <= hashes[i - 1]) revert WordUnexplained(stage, hashes[i]);
            if (ruling.outs[i] == ruling.outDigest) words[found++] = hashes[i];
        }
        assembly ("memory-safe") {
            mstore(words, found)
        }
        _checkAllExplained(record, stage, hashes);
    }

    /// Both ways: each word that was said is among `hashes`, and each of those was said.
    function _checkAllExplained(Record memory record, uint256 stage, bytes32[] memory hashes) private pure {
        uint256 used; // at most 7 + 15 + 31 seats speak in a stage
        for (uint256 t; t < record.tallies.length; ++t) {
            if (record.tallies[t].stage != stage) continue;
            bytes32[] memory said = record.tallies[t].said;
            for (uint256 i; i < said.length; ++i) {
                if (VoteRules.isReserved(said[i])) continue;
                uint256 h;
                while (h < hashes.length && hashes[h] != said[i]) ++h;
                if (h == hashes.length) revert WordUnexplained(stage, said[i]);
                used |= 1 << h;
            }
        }
        for (uint256 h; h < hashes.length; ++h) if ((used >> h) & 1 == 0) revert WordUnexplained(stage, hashes[h]);
    }

    /// Enters the ruling. Whoever voted otherwise in this stage is wrong, in every round.
    function _rule(Context memory c, Spec calldata spec, Tally memory ruling, bytes32 outDigest) private {
        uint256 stage = ruling.stage;
        bool counted = c.slot.state == STATE_WINDOW;
        if (c.slot.state == STATE_OPEN) {
            // The committee that is interrupted owes nothing and is owed nothing; its challenger won or lost by the proof.
            c.record.tallies[c.record.tallies.length - 1].seats = new uint32[](0);
            delete _boxes[_boxKey(c.jobId, stage, c.slot.round)];
        }
        _push(c, ruling);
        c.record.decided |= uint32(1 << stage);
        bool changed = stage >= c.record.boundaries.length || c.record.boundaries[stage] != outDigest;
        if (changed) _setBoundary(c, stage, outDigest);
        // The other stages must stay open to dispute as if this one had been voted on.
        if (changed || !counted) _closeVote(c, spec, true);
    }

    // --- Late court ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubProofs
    function lateCourt(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) external unlocked {
        Context memory c = _openLate(job, record, stage);
        uint32[] memory liars = SettleLib.lateLiars(
            job.spec,
            c.record,
            stage,
            _judge(c, job.spec, table, stage, ruling)
        );
        if (liars.length == 0) revert NothingToSlash(0);
        // Before anything is called: a stage is judged once.
        c.slot.round |= uint8(1 << stage);
        JobLib.saveEnd(_slots[c.jobId], c.slot);
        uint256 taken;
        for (uint256 i; i < liars.length; ++i) taken += _condemn(c.jobId, liars[i], job.spec.policy.seatStake);
        uint256 fee = SettleLib.lateFee(job.spec, taken);
        _free[ruling.prover] += fee;
        emit RuledLate(c.jobId, stage, ruling.prover, ruling.outDigest, taken, fee);
        TOKEN.safeTransfer(DEAD, taken - fee);
    }

    function _condemn(bytes32 jobId, uint32 workerId, uint96 seatStake) private returns (uint256 taken) {
        uint8 kind = SettleLib.SEAT_WRONG;
        taken = VAULT.slash(workerId, seatStake, jobId, kind);
        AccountLib.record(_accounts[workerId], 0, kind, SettleLib.RHO_WRONG);
        // At least: `RuledLate` tells what the prover left of the other half.
        emit Slashed(workerId, jobId, kind, taken, SettleLib.burned(taken));
    }

    /// A FINAL job whose record's liars may still be slashed.
    function _openLate(Job calldata job, Record calldata record, uint8 stage) private returns (Context memory c) {
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        if (c.slot.state != STATE_FINAL) revert StateWrong(c.slot.state, STATE_FINAL);
        Spec calldata spec = job.spec;
        if (spec.policy.mask & (VOTE | OPTIMISTIC) == 0) revert EvidenceWrong(spec.policy.mask, VOTE);
        c.record = record;
        c.set = _params(spec.paramsVersion);
        uint256 n = record.boundaries.length;
        bytes32 outDigest = n == 0 ? bytes32(0) : record.boundaries[n - 1];
        bytes32 have = JobLib.finalWord(outDigest, keccak256(abi.encode(c.record)));
        if (have != c.slot.word) revert RecordMismatch(have, c.slot.word);
        // An ended job remembers when its callback may last be retried.
        uint256 until = c.slot.deadline - RETRY_TIME + c.set.lateCourt;
        if (block.timestamp > until) revert TooLate(block.timestamp, until);
        if (stage >= n) revert StageInvalid(stage);
        if (((c.record.decided | c.slot.round) >> stage) & 1 != 0) revert StageDecided(stage);
    }
}
