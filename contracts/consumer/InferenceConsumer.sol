// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAssayHub} from "../interfaces/IAssayHub.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {Spec} from "../types/Types.sol";

/// @title Base of contracts that ask for inferences and act on the answers
/// @notice Inherit, call `_request` from a function of your own, and write `_onInference`. Jobs are paid from the
/// contract's own free balance in the hub (`_deposit`); refunds return there.
/// @dev Warning: `_onInference` runs with at most `spec.callbackGas`. If it reverts, the job is over all the same, and
/// anyone may deliver again for 30 days (`retryCallback`).
abstract contract InferenceConsumer is IInferenceConsumer {
    using SafeERC20 for IERC20;

    IAssayHub public immutable HUB;
    IERC20 public immutable TOKEN;

    /// @inheritdoc IInferenceConsumer
    mapping(bytes32 jobId => bool) public isAwaited;
    uint96 private _nonce;

    constructor(IAssayHub hub) {
        (HUB, TOKEN) = (hub, IERC20(hub.token()));
    }

    /// @inheritdoc IInferenceConsumer
    function handleInference(bytes32 jobId, uint8 status, bytes32 outDigest, bytes calldata output) external {
        require(msg.sender == address(HUB), NotHub(msg.sender, address(HUB)));
        require(isAwaited[jobId], JobNotAwaited(jobId));
        isAwaited[jobId] = false;
        _onInference(jobId, status, outDigest, output);
    }

    /// Requests a job with this contract as its callback, paid from its free balance. The nonce is the count of requests.
    function _request(Spec memory spec) internal returns (bytes32 jobId) {
        spec.callback = address(this);
        jobId = HUB.request(_nonce++, spec);
        isAwaited[jobId] = true;
    }

    /// Acts on the end of a job: on STATE_FINAL the result stands for good, on STATE_CLOSED there is none.
    /// @dev Warning: whoever ends the job chooses whether to pass `output`. A consumer that needs the bytes must revert on
    /// STATE_FINAL without them, and have them delivered by `retryCallback`.
    function _onInference(bytes32 jobId, uint8 status, bytes32 outDigest, bytes calldata output) internal virtual;

    /// Moves this contract's tokens into its free balance.
    function _deposit(uint256 amount) internal {
        TOKEN.forceApprove(address(HUB), amount);
        HUB.deposit(amount);
    }
}
