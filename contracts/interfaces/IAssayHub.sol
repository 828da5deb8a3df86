// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, SignedCommit, Slot, Spec, StageInfo, StageVotes} from "../types/Types.sol";

/// @title Assay's hub: jobs, votes, disputes, money
/// @notice One state machine for every job. Amounts are wei of the deployment's single ERC-20, times are unix seconds.
/// Every call about a job re-supplies the job (and its record so far); the hub keeps two storage slots and hashes.
/// "Anyone" really means anyone: no call here gives its sender power over a verdict.
/// @dev Warning: trust assumptions. The token is a plain ERC-20 (no fee on transfer, no rebasing, no blocklist). The vault,
/// registry, parameters and randomness named at construction are trusted code. GUARDIAN can only delay new requests.
/// Committees are honest with the probabilities of protocol.md section 14; nothing here can detect a wrong answer that
/// every seat agrees on.
interface IAssayHub {
    // --- Types --------------------------------------------------------------------------------------------------------

    /// One worker's earnings and history. Counters are halved together whenever their sum reaches 64.
    struct Account {
        uint96 earned; // wei, taken by `claim`
        int32 rho; // micro-nats, log of the reputation
        uint32 agreed;
        uint32 absent;
        uint32 wrong; // wrong or committed without revealing
        uint32 abstained;
    }

    struct Totals {
        uint96 openRisk; // sum of stages * k * seatStake over open jobs, wei
        uint96 fees; // protocol fees not yet swept, wei
        uint48 pausedUntil;
    }

    /// A round on the slow path. Bit i stands for seat i of the committee.
    struct Box {
        uint32 posted; // committed by the seat itself
        uint32 batched; // committed through `commitMany`
        uint32 revealed; // opened through `reveal`
        uint48 closedAt; // when the last seat committed; 0: the commit phase ends at the slot's deadline
        bytes32 batchHash; // keccak256(abi.encodePacked(commitments of `batched`, ascending seats))
    }

    /// Two statements of one worker about the same job, stage and round that exclude each other.
    struct Equivocation {
        bytes32 jobId;
        uint16 stage;
        uint8 round;
        uint8 kind; // 0: two signed Commits; 1: two signed Reveals; 2: a signed Commit against the one posted by `commit`
        Statement a;
        Statement b; // kind 2: ignored
    }

    /// A signed Commit (only `commitment` counts) or a signed Reveal (all other fields count).
    struct Statement {
        bytes32 commitment;
        bytes32 inDigest;
        bytes32 outDigest;
        bytes32 payload;
        bytes32 extra;
        bytes32 commitSet;
        bytes32 r;
        bytes32 vs;
    }

    // --- Money --------------------------------------------------------------------------------------------------------

    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event Claimed(uint32 indexed workerId, address indexed to, uint256 amount);
    event FeesSwept(address indexed to, uint256 amount);
    /// Paid from the escrow to the sender of `tally`, `settle` or `expire`, as free balance.
    event PokePaid(bytes32 indexed jobId, address indexed to, uint256 amount);

    error BalanceTooLow(uint256 have, uint256 need);
    /// The token took a fee or lied: `received` arrived instead of `amount`.
    error TransferMismatch(uint256 received, uint256 amount);

    /// @notice Adds `amount` from the caller's tokens (approved to the hub) to the caller's free balance.
    function deposit(uint256 amount) external;

    /// @notice `deposit` after an EIP-2612 permit. A failing permit is ignored (it may have been front-run); then the
    /// allowance decides.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Pays `amount` of the caller's free balance to `to`. Never paused.
    function withdraw(uint256 amount, address to) external;

    /// @notice Pays all that a worker earned to its owner. Anyone may call.
    /// @return amount what was paid; 0 leaves everything as it is
    function claim(uint32 workerId) external returns (uint256 amount);

    /// @notice Pays collected protocol fees to the TREASURY fixed at construction. Anyone may call.
    function sweepFees() external returns (uint256 amount);

    // --- Requesting ---------------------------------------------------------------------------------------------------

    event JobRequested(
        bytes32 indexed jobId,
        address indexed requester,
        bytes32 indexed modelId,
        uint96 nonce,
        Spec spec
    );
    /// A critical job runs without PROOF or CIPHER because the requester itself asked for that.
    event Downgraded(bytes32 indexed jobId, address indexed requester);

    /// Understood, but not offered by this hub: "mask", "class T", "flags".
    error NotSupported(string what);
    error Paused(uint48 until);
    error JobExists(bytes32 jobId);
    error MaskNotAccepted(uint8 mask, uint32 accepted);
    error CriticalNeedsConsent();
    /// `field` is the struct member's name; the value must lie within [least, most].
    error SpecInvalid(string field, uint256 value, uint256 least, uint256 most);
    /// An inequality of protocol.md section 8 fails, by its number there.
    error PolicyUnsafe(uint8 inequality, uint256 have, uint256 bound);
    /// Too few workers for the draw (and for two escalations, unless SMALL_POOL is set).
    error PoolTooSmall(uint256 workers, uint256 need);
    error TableNotReady();

    /// @notice Opens a job paid from the caller's free balance: seats' rewards, the fee, six poke fees.
    /// @dev The nonce is free choice; (caller, nonce, spec) must be new. Deadlines start here; seats become known two
    /// blocks later. Reverts while paused, for anything `NotSupported`, for every inequality the job would break.
    function request(uint96 nonce, Spec calldata spec) external returns (bytes32 jobId);

    /// @notice Takes a job back in full. Requester only, before the block that fixes its seats.
    function cancel(Job calldata job) external;

    // --- Voting -------------------------------------------------------------------------------------------------------

    /// Seats of a committee became part of the job's record. Round 0 names the seats of all stages.
    event Pinned(bytes32 indexed jobId, uint8 stage, uint8 round, uint32[] seats);
    event Committed(bytes32 indexed jobId, uint8 stage, uint8 round, uint8 seat, bytes32 commitment);
    /// Commitments of the seats in bitmap `seats`, ascending.
    event CommittedMany(bytes32 indexed jobId, uint8 stage, uint8 round, uint32 seats, bytes32[] commitments);
    event Revealed(
        bytes32 indexed jobId,
        uint8 stage,
        uint8 round,
        uint8 seat,
        bytes32 outDigest,
        bytes32 payload,
        bytes32 salt
    );
    /// One committee's vote is counted. `digest` is 0 if nothing reached the quorum. `record` is what the next call needs.
    /// Not emitted where one fast-path call ends an undisputed job: there `Pinned` and the calldata say it all.
    event StageTallied(bytes32 indexed jobId, uint8 stage, uint8 round, bytes32 digest, Record record);

    error StateWrong(uint8 have, uint8 need);
    error RequesterOnly(address requester);
    error TooLate(uint256 now_, uint256 deadline);
    error TooEarly(uint256 now_, uint256 from);
    /// The record supplied is not the one the job stands at.
    error RecordMismatch(bytes32 have, bytes32 need);
    error StageTableMismatch(bytes32 have, bytes32 need);
    error VotesMalformed(uint256 stage);
    error SignerMismatch(uint256 seat, address have, address need);
    error SeatInvalid(uint256 seat);
    error AlreadyCommitted(uint256 seat);
    error AlreadyRevealed(uint256 seat);
    error CommitmentMismatch(uint256 seat, bytes32 have, bytes32 need);
    error OutputMismatch(bytes32 have, bytes32 need);
    error OutputTooLarge(uint256 have, uint256 most);
    /// Not every committed seat has opened, and its time is not over.
    error OpeningsMissing(uint32 missing, uint256 until);

    /// @notice Fast path: counts complete committees of consecutive stages, from the job's current stage on. Anyone.
    /// Ends the job if all stages stand undisputed and `window` is 0.
    /// @param record the job's record; all empty if nothing was pinned yet
    /// @param table the model's stage table; empty for linear models
    /// @param votes one per stage, every seat's opening and Reveal signature, in seat order
    /// @param output bytes of a PUBLIC result for the callback, or empty
    function submit(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes[] calldata votes,
        bytes calldata output
    ) external;

    /// @notice Writes the current committee into the record before its seed or table is forgotten. Anyone, once a round.
    /// Slow-path calls pin by themselves.
    function pin(Job calldata job, Record calldata record) external;

    /// @notice Slow path: a seat posts its own commitment. The seat's signer only, while the commit phase lasts.
    /// @dev The first commitment of a round resets the deadline to now + tWork; the last one closes the phase.
    function commit(Job calldata job, Record calldata record, uint8 seat, bytes32 commitment) external;

    /// @notice Slow path: posts signed Commits of several seats, ascending, skipping those already posted. Anyone, once
    /// a round.
    function commitMany(Job calldata job, Record calldata record, SignedCommit[] calldata commits) external;

    /// @notice Slow path: stores one seat's opening. Anyone who holds it, only after the commit phase closed.
    /// @dev Warning: salts must not leave a worker before the commit phase closed on chain.
    /// @param batch commitments posted by `commitMany`; empty if the seat posted its own
    function reveal(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 seat,
        bytes32 outDigest,
        bytes32 payload,
        bytes32 salt,
        bytes32[] calldata batch
    ) external;

    /// @notice Slow path: counts the committee. Anyone: at once when every committed seat's opening is stored or
    /// supplied, otherwise when tReveal is over. Needs q commitments (fewer: `expire`).
    /// @param votes distinct (outDigest, payload) pairs and k openings in seat order; `which` = 255: no opening supplied;
    /// for seats that used `reveal` only `which` counts. Signatures are not read: commitments bind the seats.
    /// @param batch commitments posted by `commitMany`, or empty
    function tally(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        StageVotes calldata votes,
        bytes32[] calldata batch,
        bytes calldata output
    ) external;

    // --- Disputes and ends ----------------------------------------------------------------------------------------------

    /// `record` is what the next call needs; its last tally is the new, still empty round.
    event Challenged(
        bytes32 indexed jobId,
        uint8 stage,
        uint8 round,
        address indexed challenger,
        uint256 bond,
        Record record
    );
    event Equivocated(
        bytes32 indexed jobId,
        uint32 indexed workerId,
        address indexed reporter,
        uint256 taken,
        uint256 reward
    );
    event Finalized(bytes32 indexed jobId, bytes32 outDigest, bytes32 recordHash, uint8 mask);
    /// `refund` went back to the requester's free balance.
    event Closed(bytes32 indexed jobId, uint8 reason, uint256 refund);
    /// Offences: 1 wrong, 2 unrevealed, 3 absent, 4 equivocation, 5 beacon.
    event Slashed(uint32 indexed workerId, bytes32 indexed jobId, uint8 offence, uint256 amount, uint256 burned);
    event CallbackResult(bytes32 indexed jobId, bool ok, uint256 gasUsed);
    event PauseSet(uint48 until);

    error StageInvalid(uint256 stage);
    error NoRoundsLeft(uint256 stage, uint256 rounds);
    error NotEquivocation();
    error NothingToSlash(uint32 workerId);
    error InsufficientGas(uint256 have, uint256 need);
    error CallbackNotDue(bytes32 jobId);
    error GuardianOnly();
    error Reentered();

    /// @notice Ends what nobody carried on: OPEN with fewer than q commitments at its deadline, HUNG at its deadline, and
    /// anything OPEN or HUNG after `spec.expiry`. Anyone; absent seats of the current stage are slashed.
    /// @param batch commitments posted by `commitMany`, or empty
    function expire(Job calldata job, Record calldata record, bytes32[] calldata batch) external;

    /// @notice Has a stage voted again by a larger, fresh committee, for a bond of 1.25 times its rewards from the
    /// caller's free balance. Anyone, in HUNG (its stage) or WINDOW (any stage), while rounds are left.
    /// @dev The bond returns if the digest changes or a hung stage is decided; otherwise it pays the committee.
    function challenge(Job calldata job, Record calldata record, uint8 stage) external;

    /// @notice Applies payments and slashes of a job whose window is over. Anyone.
    function settle(Job calldata job, Record calldata record, bytes calldata output) external;

    /// @notice Takes a worker's whole stake, jails it for good, pays 10% to the caller and burns the rest. Anyone, any
    /// time, as long as the vault still holds tokens of the worker.
    function proveEquivocation(uint32 workerId, Equivocation calldata proof) external;

    /// @notice Delivers the end of a job again after a failed callback. Anyone, for 30 days.
    /// @param outDigest and recordHash as in `Finalized`; both 0 if the job closed
    function retryCallback(Job calldata job, bytes32 outDigest, bytes32 recordHash, bytes calldata output) external;

    /// @notice Refuses new requests until `until`, at most 7 days ahead. GUARDIAN only; an earlier time lifts it.
    function pause(uint48 until) external;

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @notice Whether the job ended FINAL with this result and record.
    function verifyResult(bytes32 jobId, bytes32 outDigest, bytes32 recordHash) external view returns (bool);

    function slot(bytes32 jobId) external view returns (Slot memory);

    function box(bytes32 jobId, uint8 stage, uint8 round) external view returns (Box memory);

    /// @notice The commitment that a signer posted itself by `commit`, or 0.
    function postedBy(bytes32 jobId, uint8 stage, uint8 round, address signer) external view returns (bytes32);

    function balanceOf(address account_) external view returns (uint256);

    function account(uint32 workerId) external view returns (Account memory);

    function totals() external view returns (Totals memory);

    function jobIdOf(address requester, uint96 nonce, Spec calldata spec) external view returns (bytes32);

    /// @notice What `request` would take from the caller's free balance.
    function escrowOf(Spec calldata spec) external view returns (uint256);

    function domainSeparator() external view returns (bytes32);

    function token() external view returns (address);

    function vault() external view returns (address);

    function registry() external view returns (address);

    function params() external view returns (address);

    function randomness() external view returns (address);
}
