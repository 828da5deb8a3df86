// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Plans of jobs that enclaves decide
interface IHubEnclaves is IHubTypes {
    /// @notice Commits to who runs which stage of a job that asks for enclaves: the requester or `spec.client`, while the job is OPEN.
    /// The latest plan counts; channels and results are bound to its hash, keccak256(keccak256("assay.v1.plan") | plan).
    /// @dev Emits `Scheduled` and stores nothing: the plan decides nothing on chain, any candidates' results count.
    /// @param plan u8 version, 32 jobId, 32 hash of what it was planned from, u8 objective, u8 runs, then 44 bytes a run
    function schedule(Job calldata job, bytes calldata plan) external;
}
