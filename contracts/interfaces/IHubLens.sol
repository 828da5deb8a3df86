// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Slot, Spec} from "../types/Types.sol";
import {IAssayHub} from "./IAssayHub.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IStakeVault} from "./IStakeVault.sol";

/// @title What clients ask about a deployment, in one call each
/// @notice Reads only; nothing depends on it.
interface IHubLens {
    struct Deployment {
        address hub;
        address token;
        address vault;
        address registry;
        address params;
        address randomness;
        address router;
        uint96 minimumStake;
        uint48 unbondingPeriod;
        uint48 epochLength;
        uint96 maxInsured;
        bytes32 policyTableHash;
        bytes32 domainSeparator;
    }

    struct Wallet {
        uint256 tokens; // held by the account itself
        uint256 allowance; // to the hub
        uint256 free; // in the hub
        uint32 workerId; // 0: owns none
    }

    struct Pool {
        uint16 version; // 0: the table has not started
        uint48 changesFrom;
        uint48 endsAt;
        uint32 overdue;
        uint32 workers; // distinct, in the class
        uint96 ticketedStake; // in all classes
        uint96 openRisk;
        uint96 riskLimit; // openRisk may reach an eighth of ticketedStake
        IStakeVault.TicketClass class_;
    }

    struct Quote {
        uint256 escrow; // what `request` takes
        uint256 free; // what the requester has there
        uint256 leastReward; // the class' price for this model: a lower seatReward is refused
        uint96 riskLeft; // stages * k * seatStake must fit
        uint32 workers; // distinct workers in the class
        uint48 pausedUntil;
        bool started;
        bool maskAccepted;
        bool sizeAccepted;
        IModelRegistry.Model model;
    }

    struct WorkerEntry {
        uint32 workerId;
        address owner;
        uint64 capabilities;
        IStakeVault.Worker worker;
        IAssayHub.Account account;
    }

    function deployment() external view returns (Deployment memory);

    function wallet(address account) external view returns (Wallet memory);

    function pool(uint32 ticketClass) external view returns (Pool memory);

    /// @notice The quantities `request` compares, so that a client can say what is wrong before it pays. Only `request`
    /// itself decides.
    function quote(address requester, Spec calldata spec) external view returns (Quote memory);

    /// @notice Whether a job that ended FINAL gave this output for number `index` of its inputs.
    /// @param root the job's outDigest, and `recordHash`, as in `Finalized`
    /// @param outDigest of that output; `siblings` from its leaf upwards. Of a job with a single input `root` itself, index 0,
    /// no siblings
    function verifyInference(
        Job calldata job,
        bytes32 root,
        bytes32 recordHash,
        bytes32 outDigest,
        uint256 index,
        bytes32[] calldata siblings
    ) external view returns (bool);

    function slots(bytes32[] calldata jobIds) external view returns (Slot[] memory);

    /// @notice Workers with ids in [from, from + count), as far as they exist; ids begin at 1.
    function workers(uint32 from, uint32 count) external view returns (WorkerEntry[] memory);

    /// @notice Cells of a worker in the table being changed, last first: the `remove` of a TicketChange that takes all.
    /// Looks at the cells [from, from + count) of the class.
    function cellsOf(
        uint32 workerId,
        uint32 ticketClass,
        uint32 from,
        uint32 count
    ) external view returns (uint32[] memory indices);
}
