// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, Spec, StageInfo, STATE_CLOSED, STATE_FINAL, STATE_OPEN} from "../types/Types.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubRecords} from "./HubRecords.sol";

/// @title How a job moves on when a stage is accepted, by vote or by proof
abstract contract HubRounds is HubRecords {
    /// Settles what ends here.
    address public immutable DISPUTES;

    constructor(HubDisputes disputes) {
        DISPUTES = address(disputes);
    }

    /// A job whose evidence still counts.
    function _openLive(Job calldata job, Record calldata record) internal returns (Context memory c) {
        c = _open(job, record, STATE_OPEN);
        if (block.timestamp > job.spec.expiry) revert TooLate(block.timestamp, job.spec.expiry);
    }

    function _checkTable(Spec calldata spec, StageInfo[] calldata table) internal view {
        bytes32 have = keccak256(abi.encode(table));
        bytes32 need = REGISTRY.model(spec.modelId).stagesHash;
        if (have != need) revert StageTableMismatch(have, need);
    }

    /// All stages stand: FINAL at once, or a window in which they can be disputed.
    function _closeVote(Context memory c, Spec calldata spec, bool dissent) internal view {
        if (!dissent && spec.policy.window == 0) {
            c.slot.state = STATE_FINAL;
            return;
        }
        _openWindow(c, spec, dissent);
    }

    function _nextStage(Context memory c, Spec calldata spec, uint256 stage) internal view {
        (c.slot.stage, c.slot.round) = (uint8(stage), 0);
        c.size = c.k;
        c.slot.deadline = uint48(block.timestamp + (spec.stages - stage) * spec.policy.tWork);
    }

    /// Boundaries become those before `stage`, and `digest`.
    function _setBoundary(Context memory c, uint256 stage, bytes32 digest) internal pure {
        bytes32[] memory boundaries = new bytes32[](stage + 1);
        for (uint256 i; i < stage; ++i) boundaries[i] = c.record.boundaries[i];
        boundaries[stage] = digest;
        c.record.boundaries = boundaries;
    }

    /// Saves a job that goes on; one that ended is settled by the other contract, on the same storage.
    function _proceed(Context memory c, Job calldata job, bool poked, bytes calldata output) internal {
        uint8 state = c.slot.state;
        if (state != STATE_FINAL && state != STATE_CLOSED) {
            if (poked) _payPoke(c, job.spec);
            return _save(c);
        }
        _ending = true;
        _dispute(abi.encodeCall(HubDisputes.finish, (job, c.record, c.reason, poked, output)));
    }

    /// A call to the other contract, on the same storage.
    function _dispute(bytes memory data) internal {
        (bool ok, bytes memory problem) = DISPUTES.delegatecall(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(problem, 0x20), mload(problem))
        }
    }
}
