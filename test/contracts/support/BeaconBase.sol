// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IWorkerBeacon} from "../../../contracts/interfaces/IWorkerBeacon.sol";
import {WorkerBeacon} from "../../../contracts/staking/WorkerBeacon.sol";
import {VaultBase} from "./VaultBase.sol";
import {vm} from "./Vm.sol";

/// A beacon, and workers with hash chains. The test is the hub.
abstract contract BeaconBase is VaultBase {
    uint256 internal constant LINKS = 12;

    WorkerBeacon internal _beacon;

    /// What the vault asks its hub.
    function randomness() external view returns (address) {
        return address(_beacon);
    }

    function _deployBeacon(uint256 workers) internal {
        _deployEmpty();
        for (uint256 n = 1; n <= workers; ++n) _enlist(n, 4);
        _nextEpoch();
    }

    function _deployEmpty() internal {
        _deployVault(address(this));
        _beacon = new WorkerBeacon(_vault);
        vm.roll(1_000);
    }

    function _enlist(uint256 n, uint16 tickets) internal returns (uint32 id) {
        id = _join(n, M, tickets);
        _registerChain(n, id, 0);
    }

    function _registerChain(uint256 n, uint32 id, uint256 which) internal {
        vm.prank(_owner(n));
        _beacon.registerChain(id, _link(id, which, 0));
    }

    /// The head (i = 0), or what the worker reveals i-th.
    function _link(uint32 id, uint256 which, uint256 i) internal pure returns (bytes32 link) {
        link = keccak256(abi.encode("tail", id, which));
        for (uint256 depth = LINKS; depth > i; --depth) link = keccak256(abi.encode("assay.v1.beacon", id, link));
    }

    function _share(uint32 id, bytes32 preimage) internal pure returns (bytes32) {
        return keccak256(abi.encode(id, preimage));
    }

    function _hashOf(uint256 blockNumber) internal pure returns (bytes32) {
        return keccak256(abi.encode("block", blockNumber));
    }

    /// Into the blocks in which this beat's preimages are due; `later` < 3.
    function _toReveals(uint48 beat, uint256 later) internal {
        vm.roll(4 * uint256(beat) + 1 + later);
        vm.setBlockhash(4 * uint256(beat), _hashOf(4 * uint256(beat)));
    }

    function _toClose(uint48 beat) internal {
        vm.roll(4 * uint256(beat) + 4);
        vm.setBlockhash(4 * uint256(beat), _hashOf(4 * uint256(beat)));
    }

    /// The first duty of the current version.
    function _seatDuty() internal returns (uint32[5] memory workers) {
        uint48 beat = _beacon.summon();
        _toClose(beat);
        _beacon.seat();
        (uint16 version, , ) = _beacon.state();
        return _beacon.dutyOf(version).workers;
    }

    function _revealOne(uint48 beat, uint8 seat, bytes32 preimage) internal {
        (uint8[] memory seats, bytes32[] memory preimages) = (new uint8[](1), new bytes32[](1));
        (seats[0], preimages[0]) = (seat, preimage);
        _beacon.reveal(beat, seats, preimages);
    }

    /// The seats in `mask` reveal their i-th preimage. Returns the XOR of their shares.
    function _reveal(uint48 beat, uint256 mask, uint256 i) internal returns (bytes32 mix) {
        IWorkerBeacon.Beat memory b = _beacon.beatOf(beat);
        uint32[5] memory workers = _beacon.dutyOf(b.version).workers;
        for (uint8 seat; seat < 5; ++seat) {
            if ((mask >> seat) & 1 == 0) continue;
            bytes32 preimage = _link(workers[seat], 0, i);
            _revealOne(beat, seat, preimage);
            mix ^= _share(workers[seat], preimage);
        }
    }

    /// A beat is asked for and served by the seats in `mask`; afterwards it is closed.
    function _run(uint256 mask, uint256 i) internal returns (uint48 beat, bytes32 mix) {
        beat = _beacon.activate();
        _toReveals(beat, 0);
        mix = _reveal(beat, mask, i);
        _toClose(beat);
    }

    function _seedFrom(uint48 beat, bytes32 mix) internal pure returns (bytes32) {
        return keccak256(abi.encode(_hashOf(4 * uint256(beat)), mix));
    }
}
