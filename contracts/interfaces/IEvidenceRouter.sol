// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Which contract judges which kind of evidence
/// @notice A kind is one bit of `Policy.mask`. It gets an adapter once and keeps it, so nobody can change the judge of an open
/// job. Votes are counted by the hub itself and have no adapter.
/// @dev Warning: TIMELOCK may add adapters for new kinds, 48 hours after announcing them, and retire kinds; it can neither
/// replace nor remove an adapter. A new adapter may also serve as a court for jobs that are open by then.
interface IEvidenceRouter {
    event AdapterAnnounced(uint8 indexed kind, address adapter, uint48 readyAt);
    event AdapterAdded(uint8 indexed kind, address adapter);
    /// No new request may ask for this kind; open jobs go on.
    event KindRetired(uint8 indexed kind);

    /// @dev Fields: 1 not exactly one known bit, or VOTE, 2 the kind has an adapter already, 3 no code at the adapter's address,
    /// 4 no adapter to retire.
    error KindInvalid(uint8 kind, uint8 field);
    error NotTimelock(address caller, address timelock);
    error AdapterNotReady(uint256 now_, uint256 readyAt);

    /// @notice Announces the adapter of a kind that has none; anyone can add it 48 hours later. TIMELOCK only.
    function announce(uint8 kind, address adapter) external;

    /// @notice Adds an announced adapter whose time has come. Anyone.
    function add(uint8 kind) external;

    /// @notice Stops new requests that ask for this kind, for good. TIMELOCK only.
    function retire(uint8 kind) external;

    /// @notice The adapter of a kind, retired or not; 0 if it has none.
    function adapterOf(uint8 kind) external view returns (address adapter);

    /// @notice Kinds that new requests may ask for, beside votes: bits of `Policy.mask`.
    function supported() external view returns (uint8 kinds);
}
