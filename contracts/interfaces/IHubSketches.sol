// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Delivery, Job, Record, SketchVotes, StageInfo} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Votes of class T: float outputs, compared within a tolerance
/// @notice Honest machines differ in a float's last bits, so seats agree if their sketches lie within the model's tolerance of
/// the committee's coordinate-wise median (`SketchLib`). Sketch A is committed; sketch B is drawn by the commitments and
/// signed with the Reveal, so that nobody could fit a wrong output to it. One agreeing seat's output is delivered, and its bytes
/// are held to its sketches here.
/// @dev Seats commit by `IHubVotes.commit` and `commitMany`, with sketch A as payload. Only VOTE, uninsured, models whose
/// `acceptedMasks` has bit 0, PUBLIC outputs of at most 256 f32, and one escalation.
///
/// Seeds of a round: A by the round's draw seed in round 0, by the seed of round 0's sketches B in round 1; B by
/// keccak256(abi.encode(commitSet, draw seed)). So what round 0 revealed can be compared with what round 1 commits, by a
/// projection that round 0 could not know.
///
/// The record: an agreeing seat of a committee with a quorum said the delivered outDigest, any other
/// keccak256(abi.encode("assay.v1.sketched", outDigest, A, B)). `challenger` of a round 0 tally holds what `Sketched` told: the
/// top 152 of the low 160 bits of keccak256(abi.encode(A[], B[])), then a byte: 1 + the delivering seat, or 255 if the stage hung.
/// A quorum of round 1 re-judges round 0's seats: who lies within the tolerance of its median agreed.
interface IHubSketches is IHubTypes {
    /// @notice Fast path: counts one complete committee, every seat's opening and Reveal over the common commitSet. Anyone.
    /// @param votes pairs and openings in seat order; a seat that abstains says a reserved outDigest
    /// @param delivery whose output stands if there is a quorum, and the sketches of round 0 if this is round 1
    function submitSketches(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SketchVotes calldata votes,
        Delivery calldata delivery
    ) external;

    /// @notice Slow path: stores a seat's own opening. The seat's signer only, after the commit phase closed, until tReveal is
    /// over. So nobody can count a seat as silent by leaving its opening out.
    /// @param batch commitments posted by `commitMany`; empty if the seat posted its own
    function revealSketch(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 seat,
        SketchVotes calldata vote,
        bytes32[] calldata batch
    ) external;

    /// @notice Slow path: counts the committee, like `IHubVotes.tally`. Anyone; earns a poke fee.
    /// @param votes openings with Reveal signatures over the commitSet of what is on the chain (0 for a seat without
    /// commitment); `which` = 255 where none is supplied; of seats that used `revealSketch` only `which` counts
    /// @param batch commitments posted by `commitMany`, or empty
    function tallySketches(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        SketchVotes calldata votes,
        Delivery calldata delivery,
        bytes32[] calldata batch
    ) external;
}
