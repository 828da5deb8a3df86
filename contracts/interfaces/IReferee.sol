// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Who judges stages over ciphertexts: games of moves between those who defend a digest and those who contest it
/// @notice The adapter of kind CIPHER in `IEvidenceRouter`: added once, after 48 hours, and never exchanged. The hub asks; a
/// referee never calls it, and nobody but the games that were played gives a verdict.
/// @dev Warning: the hub takes a verdict like a proof. What it does not leave to a referee: verdicts concern stages with a
/// vote, slash nobody but their seats and no more than S each, count for games that were opened in time, and delay an end by
/// 14 moves at most, whatever `games` says then.
interface IReferee {
    /// @notice Whether a job may end.
    /// @return openedAt when the earliest of its games that still run was opened; 0 if none runs
    /// @return judged bit s: there is a verdict on stage s, for `court` to bring before the hub
    function games(bytes32 jobId) external view returns (uint48 openedAt, uint32 judged);

    /// @notice What the games about one stage's claim came to: no game runs any more, and exactly one digest has a defender who
    /// did not lose. No verdict: outDigest 0.
    /// @param inDigest the stage's accepted input; games about another input are no verdict
    /// @return outDigest that stands
    /// @return winner paid like the prover of a proof that overrules a vote
    /// @return opened when the first of these games was opened
    function verdict(
        bytes32 jobId,
        uint8 stage,
        bytes32 inDigest
    ) external view returns (bytes32 outDigest, address winner, uint48 opened);
}
