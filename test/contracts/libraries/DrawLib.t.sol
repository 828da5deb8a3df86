// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {vm} from "../support/Vm.sol";

contract DrawLibTest {
    uint32[] private _cells;

    function _cellAt(uint256 table, uint256 index) private view returns (uint32) {
        require(table == 7, "table");
        return _cells[index];
    }

    function draw(
        uint256 ticketClass,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory) {
        return DrawLib.draw(_cellAt, 7, _cells.length, ticketClass, seed, excluded, n);
    }

    /// R16: TypeScript and Solidity draw the same seats.
    function test_Vectors() public {
        Cursor memory c = openVectors("draw");
        for (uint256 i; i < c.cases; ++i) {
            bytes32 beat = c.nextWord();
            bytes32 jobId = c.nextWord();
            uint16 stage = uint16(c.next());
            uint8 round = uint8(c.next());
            bytes32 seed = c.nextWord();
            require(DrawLib.seedFor(beat, jobId, stage, round) == seed, "seed");
            uint256 ticketClass = c.next();
            _cells = c.nextIds(c.next());
            uint32[] memory excluded = c.nextIds(c.next());
            uint256 n = c.next();
            bool ok = c.next() == 1;
            try this.draw(ticketClass, seed, excluded, n) returns (uint32[] memory ids) {
                require(ok && ids.length == n, "should fail");
                for (uint256 j; j < n; ++j) require(ids[j] == c.next(), "id");
            } catch (bytes memory reason) {
                require(!ok && bytes4(reason) == DrawLib.PoolTooSmall.selector, "should draw");
            }
        }
        c.assertDone();
    }

    /// R21: one operator, one seat, and nobody twice in a job.
    function testFuzz_SeatsAreDistinctAndNotExcluded(
        bytes32 seed,
        uint8 workers,
        uint16 length,
        uint8 out,
        uint8 n
    ) public {
        uint256 pool = 1 + (workers % 40);
        delete _cells;
        uint256 cells = pool + (length % 60);
        for (uint256 i; i < cells; ++i) _cells.push(uint32(1 + (i % pool)) * 256); // every id collides in the filter
        uint32[] memory excluded = new uint32[](out % pool);
        for (uint256 i; i < excluded.length; ++i) excluded[i] = uint32(i + 1) * 256;
        uint256 seats = n % (pool - excluded.length + 1);
        uint32[] memory ids = this.draw(0, seed, excluded, seats);
        require(ids.length == seats, "seats");
        for (uint256 i; i < seats; ++i) {
            require(ids[i] > excluded.length * 256, "excluded");
            for (uint256 j; j < i; ++j) require(ids[i] != ids[j], "twice");
        }
    }

    function testFuzz_RevertWhen_PoolIsTooSmall(bytes32 seed, uint8 workers, uint8 more) public {
        uint256 pool = workers % 40;
        delete _cells;
        for (uint256 i; i < pool; ++i) _cells.push(uint32(i + 1));
        uint256 n = pool + 1 + (more % 5);
        vm.expectRevert(abi.encodeWithSelector(DrawLib.PoolTooSmall.selector, pool, n));
        this.draw(0, seed, new uint32[](0), n);
    }

    function test_Gas() public {
        for (uint256 i; i < 128; ++i) _cells.push(uint32(1 + (i % 64)));
        vm.startSnapshotGas("draw 5 seats of 64 workers (one SLOAD for eight cells)");
        this.draw(0, keccak256("gas"), new uint32[](0), 5);
        vm.stopSnapshotGas();
    }
}
