// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ParameterSet} from "../types/Types.sol";

/// @title Numbered, immutable parameter sets and the policy table's hash
/// @notice A job names the set it runs under, so a new set touches no open job and obliges nobody.
/// @dev Warning: TIMELOCK may add sets, within the bounds below and 48 hours after announcing them; it can neither change
/// nor remove one.
interface IProtocolParams {
    event ParameterSetAnnounced(uint32 indexed version, ParameterSet set, uint48 readyAt);
    event ParameterSetAdded(uint32 indexed version, ParameterSet set);

    error ParameterSetUnknown(uint32 version);
    error ParameterSetLocalOnly(uint32 version, uint256 chainId);
    /// @dev Fields: 1 a duration is 0, 2 feeBps above 500, 3 jobLife + lateCourt beyond the unbonding period (a slash
    /// would come too late), 4 localOnly without forceUninsured, 5 set 0 not localOnly, 6 jobLife too short for a job
    error ParameterSetInvalid(uint8 field);
    error NotTimelock(address caller, address timelock);
    error ParameterSetNotReady(uint256 now_, uint256 readyAt);

    /// @notice Announces the next set; anyone can add it 48 hours later. TIMELOCK only.
    function announce(ParameterSet calldata set) external returns (uint32 version);

    /// @notice Adds an announced set whose time has come. Anyone.
    function add(uint32 version) external;

    /// @notice The numbers a job names by `paramsVersion`. Reverts for unknown sets and for local-only sets elsewhere.
    function parameters(uint32 version) external view returns (ParameterSet memory);

    /// @notice When an announced set may be added; 0 if none is announced under this number or it is added already.
    function readyAt(uint32 version) external view returns (uint48);

    /// @notice Sets added or announced so far.
    function versions() external view returns (uint32 count);

    /// @notice Hash of the table behind `resolvePolicy`.
    function policyTableHash() external view returns (bytes32);
}
