// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {VaultBase} from "../support/VaultBase.sol";
import {vm} from "../support/Vm.sol";

/// Does to a vault whatever its users and its hub may do, in any order, and remembers what it did. Inputs are bounded so
/// that no call may revert; the handler itself is the hub. (Hardhat finds handlers only in the test's own file.)
contract StakeHandler is VaultBase {
    uint32 public constant WORKERS = 4;
    uint32 public constant CLASSES = 2;
    address private constant POKER = address(0x9999);

    struct Drawn {
        uint16 version;
        uint32 class_;
        bytes32 seed;
        uint256 n;
        bytes32 hash;
    }

    uint256 public paidIn;
    uint256 public slashedOut;
    mapping(uint32 => uint256) public paidInBy;
    mapping(uint32 => uint256) public slashedFrom;
    mapping(uint32 => uint48) private _lastUnbond;
    mapping(uint32 => bool) private _jailedHolding;
    mapping(uint16 version => mapping(uint32 class_ => bytes32)) public frozen;
    Drawn[] private _drawn;
    string public broken; // the first broken promise seen inside a call, or empty

    constructor() {
        _deployVault(address(this));
        _vault.createTicketClass(IStakeVault.TicketClass(1, 1000, 0));
        for (uint32 n = 1; n <= WORKERS; ++n) {
            _register(n, 0, n == 1 ? START + 20 days : type(uint48).max);
            _pay(n, 2 * M);
            _add(n, n, 0, 3);
            _add(n, n, 1, 2);
        }
        _advanced();
    }

    // --- What workers do ---------------------------------------------------------------------------------------------

    function stake(uint256 who, uint256 amount) external {
        _pay(_id(who), uint96(1 + (amount % (4 * M))));
    }

    function beginUnbond(uint256 who, uint256 amount) external {
        uint32 id = _id(who);
        uint96 have = _vault.worker(id).stake;
        if (have == 0) return;
        uint96 out = uint96(1 + (amount % have));
        if (_vault.worker(id).tickets > _vault.ticketsFor(have - out)) {
            vm.prank(_owner(id));
            try _vault.beginUnbond(id, out) {
                _break("stake behind tickets began to leave");
            } catch {}
            return;
        }
        _lastUnbond[id] = uint48(block.timestamp);
        vm.prank(_owner(id));
        _vault.beginUnbond(id, out);
    }

    function withdraw(uint256 who) external {
        uint32 id = _unbonding(who);
        if (id == 0) return;
        bool early = block.timestamp < _lastUnbond[id] + UNBONDING;
        vm.prank(_owner(id));
        try _vault.withdraw(id, _owner(id)) {
            if (early) _break("tokens left before unbonding ended");
        } catch {
            if (!early) _break("tokens did not leave when their time had come");
        }
    }

    function addTickets(uint256 who, uint256 class_, uint256 count) external {
        uint32 id = _id(who);
        IStakeVault.Worker memory worker = _vault.worker(id);
        uint256 room = _vault.ticketsFor(worker.stake);
        bool out = worker.jailedUntil > block.timestamp || worker.expiry <= block.timestamp || _jailedHolding[id];
        if (out || worker.stake < M || room <= worker.tickets) return;
        count = 1 + (count % (room - worker.tickets));
        _changeTickets(_owner(id), _change(id, uint32(class_ % CLASSES), uint16(count), _none()));
    }

    function removeTickets(uint256 who, uint256 class_, uint256 count) external {
        (uint32 id, uint32 table) = (_id(who), uint32(class_ % CLASSES));
        uint256 held = _vault.ticketsOf(id, table);
        if (held == 0) return;
        _remove(_owner(id), id, table, 1 + (count % held));
    }

    // --- What anyone does --------------------------------------------------------------------------------------------

    /// Ends the epoch, if need be after taking from every table what may be taken there.
    function advance() external {
        (, , , uint48 endsAt, ) = _vault.epoch();
        if (endsAt > block.timestamp) vm.warp(endsAt);
        try _vault.advanceEpoch() returns (uint16 version) {
            return _check(version);
        } catch {}
        for (uint32 id = 1; id <= WORKERS; ++id) _trim(id);
        _advanced();
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + (time % (2 * EPOCH)));
    }

    function waitForUnbonding(uint256 who, bool barelyNot) external {
        uint32 id = _unbonding(who);
        uint48 unbondAt = id == 0 ? 0 : _vault.worker(id).unbondAt;
        if (unbondAt > block.timestamp) vm.warp(barelyNot ? unbondAt - 1 : unbondAt);
    }

    function drawSeats(uint256 class_, bytes32 seed, uint256 n) external {
        uint32 table = uint32(class_ % CLASSES);
        (uint16 version, uint32 workers, ) = _vault.pool(table);
        n = n % (uint256(workers) + 1);
        _drawn.push(Drawn(version, table, seed, n, _draw(version, table, seed, n)));
    }

    // --- What the hub does -------------------------------------------------------------------------------------------

    function slash(uint256 who, uint96 amount, uint8 offence) external {
        uint32 id = _id(who);
        if (amount % 4 != 0) amount %= M; // the rest takes all there is
        IStakeVault.Worker memory before = _vault.worker(id);
        uint256 balance = _token.balanceOf(address(this));
        uint96 taken = _vault.slash(id, amount, bytes32(uint256(id)), offence);
        if (taken > amount) _break("slashed more than asked");
        if (taken > uint256(before.stake) + before.unbonding) _break("slashed more than there was");
        if (_token.balanceOf(address(this)) != balance + taken) _break("the hub got something else");
        slashedFrom[id] += taken;
        slashedOut += taken;
    }

    function jail(uint256 who, uint256 time) external {
        uint32 id = _id(who);
        uint48 until = uint48(block.timestamp + (time % (3 * EPOCH)));
        if (until > block.timestamp && _vault.worker(id).tickets != 0) _jailedHolding[id] = true;
        _vault.jail(id, until);
    }

    // --- What the invariants read ------------------------------------------------------------------------------------

    function vault() external view returns (IStakeVault) {
        return _vault;
    }

    function vaultBalance() external view returns (uint256) {
        return _token.balanceOf(address(_vault));
    }

    function receivedBy(uint32 id) external view returns (uint256) {
        return _token.balanceOf(_owner(id));
    }

    function openVersion() external view returns (uint16) {
        return _openVersion();
    }

    /// Whether every draw made so far that can still be made gives the same seats.
    function drawsRepeat() external view returns (bool) {
        for (uint256 i; i < _drawn.length; ++i) {
            Drawn memory d = _drawn[i];
            if (_vault.isReadable(d.version) && _draw(d.version, d.class_, d.seed, d.n) != d.hash) return false;
        }
        return true;
    }

    // --- Internal ----------------------------------------------------------------------------------------------------

    function _pay(uint32 id, uint96 amount) private {
        paidIn += amount;
        paidInBy[id] += amount;
        _vault.stake(id, amount);
    }

    function _trim(uint32 id) private {
        IStakeVault.Worker memory worker = _vault.worker(id);
        bool out = _jailedHolding[id] || worker.jailedUntil > block.timestamp || worker.expiry <= block.timestamp;
        uint256 keep = out ? 0 : _vault.ticketsFor(worker.stake);
        for (uint32 class_; class_ < CLASSES && worker.tickets > keep; ++class_) {
            uint256 held = _vault.ticketsOf(id, class_);
            uint256 over = worker.tickets - keep;
            uint256 count = held < over ? held : over;
            if (count == 0) continue;
            _remove(POKER, id, class_, count);
            worker = _vault.worker(id);
        }
    }

    function _remove(address sender, uint32 id, uint32 class_, uint256 count) private {
        uint32[] memory cells = _lastCells(id, class_, count);
        _changeTickets(sender, _change(id, class_, 0, cells));
        if (_vault.worker(id).tickets == 0) _jailedHolding[id] = false;
    }

    function _changeTickets(address sender, IStakeVault.TicketChange[] memory change) private {
        (, , uint48 changesFrom, , ) = _vault.epoch();
        bool early = block.timestamp < changesFrom;
        vm.prank(sender);
        try _vault.applyChanges(change) {
            if (early) _break("a table changed while the one before could be read");
        } catch {
            if (!early) _break("a change was refused");
        }
    }

    function _advanced() private {
        _check(_vault.advanceEpoch());
    }

    function _check(uint16 version) private {
        for (uint32 class_; class_ < CLASSES; ++class_) {
            uint32[] memory ids = _vault.tickets(version, class_, 0, type(uint32).max);
            frozen[version][class_] = keccak256(abi.encode(ids));
            for (uint256 i; i < ids.length; ++i) {
                bool jailed = _jailedHolding[ids[i]] || _vault.worker(ids[i]).jailedUntil > block.timestamp;
                if (jailed) _break("a jailed worker is in a later table");
            }
        }
    }

    /// The first worker from `who` on that is unbonding, 0 if none.
    function _unbonding(uint256 who) private view returns (uint32) {
        for (uint256 i; i < WORKERS; ++i) {
            uint32 id = _id((who % WORKERS) + i);
            if (_vault.worker(id).unbonding != 0) return id;
        }
        return 0;
    }

    function _draw(uint16 version, uint32 class_, bytes32 seed, uint256 n) private view returns (bytes32) {
        (uint32[] memory ids, ) = _vault.draw(version, class_, seed, _none(), n);
        return keccak256(abi.encode(ids));
    }

    function _id(uint256 who) private pure returns (uint32) {
        return uint32(1 + (who % WORKERS));
    }

    function _break(string memory what) private {
        if (bytes(broken).length == 0) broken = what;
    }
}

/// Invariants 2, 6 to 10 and 31 of protocol.md section 13. That no call of the handler reverts is the rest of 9.
contract StakeInvariantsTest {
    StakeHandler private _handler;
    IStakeVault private _vault;

    function setUp() public {
        _handler = new StakeHandler();
        _vault = _handler.vault();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// 2: the vault holds exactly what workers staked or are unbonding.
    function invariant_VaultHoldsStakesAndUnbonding() public view {
        uint256 sum;
        for (uint32 id = 1; id <= _handler.WORKERS(); ++id) {
            IStakeVault.Worker memory worker = _vault.worker(id);
            sum += uint256(worker.stake) + worker.unbonding;
        }
        require(sum == _handler.vaultBalance(), "stake + unbonding != balance");
    }

    /// 6, 7, 10 as far as single calls show them: see the handler's checks.
    function invariant_NoCallBrokeAPromise() public view {
        string memory broken = _handler.broken();
        require(bytes(broken).length == 0, broken);
    }

    /// 8: a table has as many cells as its workers have tickets, and every cell belongs to one that counts it.
    function invariant_TablesCountTheirTickets() public view {
        uint16 version = _handler.openVersion();
        uint256[5] memory inAll;
        for (uint32 class_; class_ < _handler.CLASSES(); ++class_) {
            uint32[] memory ids = _vault.tickets(version, class_, 0, type(uint32).max);
            require(ids.length == _vault.tableLength(version, class_), "length");
            uint256[5] memory counted;
            for (uint256 i; i < ids.length; ++i) ++counted[ids[i]];
            for (uint32 id = 1; id <= _handler.WORKERS(); ++id) {
                require(counted[id] == _vault.ticketsOf(id, class_), "cells != tickets in the class");
                inAll[id] += counted[id];
            }
        }
        for (uint32 id = 1; id <= _handler.WORKERS(); ++id) {
            require(inAll[id] == _vault.worker(id).tickets, "cells != tickets of the worker");
        }
    }

    /// 8: the pool that requests see is the current table's.
    function invariant_PoolsDescribeTheCurrentTable() public view {
        uint256 cells;
        for (uint32 class_; class_ < _handler.CLASSES(); ++class_) {
            (uint16 version, uint32 workers, ) = _vault.pool(class_);
            uint32[] memory ids = _vault.tickets(version, class_, 0, type(uint32).max);
            cells += ids.length;
            uint256 distinct;
            for (uint32 id = 1; id <= _handler.WORKERS(); ++id) {
                for (uint256 i; i < ids.length; ++i) {
                    if (ids[i] != id) continue;
                    ++distinct;
                    break;
                }
            }
            require(distinct == workers, "distinct workers");
        }
        (, , uint96 ticketed) = _vault.pool(0);
        require(ticketed == (cells * _vault.minimumStake()) / 4, "ticketed stake");
    }

    /// 9: nobody takes out more than went in for him, less what he was slashed.
    function invariant_NobodyGains() public view {
        uint256 left;
        for (uint32 id = 1; id <= _handler.WORKERS(); ++id) {
            uint256 received = _handler.receivedBy(id);
            left += received;
            require(received + _handler.slashedFrom(id) <= _handler.paidInBy(id), "gained");
        }
        require(left + _handler.slashedOut() + _handler.vaultBalance() == _handler.paidIn(), "tokens lost or made");
    }

    /// 31: a table that became current never changes while it can be read, and draws from it repeat.
    function invariant_ReadableTablesStandStill() public view {
        (uint16 current, , , , ) = _vault.epoch();
        for (uint16 version = current - 1; version <= current; ++version) {
            if (!_vault.isReadable(version)) continue;
            for (uint32 class_; class_ < _handler.CLASSES(); ++class_) {
                uint32[] memory ids = _vault.tickets(version, class_, 0, type(uint32).max);
                require(keccak256(abi.encode(ids)) == _handler.frozen(version, class_), "a readable table moved");
            }
        }
        require(_handler.drawsRepeat(), "a draw changed");
    }
}
