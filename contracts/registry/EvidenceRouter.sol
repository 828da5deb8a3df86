// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceRouter} from "../interfaces/IEvidenceRouter.sol";
import {CIPHER, ENCLAVE, OPTIMISTIC, PROOF} from "../types/Types.sol";

/// @title Adapters: added, never changed
contract EvidenceRouter is IEvidenceRouter {
    uint48 private constant _DELAY = 48 hours;

    struct Announcement {
        address adapter;
        uint48 readyAt;
    }

    address public immutable TIMELOCK;

    /// @inheritdoc IEvidenceRouter
    uint8 public supported;
    /// @inheritdoc IEvidenceRouter
    mapping(uint8 kind => address) public adapterOf;
    mapping(uint8 kind => Announcement) public announced;

    /// @param kinds, adapters those that exist from the start
    constructor(address timelock, uint8[] memory kinds, address[] memory adapters) {
        TIMELOCK = timelock;
        for (uint256 i; i < kinds.length; ++i) {
            _check(kinds[i], adapters[i]);
            _add(kinds[i], adapters[i]);
        }
    }

    /// @inheritdoc IEvidenceRouter
    function announce(uint8 kind, address adapter) external {
        require(msg.sender == TIMELOCK, NotTimelock(msg.sender, TIMELOCK));
        _check(kind, adapter);
        uint48 readyAt = uint48(block.timestamp) + _DELAY;
        announced[kind] = Announcement(adapter, readyAt);
        emit AdapterAnnounced(kind, adapter, readyAt);
    }

    /// @inheritdoc IEvidenceRouter
    function add(uint8 kind) external {
        Announcement memory next = announced[kind];
        // Checked again: an earlier announcement may have been added since.
        _check(kind, next.adapter);
        require(block.timestamp >= next.readyAt, AdapterNotReady(block.timestamp, next.readyAt));
        delete announced[kind];
        _add(kind, next.adapter);
    }

    /// @inheritdoc IEvidenceRouter
    function retire(uint8 kind) external {
        require(msg.sender == TIMELOCK, NotTimelock(msg.sender, TIMELOCK));
        require(supported & kind == kind && kind != 0, KindInvalid(kind, 4));
        supported &= ~kind;
        emit KindRetired(kind);
    }

    function _add(uint8 kind, address adapter) private {
        adapterOf[kind] = adapter;
        supported |= kind;
        emit AdapterAdded(kind, adapter);
    }

    function _check(uint8 kind, address adapter) private view {
        require(kind == PROOF || kind == ENCLAVE || kind == CIPHER || kind == OPTIMISTIC, KindInvalid(kind, 1));
        require(adapterOf[kind] == address(0), KindInvalid(kind, 2));
        require(adapter.code.length != 0, KindInvalid(kind, 3));
    }
}
