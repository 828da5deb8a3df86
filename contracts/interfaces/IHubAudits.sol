// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, StageInfo} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Jobs that one worker answers and chance audits
/// @notice Mask OPTIMISTIC: a candidate binds itself to an answer, then a seed that did not exist yet decides whether k - 1
/// auditors check it. Audited or not, the result can be challenged while the job's window lasts.
interface IHubAudits is IHubTypes {
    /// @notice Binds the caller to an answer, before the lottery can be known. Only a candidate's signer, by its own
    /// transaction, once a job, until its deadline.
    /// @dev The primary must be one of the job's 12 candidates, the first draws from its seed. Whom the requester asked is not
    /// known here: the first candidate that proposes is the primary, and lying or silence costs it its stake all the same.
    /// A public input (`spec.inputRef` not 0) is audited by workers drawn from the lottery's own seed. Of a private input
    /// the auditors are the first k - 1 other candidates, so that the client seals it once.
    /// @param commitment as in section 4 of protocol.md, stage 0, round 0; never the digest
    function propose(Job calldata job, Record calldata record, bytes32 commitment) external;

    /// @notice Seats the auditors of a proposal on which the lottery fell. Anyone, as soon as the seed exists; earns a poke fee.
    /// @dev They vote like any committee of round 0 (`submit`, `commit`, `tally`), for twice `tWork`. Seat 0 has committed by
    /// its proposal and may open nothing else. The audit opens with one auditor's commitment: absent accomplices spare no liar.
    function draw(Job calldata job, Record calldata record) external;

    /// @notice Opens a proposal that the lottery left alone: the answer stands in WINDOW and can be challenged. Anyone who
    /// holds the opening, until the proposal's deadline (`tWork` + `tReveal` after it).
    /// @param table the model's stage table; empty unless `evidence` is asked for
    /// @param evidence of mask ENCLAVE: what its adapter checks, for the claim of the primary; else empty
    function open(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        bytes32 outDigest,
        bytes32 payload,
        bytes32 salt,
        bytes calldata evidence
    ) external;

    // --- Standbys -----------------------------------------------------------------------------------------------------

    /// @notice Fills the seats of a stage whose workers did not commit by its deadline, where fewer than a quorum did. Anyone, once
    /// a stage of jobs with FLAG_STANDBY, in the first committee; earns a poke fee. Until `tReveal` after the deadline `expire` waits
    /// for it.
    /// @dev The standbys are the next workers that the committee's own seed draws, so nobody chooses them, now or by being absent.
    /// A tally of the absent seats goes into the record: they are slashed for absence whatever the job's end. Seats that committed
    /// keep their commitment; there is one more `tWork`. Nothing was opened on chain before, so there is nothing to copy.
    function promote(Job calldata job, Record calldata record) external;

    // --- Bundles ------------------------------------------------------------------------------------------------------

    /// @notice Several calls to this hub in one transaction: `submit` of several jobs above all, or any others. Anyone; each
    /// counts as the sender's own.
    /// @dev One that fails is undone alone and told by `CallFailed`. That includes one that lacks gas (`InsufficientGas`): give
    /// enough for all, callbacks included, or it fails alone and can be sent again.
    /// @param calls the calls' data, selector first
    /// @return done how many succeeded
    function submitMany(bytes[] calldata calls) external returns (uint256 done);

    // --- Equivocation -------------------------------------------------------------------------------------------------

    /// @notice Takes a worker's whole stake, jails it for good, pays 10% to the caller and burns the rest. Anyone, any
    /// time, as long as the vault still holds tokens of the worker.
    function proveEquivocation(uint32 workerId, Equivocation calldata proof) external;
}
