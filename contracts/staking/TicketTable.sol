// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {DrawLib} from "../libraries/DrawLib.sol";

/// @title Versioned tables of tickets, one a class
/// @notice Knows cells, lengths, versions and the clock; who may change what is decided by `StakeVault`.
/// A table changes only as a whole: while version v is current, changes are written as v + 1 and readers at v see none
/// of them. Every value therefore keeps its content before the last version that changed it:
///   read at v:  changedAt > v ? before : current
/// which is right for v = the current version and, until changes for v + 2 may begin, for the version before it.
abstract contract TicketTable is IStakeVault {
    uint256 private constant _CELL_BITS = 80; // current u32 | before u32 | changedAt u16
    uint256 private constant _CELLS_A_SLOT = 3;
    uint256 private constant _CELL_MASK = (1 << _CELL_BITS) - 1;

    struct Clock {
        uint16 version;
        uint48 startedAt; // of the current version's epoch; 0 at version 0
        uint32 backed; // tickets in all classes that stakes back without reputation
        uint32 backedBefore;
        uint16 changedAt; // of the two above
        uint32 overdue; // workers whose cells must go before the next version
        uint32 classes;
        uint32 workers;
    }

    struct Table {
        uint32 length;
        uint32 lengthBefore;
        uint32 workers; // distinct
        uint32 workersBefore;
        uint16 changedAt;
    }

    /// @inheritdoc IStakeVault
    uint48 public immutable epochLength;

    Clock internal _clock;
    mapping(uint32 ticketClass => Table) private _tables;
    mapping(uint256 classAndSlot => uint256 cells) private _cells;

    constructor(uint48 epochLength_) {
        require(epochLength_ >= 2, EpochRunning(epochLength_, 2));
        epochLength = epochLength_;
    }

    // --- Clock -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IStakeVault
    function advanceEpoch() external returns (uint16 version) {
        Clock memory clock = _clock;
        require(clock.backed != 0 || clock.version != 0, TableEmpty());
        require(clock.overdue == 0, WorkersOverdue(clock.overdue));
        uint256 endsAt = clock.version == 0 ? 0 : uint256(clock.startedAt) + epochLength;
        require(block.timestamp >= endsAt, EpochRunning(block.timestamp, endsAt));
        version = clock.version + 1;
        // From now, not from endsAt: a late call must not shorten the half epoch in which the last version stays readable.
        _clock.version = version;
        _clock.startedAt = uint48(block.timestamp);
        emit EpochAdvanced(version, uint48(block.timestamp));
    }

    /// @inheritdoc IStakeVault
    function epoch()
        external
        view
        returns (uint16 version, uint48 startedAt, uint48 changesFrom, uint48 endsAt, uint32 overdue)
    {
        Clock memory clock = _clock;
        (version, startedAt, overdue) = (clock.version, clock.startedAt, clock.overdue);
        if (version != 0) (changesFrom, endsAt) = (startedAt + epochLength / 2, startedAt + epochLength);
    }

    /// @inheritdoc IStakeVault
    function isReadable(uint16 version) public view returns (bool) {
        (uint16 current, uint48 startedAt) = (_clock.version, _clock.startedAt);
        if (version == 0) return false;
        return version == current || (uint256(version) + 1 == current && block.timestamp < startedAt + epochLength / 2);
    }

    /// The version that changes are written as; reverts while the current one's predecessor may still be read.
    function _openVersion() internal view returns (uint16) {
        (uint16 current, uint48 startedAt) = (_clock.version, _clock.startedAt);
        if (current == 0) return 0; // nobody reads version 0: changes apply at once
        uint256 opensAt = startedAt + epochLength / 2;
        require(block.timestamp >= opensAt, ChangesClosed(block.timestamp, opensAt));
        return current + 1;
    }

    // --- Writing the open version ------------------------------------------------------------------------------------

    /// Adds `count` cells of `workerId` at the end; `entering` if it held none in this class.
    function _addCells(uint32 class_, uint32 workerId, uint256 count, bool entering, uint16 version) internal {
        Table memory table = _opened(class_, version);
        for (uint256 i; i < count; ++i) _setCell(class_, table.length++, workerId, version);
        if (entering) ++table.workers;
        _tables[class_] = table;
    }

    /// Removes the worker's cells at `indices`, filling each gap with the last cell; `leaving` if it keeps none here.
    function _removeCells(
        uint32 class_,
        uint32 workerId,
        uint32[] calldata indices,
        bool leaving,
        uint16 version
    ) internal {
        Table memory table = _opened(class_, version);
        for (uint256 i; i < indices.length; ++i) {
            uint32 index = indices[i];
            require(index < table.length, CellOutOfRange(index, table.length));
            uint32 holder = uint32(_cell(class_, index));
            require(holder == workerId, CellNotHeld(index, holder, workerId));
            uint32 last = --table.length;
            // The last cell itself stays as it is: readers before this version still count it.
            if (index != last) _setCell(class_, index, uint32(_cell(class_, last)), version);
        }
        if (leaving) --table.workers;
        _tables[class_] = table;
    }

    function _opened(uint32 class_, uint16 version) private view returns (Table memory table) {
        table = _tables[class_];
        if (table.changedAt == version) return table;
        (table.lengthBefore, table.workersBefore, table.changedAt) = (table.length, table.workers, version);
    }

    /// A worker's share of `Clock.backed` changes. Allowed at any time: readers of the current version see it from the next on.
    function _countBacked(uint256 before, uint256 now_) internal {
        if (before == now_) return;
        Clock memory clock = _clock;
        uint16 version = clock.version == 0 ? 0 : clock.version + 1;
        if (clock.changedAt != version) (clock.backedBefore, clock.changedAt) = (clock.backed, version);
        clock.backed = uint32(clock.backed + now_ - before); // at most 64 a worker
        _clock = clock;
    }

    function _setCell(uint32 class_, uint256 index, uint32 workerId, uint16 version) private {
        uint256 key = _key(class_, index);
        uint256 shift = _CELL_BITS * (index % _CELLS_A_SLOT);
        uint256 word = _cells[key];
        uint256 cell = (word >> shift) & _CELL_MASK;
        uint256 before = cell >> 64 == version ? uint32(cell >> 32) : uint32(cell);
        cell = workerId | (before << 32) | (uint256(version) << 64);
        _cells[key] = (word & ~(_CELL_MASK << shift)) | (cell << shift);
    }

    // --- Reading -----------------------------------------------------------------------------------------------------

    function _lengthAt(uint16 version, uint32 class_) internal view returns (uint32) {
        Table storage table = _tables[class_];
        return table.changedAt > version ? table.lengthBefore : table.length;
    }

    function _workersAt(uint16 version, uint32 class_) internal view returns (uint32) {
        Table storage table = _tables[class_];
        return table.changedAt > version ? table.workersBefore : table.workers;
    }

    function _backedAt(uint16 version) internal view returns (uint32) {
        return _clock.changedAt > version ? _clock.backedBefore : _clock.backed;
    }

    function _workerAt(uint16 version, uint32 class_, uint256 index) internal view returns (uint32) {
        uint256 cell = _cell(class_, index);
        return uint16(cell >> 64) > version ? uint32(cell >> 32) : uint32(cell);
    }

    function _cell(uint32 class_, uint256 index) private view returns (uint256) {
        return (_cells[_key(class_, index)] >> (_CELL_BITS * (index % _CELLS_A_SLOT))) & _CELL_MASK;
    }

    function _key(uint32 class_, uint256 index) private pure returns (uint256) {
        return (uint256(class_) << 32) | (index / _CELLS_A_SLOT);
    }

    function _draw(
        uint16 version,
        uint32 class_,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) internal view returns (uint32[] memory ids) {
        uint256 table = (uint256(version) << 32) | class_;
        return DrawLib.draw(_cellForDraw, table, _lengthAt(version, class_), class_, seed, excluded, n);
    }

    function _cellForDraw(uint256 table, uint256 index) private view returns (uint32) {
        return _workerAt(uint16(table >> 32), uint32(table), index);
    }
}
