// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Stake, tickets and the committee draw
/// @notice One worker id per owner address; the owner is the operator. Slashing reaches staked and unbonding tokens.
/// @dev Warning: the vault has no owner and no administrator. It trusts one immutable contract, the hub, to slash and
/// to jail; the hub can send nothing but slashed tokens, and only to itself. The hub's source of randomness, as immutable as
/// the hub, may take small fines.
/// @dev Warning: the token is trusted to be a plain ERC-20: no fees on transfer, no rebasing, no blocked accounts.
interface IStakeVault {
    struct Worker {
        uint96 stake;
        uint96 unbonding;
        uint48 unbondAt; // when the unbonding amount may leave
        uint16 tickets; // in all classes together
        address signer;
        uint48 jailedUntil; // type(uint48).max: for good
        uint48 expiry; // a record past it gets no tickets
    }

    /// What a worker publishes about itself. Only the signer, the expiry and the capabilities are kept in storage.
    struct Profile {
        bytes32 transportId; // identity of its transport key
        bytes32 sealKey; // X25519 public key that inputs are sealed to
        uint64 capabilities; // bits as in offchain/core; a class demands a set of them
        uint48 expiry;
        string endpoints;
    }

    /// A pool of workers with a price. `request` needs seatReward >= minPrice * workUnits and workUnits <= maxUnits.
    struct TicketClass {
        uint96 minPrice; // least reward of a seat for a work unit
        uint64 maxUnits; // largest model, in work units
        uint64 capabilities; // bits that every worker of the class has
    }

    /// One worker's change in one class: first the cells at `remove` (one after another; a removed cell is filled by the
    /// last one, so give indices in descending order), then `add` new cells at the end.
    struct TicketChange {
        uint32 workerId;
        uint32 ticketClass;
        uint16 add;
        uint32[] remove;
    }

    // Offences, as in Slashed events and in offchain/core/settle.ts
    // 1 WRONG, 2 UNREVEALED, 3 ABSENT, 4 EQUIVOCATION, 5 BEACON

    event WorkerRegistered(uint32 indexed workerId, address indexed owner, address indexed signer, Profile profile);
    event ProfileUpdated(uint32 indexed workerId, Profile profile);
    event Staked(uint32 indexed workerId, address indexed from, uint96 amount, uint96 stake);
    event UnbondingStarted(uint32 indexed workerId, uint96 amount, uint96 unbonding, uint48 unbondAt);
    event Withdrawn(uint32 indexed workerId, address indexed to, uint96 amount);
    event WorkerSlashed(uint32 indexed workerId, bytes32 indexed jobId, uint8 offence, uint96 asked, uint96 taken);
    event WorkerJailed(uint32 indexed workerId, uint48 until);
    event TicketClassCreated(uint32 indexed ticketClass, uint96 minPrice, uint64 maxUnits, uint64 capabilities);
    /// @notice From table `version` on the worker holds `tickets` in the class.
    event TicketsChanged(uint32 indexed workerId, uint32 indexed ticketClass, uint16 tickets, uint16 version);
    event EpochAdvanced(uint16 indexed version, uint48 startedAt);

    error NotHub(address caller, address hub);
    error NotBeacon(address caller, address beacon);
    error NotOwner(address caller, address owner);
    error WorkerUnknown(uint32 workerId);
    error OwnerHasWorker(address owner, uint32 workerId);
    error SignerTaken(address signer);
    error SignerInvalid(address recovered, address signer);
    error ExpiryInPast(uint48 expiry, uint256 now_);
    error CapabilitiesInUse(uint64 offered, uint64 needed);
    error AmountZero();
    error StakeTooLow(uint256 have, uint256 need);
    error TransferIncomplete(uint256 received, uint256 expected);
    error NothingUnbonding(uint32 workerId);
    error UnbondingUntil(uint256 now_, uint256 unbondAt);
    error TicketClassUnknown(uint32 ticketClass);
    error ChangesClosed(uint256 now_, uint256 opensAt);
    error ChangeNotAllowed(uint32 workerId, address caller);
    error CellNotHeld(uint32 index, uint32 holder, uint32 workerId);
    error CellOutOfRange(uint32 index, uint32 length);
    error WorkerJailedUntil(uint32 workerId, uint48 jailedUntil);
    error WorkerExpired(uint32 workerId, uint48 expiry);
    error WorkerLeaving(uint32 workerId);
    error TooManyTickets(uint256 tickets, uint256 allowed);
    error TooManyClasses(uint32 workerId, uint256 allowed);
    error EpochRunning(uint256 now_, uint256 endsAt);
    error TableEmpty();
    error WorkersOverdue(uint32 count);
    error VersionUnreadable(uint16 version, uint16 current);
    error PoolTooSmall(uint256 have, uint256 need);

    // --- Worker's journey --------------------------------------------------------------------------------------------

    /// @notice Registers the caller as owner of a new worker whose messages `signer` signs.
    /// @param r first half of the signer's EIP-2098 signature of `Register(address owner)` in the vault's EIP-712
    /// domain {"Assay Vault", "1", chainId, vault}: without it a rival could seat itself under another's signer
    /// @param vs second half of the same
    function register(
        address signer,
        Profile calldata profile,
        bytes32 r,
        bytes32 vs
    ) external returns (uint32 workerId);

    /// @notice Publishes a new profile. Owner only; capabilities that a held class demands cannot be given up.
    function updateProfile(uint32 workerId, Profile calldata profile) external;

    /// @notice Adds the caller's tokens to a worker's stake.
    function stake(uint32 workerId, uint96 amount) external;

    /// @notice The same with an ERC-2612 permit; a permit that fails is ignored (it may have been used already).
    function stakeWithPermit(uint32 workerId, uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Starts to take `amount` out. It stays slashable and restarts the clock of all that is unbonding. Owner only.
    /// @dev The stake that remains must back all tickets still held: give tickets back first (`applyChanges`), so that no
    /// seat drawn later can outlive the stake behind it.
    function beginUnbond(uint32 workerId, uint96 amount) external;

    /// @notice Sends all unbonded tokens to `to` once their time has come. Owner only.
    function withdraw(uint32 workerId, address to) external returns (uint96 amount);

    // --- Tickets -----------------------------------------------------------------------------------------------------

    /// @notice Opens a class for anyone. Class 0 exists from the start: no least price, no size limit, no demands.
    function createTicketClass(TicketClass calldata class_) external returns (uint32 ticketClass_);

    /// @notice Changes the next table. Only in the second half of an epoch; at once while the version is still 0.
    /// @dev Owner and signer may do anything stake and reputation allow. Anyone may remove cells of workers that are jailed,
    /// expired or hold more tickets than stake and reputation back by now (then down to that).
    function applyChanges(TicketChange[] calldata changes) external;

    /// @notice Ends an epoch that ran its time and makes the changed table the current one. Anyone.
    /// @dev Reverts while a jailed worker, or one with more tickets than all its tokens back, still holds cells.
    function advanceEpoch() external returns (uint16 version);

    // --- Hub ---------------------------------------------------------------------------------------------------------

    /// @notice Takes up to `amount` from a worker's stake, then its unbonding tokens, and sends it to the hub. HUB only.
    /// @return taken what was there to take
    function slash(uint32 workerId, uint96 amount, bytes32 jobId, uint8 offence) external returns (uint96 taken);

    /// @notice Keeps a worker out of later tables until `until`. HUB only. Never shortens an earlier sentence.
    function jail(uint32 workerId, uint48 until) external;

    /// @notice Takes minimumStake / 1,000 (rounded up) from a worker that withheld a preimage: a tenth goes to `reporter`, the
    /// rest is burned. Only the randomness that the hub was built with.
    /// @dev Warning: so that contract, named by the hub for good, is trusted to take that much; it can send it nowhere else.
    function slashWithheld(uint32 workerId, address reporter) external returns (uint96 taken);

    // --- Views -------------------------------------------------------------------------------------------------------

    /// @notice The seats of a committee: `n` distinct workers at table `version` of `ticketClass`, none in `excluded`.
    /// @return ids worker ids in seat order
    /// @return signers their signing addresses
    function draw(
        uint16 version,
        uint32 ticketClass_,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory ids, address[] memory signers);

    /// @notice The same without the signers, each of which costs a storage read.
    function drawIds(
        uint16 version,
        uint32 ticketClass_,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) external view returns (uint32[] memory ids);

    /// @notice The worker that signs with this address, 0 if none. Signers never change.
    function workerOfSigner(address signer) external view returns (uint32 workerId);

    /// @notice Signing addresses of known seats, in order.
    function signersOf(uint32[] calldata ids) external view returns (address[] memory signers);

    /// @notice Current table version, distinct workers holding tickets in the class, and all ticketed stake.
    /// @dev Version 0 means that the table has not started: no request may be accepted. Ticketed stake counts what
    /// backs tickets, 2U = minimumStake / 4 each; stake beyond 64 tickets does not count, nor do tickets beyond what the stake
    /// alone backs.
    function pool(uint32 ticketClass_) external view returns (uint16 version, uint32 workers, uint96 ticketedStake);

    /// @notice Whether draws at `version` may still be made (its epoch or the first half of the next). Never for 0.
    function isReadable(uint16 version) external view returns (bool);

    function ticketClass(uint32 ticketClass_) external view returns (TicketClass memory);

    function ticketClasses() external view returns (uint32 count);

    /// @notice Number of cells of a class at a readable version, or of the table being changed (current + 1).
    function tableLength(uint16 version, uint32 ticketClass_) external view returns (uint32);

    /// @notice Worker ids in cells [from, from + count) of the class, as far as they exist, at such a version.
    function tickets(
        uint16 version,
        uint32 ticketClass_,
        uint32 from,
        uint32 count
    ) external view returns (uint32[] memory workerIds);

    /// @notice Tickets of a worker in a class, in the table being changed.
    function ticketsOf(uint32 workerId, uint32 ticketClass_) external view returns (uint16);

    /// @notice Tickets that a stake backs without reputation: one for each quarter of the minimum stake, at most 64.
    function ticketsFor(uint96 stake_) external view returns (uint16);

    /// @notice Tickets that a worker may hold now: up to twice `ticketsFor` its stake, in proportion to the positive part of the
    /// reputation that the hub keeps for it, at most 64.
    /// @dev Read when tickets are taken or trimmed, so it acts at a change of tables only. Below 0 reputation weighs like none:
    /// a fresh identity gains nothing. Ticketed stake, slashes and unbonding never depend on it.
    function mostTickets(uint32 workerId) external view returns (uint16);

    /// @return version current table version
    /// @return startedAt when its epoch began, 0 at version 0
    /// @return changesFrom when `applyChanges` opens
    /// @return endsAt when `advanceEpoch` may be called
    /// @return overdue workers whose cells must be removed first
    function epoch()
        external
        view
        returns (uint16 version, uint48 startedAt, uint48 changesFrom, uint48 endsAt, uint32 overdue);

    function worker(uint32 workerId) external view returns (Worker memory);

    function workers() external view returns (uint32 count);

    function ownerOf(uint32 workerId) external view returns (address);

    /// @notice The worker of an owner, 0 if none.
    function workerOf(address owner) external view returns (uint32 workerId);

    function capabilitiesOf(uint32 workerId) external view returns (uint64);

    function minimumStake() external view returns (uint96);

    /// @notice The one contract that may slash and jail.
    function HUB() external view returns (address);

    function unbondingPeriod() external view returns (uint48);

    function epochLength() external view returns (uint48);
}
