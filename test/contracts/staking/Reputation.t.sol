// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {SettleLib} from "../../../contracts/libraries/SettleLib.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {VaultBase} from "../support/VaultBase.sol";
import {vm} from "../support/Vm.sol";

/// R17, invariant 37: reputation moves tickets, within a factor of two and at a change of tables only; never stake.
contract ReputationTest is VaultBase {
    int32 private constant LN_10 = 2_302_585;
    address private constant STRANGER = address(0xbad);

    mapping(uint32 => int32) private _rho;
    bool private _mute;

    function setUp() public {
        _deployVault(address(this));
        for (uint256 n = 1; n <= 3; ++n) _join(n, M, 4);
        _nextEpoch();
    }

    /// The hub's view that the vault reads.
    function account(uint32 workerId) external view returns (IHubTypes.Account memory a) {
        require(!_mute);
        (a.earned, a.rho, a.agreed) = (type(uint96).max, _rho[workerId], type(uint32).max);
    }

    function _trimmed(uint32 id, uint256 count) private {
        uint32[] memory cells = _lastCells(id, 0, count);
        vm.prank(STRANGER);
        _vault.applyChanges(_change(id, 0, 0, cells));
    }

    function _ticketed() private view returns (uint96 stake) {
        (, , stake) = _vault.pool(0);
    }

    /// floor(stake * (1/2 + max(0, rho) / 2 ln 10) / (M/8)), as offchain/core/reputation.ts has it.
    function testFuzz_Weight(uint96 stake, int32 rho) public {
        uint32 id = _register(9, 0, type(uint48).max);
        stake = 1 + (stake % (20 * M));
        _vault.stake(id, stake);
        _rho[id] = rho;
        uint256 merit =
            rho <= 0
                ? 0
                : rho > LN_10
                    ? uint256(uint32(LN_10))
                    : uint256(uint32(rho));
        uint256 exact = (uint256(stake) * (2_302_585 + merit)) / (2 * 2_302_585 * uint256(M / 8));
        uint256 most = _vault.mostTickets(id);
        require(most == (exact < 64 ? exact : 64), "weight");
        uint256 plain = _vault.ticketsFor(stake);
        require(most >= plain && most <= 2 * plain + 1, "between once and twice");
    }

    /// R20: 1,000 histories end where TypeScript's do, within [0.1, 10], with as many tickets.
    function test_Vectors() public {
        Cursor memory c = openVectors("reputation");
        for (uint256 i; i < c.cases; ++i) {
            int32 rho;
            for (uint256 runs = c.next(); runs != 0; --runs) {
                int32 change = int32(uint32(c.next())) - LN_10;
                for (uint256 times = c.next(); times != 0; --times) {
                    rho = SettleLib.addRho(rho, change);
                    require(rho <= LN_10 && rho >= -LN_10, "bounds");
                }
            }
            uint32 id = _register(9 + i, 0, type(uint48).max);
            _vault.stake(id, uint96(c.next()));
            _rho[id] = rho;
            require(uint32(rho + LN_10) == c.next(), "rho");
            require(_vault.mostTickets(id) == c.next(), "tickets");
        }
        c.assertDone();
    }

    /// Whoever lost its name gains nothing by a new one, and whoever has a good one loses half.
    function testFuzz_WhitewashingGainsNothing(int32 rho, uint96 stake) public {
        stake = M + (stake % (8 * M));
        uint32 old = _register(8, 0, type(uint48).max);
        uint32 fresh = _register(9, 0, type(uint48).max);
        _vault.stake(old, stake);
        _vault.stake(fresh, stake);
        _rho[old] = rho;
        require(_vault.mostTickets(fresh) <= _vault.mostTickets(old), "a fresh identity gained");
        require(_vault.mostTickets(fresh) == _vault.ticketsFor(stake), "half");
    }

    /// Splitting a stake over many identities gives no more tickets than one, at the same reputation.
    function testFuzz_SplittingGainsNothing(uint96 a, uint96 b, int32 rho) public {
        (a, b) = (M + (a % (3 * M)), M + (b % (3 * M)));
        uint32[3] memory ids;
        for (uint256 i; i < 3; ++i) _rho[ids[i] = _register(7 + i, 0, type(uint48).max)] = rho;
        _vault.stake(ids[0], a);
        _vault.stake(ids[1], b);
        _vault.stake(ids[2], a + b);
        require(_vault.mostTickets(ids[0]) + _vault.mostTickets(ids[1]) <= _vault.mostTickets(ids[2]), "split");
    }

    function test_ReputationActsAtTheNextTableOnly() public {
        _rho[1] = LN_10;
        require(_vault.ticketsOf(1, 0) == 4 && _vault.tableLength(1, 0) == 12, "no ticket moves by itself");
        vm.prank(_owner(1));
        vm.expectPartialRevert(IStakeVault.ChangesClosed.selector);
        _vault.applyChanges(_change(1, 0, 4, _none()));
        _toChanges();
        _add(1, 1, 0, 4);
        require(_vault.tableLength(1, 0) == 12, "not in this version");
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, 9, 8));
        _vault.applyChanges(_change(1, 0, 1, _none()));
        _nextEpoch();
        require(_vault.tableLength(2, 0) == 16, "in the next");
    }

    /// Protocol.md section 9: section 8 never reads reputation.
    function test_TicketedStakeIgnoresReputation() public {
        require(_ticketed() == 3 * M, "as staked");
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        _nextEpoch();
        require(_ticketed() == 3 * M, "eight tickets, one stake");
        _toChanges();
        _trimTo(1, 2);
        _nextEpoch();
        require(_ticketed() == 2 * M + M / 2, "two tickets back half of it");
    }

    function _trimTo(uint32 id, uint256 count) private {
        uint32[] memory cells = _lastCells(id, 0, _vault.ticketsOf(id, 0) - count);
        vm.prank(_owner(id));
        _vault.applyChanges(_change(id, 0, 0, cells));
    }

    /// A slash takes from the ticketed stake at the next table, however many tickets reputation adds.
    function test_TicketedStakeFollowsASlash() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        _nextEpoch();
        _vault.slash(1, M / 2, 0, 1);
        require(_ticketed() == 3 * M, "this table's inequalities held");
        (, , , , uint32 overdue) = _vault.epoch();
        require(overdue == 1, "half a stake backs four at best");
        _toChanges();
        _trimmed(1, 4);
        _nextEpoch();
        require(_ticketed() == 2 * M + M / 2, "the next table's");
    }

    function test_AFallenReputationCanBeTrimmedByAnyone() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        _nextEpoch();
        _toChanges();
        uint32[] memory cells = _lastCells(1, 0, 1);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ChangeNotAllowed.selector, uint32(1), STRANGER));
        _vault.applyChanges(_change(1, 0, 0, cells));

        _rho[1] = LN_10 / 2; // odd: a hair less than six tickets
        cells = _lastCells(1, 0, 4);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ChangeNotAllowed.selector, uint32(1), STRANGER));
        _vault.applyChanges(_change(1, 0, 0, cells));
        _trimmed(1, 1);
        (, , , , uint32 overdue) = _vault.epoch();
        require(overdue == 1, "started, it must be finished before the next table");
        _trimmed(1, 2);
        (, , , , overdue) = _vault.epoch();
        require(overdue == 0 && _vault.ticketsOf(1, 0) == 5, "down to five");
        require(_vault.worker(1).stake == M, "no stake moved");
    }

    /// Until somebody trims, a fallen reputation blocks nothing.
    function test_AFallenReputationBlocksNoTable() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        _nextEpoch();
        _rho[1] = -LN_10;
        require(_nextEpoch() == 3, "next");
    }

    /// Stake leaves as tickets do, whatever became of the reputation meanwhile.
    function test_UnbondingNeedsTheTicketsBack() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TooManyTickets.selector, 8, 7));
        _vault.beginUnbond(1, 1);
        _trimTo(1, 4);
        vm.prank(_owner(1));
        _vault.beginUnbond(1, M / 2);
        require(_vault.worker(1).unbonding == M / 2, "half leaves");
    }

    /// A hub that does not answer takes no ticket and keeps nobody in.
    function test_AMuteHubCountsAsNoReputation() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 4);
        _mute = true;
        require(_vault.mostTickets(1) == 4, "none");
        _trimTo(1, 0);
        vm.prank(_owner(1));
        _vault.beginUnbond(1, M);
        require(_vault.worker(1).unbonding == M, "leaves");
    }

    function test_UpdateProfileReadsClassesOnly() public {
        _rho[1] = LN_10;
        _toChanges();
        _add(1, 1, 0, 1);
        vm.prank(_owner(1));
        _vault.updateProfile(1, _profile(0, type(uint48).max));
        require(_vault.ticketsOf(1, 0) == 5 && _vault.ticketsOf(1, 35) == 0, "merit is no class");
    }
}
