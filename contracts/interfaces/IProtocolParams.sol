// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ParameterSet} from "../types/Types.sol";

/// @title Numbered, immutable parameter sets and the policy table's hash
interface IProtocolParams {
    event ParameterSetAnnounced(uint32 indexed version, ParameterSet set, uint48 readyAt);
    event ParameterSetAdded(uint32 indexed version, ParameterSet set);

    error ParameterSetUnknown(uint32 version);
    error ParameterSetLocalOnly(uint32 version, uint256 chainId);
    error ParameterSetInvalid(uint8 field);

    /// @notice The numbers a job names by `paramsVersion`. Reverts for unknown sets and for local-only sets elsewhere.
    function parameters(uint32 version) external view returns (ParameterSet memory);

    /// @notice Hash of the table behind `resolvePolicy`.
    function policyTableHash() external view returns (bytes32);
}
