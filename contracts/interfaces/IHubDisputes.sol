// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Disputes, and ends of jobs
interface IHubDisputes is IHubTypes {
    // --- Disputes and ends ----------------------------------------------------------------------------------------------

    /// @notice Ends what nobody carried on: OPEN with fewer than q commitments at its deadline, HUNG at its deadline, and
    /// anything OPEN or HUNG after `spec.expiry`. Anyone; absent seats of the current stage are slashed (of jobs
    /// without VOTE nobody is: whom the requester asked is not known here).
    /// @dev A job of several stages that fails in one waits in WINDOW instead while another, which stands, was contested and may
    /// still be challenged. Past `spec.expiry` such a stage, and what follows it, has no verdict. Whatever goes on is told by
    /// `StageTallied`, without a digest.
    function expire(Job calldata job, Record calldata record) external;

    /// @notice Has a stage voted again by a larger, fresh committee, for a bond of 1.25 times its rewards from the
    /// caller's free balance. Anyone, in HUNG (its stage) or WINDOW (any stage), while rounds are left.
    /// @dev The bond returns if the digest changes or a hung stage is decided; otherwise it pays the committee.
    function challenge(Job calldata job, Record calldata record, uint8 stage) external;

    /// @notice Applies payments and slashes of a job whose window is over, and whose referee's games are. Anyone. FINAL if all stages stand; else CLOSED, for
    /// the reason of the stage that failed, or UNRESOLVED if an inner one was overturned.
    function settle(Job calldata job, Record calldata record, bytes calldata output) external;

    /// @notice Delivers the end of a job again after a failed callback. Anyone, for 30 days.
    /// @param outDigest and recordHash as in `Finalized`; both 0 if the job closed
    function retryCallback(Job calldata job, bytes32 outDigest, bytes32 recordHash, bytes calldata output) external;

    // --- Pause --------------------------------------------------------------------------------------------------------

    /// @notice Refuses new requests until `until`, at most 7 days ahead. GUARDIAN only; an earlier time lifts it.
    function pause(uint48 until) external;
}
