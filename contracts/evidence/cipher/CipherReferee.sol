// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICipherReferee} from "../../interfaces/ICipherReferee.sol";
import {IHubFront} from "../../interfaces/IHubFront.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IProtocolParams} from "../../interfaces/IProtocolParams.sol";
import {IReferee} from "../../interfaces/IReferee.sol";
import {CipherDigestLib} from "../../libraries/CipherDigestLib.sol";
import {ShaTreeLib} from "../../libraries/ShaTreeLib.sol";
import {SheProfileLib} from "../../libraries/SheProfileLib.sol";
import {
    CIPHER,
    Job,
    KIND_CIPHER,
    NO_PROBE,
    ParameterSet,
    PRODUCER_INPUT,
    Record,
    Slot,
    STATE_FINAL,
    STATE_HUNG,
    STATE_WINDOW,
    StageInfo
} from "../../types/Types.sol";
import {StepJudge} from "./StepJudge.sol";

/// @title Referee of encrypted evaluation
contract CipherReferee is ICipherReferee {
    using SafeERC20 for IERC20;

    /// Games about one stage's claim of one input.
    struct Dispute {
        bytes32 factsHash;
        bytes32 standing; // exclusive or of the digests that have an undefeated defender
        uint48 opened; // when somebody first stood for a digest
        uint48 moveTime;
        uint32 running;
        uint32 digests; // with an undefeated defender
        uint8 depth; // of a trace
        uint8 chunkBits; // levels of a tree below a row
    }

    struct JobGames {
        uint48 openedAt; // since when there is a running game
        uint32 running;
        bytes32[8] inDigests; // of each stage's latest dispute
    }

    uint8 private constant _TREE = 1;
    uint8 private constant _ROW = 2;
    uint8 private constant _CHUNK = 3;
    uint8 private constant _STEP = 4;
    uint8 private constant _OVER = 5;
    uint256 private constant _LEVELS_A_MOVE = 6;
    uint256 private constant _MAX_DEPTH = 18; // three moves
    address private constant _DEAD = 0x000000000000000000000000000000000000dEaD;

    IHubFront public immutable HUB;
    StepJudge public immutable JUDGE;
    IERC20 private immutable _TOKEN;
    IModelRegistry private immutable _REGISTRY;
    IProtocolParams private immutable _PARAMS;

    mapping(bytes32 jobId => JobGames) private _jobs;
    mapping(bytes32 key => Dispute) private _disputes;
    mapping(bytes32 key => mapping(bytes32 outDigest => uint256 count)) private _undefeated;
    mapping(bytes32 key => mapping(bytes32 outDigest => address)) private _champions;
    mapping(bytes32 key => mapping(address party => bool)) private _defends;
    mapping(uint256 defence => mapping(address challenger => bool)) private _challenged;
    mapping(uint256 id => Defence) private _defences;
    mapping(uint256 id => Game) private _games;
    uint256 private _lastDefence;
    uint256 private _lastGame;

    /// @inheritdoc ICipherReferee
    mapping(address party => uint256) public owed;

    constructor(IHubFront hub) {
        (HUB, JUDGE) = (hub, new StepJudge());
        _TOKEN = IERC20(hub.token());
        _REGISTRY = IModelRegistry(hub.registry());
        _PARAMS = IProtocolParams(hub.params());
    }

    // --- Parties ------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICipherReferee
    function defend(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        CipherStage calldata facts,
        TraceCommitment calldata commitment
    ) external returns (uint256 defence) {
        Defence memory d;
        (d.stage, d.outDigest, d.traceRoot) = (stage, commitment.outDigest, commitment.traceRoot);
        (d.party, d.bond) = (msg.sender, job.spec.policy.seatStake);
        uint48 moveTime = _checkDefence(d, job, record);
        d.inDigest = _checkStage(job, record, table, stage, facts);
        _checkCommitment(facts, commitment);
        _fix(d, facts, job.spec.inputRef, moveTime);
        return _enter(d);
    }

    /// In time for others to contest it.
    function _checkDefence(
        Defence memory d,
        Job calldata job,
        Record calldata record
    ) private view returns (uint48 moveTime) {
        ParameterSet memory set = _PARAMS.parameters(job.spec.paramsVersion);
        d.jobId = HUB.jobIdOf(job.requester, job.nonce, job.spec);
        _checkOpen(d.jobId, job, record, d.stage, (set.minWindow < set.hung ? set.minWindow : set.hung) / 2);
        return set.moveTime;
    }

    /// The first defence fixes what a dispute is about.
    function _fix(Defence memory d, CipherStage calldata facts, bytes32 keySetRoot, uint48 moveTime) private {
        Dispute storage dispute = _disputes[_key(d.jobId, d.stage, d.inDigest)];
        if (dispute.moveTime != 0) return;
        (uint256 bits, ) = SheProfileLib.shape(facts.profile);
        (dispute.moveTime, dispute.depth, dispute.chunkBits) = (moveTime, facts.depth, uint8(bits - 8));
        dispute.opened = uint48(block.timestamp);
        dispute.factsHash = keccak256(abi.encode(StageFacts(facts, d.inDigest, keySetRoot)));
        _jobs[d.jobId].inDigests[d.stage] = d.inDigest;
    }

    function _enter(Defence memory d) private returns (uint256 defence) {
        bytes32 key = _key(d.jobId, d.stage, d.inDigest);
        if (_defends[key][msg.sender]) revert DefendedAlready(msg.sender);
        _defends[key][msg.sender] = true;
        if (_undefeated[key][d.outDigest]++ == 0) {
            _disputes[key].digests++;
            _disputes[key].standing ^= d.outDigest;
        }
        if (_champions[key][d.outDigest] == address(0)) _champions[key][d.outDigest] = msg.sender;
        defence = ++_lastDefence;
        _defences[defence] = d;
        emit Defended(d.jobId, d.stage, defence, msg.sender, d.inDigest, d.outDigest, d.traceRoot);
        _TOKEN.safeTransferFrom(msg.sender, address(this), d.bond);
    }

    /// @inheritdoc ICipherReferee
    function challenge(Job calldata job, Record calldata record, uint256 defence) external returns (uint256 game) {
        Defence storage d = _defences[defence];
        if (d.party == address(0)) revert DefenceUnknown(defence);
        bytes32 jobId = HUB.jobIdOf(job.requester, job.nonce, job.spec);
        if (jobId != d.jobId) revert DefenceUnknown(defence);
        _checkOpen(jobId, job, record, d.stage, 0);
        if (d.defeated) revert DefenceLost(defence);
        if (_challenged[defence][msg.sender] || msg.sender == d.party) revert ChallengedAlready(defence, msg.sender);
        _challenged[defence][msg.sender] = true;
        Game memory g;
        (g.defence, g.challenger, g.phase, g.defenderMoves) = (defence, msg.sender, _TREE, true);
        (g.node, g.bond) = (d.traceRoot, d.bond);
        game = _openGame(d, g);
        _TOKEN.safeTransferFrom(msg.sender, address(this), g.bond);
    }

    function _openGame(Defence storage d, Game memory g) private returns (uint256 game) {
        Dispute storage dispute = _disputes[_key(d.jobId, d.stage, d.inDigest)];
        JobGames storage all = _jobs[d.jobId];
        if (all.running++ == 0) all.openedAt = uint48(block.timestamp);
        dispute.running++;
        d.running++;
        (g.levels, g.deadline) = (dispute.depth, uint48(block.timestamp) + dispute.moveTime);
        game = ++_lastGame;
        _games[game] = g;
        emit GameOpened(game, g.defence, g.challenger, g.deadline);
    }

    // --- Moves --------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICipherReferee
    function post(uint256 game, bytes32[] calldata nodes) external {
        Game storage g = _mover(game, true);
        if (g.phase != _TREE && g.phase != _ROW) revert PhaseWrong(g.phase, _TREE);
        uint256 need = 1 << _step(g);
        if (nodes.length != need) revert NodesWrong(nodes.length, need, 0);
        bytes32 root = ShaTreeLib.fold(nodes);
        if (root != g.node) revert NodesWrong(need, need, root);
        _passTurn(g);
        emit NodesPosted(game, nodes, g.deadline);
    }

    /// @inheritdoc ICipherReferee
    function pick(uint256 game, uint256 index, bytes32 node, bytes32[] calldata path) external {
        Game storage g = _mover(game, false);
        if (g.phase != _TREE && g.phase != _ROW) revert PhaseWrong(g.phase, _TREE);
        uint256 step = _step(g);
        bytes32 root = ShaTreeLib.climb(node, index, path);
        if (path.length != step || index >> step != 0 || root != g.node) revert PickWrong(index, root);
        g.node = node;
        if (g.phase == _TREE) {
            g.row = uint32((uint256(g.row) << step) | index); // at most 18 bits
            g.levels -= uint8(step);
            if (g.levels == 0) g.phase = _ROW;
        } else {
            (g.coordinate, g.phase) = (uint16(index << 8), _CHUNK); // at most 14 bits
        }
        _passTurn(g);
        emit NodePicked(game, index, node, g.deadline);
    }

    /// @inheritdoc ICipherReferee
    function postChunk(uint256 game, bytes calldata chunk) external {
        Game storage g = _mover(game, true);
        if (g.phase != _CHUNK) revert PhaseWrong(g.phase, _CHUNK);
        bytes32 hash = ShaTreeLib.leaf(chunk);
        if (chunk.length != 1024 || hash != g.node) revert ChunkWrong(chunk.length, hash);
        _passTurn(g);
        emit ChunkPosted(game, chunk, g.deadline);
    }

    /// @inheritdoc ICipherReferee
    function pickResidue(uint256 game, uint8 index) external {
        Game storage g = _mover(game, false);
        if (g.phase != _CHUNK) revert PhaseWrong(g.phase, _CHUNK);
        (g.coordinate, g.phase) = (g.coordinate | index, _STEP);
        _passTurn(g);
        emit ResiduePicked(game, g.coordinate, g.deadline);
    }

    /// @inheritdoc ICipherReferee
    function proveStep(uint256 game, StageFacts calldata facts, StepProof calldata proof) external {
        Game storage g = _mover(game, true);
        // A row that there is not has no chunks: its defender may show that as soon as the game is at its leaf.
        if (g.phase != _STEP && g.phase != _ROW) revert PhaseWrong(g.phase, _STEP);
        Defence storage d = _defences[g.defence];
        bytes32 need = _disputes[_key(d.jobId, d.stage, d.inDigest)].factsHash;
        bytes32 have = keccak256(abi.encode(facts));
        if (have != need) revert FactsWrong(have, need);
        JUDGE.check(facts, Question(d.traceRoot, g.node, g.row, g.coordinate, g.phase == _ROW), proof);
        _end(game, g, true, false);
    }

    /// @inheritdoc ICipherReferee
    function timeout(uint256 game) external {
        Game storage g = _running(game);
        if (block.timestamp <= g.deadline) revert TooEarly(block.timestamp, uint256(g.deadline) + 1);
        _end(game, g, !g.defenderMoves, true);
    }

    // --- Ends ---------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICipherReferee
    function crown(uint256 defence) external {
        Defence storage d = _defences[defence];
        if (d.party == address(0)) revert DefenceUnknown(defence);
        bytes32 key = _key(d.jobId, d.stage, d.inDigest);
        if (d.defeated || _champions[key][d.outDigest] != address(0)) revert DefendedAlready(d.party);
        _champions[key][d.outDigest] = d.party;
        emit Crowned(d.jobId, d.stage, d.party);
    }

    /// @inheritdoc ICipherReferee
    function release(uint256 defence) external {
        Defence storage d = _defences[defence];
        if (d.defeated || d.running != 0 || HUB.slot(d.jobId).state < STATE_FINAL) revert StillAtStake(defence);
        _give(d.party, d.bond);
        d.bond = 0;
    }

    /// @inheritdoc ICipherReferee
    function reclaim(uint256 game) external {
        Game storage g = _games[game];
        if (g.phase == _OVER || !_defences[g.defence].defeated) revert StillAtStake(g.defence);
        g.phase = _OVER;
        _give(g.challenger, g.bond);
    }

    /// @inheritdoc ICipherReferee
    function withdraw() external returns (uint256 amount) {
        amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        _TOKEN.safeTransfer(msg.sender, amount);
    }

    /// Half of a loser's bond is burned, the rest and the winner's own are the winner's.
    function _end(uint256 game, Game storage g, bool defended, bool late) private {
        Defence storage d = _defences[g.defence];
        bytes32 key = _key(d.jobId, d.stage, d.inDigest);
        g.phase = _OVER;
        uint96 lost;
        if (defended) {
            lost = g.bond;
            _count(key, d, 1);
            if (_champions[key][d.outDigest] == address(0)) _champions[key][d.outDigest] = d.party;
            _give(d.party, lost - lost / 2);
        } else {
            lost = d.bond;
            // Its other games have nothing left to decide.
            _count(key, d, d.running);
            _defeat(key, g.defence, d);
            _give(g.challenger, g.bond + (lost - lost / 2));
        }
        (address winner, address loser) = defended ? (d.party, g.challenger) : (g.challenger, d.party);
        emit GameOver(game, winner, loser, late);
        if (lost != 0) _TOKEN.safeTransfer(_DEAD, lost / 2);
    }

    /// `n` games of a defence are over.
    function _count(bytes32 key, Defence storage d, uint32 n) private {
        Dispute storage dispute = _disputes[key];
        JobGames storage all = _jobs[d.jobId];
        d.running -= n;
        dispute.running -= n;
        all.running -= n;
        if (all.running == 0) all.openedAt = 0;
    }

    function _defeat(bytes32 key, uint256 defence, Defence storage d) private {
        (d.defeated, d.bond) = (true, 0);
        if (--_undefeated[key][d.outDigest] == 0) {
            Dispute storage dispute = _disputes[key];
            dispute.digests--;
            dispute.standing ^= d.outDigest;
        }
        if (_champions[key][d.outDigest] == d.party) _champions[key][d.outDigest] = address(0);
        emit DefenceDefeated(d.jobId, d.stage, defence);
    }

    function _give(address party, uint96 amount) private {
        if (amount == 0) return;
        owed[party] += amount;
        emit BondReturned(party, amount);
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IReferee
    function games(bytes32 jobId) external view returns (uint48 openedAt, uint32 judged) {
        JobGames storage all = _jobs[jobId];
        openedAt = all.openedAt;
        for (uint8 s; s < 8; ++s) {
            bytes32 inDigest = all.inDigests[s];
            if (inDigest != 0 && _standing(jobId, s, inDigest) != 0) judged |= uint32(1) << s;
        }
    }

    /// @inheritdoc IReferee
    function verdict(
        bytes32 jobId,
        uint8 stage,
        bytes32 inDigest
    ) external view returns (bytes32 outDigest, address winner, uint48 opened) {
        outDigest = _standing(jobId, stage, inDigest);
        if (outDigest == 0) return (0, address(0), 0);
        bytes32 key = _key(jobId, stage, inDigest);
        return (outDigest, _champions[key][outDigest], _disputes[key].opened);
    }

    /// @inheritdoc ICipherReferee
    function defenceOf(uint256 defence) external view returns (Defence memory) {
        return _defences[defence];
    }

    /// @inheritdoc ICipherReferee
    function gameOf(uint256 game) external view returns (Game memory) {
        return _games[game];
    }

    /// The digest that stands, once nobody can open a game any more; 0 for no verdict.
    function _standing(bytes32 jobId, uint8 stage, bytes32 inDigest) private view returns (bytes32) {
        Dispute storage dispute = _disputes[_key(jobId, stage, inDigest)];
        if (dispute.running != 0 || dispute.digests != 1) return 0;
        Slot memory slot = HUB.slot(jobId);
        // An escalation ends in a window of its own, in which others may still stand up.
        bool waits = slot.state == STATE_WINDOW || slot.state == STATE_HUNG;
        return waits && block.timestamp > slot.deadline ? dispute.standing : bytes32(0);
    }

    // --- Checks -------------------------------------------------------------------------------------------------------

    function _key(bytes32 jobId, uint8 stage, bytes32 inDigest) private pure returns (bytes32) {
        return keccak256(abi.encode(jobId, stage, inDigest));
    }

    function _running(uint256 game) private view returns (Game storage g) {
        g = _games[game];
        if (g.challenger == address(0)) revert GameUnknown(game);
        if (g.phase == _OVER || _defences[g.defence].defeated) revert GameEnded(game);
    }

    /// The game, if it is the caller's turn and not too late.
    function _mover(uint256 game, bool defender) private view returns (Game storage g) {
        g = _running(game);
        address mover = g.defenderMoves ? _defences[g.defence].party : g.challenger;
        if (defender != g.defenderMoves || msg.sender != mover) revert NotMover(msg.sender, mover);
        if (block.timestamp > g.deadline) revert TooLate(block.timestamp, g.deadline);
    }

    function _passTurn(Game storage g) private {
        Defence storage d = _defences[g.defence];
        g.defenderMoves = !g.defenderMoves;
        g.deadline = uint48(block.timestamp) + _disputes[_key(d.jobId, d.stage, d.inDigest)].moveTime;
    }

    /// Levels that the next post descends.
    function _step(Game storage g) private view returns (uint256) {
        if (g.phase == _TREE) return g.levels < _LEVELS_A_MOVE ? g.levels : _LEVELS_A_MOVE;
        Defence storage d = _defences[g.defence];
        return _disputes[_key(d.jobId, d.stage, d.inDigest)].chunkBits;
    }

    /// The job waits for disputes about this stage, at least `left` seconds longer.
    function _checkOpen(
        bytes32 jobId,
        Job calldata job,
        Record calldata record,
        uint8 stage,
        uint256 left
    ) private view {
        Slot memory slot = HUB.slot(jobId);
        if (slot.state != STATE_WINDOW && slot.state != STATE_HUNG) revert DisputeInvalid(1);
        if (keccak256(abi.encode(record)) != slot.word) revert DisputeInvalid(2);
        if (job.spec.policy.mask & CIPHER == 0) revert DisputeInvalid(3);
        bool stands = slot.state == STATE_HUNG ? stage == slot.stage : stage < record.boundaries.length;
        if (!stands || (record.decided >> stage) & 1 != 0) revert DisputeInvalid(4);
        uint256 until = uint256(slot.deadline) - left;
        if (until > job.spec.expiry) until = job.spec.expiry;
        if (block.timestamp > until) revert TooLate(block.timestamp, until);
    }

    /// @return inDigest the stage's accepted input
    function _checkStage(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        uint8 stage,
        CipherStage calldata facts
    ) private view returns (bytes32 inDigest) {
        if (keccak256(abi.encode(table)) != _REGISTRY.model(job.spec.modelId).stagesHash) revert DisputeInvalid(5);
        if (stage >= table.length) revert DisputeInvalid(4);
        StageInfo calldata info = table[stage];
        bool ciphered = info.inKind == KIND_CIPHER && info.outKind == KIND_CIPHER;
        if (!ciphered || info.probe != NO_PROBE || info.producers.length != 1) revert DisputeInvalid(6);
        if (keccak256(abi.encode("assay.v1.cipherstage", facts)) != info.kernel) revert DisputeInvalid(7);
        (, uint256 primes) = SheProfileLib.shape(facts.profile);
        uint256 rows = 2 * uint256(facts.levelOut);
        bool fits = facts.levelIn != 0 && facts.levelIn < primes && rows != 0 && facts.levelOut < primes;
        fits = fits && facts.depth <= _MAX_DEPTH && ShaTreeLib.depthOf(rows) <= facts.depth;
        if (!fits) revert DisputeInvalid(8);
        uint16 producer = info.producers[0];
        return producer == PRODUCER_INPUT ? job.spec.inDigest : record.boundaries[producer];
    }

    function _checkCommitment(CipherStage calldata facts, TraceCommitment calldata commitment) private pure {
        bytes32 digest = CipherDigestLib.digest(facts.profile, facts.levelOut, commitment.outBody);
        if (digest != commitment.outDigest) revert CommitmentFalse(commitment.outDigest, digest);
        uint256 levels = facts.depth - ShaTreeLib.depthOf(2 * uint256(facts.levelOut));
        bytes32 root = ShaTreeLib.climb(commitment.outBody, (1 << levels) - 1, commitment.edge);
        if (commitment.edge.length != levels || root != commitment.traceRoot)
            revert CommitmentFalse(commitment.traceRoot, root);
    }
}
