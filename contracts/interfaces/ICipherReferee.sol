// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Record, StageInfo} from "../types/Types.sol";
import {IReferee} from "./IReferee.sol";

/// @title Games about stages over ciphertexts
/// @notice Whoever stands for a digest commits to the trace of row operations that leads to it; whoever knows better leads it, 64
/// nodes a move, to the first row that differs, to a chunk of 256 residues, to one residue. There the defender must show the one
/// modular operation that makes it. Who cannot, or is late, has lost. A game condemns a party, not a digest: a digest stands while
/// one of its defenders is undefeated, and falls with the last. If exactly one has a defender left once the job's window is over,
/// that is the verdict: who will not stand for a digest has given it up. If nobody stands for any, the vote stands.
/// @dev Warning: a verdict needs one honest party with a view of the chain within the window: it defends its digest, and contests
/// every other that is defended. Every party leaves the job's seat stake as a bond; a loser's is burned by half, the rest is the
/// winner's. The hub slashes the signers of a digest that fell on top of that.
interface ICipherReferee is IReferee {
    /// A stage of a model; `kernel` in its stage table is keccak256(abi.encode("assay.v1.cipherstage", this)).
    struct CipherStage {
        uint16 profile;
        uint8 levelIn;
        uint8 levelOut;
        uint8 depth; // of the trace: it has 2^depth rows
        bytes32 opRoot; // tree over sha256(0x00 | record) of all rows
        bytes32 weightRoot;
    }

    struct StageFacts {
        CipherStage stage;
        bytes32 inDigest;
        bytes32 keySetRoot; // the job's inputRef
    }

    struct TraceCommitment {
        bytes32 outDigest;
        bytes32 traceRoot;
        bytes32 outBody; // body root of the output: the subtree over the trace's last aligned rows
        bytes32[] edge; // siblings from there to the trace's root
    }

    struct Opening {
        bytes chunk; // 256 residues, u32le
        bytes32[] path;
    }

    struct StepProof {
        bytes32 record;
        bytes32[] recordPath;
        bytes chunk; // the one in question
        Opening[] operands; // a (twice in a pass), b, c
    }

    /// What a game has settled before its last step.
    struct Question {
        bytes32 traceRoot;
        bytes32 node; // hash of the chunk in question; the row's leaf, if the game ends there
        uint256 row;
        uint256 coordinate;
        bool isRow; // the row's leaf was reached, and no more
    }

    struct Defence {
        bytes32 jobId;
        bytes32 inDigest;
        bytes32 outDigest;
        bytes32 traceRoot;
        address party;
        uint8 stage;
        bool defeated;
        uint32 running; // games against it
        uint96 bond;
    }

    struct Game {
        uint256 defence;
        address challenger;
        uint8 phase; // 1 tree, 2 row, 3 chunk, 4 step, 5 over
        bool defenderMoves;
        uint8 levels; // of the tree above the rows, still to descend
        uint32 row; // the path so far, then the row
        uint16 coordinate; // the chunk's first, then the residue's
        uint48 deadline; // of the mover
        bytes32 node;
        uint96 bond;
    }

    event Defended(
        bytes32 indexed jobId,
        uint8 indexed stage,
        uint256 indexed defence,
        address party,
        bytes32 inDigest,
        bytes32 outDigest,
        bytes32 traceRoot
    );
    event GameOpened(uint256 indexed game, uint256 indexed defence, address indexed challenger, uint48 deadline);
    /// The defender showed these nodes, or a row's chunk hashes.
    event NodesPosted(uint256 indexed game, bytes32[] nodes, uint48 deadline);
    event NodePicked(uint256 indexed game, uint256 index, bytes32 node, uint48 deadline);
    event ChunkPosted(uint256 indexed game, bytes chunk, uint48 deadline);
    event ResiduePicked(uint256 indexed game, uint256 coordinate, uint48 deadline);
    /// @param late the loser did not move in time; else the defender showed its step
    event GameOver(uint256 indexed game, address indexed winner, address indexed loser, bool late);
    event DefenceDefeated(bytes32 indexed jobId, uint8 indexed stage, uint256 indexed defence);
    event Crowned(bytes32 indexed jobId, uint8 indexed stage, address champion);
    event BondReturned(address indexed party, uint96 amount);
    event Withdrawn(address indexed party, uint256 amount);

    /// @dev Fields: 1 the job's state, 2 its record, 3 it has no CIPHER, 4 the stage does not stand or was decided, 5 the stage
    /// table, 6 the stage is not over ciphertexts, or has a probe or several inputs, 7 the stage's facts, 8 levels or depth.
    error DisputeInvalid(uint8 field);
    error TooLate(uint256 now_, uint256 until);
    error TooEarly(uint256 now_, uint256 from);
    error CommitmentFalse(bytes32 have, bytes32 need);
    error DefendedAlready(address party);
    error ChallengedAlready(uint256 defence, address challenger);
    error DefenceUnknown(uint256 defence);
    error DefenceLost(uint256 defence);
    error GameUnknown(uint256 game);
    /// @dev The game is over, or its defence was defeated in another.
    error GameEnded(uint256 game);
    error PhaseWrong(uint8 have, uint8 need);
    error NotMover(address caller, address mover);
    error NodesWrong(uint256 count, uint256 need, bytes32 root);
    error PickWrong(uint256 index, bytes32 root);
    error ChunkWrong(uint256 length, bytes32 hash);
    error FactsWrong(bytes32 have, bytes32 need);
    /// @dev Not the stage's record at this row, or a row's record where only "none" ends the game.
    error RecordFalse(bytes32 record);
    error RecordMalformed(bytes32 record);
    error OperandsWrong(uint256 have, uint256 need);
    /// @dev 0: the chunk in question, else the operand's number.
    error OpeningFalse(uint256 operand);
    error ResidueTooLarge(uint256 residue, uint256 prime);
    error StepFalse(uint256 have, uint256 need);
    error NothingOwed(address party);
    error StillAtStake(uint256 defence);

    /// @notice Stands for a digest: commits to the trace that leads to it, and leaves a bond of the job's seat stake. Anyone, but only
    /// until half a window before the job's deadline, so that others have time to contest it.
    /// @param table the model's stage table
    function defend(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        CipherStage calldata facts,
        TraceCommitment calldata commitment
    ) external returns (uint256 defence);

    /// @notice Opens a game against a defence, with the same bond. Anyone, until the job's deadline; one game of a challenger against a
    /// defence. The defender moves first.
    function challenge(Job calldata job, Record calldata record, uint256 defence) external returns (uint256 game);

    /// @notice Defender: the nodes below the agreed one, 64 or what is left; or the row's chunk hashes.
    function post(uint256 game, bytes32[] calldata nodes) external;

    /// @notice Challenger: the first of the posted that differs from its own, with its siblings below the agreed node. That
    /// concedes all rows before it.
    function pick(uint256 game, uint256 index, bytes32 node, bytes32[] calldata path) external;

    /// @notice Defender: the chunk behind the agreed hash, 1,024 bytes.
    function postChunk(uint256 game, bytes calldata chunk) external;

    /// @notice Challenger: a residue in it, 0 to 255.
    function pickResidue(uint256 game, uint8 index) external;

    /// @notice Defender: shows the operation that makes the residue, and what it is made from. Wins the game, or reverts.
    function proveStep(uint256 game, StageFacts calldata facts, StepProof calldata proof) external;

    /// @notice Ends a game whose mover is late. Anyone.
    function timeout(uint256 game) external;

    /// @notice Names an undefeated defender of a digest as the one to be paid, where the one named before was defeated. Anyone.
    function crown(uint256 defence) external;

    /// @notice Frees the bond of an undefeated defence when its job is over; `reclaim` that of a challenger whose game ended
    /// because another one defeated the defence. Anyone; the party may `withdraw` it.
    function release(uint256 defence) external;

    function reclaim(uint256 game) external;

    /// @notice Pays out what the caller is owed.
    function withdraw() external returns (uint256 amount);

    function owed(address party) external view returns (uint256);

    function defenceOf(uint256 defence) external view returns (Defence memory);

    function gameOf(uint256 game) external view returns (Game memory);
}
