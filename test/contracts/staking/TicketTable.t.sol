// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {VaultBase} from "../support/VaultBase.sol";
import {vm} from "../support/Vm.sol";

/// R16, R17: tickets follow stake, tables change only between epochs, draws repeat and are fair.
contract TicketTableTest is VaultBase {
    address private constant STRANGER = address(0xbad);

    function setUp() public {
        _deployVault(address(this));
    }

    function _sixteen() private {
        for (uint256 n = 1; n <= 16; ++n) _join(n, M, 4);
        _nextEpoch();
    }

    function _drawAt(uint16 version, uint256 salt, uint256 n) private view returns (uint32[] memory ids) {
        (ids, ) = _vault.draw(version, 0, keccak256(abi.encode(salt)), _none(), n);
    }

    function _hash(uint32[] memory ids) private pure returns (bytes32) {
        return keccak256(abi.encode(ids));
    }

    // --- Start -------------------------------------------------------------------------------------------------------

    function test_VersionZeroChangesAtOnceAndIsNeverDrawn() public {
        uint32 id = _join(1, M, 4);
        (uint16 version, uint32 workers, uint96 ticketed) = _vault.pool(0);
        require(version == 0 && workers == 1 && ticketed == M, "at once");
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.VersionUnreadable.selector, 0, 0));
        _vault.draw(0, 0, bytes32("s"), _none(), 1);
        require(_vault.advanceEpoch() == 1 && _vault.isReadable(1) && !_vault.isReadable(0), "started");
        require(_drawAt(1, 0, 1)[0] == id, "drawn");
    }

    function test_RevertWhen_StartingAnEmptyTable() public {
        vm.expectRevert(IStakeVault.TableEmpty.selector);
        _vault.advanceEpoch();
    }

    function test_RevertWhen_AdvancingEarly() public {
        _sixteen();
        vm.warp(START + EPOCH - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVault.EpochRunning.selector, uint256(START + EPOCH - 1), START + EPOCH)
        );
        _vault.advanceEpoch();
    }

    // --- Versions ----------------------------------------------------------------------------------------------------

    function test_RevertWhen_ChangingInTheFirstHalf() public {
        _sixteen();
        vm.warp(START + EPOCH / 2 - 1);
        vm.expectPartialRevert(IStakeVault.ChangesClosed.selector);
        _vault.applyChanges(_change(1, 0, 0, _none()));
    }

    /// R16: whatever happens to the table later, a version's draws stay the same while it can be read.
    function testFuzz_LateTableChangesAlterNothing(uint256 seed) public {
        _sixteen();
        bytes32 before = _hash(_drawAt(1, seed, 7));
        (, uint32 workers, uint96 ticketed) = _vault.pool(0);
        _toChanges();
        for (uint256 i; i < 8; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 n = 1 + (random % 16);
            uint16 held = _vault.ticketsOf(uint32(n), 0);
            uint256 out = (random >> 8) % (held + 1);
            uint16 back = uint16((random >> 16) % (4 - held + out + 1));
            if (out + back == 0) continue;
            uint32[] memory remove = _lastCells(uint32(n), 0, out);
            vm.prank(_owner(n));
            _vault.applyChanges(_change(uint32(n), 0, back, remove));
            require(_hash(_drawAt(1, seed, 7)) == before, "the current table moved");
        }
        (, uint32 workersAfter, uint96 ticketedAfter) = _vault.pool(0);
        require(workers == workersAfter && ticketed == ticketedAfter, "the current pool moved");
        uint32[] memory next = _vault.tickets(2, 0, 0, type(uint32).max);
        _nextEpoch();
        require(_hash(_drawAt(1, seed, 7)) == before, "the last table moved");
        require(_hash(_vault.tickets(2, 0, 0, type(uint32).max)) == _hash(next), "the next table is the changed one");
        _toChanges();
        require(!_vault.isReadable(1), "unreadable before it could change");
    }

    function test_ALateAdvanceKeepsTheLastVersionReadable() public {
        _sixteen();
        vm.warp(START + 10 * EPOCH);
        require(_vault.isReadable(1), "current until somebody advances");
        _vault.advanceEpoch();
        vm.warp(START + 10 * EPOCH + EPOCH / 2 - 1);
        require(_vault.isReadable(1), "for half an epoch from the call on");
        vm.warp(START + 10 * EPOCH + EPOCH / 2);
        require(!_vault.isReadable(1) && _vault.isReadable(2), "then no more");
        require(!_vault.isReadable(3) && !_vault.isReadable(type(uint16).max), "nor what is not there yet");
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.VersionUnreadable.selector, 1, 2));
        _vault.draw(1, 0, bytes32("s"), _none(), 1);
    }

    // --- Limits ------------------------------------------------------------------------------------------------------

    function test_TicketsFollowStakeUpTo64() public view {
        require(_vault.ticketsFor(BACKING - 1) == 0 && _vault.ticketsFor(BACKING) == 1, "one a quarter");
        require(_vault.ticketsFor(M) == 4 && _vault.ticketsFor(16 * M) == 64, "four for M");
        require(_vault.ticketsFor(type(uint96).max) == 64, "at most 64");
    }

    function test_RevertWhen_StakeDoesNotBackTheTickets() public {
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, 5, 4));
        _vault.applyChanges(_change(id, 0, 5, _none()));

        id = _join(2, M - 1, 0); // three quarters would back three, but a newcomer needs all of M
        vm.prank(_owner(2));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.StakeTooLow.selector, uint256(M) - 1, uint256(M)));
        _vault.applyChanges(_change(id, 0, 1, _none()));
    }

    function test_RevertWhen_AFifthClass() public {
        uint32 id = _join(1, 2 * M, 1);
        for (uint32 i = 1; i < 4; ++i) {
            _vault.createTicketClass(IStakeVault.TicketClass(i, 100, 0));
            _add(1, id, i, 1);
        }
        _vault.createTicketClass(IStakeVault.TicketClass(4, 100, 0));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyClasses.selector, id, 4));
        _vault.applyChanges(_change(id, 4, 1, _none()));
        // Leaving one makes room.
        uint32[] memory remove = _lastCells(id, 2, 1);
        vm.prank(_owner(1));
        _vault.applyChanges(_change(id, 2, 0, remove));
        _add(1, id, 4, 2);
        require(
            _vault.ticketsOf(id, 4) == 2 && _vault.ticketsOf(id, 2) == 0 && _vault.worker(id).tickets == 5,
            "moved"
        );
    }

    /// R17: a class' workers have what it demands.
    function test_RevertWhen_CapabilitiesAreMissing() public {
        uint32 class_ = _vault.createTicketClass(IStakeVault.TicketClass(0, 100, 2));
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.CapabilitiesInUse.selector, uint64(0), uint64(2)));
        _vault.applyChanges(_change(id, class_, 1, _none()));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TicketClassUnknown.selector, uint32(7)));
        _vault.applyChanges(_change(id, 7, 1, _none()));
    }

    function test_RevertWhen_CellIsAnothersOrOutOfRange() public {
        uint32 id = _join(1, M, 1);
        _join(2, M, 1);
        uint32[] memory remove = new uint32[](1);
        remove[0] = 1;
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.CellNotHeld.selector, uint32(1), uint32(2), id));
        _vault.applyChanges(_change(id, 0, 0, remove));
        remove[0] = 2;
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.CellOutOfRange.selector, uint32(2), uint32(2)));
        _vault.applyChanges(_change(id, 0, 0, remove));
        vm.prank(_owner(1));
        vm.expectRevert(IStakeVault.AmountZero.selector);
        _vault.applyChanges(_change(id, 0, 0, _none()));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, 2, 1));
        _vault.applyChanges(_change(id, 0, 0, new uint32[](2)));
    }

    function test_SignerMayChangeTicketsButNobodyElse() public {
        uint32 id = _join(1, M, 0);
        vm.prank(vm.addr(1));
        _vault.applyChanges(_change(id, 0, 4, _none()));
        require(_vault.ticketsOf(id, 0) == 4, "signer");
        uint32[] memory remove = _lastCells(id, 0, 1);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ChangeNotAllowed.selector, id, STRANGER));
        _vault.applyChanges(_change(id, 0, 0, remove));
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ChangeNotAllowed.selector, id, STRANGER));
        _vault.applyChanges(_change(id, 0, 1, _none()));
    }

    // --- Losing tickets ----------------------------------------------------------------------------------------------

    function test_AnyoneTrimsASlashedWorkerDownToItsStake() public {
        _sixteen();
        _vault.slash(1, M / 2, bytes32("job"), 1);
        _toChanges();
        uint32[] memory three = _lastCells(1, 0, 3);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ChangeNotAllowed.selector, uint32(1), STRANGER));
        _vault.applyChanges(_change(1, 0, 0, three));

        vm.warp(START + EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkersOverdue.selector, uint32(1)));
        _vault.advanceEpoch();
        uint32[] memory two = _lastCells(1, 0, 2);
        vm.prank(STRANGER);
        _vault.applyChanges(_change(1, 0, 0, two));
        _vault.advanceEpoch();
        require(_vault.ticketsOf(1, 0) == 2 && _vault.tableLength(2, 0) == 62, "trimmed");
    }

    function test_TopUpEndsOverdueness() public {
        _sixteen();
        _vault.slash(1, M / 2, bytes32("job"), 1);
        _vault.stake(1, M / 2);
        _nextEpoch();
        require(_vault.ticketsOf(1, 0) == 4, "kept");
    }

    /// R14: stake that backs tickets cannot start to leave; without tickets it can, and no seat is drawn for it any more.
    function test_TicketsGoBeforeTheirStake() public {
        _sixteen();
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, uint256(4), uint256(0)));
        _vault.beginUnbond(1, M);
        _toChanges();
        uint32[] memory three = _lastCells(1, 0, 3);
        vm.prank(_owner(1));
        _vault.applyChanges(_change(1, 0, 0, three));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, uint256(1), uint256(0)));
        _vault.beginUnbond(1, M - BACKING + 1);
        vm.prank(_owner(1));
        _vault.beginUnbond(1, M - BACKING);
        _nextEpoch();
        require(_vault.ticketsOf(1, 0) == 1, "the rest backs one");
    }

    /// Unbonding tokens can still be slashed, so a slash that reaches them alone does not hold up the epoch; withdrawn
    /// ones would.
    function test_UnbondingDoesNotBlockTheEpochWithdrawalDoes() public {
        _sixteen();
        _vault.stake(1, M);
        vm.prank(_owner(1));
        _vault.beginUnbond(1, M);
        _vault.slash(1, M, bytes32("job"), 1); // what was left
        _nextEpoch();
        vm.warp(START + UNBONDING);
        vm.prank(_owner(1));
        _vault.withdraw(1, _owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkersOverdue.selector, uint32(1)));
        _vault.advanceEpoch();
        uint32[] memory four = _lastCells(1, 0, 4);
        vm.prank(STRANGER);
        _vault.applyChanges(_change(1, 0, 0, four));
        _vault.advanceEpoch();
    }

    /// Invariant 10, also when the sentence is shorter than the epoch.
    function test_AJailedWorkerIsInNoLaterTable() public {
        _sixteen();
        _vault.jail(3, START + 1);
        vm.warp(START + EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkersOverdue.selector, uint32(1)));
        _vault.advanceEpoch();
        vm.prank(_owner(3));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerLeaving.selector, uint32(3)));
        _vault.applyChanges(_change(3, 0, 1, _none()));

        uint32[] memory four = _lastCells(3, 0, 4);
        vm.prank(STRANGER);
        _vault.applyChanges(_change(3, 0, 0, four));
        _vault.advanceEpoch();
        uint32[] memory ids = _vault.tickets(2, 0, 0, 64);
        require(ids.length == 60, "sixty left");
        for (uint256 i; i < ids.length; ++i) require(ids[i] != 3, "gone");
        (, uint32 workers, ) = _vault.pool(0);
        require(workers == 15, "one worker less");

        _toChanges();
        _add(3, 3, 0, 4); // served
        require(_vault.ticketsOf(3, 0) == 4, "back");
    }

    function test_RevertWhen_AJailedWorkerAddsTickets() public {
        uint32 id = _join(1, M, 0);
        _vault.jail(id, START + 1 days);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerJailedUntil.selector, id, START + 1 days));
        _vault.applyChanges(_change(id, 0, 1, _none()));
    }

    /// R15: a stale record gets no tickets and loses those it has.
    function test_AnyoneRemovesAnExpiredWorker() public {
        uint32 id = _register(1, 0, START + 1 days);
        _vault.stake(id, M);
        _add(1, id, 0, 4);
        _join(2, M, 4);
        _nextEpoch();
        vm.warp(START + 1 days);
        uint32[] memory four = _lastCells(id, 0, 4);
        vm.prank(STRANGER);
        _vault.applyChanges(_change(id, 0, 0, four));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerExpired.selector, id, START + 1 days));
        _vault.applyChanges(_change(id, 0, 1, _none()));
        _nextEpoch();
        require(_vault.tableLength(2, 0) == 4, "gone");
    }

    // --- Draws -------------------------------------------------------------------------------------------------------

    function testFuzz_DrawIsDistinctAndExcludes(bytes32 seed, uint8 n, uint8 out) public {
        _sixteen();
        n = n % 12;
        uint32[] memory excluded = new uint32[](out % 5);
        for (uint32 i; i < excluded.length; ++i) excluded[i] = 1 + i * 3;
        (uint32[] memory ids, address[] memory signers) = _vault.draw(1, 0, seed, excluded, n);
        require(ids.length == n && signers.length == n, "as many as asked");
        for (uint256 i; i < n; ++i) {
            require(signers[i] == vm.addr(ids[i]), "its signer");
            for (uint256 j; j < i; ++j) require(ids[i] != ids[j], "distinct");
            for (uint256 j; j < excluded.length; ++j) require(ids[i] != excluded[j], "not excluded");
        }
    }

    function testFuzz_AllOfAPoolCanBeDrawnButNotMore(bytes32 seed) public {
        _sixteen();
        (uint32[] memory ids, ) = _vault.draw(1, 0, seed, _none(), 16);
        require(ids.length == 16, "all");
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.PoolTooSmall.selector, 16, 17));
        _vault.draw(1, 0, seed, _none(), 17);
    }

    function test_RevertWhen_DrawingFromAnEmptyClass() public {
        _sixteen();
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.PoolTooSmall.selector, 0, 1));
        _vault.draw(1, 9, bytes32("s"), _none(), 1);
    }

    /// R16: the first seat falls on a worker in proportion to its stake. Ten workers with 1 to 10 tickets, 10^4 draws,
    /// chi-squared with 9 degrees of freedom: 27.88 is exceeded by chance once in a thousand; the seeds are fixed.
    function test_DrawsAreProportionalToStake() public {
        for (uint256 n = 1; n <= 10; ++n) _join(n, 3 * M, uint16(n));
        _nextEpoch();
        uint256[11] memory seen;
        for (uint256 i; i < 10_000; ++i) ++seen[_drawAt(1, i, 1)[0]];
        uint256 chi; // in thousandths
        for (uint256 n = 1; n <= 10; ++n) {
            uint256 expected = (10_000 * n * 1000) / 55; // in thousandths
            uint256 had = seen[n] * 1000;
            uint256 off = had > expected ? had - expected : expected - had;
            chi += (off * off) / expected;
        }
        require(chi < 27_880, "not proportional");
    }

    // --- Gas ---------------------------------------------------------------------------------------------------------

    function test_GasOfTickets() public {
        uint32 id = _join(1, M, 0);
        IStakeVault.TicketChange[] memory change = _change(id, 0, 4, _none());
        vm.prank(_owner(1));
        vm.startSnapshotGas("take four tickets, first of a class");
        _vault.applyChanges(change);
        vm.stopSnapshotGas();
    }

    function test_GasOfAdvancing() public {
        _join(1, M, 4);
        vm.startSnapshotGas("advance the epoch");
        _vault.advanceEpoch();
        vm.stopSnapshotGas();
    }

    function test_GasOfLeaving() public {
        _sixteen();
        _toChanges();
        IStakeVault.TicketChange[] memory change = _change(9, 0, 0, _lastCells(9, 0, 4));
        vm.prank(_owner(9));
        vm.startSnapshotGas("give up four tickets of sixty-four");
        _vault.applyChanges(change);
        vm.stopSnapshotGas();
    }

    function test_GasOfDraws() public {
        for (uint256 n = 1; n <= 40; ++n) _join(n, M, 4);
        _nextEpoch();
        uint32[] memory nobody = _none();
        vm.startSnapshotGas("draw 5 of 40 workers");
        _vault.draw(1, 0, bytes32("seed"), nobody, 5);
        vm.stopSnapshotGas();
        vm.startSnapshotGas("draw 31 of 40 workers");
        _vault.draw(1, 0, bytes32("seed"), nobody, 31);
        vm.stopSnapshotGas();
    }
}
