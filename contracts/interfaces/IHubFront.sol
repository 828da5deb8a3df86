// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, Slot, Spec, StageInfo, StageVotes} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title The hub's daily side: money, requests, the fast path, views
interface IHubFront is IHubTypes {
    // --- Money --------------------------------------------------------------------------------------------------------

    /// @notice Adds `amount` from the caller's tokens (approved to the hub) to the caller's free balance.
    function deposit(uint256 amount) external;

    /// @notice `deposit` after an EIP-2612 permit. A failing permit is ignored (it may have been front-run); then the
    /// allowance decides.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Pays `amount` of the caller's free balance to `to`. Never paused.
    function withdraw(uint256 amount, address to) external;

    /// @notice Pays all that a worker earned to its owner. Anyone may call.
    /// @return amount what was paid; 0 leaves everything as it is
    function claim(uint32 workerId) external returns (uint256 amount);

    /// @notice Pays collected protocol fees to the TREASURY fixed at construction. Anyone may call.
    function sweepFees() external returns (uint256 amount);

    // --- Requesting ---------------------------------------------------------------------------------------------------

    /// @notice Opens a job paid from the caller's free balance: seats' rewards, the fee, six poke fees.
    /// @dev A batch names the number of its inputs in the upper 24 bits of `policy.flags` (`BatchLib`); its digests are roots
    /// over tensor digests, and the class' price counts for every input. The nonce is free choice; (caller, nonce, spec) must be new. Deadlines start here; seats become known two
    /// blocks later. Reverts while paused, for anything `NotSupported`, for every inequality the job would break.
    function request(uint96 nonce, Spec calldata spec) external returns (bytes32 jobId);

    /// @notice Takes a job back in full. Requester only, before the block that fixes its seats.
    function cancel(Job calldata job) external;

    // --- Voting -------------------------------------------------------------------------------------------------------

    /// @notice Fast path: counts complete committees of consecutive stages, from the job's current stage on. Anyone.
    /// Ends the job if all stages stand undisputed and `window` is 0.
    /// @param record the job's record; all empty if nothing was pinned yet
    /// @param table the model's stage table; empty for linear models
    /// @param votes one per stage, every seat's opening and Reveal signature, in seat order
    /// @param output bytes of a PUBLIC result for the callback, or empty
    function submit(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes[] calldata votes,
        bytes calldata output
    ) external;

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @notice Whether the job ended FINAL with this result and record.
    function verifyResult(bytes32 jobId, bytes32 outDigest, bytes32 recordHash) external view returns (bool);

    function slot(bytes32 jobId) external view returns (Slot memory);

    function box(bytes32 jobId, uint8 stage, uint8 round) external view returns (Box memory);

    /// @notice The commitment that a signer posted itself by `commit`, or 0.
    function postedBy(bytes32 jobId, uint8 stage, uint8 round, address signer) external view returns (bytes32);

    function balanceOf(address account_) external view returns (uint256);

    function account(uint32 workerId) external view returns (Account memory);

    function totals() external view returns (Totals memory);

    function jobIdOf(address requester, uint96 nonce, Spec calldata spec) external view returns (bytes32);

    /// @notice What `request` would take from the caller's free balance.
    function escrowOf(Spec calldata spec) external view returns (uint256);

    function domainSeparator() external view returns (bytes32);

    function token() external view returns (address);

    function vault() external view returns (address);

    function registry() external view returns (address);

    function params() external view returns (address);

    function randomness() external view returns (address);

    function router() external view returns (address);
}
