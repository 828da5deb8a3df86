// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Parent, Record, Spec} from "../types/Types.sol";

/// @title What the hub stores, tells and refuses
interface IHubTypes {
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

    /// One seat's opened vote on the slow path; its commitment is already on the chain.
    struct SeatVote {
        uint8 seat;
        bytes32 outDigest;
        bytes32 payload;
        bytes32 salt;
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

    /// What a court is shown: `prover` maps the stage's accepted input to `outDigest`, by evidence of this kind.
    struct Ruling {
        uint8 kind; // PROOF, or CIPHER for a referee's verdict (`evidence` is ignored then)
        address prover; // named in the proven claim, or the game's winner; paid
        bytes32 outDigest;
        /// Where the stage has a probe, what its seats opened: an (outDigest, payload) pair for each distinct word that they
        /// said. Both empty where it has none: there a word is the outDigest itself.
        bytes32[] outs;
        bytes32[] payloads;
        bytes evidence;
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

    // --- Joining ------------------------------------------------------------------------------------------------------

    /// The job's input is the join of these results; each was checked. Beside `JobRequested`.
    event JobJoined(bytes32 indexed jobId, Parent[] parents);
    /// FLAG_JOIN is for `requestJoined` alone, and needed there.
    error ParentsUnchecked();
    error ParentCountWrong(uint256 have, uint256 most);
    /// No job of this hub, or none that ended with a result.
    error ParentNotFinal(uint256 index, uint8 state);
    /// The parent ended otherwise: the words of digest and record hash, as the hub keeps them.
    error ParentMismatch(uint256 index, bytes32 have, bytes32 need);
    error ParentRepeated(uint256 index, bytes32 jobId);
    /// What `spec.client` is said to feed is not its signed claim about this parent (signer 0: no valid signature, or one without
    /// a digest).
    error ClientClaimWrong(uint256 index, address signer, address client);
    error JoinMismatch(bytes32 have, bytes32 need);

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
    error AlreadyPinned(bytes32 jobId);
    /// `seat` 255: a batch was posted in this round.
    error AlreadyCommitted(uint256 seat);
    /// Only `expire` can follow.
    error TooFewCommitments(uint256 have, uint256 need);
    error AlreadyRevealed(uint256 seat);
    error CommitmentMismatch(uint256 seat, bytes32 have, bytes32 need);
    error OutputMismatch(bytes32 have, bytes32 need);
    error OutputTooLarge(uint256 have, uint256 most);
    /// Not every committed seat has opened, and its time is not over.
    error OpeningsMissing(uint32 missing, uint256 until);

    /// Number `index` of `submitMany` was undone, for this reason (the revert data); the others were not.
    event CallFailed(uint256 index, bytes reason);

    // --- Proofs -------------------------------------------------------------------------------------------------------

    /// A proof of one stage was accepted. Followed by `StageTallied`, for the call's last stage, unless the job ended.
    event Proven(bytes32 indexed jobId, uint8 stage, uint32 indexed workerId, bytes32 outDigest);
    /// A second enclave, of another vendor family than the prover's, signed the same digest. Before `Proven` of its stage.
    event Seconded(bytes32 indexed jobId, uint8 stage, uint32 indexed workerId, bytes32 outDigest);
    /// Who shall run which stage inside which enclave, as the requester or its client says: the latest counts.
    event Scheduled(bytes32 indexed jobId, bytes32 planHash, bytes plan);
    /// A proof fixed the truth of a stage. `record` is what the next call needs.
    event CourtRuled(
        bytes32 indexed jobId,
        uint8 stage,
        uint8 kind,
        address indexed prover,
        bytes32 outDigest,
        Record record
    );
    /// A proof convicted seats of a FINAL job, whose result stands. `taken` is what the vault gave, `fee` the prover's part of
    /// it; the rest is burned. `Slashed` names the seats.
    event RuledLate(
        bytes32 indexed jobId,
        uint8 stage,
        address indexed prover,
        bytes32 outDigest,
        uint256 taken,
        uint256 fee
    );
    /// The job asks for evidence of another kind than this call brings.
    error EvidenceWrong(uint8 mask, uint8 need);
    /// None, or more than the job has stages left.
    error ProofCountWrong(uint256 have, uint256 most);
    /// Not the signer of one of the job's candidates.
    error NotCandidate(uint256 stage, address worker);
    /// A job with k = 2 needs a second worker, another than the prover; one with k = 1 has none.
    error SecondWrong(uint256 stage, address second);
    /// A stage that an enclave signed: 98 bytes, or 242 where its input came over a channel.
    error ResultMalformed(uint256 stage, uint256 length);
    /// No plan, or one of another job.
    error PlanWrong(bytes32 jobId, uint256 length);
    /// 0, 1 and 2 are no digests.
    error DigestReserved(uint256 stage, bytes32 outDigest);
    /// Nothing on this stage may overrule a vote: it has no key, or one from no ceremony, or its output is not PUBLIC; for a
    /// referee, it is not over ciphertexts.
    error CourtClosed(uint256 stage);
    error StageDecided(uint256 stage);
    /// The referee says `verdict` (0: nothing yet) of this stage's accepted input, or names another winner.
    error NoVerdict(uint256 stage, bytes32 verdict);
    /// A referee's game runs, or its verdict was not brought to court yet: the job ends after that, or after `until`.
    error GameOpen(bytes32 jobId, uint256 until);
    /// A word that seats said is not among the ruling's pairs, or pairs are given where the stage has no probe.
    error WordUnexplained(uint256 stage, bytes32 word);

    // --- Class T ------------------------------------------------------------------------------------------------------

    /// A seat's float vote was stored.
    event SketchRevealed(
        bytes32 indexed jobId,
        uint8 stage,
        uint8 round,
        uint8 seat,
        bytes32 outDigest,
        bytes32 a,
        bytes32 b,
        bytes32 salt
    );
    /// What a committee's seats were compared by, in seat order (0 where a seat showed nothing), and the seed of their sketches
    /// B: what a challenger of round 0, and the committee after it, need.
    event Sketched(bytes32 indexed jobId, uint8 stage, uint8 round, bytes32[] a, bytes32[] b, bytes32 seedB);
    /// @dev Fields: 1 the stage's tolerance, 2 the tensor's form, 3 an element that is not finite.
    error SketchInvalid(uint8 field);
    /// The seat that is to deliver its output does not agree, or the output is not what it sketched.
    error DeliveryWrong(uint256 seat);
    /// These are not the sketches that the record names.
    error SketchesMismatch(uint256 have, uint256 need);

    // --- Audits -------------------------------------------------------------------------------------------------------

    /// A candidate is bound to an answer nobody knows yet. `record` is what the next call needs: it holds the commitment in
    /// place of the word that the primary will have said.
    event Proposed(bytes32 indexed jobId, uint32 indexed workerId, bytes32 commitment, Record record);
    /// The lottery fell on this job: `seats` vote, the primary first. `record` is what the next call needs.
    event AuditDrawn(bytes32 indexed jobId, uint32[] seats, Record record);
    /// The lottery fell on this job: `draw` comes before `open` or `expire`.
    error AuditDue(bytes32 jobId);
    /// The lottery left this job alone: `open` comes next.
    error AuditNotDue(bytes32 jobId);

    // --- Standbys -----------------------------------------------------------------------------------------------------

    /// @param absent workers who lost their seats of the stage; those who have them now are in `record.seats`
    event Promoted(bytes32 indexed jobId, uint8 stage, uint32[] absent, Record record);
    /// Filled once already, a later committee, or a job without standbys.
    error NoStandbys(uint8 stage, uint8 round);
    /// Its absent seats may be filled until then.
    error StandbysDue(bytes32 jobId, uint256 from);

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
    /// Enough committed: `tally` decides, not `expire`.
    error QuorumCommitted(uint256 have);
    error NotEquivocation();
    error NothingToSlash(uint32 workerId);
    error InsufficientGas(uint256 have, uint256 need);
    error CallbackNotDue(bytes32 jobId);
    error GuardianOnly();
    error Reentered();
    error ConfigMismatch();
}
