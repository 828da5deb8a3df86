// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "./IRandomness.sol";

/// @title Seeds from drand: an outside beacon whose rounds are BLS signatures
/// @notice A job gets the first round due at least `delay` seconds after its block: one that nobody could know then. Its seed
/// is SHA-256 of the round's signature, which is also the round's published randomness; the reference is the round's
/// number. Anyone brings the signature once it is published, now or later: there is only one that verifies.
///
/// Scheme `bls-unchained-g1-rfc9380` (quicknet): signatures in G1, key in G2, message SHA-256 of the round's number as eight
/// bytes, hashed to the curve as RFC 9380 says.
/// @dev Warning: a threshold of drand's members that colludes knows every round in advance. If drand stops, jobs lapse.
/// @dev Warning: whoever brings nothing gains nothing, for others can: requester and seats have reason to. But a job whose
/// round nobody brings costs its requester the kill fee, as if its committee had been drawn.
/// @dev Warning: block times must not run behind the clock by more than `lag`, nor behind by more than `delay` when a job is
/// requested. Chains whose producers may do that need larger numbers.
interface IDrandBeacon is IRandomness {
    /// @notice A round was brought and verified.
    event RoundPosted(uint48 indexed round, bytes32 seed);

    error KeyInvalid();
    /// @dev `delay` must exceed `lag`: else no job could ever be cancelled. The period must not be 0.
    error TimingInvalid(uint48 delay, uint48 lag, uint48 period);
    error RoundInvalid(uint48 round);
    /// @dev Not due yet: whoever signs ahead is no drand.
    error RoundInFuture(uint48 round, uint256 now_, uint256 due);
    /// @dev Not 128 bytes, no point of G1, or not this round's signature under the key.
    error SignatureInvalid(uint48 round);

    /// @notice Brings the signature of a round, as a G1 point of EIP-2537: x, y, each 64 bytes. Does nothing if it is known.
    function post(uint48 round, bytes calldata signature) external returns (bytes32 seed);

    /// @notice The round of a job that is requested at this time.
    function roundAfter(uint256 time) external view returns (uint48 round);

    /// @notice When a round is due.
    function timeOf(uint48 round) external view returns (uint256 time);

    /// @notice The key, as a G2 point of EIP-2537.
    function publicKey() external view returns (bytes memory);

    /// @notice When round 1 was due, and seconds between rounds.
    function genesis() external view returns (uint48);

    function period() external view returns (uint48);

    /// @notice Seconds from a request to the earliest round that it may get.
    function delay() external view returns (uint48);

    /// @notice Seconds before a round from which on no job waiting for it may be cancelled.
    function lag() external view returns (uint48);
}
