// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, SignedCommit, StageInfo, StageVotes} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title The slow path: votes on the chain, step by step
interface IHubVotes is IHubTypes {
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
        SeatVote calldata vote,
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
}
