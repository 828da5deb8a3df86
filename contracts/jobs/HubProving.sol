// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {Job, PROOF, Record, Spec, StageInfo, StageProof, STATE_FINAL, Tally} from "../types/Types.sol";
import {DigestLib} from "../libraries/DigestLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title How evidence that nobody votes on ends or advances a job
abstract contract HubProving is HubRounds {
    function _prove(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageProof[] calldata proofs,
        bytes calldata output,
        uint8 mask
    ) internal {
        Context memory c = _openLive(job, record);
        Spec calldata spec = job.spec;
        if (spec.policy.mask != mask) revert EvidenceWrong(spec.policy.mask, mask);
        _checkTable(spec, table);
        _acceptAll(c, spec, table, proofs);
        _proceed(c, job, false, output);
    }

    function _acceptAll(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        StageProof[] calldata proofs
    ) private {
        uint256 first = c.slot.stage;
        uint256 left = spec.stages - first;
        if (proofs.length == 0 || proofs.length > left) revert ProofCountWrong(proofs.length, left);
        _pin(c, spec);
        _grow(c.record, proofs.length);
        IEvidenceAdapter judge = IEvidenceAdapter(ROUTER.adapterOf(PROOF));
        for (uint256 i; i < proofs.length; ++i) _enter(c, spec, table, judge, first + i, proofs[i]);

        if (proofs.length == left) _closeVote(c, spec, false);
        else _nextStage(c, spec, first + proofs.length);
        if (c.slot.state == STATE_FINAL) return;
        uint256 last = c.record.boundaries.length - 1;
        emit StageTallied(c.jobId, uint8(last), 0, c.record.boundaries[last], c.record);
    }

    function _enter(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        uint256 stage,
        StageProof calldata proof
    ) private {
        IEvidenceAdapter.Claim memory claim = IEvidenceAdapter.Claim(
            c.jobId,
            uint16(stage),
            0,
            proof.outDigest,
            proof.worker
        );
        uint32[] memory seats = _accept(c, spec, table, judge, claim, proof.evidence);
        bytes32[] memory said = new bytes32[](seats.length);
        for (uint256 i; i < said.length; ++i) said[i] = claim.outDigest;
        c.record.boundaries[stage] = claim.outDigest;
        c.record.tallies[stage] = Tally(uint16(stage), 0, seats, said, address(0), 0);
        emit Proven(c.jobId, uint8(stage), seats[0], claim.outDigest);
    }

    /// Judges the next stage's evidence.
    /// @param claim the prover's, without its input
    /// @return seats who said the digest, the prover first
    function _accept(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) internal virtual returns (uint32[] memory seats);

    /// Puts in what the record says that the stage takes.
    function _complete(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter.Claim memory claim
    ) internal pure {
        if (VoteRules.isReserved(claim.outDigest)) revert DigestReserved(claim.stage, claim.outDigest);
        claim.inDigest = DigestLib.inDigestOf(table, claim.stage, spec.inDigest, c.record.boundaries);
    }

    function _candidate(uint32[] memory ids, address worker, uint256 stage) internal view returns (uint32 id) {
        id = VAULT.workerOfSigner(worker);
        // The empty address signs for nobody: 0 is never drawn.
        for (uint256 i; i < ids.length; ++i) if (ids[i] == id) return id;
        revert NotCandidate(stage, worker);
    }

    /// Room for `more` stages in boundaries and tallies.
    function _grow(Record memory record, uint256 more) private pure {
        uint256 n = record.boundaries.length;
        bytes32[] memory boundaries = new bytes32[](n + more);
        Tally[] memory tallies = new Tally[](n + more);
        for (uint256 i; i < n; ++i) (boundaries[i], tallies[i]) = (record.boundaries[i], record.tallies[i]);
        (record.boundaries, record.tallies) = (boundaries, tallies);
    }
}
