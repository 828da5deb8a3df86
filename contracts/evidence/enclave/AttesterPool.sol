// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAttesterPool} from "../../interfaces/IAttesterPool.sol";
import {IStakeVault} from "../../interfaces/IStakeVault.sol";

/// @title Accounts, members and draws of the verdict board
abstract contract AttesterPool is IAttesterPool {
    using SafeERC20 for IERC20;

    /// Longer than any vote lasts: whoever is drawn is known until it is over.
    uint48 internal constant NOTICE = 1 days;
    /// A drawn attester. Its slot may be another's later.
    struct Seat {
        address account;
        uint32 slot;
    }

    address internal constant DEAD = 0x000000000000000000000000000000000000dEaD; // burned tokens
    uint256 private constant _WALK = 256;

    IERC20 public immutable TOKEN;
    IStakeVault public immutable VAULT;
    /// @inheritdoc IAttesterPool
    uint96 public immutable REWARD;
    /// @inheritdoc IAttesterPool
    uint96 public immutable STAKE;

    mapping(address account => uint256) internal _free;
    /// Slot 0 is nobody's.
    Attester[] private _attesters;
    mapping(address account => uint32) private _slotOf;
    uint32[] private _vacant;

    constructor(IERC20 token, IStakeVault vault, uint96 reward, uint96 stake) {
        (TOKEN, VAULT, REWARD, STAKE) = (token, vault, reward, stake);
        _attesters.push();
    }

    // --- Accounts -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IAttesterPool
    function deposit(uint256 amount) external {
        _free[msg.sender] += amount;
        emit Deposited(msg.sender, amount);
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 total = TOKEN.balanceOf(address(this));
        // The upper bound keeps every amount within 96 bits.
        require(total - before == amount && total <= type(uint96).max, TransferMismatch(total - before, amount));
    }

    /// @inheritdoc IAttesterPool
    function withdraw(uint256 amount, address to) external {
        _spend(msg.sender, amount);
        emit Withdrawn(msg.sender, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    function _spend(address account, uint256 amount) internal {
        uint256 have = _free[account];
        require(have >= amount, BalanceTooLow(have, amount));
        _free[account] = have - amount;
    }

    // --- Members ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAttesterPool
    function join() external returns (uint32 slot) {
        uint32 workerId = VAULT.workerOfSigner(msg.sender);
        require(workerId != 0 && VAULT.worker(workerId).stake >= VAULT.minimumStake(), NotWorker(msg.sender));
        require(_slotOf[msg.sender] == 0, AttesterExists(_slotOf[msg.sender]));
        _spend(msg.sender, STAKE);
        // A vacant slot's last holder left before any draw that is still under way.
        if (_vacant.length != 0) {
            slot = _vacant[_vacant.length - 1];
            _vacant.pop();
        } else {
            slot = uint32(_attesters.length);
            _attesters.push();
        }
        _attesters[slot] = Attester(msg.sender, uint48(block.timestamp), 0, workerId, STAKE);
        _slotOf[msg.sender] = slot;
        emit AttesterJoined(slot, workerId, msg.sender);
    }

    /// @inheritdoc IAttesterPool
    function quit() external {
        _leave(slotOf(msg.sender));
    }

    function _leave(uint32 slot) private {
        Attester storage a = _attesters[slot];
        if (a.leftAt != 0) return;
        a.leftAt = uint48(block.timestamp);
        emit AttesterLeft(slot, a.account);
    }

    /// @inheritdoc IAttesterPool
    function free(uint32 slot) external {
        Attester memory a = attester(slot);
        require(a.leftAt != 0 && a.account != address(0), NotAttester(a.account));
        require(block.timestamp > a.leftAt + NOTICE, NoticeRuns(block.timestamp, a.leftAt + NOTICE));
        delete _attesters[slot];
        delete _slotOf[a.account];
        _vacant.push(slot);
        _free[a.account] += a.reserve;
        emit AttesterFreed(slot, a.account, a.reserve);
    }

    /// Takes what a wrong attester has in reserve, if it is one still, beside `locked`; half of all is burned.
    /// @return kept the other half
    function _slash(Seat memory seat, uint256 caseId, uint256 locked) internal returns (uint256 kept) {
        Attester storage a = _attesters[seat.slot];
        uint256 amount = locked;
        if (a.account == seat.account) {
            amount += a.reserve;
            a.reserve = 0;
            _leave(seat.slot);
        }
        kept = amount / 2;
        emit AttesterSlashed(seat.account, caseId, amount, amount - kept);
        TOKEN.safeTransfer(DEAD, amount - kept);
    }

    /// Takes a reward's worth of somebody who was drawn and did not come.
    function _fine(Seat memory seat, uint256 caseId) internal returns (uint256 amount) {
        Attester storage a = _attesters[seat.slot];
        if (a.account != seat.account) return 0;
        amount = a.reserve < REWARD ? a.reserve : REWARD;
        a.reserve -= uint96(amount);
        if (a.reserve < STAKE / 2) _leave(seat.slot);
        emit AttesterFined(seat.account, caseId, amount);
    }

    // --- Draws --------------------------------------------------------------------------------------------------------

    /// `n` distinct members of `moment`, none of `excluded`.
    function _draw(
        bytes32 seed,
        uint48 moment,
        uint256 pool,
        address[] memory excluded,
        uint256 n
    ) internal view returns (Seat[] memory seats) {
        seats = new Seat[](n);
        uint256 found;
        uint256 slot;
        uint256 tries = 16 * n + 64;
        // Where members are few a walk finds what chance does not; where slots are many it is not needed.
        uint256 most = tries + (pool < _WALK ? pool : _WALK);
        for (uint256 i; i < most && found < n; ++i) {
            slot = i < tries ? uint256(keccak256(abi.encode(seed, i))) % pool : (slot + 1) % pool;
            address account = _memberAt(slot, moment);
            if (account == address(0) || _isTaken(account, seats, found, excluded)) continue;
            seats[found++] = Seat(account, uint32(slot));
        }
        require(found == n, AttestersTooFew(found, n));
    }

    function _memberAt(uint256 slot, uint48 moment) private view returns (address) {
        Attester storage a = _attesters[slot];
        bool member = a.joinedAt < moment && (a.leftAt == 0 || a.leftAt >= moment);
        return member ? a.account : address(0);
    }

    function _isTaken(
        address account,
        Seat[] memory seats,
        uint256 found,
        address[] memory excluded
    ) private pure returns (bool) {
        for (uint256 i; i < found; ++i) if (seats[i].account == account) return true;
        for (uint256 i; i < excluded.length; ++i) if (excluded[i] == account) return true;
        return false;
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAttesterPool
    function attester(uint32 slot) public view returns (Attester memory) {
        require(slot < _attesters.length, NotAttester(address(0)));
        return _attesters[slot];
    }

    /// @inheritdoc IAttesterPool
    function attesters() public view returns (uint32 count) {
        return uint32(_attesters.length);
    }

    /// @inheritdoc IAttesterPool
    function slotOf(address account) public view returns (uint32 slot) {
        slot = _slotOf[account];
        require(slot != 0, NotAttester(account));
    }

    /// @inheritdoc IAttesterPool
    function balanceOf(address account) external view returns (uint256) {
        return _free[account];
    }
}
