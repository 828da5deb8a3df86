// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {VaultBase} from "../support/VaultBase.sol";
import {vm} from "../support/Vm.sol";

/// R16, invariant 30: ten thousand committees drawn by the vault are those that offchain/core draws, and fair.
contract DrawSampleTest is VaultBase {
    uint256[] private _tickets;
    uint256[] private _wins;
    string private _json;

    function setUp() public {
        _json = vm.readFile("test/fixtures/vectors/draw-sample.json");
        _tickets = vm.parseJsonUintArray(_json, ".tickets");
        _deployVault(address(this));
        for (uint256 i; i < _tickets.length; ++i) _join(i + 1, 16 * M, uint16(_tickets[i]));
        _nextEpoch();
        _wins = new uint256[](_tickets.length);
    }

    function _seed(uint256 draw) private pure returns (bytes32) {
        return keccak256(abi.encode("sample", draw));
    }

    function test_TenThousandCommittees() public {
        uint256 draws = vm.parseJsonUint(_json, ".draws");
        uint256 seats = vm.parseJsonUint(_json, ".seats");
        require(draws == 10_000 && seats == 5, "sample");
        bytes memory all = new bytes(32 * draws * seats);
        uint256 end;
        for (uint256 d; d < draws; ++d) {
            uint32[] memory ids = _vault.drawIds(1, 0, _seed(d), _none(), seats);
            ++_wins[ids[0] - 1];
            for (uint256 i; i < seats; ++i) {
                uint256 id = ids[i];
                end += 32;
                assembly ("memory-safe") {
                    mstore(add(all, end), id)
                }
            }
        }
        require(keccak256(all) == vm.parseJsonBytes32(_json, ".digest"), "TypeScript draws others");
        uint256[] memory wins = vm.parseJsonUintArray(_json, ".wins");
        for (uint256 i; i < wins.length; ++i) require(_wins[i] == wins[i], "wins");
        require(_chiSquare(draws) < 37.7e6, "first seats are not in proportion to tickets");
    }

    /// In millionths; 15 degrees of freedom: above 37.7 with probability 0.001.
    function _chiSquare(uint256 draws) private view returns (uint256 sum) {
        uint256 total;
        for (uint256 i; i < _tickets.length; ++i) total += _tickets[i];
        for (uint256 i; i < _tickets.length; ++i) {
            uint256 expected = (draws * _tickets[i] * 1e6) / total;
            uint256 have = _wins[i] * 1e6;
            uint256 off = have > expected ? have - expected : expected - have;
            sum += (off * off) / expected;
        }
    }
}
