// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IHubFront} from "../interfaces/IHubFront.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {TicketTable} from "./TicketTable.sol";

/// @title Stakes of workers, and the tickets they back
contract StakeVault is TicketTable, EIP712 {
    using SafeERC20 for IERC20;

    bytes32 private constant _REGISTER_TYPEHASH = keccak256("Register(address owner)");
    uint16 private constant _MAX_TICKETS = 64;
    uint256 private constant _MAX_CLASSES = 4;
    uint256 private constant _HOLDING_BITS = 48; // class u32 | tickets u16, four a word; free while tickets are 0
    uint256 private constant _HOLDING_MASK = (1 << _HOLDING_BITS) - 1;
    uint256 private constant _HOLDINGS_BITS = _MAX_CLASSES * _HOLDING_BITS; // above them: merit
    int32 private constant _MOST_RHO = 2_302_585; // ln 10 in micro-nats
    uint8 private constant _OFFENCE_BEACON = 5;
    address private constant _DEAD = 0x000000000000000000000000000000000000dEaD;

    /// What a draw does not need, in a slot of its own.
    struct Background {
        address owner;
        uint64 capabilities;
        bool mustLeave; // jailed while holding tickets: nothing but removal until they are gone
        bool overdue; // counted in Clock.overdue
        uint16 backed; // counted in Clock.backed
    }

    /// @inheritdoc IStakeVault
    address public immutable HUB;
    IERC20 public immutable TOKEN;
    /// @inheritdoc IStakeVault
    uint96 public immutable minimumStake;
    /// @inheritdoc IStakeVault
    uint48 public immutable unbondingPeriod;
    uint96 private immutable _UNIT; // U = M/8: half a ticket for each, up to a whole one with the best reputation

    mapping(uint32 workerId => Worker) private _workers;
    mapping(uint32 workerId => Background) private _backgrounds;
    mapping(uint32 workerId => uint256) private _holdings;
    mapping(uint32 ticketClass => TicketClass) private _classes;
    /// @inheritdoc IStakeVault
    mapping(address signer => uint32 workerId) public workerOfSigner;
    /// @inheritdoc IStakeVault
    mapping(address owner => uint32 workerId) public workerOf;

    modifier onlyHub() {
        require(msg.sender == HUB, NotHub(msg.sender, HUB));
        _;
    }

    modifier onlyOwner(uint32 workerId) {
        address owner = _backgrounds[workerId].owner;
        require(msg.sender == owner, NotOwner(msg.sender, owner));
        _;
    }

    /// @param hub the hub's address, known before it exists (its CREATE address): so neither contract has a setter
    constructor(
        address hub,
        IERC20 token,
        uint96 minimumStake_,
        uint48 unbondingPeriod_,
        uint48 epochLength_
    ) TicketTable(epochLength_) EIP712("Assay Vault", "1") {
        require(minimumStake_ >= 8, StakeTooLow(minimumStake_, 8));
        (HUB, TOKEN, minimumStake, unbondingPeriod) = (hub, token, minimumStake_, unbondingPeriod_);
        _UNIT = minimumStake_ / 8;
        _createClass(TicketClass(0, type(uint64).max, 0));
    }

    // --- Worker's journey --------------------------------------------------------------------------------------------

    /// @inheritdoc IStakeVault
    function register(
        address signer,
        Profile calldata profile,
        bytes32 r,
        bytes32 vs
    ) external returns (uint32 workerId) {
        require(workerOf[msg.sender] == 0, OwnerHasWorker(msg.sender, workerOf[msg.sender]));
        require(workerOfSigner[signer] == 0, SignerTaken(signer));
        require(profile.expiry > block.timestamp, ExpiryInPast(profile.expiry, block.timestamp));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(_REGISTER_TYPEHASH, msg.sender)));
        (address recovered, ECDSA.RecoverError problem, ) = ECDSA.tryRecover(digest, r, vs);
        require(problem == ECDSA.RecoverError.NoError && recovered == signer, SignerInvalid(recovered, signer));

        workerId = ++_clock.workers;
        workerOfSigner[signer] = workerId;
        workerOf[msg.sender] = workerId;
        (_workers[workerId].signer, _workers[workerId].expiry) = (signer, profile.expiry);
        _backgrounds[workerId] = Background(msg.sender, profile.capabilities, false, false, 0);
        emit WorkerRegistered(workerId, msg.sender, signer, profile);
    }

    /// @inheritdoc IStakeVault
    function updateProfile(uint32 workerId, Profile calldata profile) external onlyOwner(workerId) {
        require(profile.expiry > block.timestamp, ExpiryInPast(profile.expiry, block.timestamp));
        uint64 needed;
        for (uint256 held = _held(workerId); held != 0; held >>= _HOLDING_BITS) {
            if (uint16(held) != 0) needed |= _classes[uint32(held >> 16)].capabilities;
        }
        require(needed & ~profile.capabilities == 0, CapabilitiesInUse(profile.capabilities, needed));
        _workers[workerId].expiry = profile.expiry;
        _backgrounds[workerId].capabilities = profile.capabilities;
        emit ProfileUpdated(workerId, profile);
    }

    /// @inheritdoc IStakeVault
    function stake(uint32 workerId, uint96 amount) public {
        Worker storage worker_ = _known(workerId);
        require(amount != 0, AmountZero());
        worker_.stake += amount;
        _refreshOverdue(workerId);
        emit Staked(workerId, msg.sender, amount, worker_.stake);

        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, TransferIncomplete(received, amount));
    }

    /// @inheritdoc IStakeVault
    function stakeWithPermit(uint32 workerId, uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Anyone may have sent the permit before: the allowance decides, in `stake`.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        stake(workerId, amount);
    }

    /// @inheritdoc IStakeVault
    function beginUnbond(uint32 workerId, uint96 amount) external onlyOwner(workerId) {
        require(amount != 0, AmountZero());
        Worker storage worker_ = _workers[workerId];
        require(amount <= worker_.stake, StakeTooLow(worker_.stake, amount));
        // Else a worker could sit with an exit: unbond early, keep its tickets, withdraw the moment a slash is due.
        uint16 backed = _backedBy(worker_.stake - amount, _merit(workerId));
        require(worker_.tickets <= backed, TooManyTickets(worker_.tickets, backed));
        uint48 unbondAt = uint48(block.timestamp) + unbondingPeriod;
        worker_.stake -= amount;
        worker_.unbonding += amount;
        worker_.unbondAt = unbondAt;
        emit UnbondingStarted(workerId, amount, worker_.unbonding, unbondAt);
    }

    /// @inheritdoc IStakeVault
    function withdraw(uint32 workerId, address to) external onlyOwner(workerId) returns (uint96 amount) {
        Worker storage worker_ = _workers[workerId];
        amount = worker_.unbonding;
        require(amount != 0, NothingUnbonding(workerId));
        require(block.timestamp >= worker_.unbondAt, UnbondingUntil(block.timestamp, worker_.unbondAt));
        (worker_.unbonding, worker_.unbondAt) = (0, 0);
        _refreshOverdue(workerId);
        emit Withdrawn(workerId, to, amount);
        TOKEN.safeTransfer(to, amount);
    }

    // --- Tickets -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IStakeVault
    function createTicketClass(TicketClass calldata class_) external returns (uint32) {
        return _createClass(class_);
    }

    /// @inheritdoc IStakeVault
    function applyChanges(TicketChange[] calldata changes) external {
        uint16 version = _openVersion();
        for (uint256 i; i < changes.length; ++i) _apply(changes[i], version);
    }

    function _apply(TicketChange calldata change, uint16 version) private {
        (uint32 id, uint32 class_) = (change.workerId, change.ticketClass);
        Worker storage worker_ = _known(id);
        Background storage background = _backgrounds[id];
        uint256 removed = change.remove.length;
        require(removed + change.add != 0, AmountZero());
        uint256 merit = _merit(id);
        if (msg.sender != background.owner && msg.sender != worker_.signer) {
            bool out = background.mustLeave || _isJailed(worker_) || _isExpired(worker_);
            if (!out) merit = _earnedMerit(id);
            bool trims = worker_.tickets >= removed + _backedBy(worker_.stake, merit);
            require(change.add == 0 && (out || trims), ChangeNotAllowed(id, msg.sender));
        }

        uint256 held = ticketsOf(id, class_);
        if (removed != 0) {
            require(removed <= held, TooManyTickets(removed, held));
            held -= removed;
            _removeCells(class_, id, change.remove, held == 0, version);
            worker_.tickets -= uint16(removed);
        }
        if (change.add != 0) {
            uint256 total = uint256(worker_.tickets) + change.add;
            merit = _earnedMerit(id);
            _checkMayHold(id, worker_, background, class_, total, merit);
            _addCells(class_, id, change.add, held == 0, version);
            held += change.add;
            worker_.tickets = uint16(total);
        }
        _setHolding(id, class_, held, merit);
        if (worker_.tickets == 0) background.mustLeave = false;
        _refreshOverdue(id);
        emit TicketsChanged(id, class_, uint16(held), version);
    }

    function _checkMayHold(
        uint32 id,
        Worker storage worker_,
        Background storage background,
        uint32 class_,
        uint256 total,
        uint256 merit
    ) private view {
        require(!_isJailed(worker_), WorkerJailedUntil(id, worker_.jailedUntil));
        require(!background.mustLeave, WorkerLeaving(id));
        require(!_isExpired(worker_), WorkerExpired(id, worker_.expiry));
        require(worker_.stake >= minimumStake, StakeTooLow(worker_.stake, minimumStake));
        uint256 most = _backedBy(worker_.stake, merit);
        require(total <= most, TooManyTickets(total, most));
        require(class_ < _clock.classes, TicketClassUnknown(class_));
        uint64 needed = _classes[class_].capabilities;
        require(needed & ~background.capabilities == 0, CapabilitiesInUse(background.capabilities, needed));
    }

    function _createClass(TicketClass memory class_) private returns (uint32 id) {
        id = _clock.classes++;
        _classes[id] = class_;
        emit TicketClassCreated(id, class_.minPrice, class_.maxUnits, class_.capabilities);
    }

    function _setHolding(uint32 id, uint32 class_, uint256 count, uint256 merit) private {
        uint256 word = _held(id) | (merit << _HOLDINGS_BITS);
        uint256 free = _MAX_CLASSES;
        uint256 place = _MAX_CLASSES;
        for (uint256 i; i < _MAX_CLASSES; ++i) {
            uint256 held = (word >> (i * _HOLDING_BITS)) & _HOLDING_MASK;
            if (uint16(held) == 0) free = i;
            else if (uint32(held >> 16) == class_) place = i;
        }
        if (place == _MAX_CLASSES) place = free;
        require(place != _MAX_CLASSES, TooManyClasses(id, _MAX_CLASSES));
        uint256 shift = place * _HOLDING_BITS;
        _holdings[id] = (word & ~(_HOLDING_MASK << shift)) | (((uint256(class_) << 16) | count) << shift);
    }

    // --- Hub ---------------------------------------------------------------------------------------------------------

    /// @inheritdoc IStakeVault
    function slash(
        uint32 workerId,
        uint96 amount,
        bytes32 jobId,
        uint8 offence
    ) external onlyHub returns (uint96 taken) {
        taken = _take(workerId, amount);
        emit WorkerSlashed(workerId, jobId, offence, amount, taken);
        if (taken != 0) TOKEN.safeTransfer(HUB, taken);
    }

    /// @inheritdoc IStakeVault
    function slashWithheld(uint32 workerId, address reporter) external returns (uint96 taken) {
        address beacon = IHubFront(HUB).randomness();
        require(msg.sender == beacon, NotBeacon(msg.sender, beacon));
        uint96 amount = (minimumStake + 999) / 1_000;
        taken = _take(workerId, amount);
        emit WorkerSlashed(workerId, 0, _OFFENCE_BEACON, amount, taken);
        uint96 share = taken / 10;
        if (share != 0) TOKEN.safeTransfer(reporter, share);
        if (taken != 0) TOKEN.safeTransfer(_DEAD, taken - share);
    }

    /// @inheritdoc IStakeVault
    function jail(uint32 workerId, uint48 until) external onlyHub {
        Worker storage worker_ = _known(workerId);
        if (until > worker_.jailedUntil) worker_.jailedUntil = until;
        if (_isJailed(worker_) && worker_.tickets != 0) _backgrounds[workerId].mustLeave = true;
        _refreshOverdue(workerId);
        emit WorkerJailed(workerId, worker_.jailedUntil);
    }

    // --- Views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IStakeVault
    function draw(
        uint16 version,
        uint32 ticketClass_,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory ids, address[] memory signers) {
        require(isReadable(version), VersionUnreadable(version, _clock.version));
        ids = _draw(version, ticketClass_, seed, excluded, n);
        signers = new address[](n);
        for (uint256 i; i < n; ++i) signers[i] = _workers[ids[i]].signer;
    }

    /// @inheritdoc IStakeVault
    function drawIds(
        uint16 version,
        uint32 ticketClass_,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory ids) {
        require(isReadable(version), VersionUnreadable(version, _clock.version));
        return _draw(version, ticketClass_, seed, excluded, n);
    }

    /// @inheritdoc IStakeVault
    function signersOf(uint32[] calldata ids) external view returns (address[] memory signers) {
        signers = new address[](ids.length);
        for (uint256 i; i < ids.length; ++i) signers[i] = _known(ids[i]).signer;
    }

    /// @inheritdoc IStakeVault
    function pool(uint32 ticketClass_) external view returns (uint16 version, uint32 workers_, uint96 ticketedStake) {
        version = _clock.version;
        workers_ = _workersAt(version, ticketClass_);
        uint256 total = uint256(_backedAt(version)) * 2 * _UNIT;
        ticketedStake = total > type(uint96).max ? type(uint96).max : uint96(total);
    }

    /// @inheritdoc IStakeVault
    function ticketClass(uint32 ticketClass_) external view returns (TicketClass memory) {
        require(ticketClass_ < _clock.classes, TicketClassUnknown(ticketClass_));
        return _classes[ticketClass_];
    }

    /// @inheritdoc IStakeVault
    function ticketClasses() external view returns (uint32) {
        return _clock.classes;
    }

    /// @inheritdoc IStakeVault
    function tableLength(uint16 version, uint32 ticketClass_) public view returns (uint32) {
        uint16 current = _clock.version;
        bool open = version == (current == 0 ? 0 : current + 1);
        require(open || isReadable(version), VersionUnreadable(version, current));
        return _lengthAt(version, ticketClass_);
    }

    /// @inheritdoc IStakeVault
    function tickets(
        uint16 version,
        uint32 ticketClass_,
        uint32 from,
        uint32 count
    ) external view returns (uint32[] memory workerIds) {
        uint256 length = tableLength(version, ticketClass_);
        uint256 to = uint256(from) + count < length ? uint256(from) + count : length;
        workerIds = new uint32[](from < to ? to - from : 0);
        for (uint256 i = from; i < to; ++i) workerIds[i - from] = _workerAt(version, ticketClass_, i);
    }

    /// @inheritdoc IStakeVault
    function ticketsOf(uint32 workerId, uint32 ticketClass_) public view returns (uint16) {
        for (uint256 held = _held(workerId); held != 0; held >>= _HOLDING_BITS) {
            if (uint16(held) != 0 && uint32(held >> 16) == ticketClass_) return uint16(held);
        }
        return 0;
    }

    /// @inheritdoc IStakeVault
    function ticketsFor(uint96 stake_) public view returns (uint16) {
        return _backedBy(stake_, 0);
    }

    /// @inheritdoc IStakeVault
    function mostTickets(uint32 workerId) external view returns (uint16) {
        return _backedBy(_known(workerId).stake, _earnedMerit(workerId));
    }

    /// @inheritdoc IStakeVault
    function worker(uint32 workerId) external view returns (Worker memory) {
        return _known(workerId);
    }

    /// @inheritdoc IStakeVault
    function workers() external view returns (uint32) {
        return _clock.workers;
    }

    /// @inheritdoc IStakeVault
    function ownerOf(uint32 workerId) external view returns (address) {
        _known(workerId);
        return _backgrounds[workerId].owner;
    }

    /// @inheritdoc IStakeVault
    function capabilitiesOf(uint32 workerId) external view returns (uint64) {
        _known(workerId);
        return _backgrounds[workerId].capabilities;
    }

    // --- Internal ----------------------------------------------------------------------------------------------------

    function _known(uint32 workerId) private view returns (Worker storage worker_) {
        worker_ = _workers[workerId];
        require(worker_.signer != address(0), WorkerUnknown(workerId));
    }

    /// Stake first, then what is unbonding.
    function _take(uint32 workerId, uint96 amount) private returns (uint96 taken) {
        Worker storage worker_ = _known(workerId);
        (uint96 staked, uint96 unbonding) = (worker_.stake, worker_.unbonding);
        uint96 fromStake = amount < staked ? amount : staked;
        uint96 rest = amount - fromStake;
        uint96 fromUnbonding = rest < unbonding ? rest : unbonding;
        (worker_.stake, worker_.unbonding) = (staked - fromStake, unbonding - fromUnbonding);
        taken = fromStake + fromUnbonding;
        _refreshOverdue(workerId);
    }

    function _isJailed(Worker storage worker_) private view returns (bool) {
        return worker_.jailedUntil > block.timestamp;
    }

    function _isExpired(Worker storage worker_) private view returns (bool) {
        return worker_.expiry <= block.timestamp;
    }

    /// floor(amount * m / U), at most 64, with m = 1/2 + merit / (2 ln 10): protocol.md section 9.
    function _backedBy(uint256 amount, uint256 merit) private view returns (uint16) {
        uint256 most = uint256(uint32(_MOST_RHO));
        uint256 count = (amount * (most + merit)) / (2 * most * _UNIT);
        return count < _MAX_TICKETS ? uint16(count) : _MAX_TICKETS;
    }

    /// max(0, rho) as the hub keeps it now. Whatever goes wrong there counts as no merit: the vault depends on nobody for
    /// tickets to be given back and stakes to leave.
    function _earnedMerit(uint32 workerId) private view returns (uint256) {
        (bool ok, bytes memory answer) = HUB.staticcall(abi.encodeCall(IHubFront.account, (workerId)));
        if (!ok || answer.length < 64) return 0;
        (, int256 rho) = abi.decode(answer, (uint256, int256));
        if (rho <= 0) return 0;
        return rho < _MOST_RHO ? uint256(rho) : uint256(uint32(_MOST_RHO));
    }

    /// The same when the worker's tickets last changed.
    function _merit(uint32 workerId) private view returns (uint256) {
        return _holdings[workerId] >> _HOLDINGS_BITS;
    }

    function _held(uint32 workerId) private view returns (uint256) {
        return _holdings[workerId] & ((1 << _HOLDINGS_BITS) - 1);
    }

    /// Keeps `Clock.overdue` and `Clock.backed` exact. Unbonding tokens still back tickets here (a slash takes stake first),
    /// because they can still be slashed; so does the reputation that the worker had when it took them. Anyone may trim down
    /// to what stake and reputation back now.
    function _refreshOverdue(uint32 workerId) private {
        Worker storage worker_ = _workers[workerId];
        Background storage background = _backgrounds[workerId];
        uint16 count = worker_.tickets;
        uint256 all = uint256(worker_.stake) + worker_.unbonding;
        uint16 backed = _backedBy(all, 0);
        uint16 counted = count < backed ? count : backed;
        if (background.backed != counted) {
            _countBacked(background.backed, counted);
            background.backed = counted;
        }
        bool tooMany = count > backed && count > _backedBy(all, _merit(workerId));
        bool overdue = count != 0 && (background.mustLeave || tooMany);
        if (overdue == background.overdue) return;
        background.overdue = overdue;
        if (overdue) ++_clock.overdue;
        else --_clock.overdue;
    }
}
