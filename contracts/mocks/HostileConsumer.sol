// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAssayHub} from "../interfaces/IAssayHub.sol";
import {Job, Spec} from "../types/Types.sol";

/// @title A consumer that attacks the hub from its callback
contract HostileConsumer {
    enum Mode {
        Accept,
        Revert,
        BurnGas,
        ReturnBomb, // a megabyte of return data, as a success
        RevertBomb, // the same as revert data
        Reenter // sends `attack` to the hub, must not get through
    }

    event Delivered(bytes32 indexed jobId, uint8 status, bytes32 outDigest, uint256 outputLength);
    event Reentry(bool ok, bytes returned);

    error Refused();

    IAssayHub public immutable HUB;
    Mode public mode;
    bytes public attack;
    uint256 public deliveries;
    uint256 private _sink;

    constructor(IAssayHub hub) {
        HUB = hub;
        IERC20(hub.token()).approve(address(hub), type(uint256).max);
    }

    function set(Mode mode_, bytes calldata attack_) external {
        (mode, attack) = (mode_, attack_);
    }

    function deposit(uint256 amount) external {
        HUB.deposit(amount);
    }

    function request(uint96 nonce, Spec calldata spec) external returns (bytes32) {
        return HUB.request(nonce, spec);
    }

    function cancel(Job calldata job) external {
        HUB.cancel(job);
    }

    function handleInference(bytes32 jobId, uint8 status, bytes32 outDigest, bytes calldata output) external {
        if (mode == Mode.Revert) revert Refused();
        if (mode == Mode.BurnGas) while (true) _sink += 1;
        if (mode == Mode.ReturnBomb) {
            assembly ("memory-safe") {
                return(0, 1000000)
            }
        }
        if (mode == Mode.RevertBomb) {
            assembly ("memory-safe") {
                revert(0, 1000000)
            }
        }
        if (mode == Mode.Reenter) {
            (bool ok, bytes memory returned) = address(HUB).call(attack);
            emit Reentry(ok, returned);
        }
        ++deliveries;
        emit Delivered(jobId, status, outDigest, output.length);
    }
}
