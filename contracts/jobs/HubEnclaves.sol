// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../interfaces/IEnclaveEvidence.sol";
import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {ENCLAVE, EnclaveBundle, Job, PROOF, Record, Spec, StageInfo, StageProof} from "../types/Types.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubProving} from "./HubProving.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Jobs of mask ENCLAVE and PROOF: a proof made inside an enclave, and a second enclave of another family that agrees
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage. What enclaves are is the
/// word of the adapter of ENCLAVE, what a proof proves that of the adapter of PROOF.
contract HubEnclaves is HubProving {
    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    /// @notice `IHubProofs.submitProofs` of ENCLAVE and PROOF. A stage's evidence is abi.encode(EnclaveBundle).
    function submitProofs(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageProof[] calldata proofs,
        bytes calldata output
    ) external unlocked {
        _prove(job, record, table, proofs, output, ENCLAVE | PROOF);
    }

    function _accept(
        Context memory c,
        Spec calldata spec,
        StageInfo[] calldata table,
        IEvidenceAdapter judge,
        IEvidenceAdapter.Claim memory claim,
        bytes calldata evidence
    ) internal override returns (uint32[] memory seats) {
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
}
