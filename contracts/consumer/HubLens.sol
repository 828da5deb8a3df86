// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAssayHub} from "../interfaces/IAssayHub.sol";
import {IHubLens} from "../interfaces/IHubLens.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProtocolParams} from "../interfaces/IProtocolParams.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {Job, Slot, Spec} from "../types/Types.sol";
import {BatchLib} from "../libraries/BatchLib.sol";

/// @title Views over hub, vault and registry
contract HubLens is IHubLens {
    IAssayHub public immutable HUB;
    IStakeVault public immutable VAULT;

    constructor(IAssayHub hub) {
        (HUB, VAULT) = (hub, IStakeVault(hub.vault()));
    }

    /// @inheritdoc IHubLens
    function deployment() external view returns (Deployment memory) {
        return
            Deployment({
                hub: address(HUB),
                token: HUB.token(),
                vault: address(VAULT),
                registry: HUB.registry(),
                params: HUB.params(),
                randomness: HUB.randomness(),
                router: HUB.router(),
                minimumStake: VAULT.minimumStake(),
                unbondingPeriod: VAULT.unbondingPeriod(),
                epochLength: VAULT.epochLength(),
                maxInsured: IRandomness(HUB.randomness()).maxInsured(),
                policyTableHash: IProtocolParams(HUB.params()).policyTableHash(),
                domainSeparator: HUB.domainSeparator()
            });
    }

    /// @inheritdoc IHubLens
    function wallet(address account) external view returns (Wallet memory) {
        IERC20 token = IERC20(HUB.token());
        return
            Wallet({
                tokens: token.balanceOf(account),
                allowance: token.allowance(account, address(HUB)),
                free: HUB.balanceOf(account),
                workerId: VAULT.workerOf(account)
            });
    }

    /// @inheritdoc IHubLens
    function pool(uint32 ticketClass) external view returns (Pool memory found) {
        (found.version, , found.changesFrom, found.endsAt, found.overdue) = VAULT.epoch();
        (, found.workers, found.ticketedStake) = VAULT.pool(ticketClass);
        found.openRisk = HUB.totals().openRisk;
        found.riskLimit = found.ticketedStake / 8;
        found.class_ = VAULT.ticketClass(ticketClass);
    }

    /// @inheritdoc IHubLens
    function quote(address requester, Spec calldata spec) external view returns (Quote memory found) {
        found.model = IModelRegistry(HUB.registry()).model(spec.modelId);
        IStakeVault.TicketClass memory class_ = VAULT.ticketClass(spec.policy.ticketClass);
        IAssayHub.Totals memory totals = HUB.totals();
        uint96 ticketedStake;
        uint16 version;
        (version, found.workers, ticketedStake) = VAULT.pool(spec.policy.ticketClass);
        found.escrow = HUB.escrowOf(spec);
        found.free = HUB.balanceOf(requester);
        uint256 count = BatchLib.countOf(spec.policy.flags);
        found.leastReward = uint256(class_.minPrice) * found.model.workUnits * (count == 0 ? 1 : count);
        found.riskLeft = ticketedStake / 8 > totals.openRisk ? ticketedStake / 8 - totals.openRisk : 0;
        found.pausedUntil = totals.pausedUntil;
        found.started = version != 0;
        found.maskAccepted = spec.policy.mask < 32 && (found.model.acceptedMasks >> spec.policy.mask) & 1 == 1;
        found.sizeAccepted = found.model.workUnits <= class_.maxUnits;
    }

    /// @inheritdoc IHubLens
    function verifyInference(
        Job calldata job,
        bytes32 root,
        bytes32 recordHash,
        bytes32 outDigest,
        uint256 index,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        uint256 count = BatchLib.countOf(job.spec.policy.flags);
        bool fits =
            count == 0
                ? index == 0 && siblings.length == 0 && outDigest == root
                : BatchLib.verify(root, outDigest, index, count, siblings);
        return fits && HUB.verifyResult(HUB.jobIdOf(job.requester, job.nonce, job.spec), root, recordHash);
    }

    /// @inheritdoc IHubLens
    function slots(bytes32[] calldata jobIds) external view returns (Slot[] memory found) {
        found = new Slot[](jobIds.length);
        for (uint256 i; i < jobIds.length; ++i) found[i] = HUB.slot(jobIds[i]);
    }

    /// @inheritdoc IHubLens
    function workers(uint32 from, uint32 count) external view returns (WorkerEntry[] memory found) {
        uint256 first = from == 0 ? 1 : from;
        uint256 end = uint256(from) + count;
        uint256 known = uint256(VAULT.workers()) + 1;
        if (end > known) end = known;
        found = new WorkerEntry[](first < end ? end - first : 0);
        for (uint256 i; i < found.length; ++i) {
            uint32 id = uint32(first + i);
            found[i] = WorkerEntry(id, VAULT.ownerOf(id), VAULT.capabilitiesOf(id), VAULT.worker(id), HUB.account(id));
        }
    }

    /// @inheritdoc IHubLens
    function cellsOf(
        uint32 workerId,
        uint32 ticketClass,
        uint32 from,
        uint32 count
    ) external view returns (uint32[] memory indices) {
        (uint16 version, , , , ) = VAULT.epoch();
        if (version != 0) ++version;
        uint32[] memory ids = VAULT.tickets(version, ticketClass, from, count);
        uint256 held;
        for (uint256 i; i < ids.length; ++i) if (ids[i] == workerId) ++held;
        indices = new uint32[](held);
        for (uint256 i = ids.length; i != 0; --i) {
            if (ids[i - 1] == workerId) indices[indices.length - held--] = from + uint32(i - 1);
        }
    }
}
