// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Stake, tickets and the committee draw
/// @notice One worker id per owner address; the owner is the operator. Slashing reaches staked and unbonding tokens.
interface IStakeVault {
    struct Worker {
        uint96 stake;
        uint96 unbonding;
        uint48 unbondAt; // when the unbonding amount may leave
        uint16 tickets;
        address signer;
        uint48 jailedUntil; // type(uint48).max: for good
        uint48 expiry; // a record past it gets no tickets
    }

    // Offences, as in Slashed events and in offchain/core/settle.ts
    // 1 WRONG, 2 UNREVEALED, 3 ABSENT, 4 EQUIVOCATION, 5 BEACON

    /// @notice The seats of a committee: `n` distinct workers at table `version` of `ticketClass`, none in `excluded`.
    /// @return ids worker ids in seat order
    /// @return signers their signing addresses
    function draw(
        uint16 version,
        uint32 ticketClass,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory ids, address[] memory signers);

    /// @notice Signing addresses of known seats, in order.
    function signersOf(uint32[] calldata ids) external view returns (address[] memory signers);

    /// @notice Current table version, distinct workers holding tickets in the class, and all ticketed stake.
    function pool(uint32 ticketClass) external view returns (uint16 version, uint32 workers, uint96 ticketedStake);

    /// @notice Whether draws at `version` may still be made (its epoch or the first half of the next).
    function isReadable(uint16 version) external view returns (bool);

    /// @notice Takes up to `amount` from a worker's stake, then its unbonding tokens, and sends it to the hub. HUB only.
    /// @return taken what was there to take
    function slash(uint32 workerId, uint96 amount, bytes32 jobId, uint8 offence) external returns (uint96 taken);

    /// @notice Keeps a worker out of later tables until `until`. HUB only.
    function jail(uint32 workerId, uint48 until) external;

    function ownerOf(uint32 workerId) external view returns (address);

    function minimumStake() external view returns (uint96);
}
