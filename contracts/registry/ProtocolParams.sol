// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IProtocolParams} from "../interfaces/IProtocolParams.sol";
import {ParameterSet} from "../types/Types.sol";

/// @title Parameter sets: added, never changed
contract ProtocolParams is IProtocolParams {
    uint48 private constant _DELAY = 48 hours;
    uint256 private constant _LOCAL_CHAIN = 31337;
    uint16 private constant _MAX_FEE_BPS = 500;

    address public immutable TIMELOCK;
    /// @notice Unbonding period of the deployment's vault: it must outlast every job and its late court.
    uint48 public immutable UNBONDING;
    /// @inheritdoc IProtocolParams
    bytes32 public immutable policyTableHash;

    /// @inheritdoc IProtocolParams
    uint32 public versions;
    mapping(uint32 version => ParameterSet) private _sets;
    /// @inheritdoc IProtocolParams
    mapping(uint32 version => uint48) public readyAt;

    /// @param sets the sets that exist from the start; set 0 must be the development set
    constructor(address timelock, uint48 unbonding, bytes32 policyTableHash_, ParameterSet[] memory sets) {
        (TIMELOCK, UNBONDING, policyTableHash) = (timelock, unbonding, policyTableHash_);
        require(sets.length != 0 && sets[0].localOnly, ParameterSetInvalid(5));
        for (uint32 version; version < sets.length; ++version) {
            _check(sets[version], unbonding);
            _sets[version] = sets[version];
            emit ParameterSetAdded(version, sets[version]);
        }
        versions = uint32(sets.length);
    }

    /// @inheritdoc IProtocolParams
    function announce(ParameterSet calldata set) external returns (uint32 version) {
        require(msg.sender == TIMELOCK, NotTimelock(msg.sender, TIMELOCK));
        _check(set, UNBONDING);
        version = versions++;
        _sets[version] = set;
        readyAt[version] = uint48(block.timestamp) + _DELAY;
        emit ParameterSetAnnounced(version, set, readyAt[version]);
    }

    /// @inheritdoc IProtocolParams
    function add(uint32 version) external {
        uint48 ready = readyAt[version];
        require(ready != 0, ParameterSetUnknown(version));
        require(block.timestamp >= ready, ParameterSetNotReady(block.timestamp, ready));
        delete readyAt[version];
        emit ParameterSetAdded(version, _sets[version]);
    }

    /// @inheritdoc IProtocolParams
    function parameters(uint32 version) external view returns (ParameterSet memory set) {
        set = _sets[version];
        require(set.jobLife != 0 && readyAt[version] == 0, ParameterSetUnknown(version));
        require(!set.localOnly || block.chainid == _LOCAL_CHAIN, ParameterSetLocalOnly(version, block.chainid));
    }

    function _check(ParameterSet memory set, uint256 unbonding) private pure {
        require(
            set.minWindow != 0 &&
                set.minWork != 0 &&
                set.minReveal != 0 &&
                set.hung != 0 &&
                set.hungLast != 0 &&
                set.clientTime != 0 &&
                set.moveTime != 0,
            ParameterSetInvalid(1)
        );
        require(set.feeBps <= _MAX_FEE_BPS, ParameterSetInvalid(2));
        require(uint256(set.jobLife) + set.lateCourt <= unbonding, ParameterSetInvalid(3));
        require(!set.localOnly || set.forceUninsured, ParameterSetInvalid(4));
        // What `request` demands of the shortest one-stage job (protocol.md section 3).
        uint256 shortest = 3 * (2 * uint256(set.minWork) + set.minReveal) + 5 * uint256(set.minWindow) + set.hungLast;
        require(shortest < set.jobLife, ParameterSetInvalid(6));
    }
}
