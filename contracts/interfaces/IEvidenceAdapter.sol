// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StageInfo} from "../types/Types.sol";

/// @title Judge of one kind of evidence
/// @notice The hub hands over what it knows (who claims what, about which stage of which job) and the bytes a worker sent;
/// the adapter says whether they prove the claim. It holds no money and no state of jobs.
/// @dev Warning: whoever calls vouches for `domain`, `claim` and `stage`; the adapter vouches only for the evidence.
interface IEvidenceAdapter {
    /// What a worker claims: this stage of this job maps that input to that output. The EIP-712 message of that name.
    struct Claim {
        bytes32 jobId;
        uint16 stage;
        bytes32 inDigest; // the producer's accepted digest, or the join of all
        bytes32 outDigest;
        address worker;
    }

    /// @notice Returns if the evidence proves the claim; reverts with one of the adapter's errors otherwise.
    /// @param domain the hub's EIP-712 domain separator: evidence is good for one hub on one chain
    /// @param stage the model's description of the stage, checked by the caller against the model's `stagesHash`
    function check(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external view;

    /// @notice Whether this kind of evidence, on this stage, may overrule a committee. A court asks before it calls `check`.
    function mayOverrule(StageInfo calldata stage) external view returns (bool);
}
