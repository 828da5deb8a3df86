// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {StakeVault} from "../../../contracts/staking/StakeVault.sol";
import {vm} from "./Vm.sol";

/// A vault whose hub is the inheriting contract, and workers for it. Worker n has owner 0x1000 + n and signer key n.
abstract contract VaultBase {
    uint96 internal constant M = 8_000;
    uint96 internal constant BACKING = M / 4; // of one ticket
    uint48 internal constant UNBONDING = 14 days;
    uint48 internal constant EPOCH = 6 hours;
    uint48 internal constant START = 1_000_000;

    DevToken internal _token;
    StakeVault internal _vault;

    function _deployVault(address hub) internal {
        vm.warp(START);
        _token = new DevToken();
        _vault = new StakeVault(hub, IERC20(address(_token)), M, UNBONDING, EPOCH);
        _token.mint(address(this), type(uint96).max);
        _token.approve(address(_vault), type(uint256).max);
    }

    function _owner(uint256 n) internal pure returns (address) {
        return address(uint160(0x1000 + n));
    }

    function _profile(uint64 capabilities, uint48 expiry) internal pure returns (IStakeVault.Profile memory) {
        return IStakeVault.Profile(bytes32("transport"), bytes32("seal"), capabilities, expiry, "/ip4/127.0.0.1/tcp/1");
    }

    function _registration(address vault, address owner) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assay Vault"),
                keccak256("1"),
                block.chainid,
                vault
            )
        );
        bytes32 structHash = keccak256(abi.encode(keccak256("Register(address owner)"), owner));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        bytes32 s;
        (v, r, s) = vm.sign(key, digest);
        vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
    }

    function _register(uint256 n, uint64 capabilities, uint48 expiry) internal returns (uint32 id) {
        (bytes32 r, bytes32 vs) = _sign(n, _registration(address(_vault), _owner(n)));
        vm.prank(_owner(n));
        id = _vault.register(vm.addr(n), _profile(capabilities, expiry), r, vs);
    }

    /// Registers, stakes, takes tickets of class 0.
    function _join(uint256 n, uint96 amount, uint16 tickets) internal returns (uint32 id) {
        id = _register(n, 0, type(uint48).max);
        _vault.stake(id, amount);
        if (tickets != 0) _add(n, id, 0, tickets);
    }

    function _add(uint256 n, uint32 id, uint32 class_, uint16 count) internal {
        vm.prank(_owner(n));
        _vault.applyChanges(_change(id, class_, count, new uint32[](0)));
    }

    function _change(
        uint32 id,
        uint32 class_,
        uint16 count,
        uint32[] memory remove
    ) internal pure returns (IStakeVault.TicketChange[] memory changes) {
        changes = new IStakeVault.TicketChange[](1);
        changes[0] = IStakeVault.TicketChange(id, class_, count, remove);
    }

    function _openVersion() internal view returns (uint16 version) {
        (version, , , , ) = _vault.epoch();
        if (version != 0) ++version;
    }

    /// Indices of the worker's last `count` cells in the open table, descending.
    function _lastCells(uint32 id, uint32 class_, uint256 count) internal view returns (uint32[] memory indices) {
        uint32[] memory ids = _vault.tickets(_openVersion(), class_, 0, type(uint32).max);
        indices = new uint32[](count);
        uint256 found;
        for (uint256 i = ids.length; i != 0 && found < count; --i)
            if (ids[i - 1] == id) indices[found++] = uint32(i - 1);
        require(found == count, "the worker has fewer cells");
    }

    /// To the second half of the current epoch.
    function _toChanges() internal {
        (, , uint48 changesFrom, , ) = _vault.epoch();
        vm.warp(changesFrom);
    }

    function _nextEpoch() internal returns (uint16) {
        (, , , uint48 endsAt, ) = _vault.epoch();
        if (block.timestamp < endsAt) vm.warp(endsAt);
        return _vault.advanceEpoch();
    }

    function _none() internal pure returns (uint32[] memory) {
        return new uint32[](0);
    }
}
