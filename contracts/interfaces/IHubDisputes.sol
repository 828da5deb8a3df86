// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, SignedCommit, StageInfo, StageVotes} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title The hub's other side: the slow path, disputes, ends
interface IHubDisputes is IHubTypes {
    // --- Voting -------------------------------------------------------------------------------------------------------

    /// @notice Writes the current committee into the record before its seed or table is forgotten. Anyone, once a round.
    /// Slow-path calls pin by themselves.
    function pin(Job calldata job, Record calldata record) external;

    /// @notice Slow path: a seat posts its own commitment. The seat's signer only, while the commit phase lasts.
    /// @dev The first commitment of a round resets the deadline to now + tWork; the last one closes the phase.
    function commit(Job calldata job, Record calldata record, uint8 seat, bytes32 commitment) external;

    /// @notice Slow path: posts signed Commits of several seats, ascending, skipping those already posted. Anyone, once
    /// a round.
    function commitMany(Job calldata job, Record calldata record, SignedCommit[] calldata commits) external;

    /// @notice Slow path: stores one seat's opening. Anyone who holds it, only after the commit phase closed.
    /// @dev Warning: salts must not leave a worker before the commit phase closed on chain.
    /// @param batch commitments posted by `commitMany`; empty if the seat posted its own
    function reveal(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 seat,
        bytes32 outDigest,
        bytes32 payload,
        bytes32 salt,
        bytes32[] calldata batch
    ) external;

    /// @notice Slow path: counts the committee. Anyone: at once when every committed seat's opening is stored or
    /// supplied, otherwise when tReveal is over. Needs q commitments (fewer: `expire`).
    /// @param votes distinct (outDigest, payload) pairs and k openings in seat order; `which` = 255: no opening supplied,
    /// for seats that used `reveal` only `which` counts. Signatures are not read: commitments bind the seats.
    /// @param batch commitments posted by `commitMany`, or empty
    function tally(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes calldata votes,
        bytes32[] calldata batch,
        bytes calldata output
    ) external;

    // --- Disputes and ends ----------------------------------------------------------------------------------------------

    /// @notice Ends what nobody carried on: OPEN with fewer than q commitments at its deadline, HUNG at its deadline, and
    /// anything OPEN or HUNG after `spec.expiry`. Anyone; absent seats of the current stage are slashed.
    function expire(Job calldata job, Record calldata record) external;

    /// @notice Has a stage voted again by a larger, fresh committee, for a bond of 1.25 times its rewards from the
    /// caller's free balance. Anyone, in HUNG (its stage) or WINDOW (any stage), while rounds are left.
    /// @dev The bond returns if the digest changes or a hung stage is decided; otherwise it pays the committee.
    function challenge(Job calldata job, Record calldata record, uint8 stage) external;

    /// @notice Applies payments and slashes of a job whose window is over. Anyone.
    function settle(Job calldata job, Record calldata record, bytes calldata output) external;

    /// @notice Takes a worker's whole stake, jails it for good, pays 10% to the caller and burns the rest. Anyone, any
    /// time, as long as the vault still holds tokens of the worker.
    function proveEquivocation(uint32 workerId, Equivocation calldata proof) external;

    /// @notice Delivers the end of a job again after a failed callback. Anyone, for 30 days.
    /// @param outDigest and recordHash as in `Finalized`; both 0 if the job closed
    function retryCallback(Job calldata job, bytes32 outDigest, bytes32 recordHash, bytes calldata output) external;
}
