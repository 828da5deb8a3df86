// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, StageInfo, StageProof} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Jobs that are proven, and the court that a proof opens
interface IHubProofs is IHubTypes {
    // --- Proving ------------------------------------------------------------------------------------------------------

    /// @notice Ends or advances a job of mask PROOF: one proof a stage, of consecutive stages from the job's current one on.
    /// Anyone; each proof pays the worker it names. Ends the job if all stages stand and `window` is 0.
    /// @dev A stage's prover is one of the job's 12 candidates, the first draws from its seed; one worker may prove several
    /// stages. Inputs follow from the record: a stage takes the accepted outputs of its producers, so stages cannot be
    /// swapped, left out, repeated or reordered. Late proofs count until the job is closed or expires.
    /// @dev Mask ENCLAVE and PROOF: each stage's evidence is abi.encode(EnclaveBundle). Two of the candidates sign the same digest, each by
    /// a registered enclave's key, of two vendor families, and one of them proves it inside its enclave; with k = 1 one does both.
    /// Who they are is theirs: any two of the twelve will do, so an enclave that differs or stays away can be replaced.
    /// @dev Mask ENCLAVE alone, of models of several stages: a stage's evidence is its enclave's EnclaveResult (channelHash 32, epoch u16,
    /// r 32, vs 32) and, where channelHash is not 0, the 144 bytes of the channel's handshake, of which auditors recompute it.
    /// @param record the job's record; all empty if nothing was pinned yet. Of a PROOF job `seats` are the 12 candidates, and
    /// each proven stage is a tally of round 0 whose one seat, the prover, said the output's digest.
    /// @param table the model's stage table
    /// @param output bytes of a PUBLIC result for the callback, or empty
    function submitProofs(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageProof[] calldata proofs,
        bytes calldata output
    ) external;

    // --- Court --------------------------------------------------------------------------------------------------------

    /// @notice Fixes the truth of a voted stage by a proof, against any votes: any accepted stage in WINDOW; the stage that
    /// hangs in HUNG; the stage that is voted on again, while it is. Anyone, once a stage; the prover named in the claim is
    /// paid (2k+1) seat rewards out of slashes and the losing challenge's bond if the proof changed something.
    /// @dev The job stands in WINDOW afterwards, with a new window if anything changed. An overturned last stage ends FINAL
    /// with the proven digest at `settle`; an overturned inner stage voids the later ones and ends UNRESOLVED. Only keys that
    /// `IEvidenceAdapter.mayOverrule` accepts, and only stages with a PUBLIC output: of a SALTED one the prover chooses the
    /// salt, and so which digest it proves. Not before round 0 is tallied: it would hand lazy seats the answer.
    /// @dev Jobs with CIPHER: a verdict of `IReferee` counts alike (kind CIPHER), on stages over ciphertexts, for 14 moves beyond
    /// the window if the game was opened within it. It needs no evidence: the referee is asked.
    function court(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) external;

    // --- Late court ---------------------------------------------------------------------------------------------------

    /// @notice Slashes by a proof whoever lied in a job that is FINAL: S for each seat of the stage that the record has as right
    /// and that said otherwise than the proof. The result stands. Anyone, once a stage, for `lateCourt` after the end.
    /// @dev The prover named in the claim has up to (2k+1) seat rewards of half of it, all else is burned: the requester may be
    /// one with the liars. The evidence is `court`'s, with its conditions; the stage's input is what the record accepted. Who was slashed when
    /// the job settled is not slashed again, nor made good if the proof says the same: nobody challenged then.
    /// @dev Warning: a stake reaches as far as the vault's unbonding, which must not end before the late court does.
    /// @param record the job's record as it ended, whose hash `Finalized` told
    function lateCourt(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        Ruling calldata ruling
    ) external;
}
