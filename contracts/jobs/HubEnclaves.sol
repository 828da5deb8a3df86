// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../interfaces/IEnclaveEvidence.sol";
import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {IHubEnclaves} from "../interfaces/IHubEnclaves.sol";
import {
    ENCLAVE,
    EnclaveBundle,
    Job,
    PROOF,
    Record,
    Slot,
    Spec,
    StageInfo,
    StageProof,
    STATE_OPEN
} from "../types/Types.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubProving} from "./HubProving.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Jobs that enclaves decide: each stage signed in one, or (mask ENCLAVE and PROOF) proven in one and agreed to by another
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage. What enclaves are is the
/// word of the adapter of ENCLAVE, what a proof proves that of the adapter of PROOF.
contract HubEnclaves is HubProving, IHubEnclaves {
    uint256 private constant _SIGNED = 98; // channelHash 32, epoch u16, r 32, vs 32
    uint256 private constant _HANDSHAKE = 144; // both messages of a channel's handshake
    uint256 private constant _PLAN_HEAD = 67;
    uint256 private constant _PLAN_RUN = 44;

    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    /// @inheritdoc IHubEnclaves
    function schedule(Job calldata job, bytes calldata plan) external unlocked {
        bytes32 jobId = JobLib.idOf(job);
        Slot memory s = JobLib.load(_slots[jobId]);
        Spec calldata spec = job.spec;
        if (s.state != STATE_OPEN) revert StateWrong(s.state, STATE_OPEN);
        if (msg.sender != job.requester && msg.sender != spec.client) revert RequesterOnly(job.requester);
        if (spec.policy.mask & ENCLAVE == 0) revert EvidenceWrong(spec.policy.mask, ENCLAVE);
        uint256 runs = plan.length < _PLAN_HEAD ? 0 : (plan.length - _PLAN_HEAD) / _PLAN_RUN;
        bool fits = plan.length == _PLAN_HEAD + _PLAN_RUN * runs && runs != 0 && runs <= spec.stages;
        if (!fits || bytes32(plan[1:33]) != jobId) revert PlanWrong(jobId, plan.length);
        emit Scheduled(jobId, keccak256(abi.encodePacked(keccak256("assay.v1.plan"), plan)), plan);
    }

    /// @notice `IHubProofs.submitProofs` of masks with ENCLAVE. A stage's evidence is abi.encode(EnclaveBundle) where PROOF is beside it.
    function submitProofs(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageProof[] calldata proofs,
        bytes calldata output
    ) external unlocked {
        uint8 mask = job.spec.policy.mask;
        _prove(job, record, table, proofs, output, mask == ENCLAVE ? mask : ENCLAVE | PROOF);
    }

    function _accept(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) internal override returns (uint32[] memory seats) {
        if (spec.policy.mask == ENCLAVE) return _acceptSigned(c, spec, table, claim, evidence);
        EnclaveBundle memory bundle = abi.decode(evidence, (EnclaveBundle));
        uint256 stage = claim.stage;
        seats = new uint32[](c.k);
        seats[0] = _candidate(c.record.seats, claim.worker, stage);
        if (c.k == 2) {
            seats[1] = _candidate(c.record.seats, bundle.second, stage);
            // One worker id an owner: two ids are two operators.
            if (seats[1] == seats[0]) revert SecondWrong(stage, bundle.second);
        } else if (bundle.second != address(0)) {
            revert SecondWrong(stage, bundle.second);
        }
        _complete(c, spec, table, claim);
        bytes32 domain = _domain();
        IEnclaveEvidence(ROUTER.adapterOf(ENCLAVE)).checkCritical(domain, claim, table, bundle);
        judge.check(domain, claim, table[stage], bundle.proof);
        if (c.k == 2) emit Seconded(c.jobId, uint8(stage), seats[1], claim.outDigest);
    }

    /// One enclave's signature over its stage. What an auditor recomputes `channelHash` from is told behind it, and not read here.
    function _acceptSigned(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) private view returns (uint32[] memory seats) {
        seats = new uint32[](1);
        seats[0] = _candidate(c.record.seats, claim.worker, claim.stage);
        _complete(c, spec, table, claim);
        bool fed = evidence.length > _SIGNED && bytes32(evidence[:32]) != 0;
        if (evidence.length != (fed ? _SIGNED + _HANDSHAKE : _SIGNED))
            revert ResultMalformed(claim.stage, evidence.length);
        // The adapter knows the key's model and compares its table.
        bytes memory shown = bytes.concat(evidence[:_SIGNED], abi.encode(table));
        IEvidenceAdapter(ROUTER.adapterOf(ENCLAVE)).check(_domain(), claim, table[claim.stage], shown);
    }
}
