// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A contract that the hub calls back when a job has ended
interface IInferenceConsumer {
    error NotHub(address caller, address hub);
    error JobNotAwaited(bytes32 jobId);

    /// @notice Delivers the end of a job: `status` is STATE_FINAL or STATE_CLOSED. `output` is empty unless the model's
    /// result is PUBLIC and was supplied inline (at most 4 KiB); the hub has then checked that `outDigest` is its digest.
    /// @dev Warning: anyone may request a job that names any contract as its callback. An implementation must accept
    /// only calls from the hub and only jobs that it requested itself; `InferenceConsumer` does both.
    function handleInference(bytes32 jobId, uint8 status, bytes32 outDigest, bytes calldata output) external;

    /// @notice Whether the job was requested by this contract and not delivered yet.
    function isAwaited(bytes32 jobId) external view returns (bool);
}
