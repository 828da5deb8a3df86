// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IHubFront} from "../interfaces/IHubFront.sol";
import {HubCore} from "./HubCore.sol";

/// @title Deposits and withdrawals
abstract contract HubMoney is HubCore, IHubFront {
    using SafeERC20 for IERC20;

    /// @inheritdoc IHubFront
    function deposit(uint256 amount) public unlocked {
        _free[msg.sender] += amount;
        emit Deposited(msg.sender, amount);
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 total = TOKEN.balanceOf(address(this));
        // The upper bound keeps every balance within 96 bits.
        if (total - before != amount || total > type(uint96).max) revert TransferMismatch(total - before, amount);
    }

    /// @inheritdoc IHubFront
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(amount);
    }

    /// @inheritdoc IHubFront
    function withdraw(uint256 amount, address to) external unlocked {
        _spend(msg.sender, amount);
        emit Withdrawn(msg.sender, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IHubFront
    function claim(uint32 workerId) external unlocked returns (uint256 amount) {
        amount = _accounts[workerId].earned;
        if (amount == 0) return 0;
        _accounts[workerId].earned = 0;
        address owner = VAULT.ownerOf(workerId);
        emit Claimed(workerId, owner, amount);
        TOKEN.safeTransfer(owner, amount);
    }

    /// @inheritdoc IHubFront
    function sweepFees() external unlocked returns (uint256 amount) {
        amount = _totals.fees;
        _totals.fees = 0;
        emit FeesSwept(TREASURY, amount);
        TOKEN.safeTransfer(TREASURY, amount);
    }

    function _spend(address from, uint256 amount) internal {
        uint256 have = _free[from];
        if (have < amount) revert BalanceTooLow(have, amount);
        unchecked {
            _free[from] = have - amount;
        }
    }
}
