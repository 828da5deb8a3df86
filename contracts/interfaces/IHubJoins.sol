// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Parent, Spec, StageInfo} from "../types/Types.sol";
import {IHubTypes} from "./IHubTypes.sol";

/// @title Jobs over other jobs' results
/// @notice Branches of a program under different policies are jobs of their own; what joins them is a job whose input is their results.
interface IHubJoins is IHubTypes {
    /// @notice `request` of a job whose input is the join of its parents' results. `spec` has FLAG_JOIN, mask VOTE, no batch, and
    /// `inputRef` = keccak256(abi.encode("assay.v1.parents", parents)). Whoever feeds it seals the parents' results to its seats.
    /// @dev Each parent is FINAL in this hub, with this digest and record hash, and named once. `spec.inDigest` is
    /// keccak256("assay.v1.join" | u8 n | (u16 i | u8 kind | bytes32 digest_i)*) in the order of `parents`, with the kind that the
    /// model's first stage expects; of one parent its digest alone. Where a branch ends on the client, digest_i is
    /// what `spec.client` claims to have made of the parent's result: bound and signed, not verified. The guarantee of the job is that of
    /// its weakest branch; the hub only ties them together.
    /// Of a branch that was left out, an optional modality, nothing is checked here but that the event shows it so; one parent at
    /// least is none.
    /// @param table the model's stage table
    /// @param parents 1 to 8
    function requestJoined(
        uint96 nonce,
        Spec calldata spec,
        StageInfo[] calldata table,
        Parent[] calldata parents
    ) external returns (bytes32 jobId);
}
