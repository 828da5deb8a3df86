// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStakeVault} from "../../interfaces/IStakeVault.sol";
import {IVerdictBoard} from "../../interfaces/IVerdictBoard.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";
import {SnpLib} from "../../libraries/SnpLib.sol";
import {BlockHistory} from "../../staking/BlockHistory.sol";
import {AttesterPool} from "./AttesterPool.sol";

/// @title Drawn attesters' verdicts on P-384 evidence
/// @dev Seats come from the hash of a block that does not exist when they are asked for. Warning: its producer can discard it, at
/// the price of its reward.
contract VerdictBoard is AttesterPool, IVerdictBoard {
    /// What is said of evidence that does not verify.
    bytes32 public constant REFUSED = bytes32(uint256(1));

    uint8 public constant SEATS = 5;
    uint8 public constant QUORUM = 4;
    uint8 public constant JURY = 11;
    uint8 public constant JURY_QUORUM = 8;
    /// How long a verdict can be challenged: as long as a key that it registered may live.
    uint48 public constant REACH = 7 days;
    uint256 private constant _MOST_BYTES = 16_384;
    uint48 private constant _LEAST_TIME = 1 hours;
    uint48 private constant _DELAY = 2; // blocks

    uint8 private constant _OPEN = 1;
    uint8 private constant _DECIDED = 2;
    uint8 private constant _CHALLENGED = 3;
    uint8 private constant _RULED = 4;
    uint8 private constant _FAILED = 5;
    uint8 private constant _SETTLED = 6;

    /// How long a vote lasts, seconds.
    uint48 public immutable VOTE_TIME;
    /// How long a verdict waits for a challenge before anything rests on it, seconds.
    uint48 public immutable OBJECTION;

    /// Case 0 is none.
    Case[] private _cases;
    mapping(uint256 caseId => mapping(uint8 round => Seat[])) private _seats;
    mapping(uint256 caseId => mapping(uint8 round => mapping(address account => bytes32))) private _said;

    /// @param voteTime at least an hour, and `objection` too, but on a local chain
    constructor(
        IERC20 token,
        IStakeVault vault,
        uint96 reward,
        uint96 stake,
        uint48 voteTime,
        uint48 objection
    ) AttesterPool(token, vault, reward, stake) {
        // Half of one liar's two stakes pays the eleven who convict it.
        require(reward != 0 && stake / 44 >= reward, TermsInvalid(1));
        uint48 least = block.chainid == EnclaveLib.LOCAL_CHAIN ? 1 : _LEAST_TIME;
        require(voteTime >= least && objection >= least && voteTime < NOTICE && objection < REACH, TermsInvalid(2));
        (VOTE_TIME, OBJECTION) = (voteTime, objection);
        _cases.push();
    }

    // --- Asking -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVerdictBoard
    function open(
        uint8 vendor,
        bytes calldata evidence,
        bytes calldata endorsements,
        uint256 challengeBlock
    ) external returns (uint256 caseId) {
        // Intel's evidence is verified on chain, by `DcapVerifier`.
        require(vendor >= EnclaveLib.AMD_SNP && vendor <= EnclaveLib.NVIDIA_GPU, VendorWrong(vendor));
        _checkSize(evidence);
        _checkSize(endorsements);
        Case memory c;
        c.challenge = blockhash(challengeBlock);
        require(c.challenge != 0, ChallengeOld(challengeBlock, block.number));
        if (vendor == EnclaveLib.AMD_SNP) c.plain = _plain(evidence);
        c.evidenceHash = keccak256(abi.encode(vendor, evidence, endorsements));
        (c.payer, c.vendor, c.state) = (msg.sender, vendor, _OPEN);
        c.openedAt = uint48(block.timestamp);
        c.escrow = uint96(uint256(SEATS) * REWARD);
        _spend(msg.sender, c.escrow);
        _call(c);
        caseId = _cases.length;
        _cases.push(c);
        emit CaseOpened(
            caseId,
            msg.sender,
            vendor,
            c.evidenceHash,
            c.challenge,
            c.openedAt,
            c.seedBlock,
            c.deadline,
            evidence,
            endorsements
        );
    }

    function _checkSize(bytes calldata part) private pure {
        require(part.length <= _MOST_BYTES, SizeWrong(part.length, _MOST_BYTES));
    }

    function _plain(bytes calldata report) private pure returns (bytes32) {
        (uint32 svns, bytes32 platformId, bytes32 measurementId, bytes32 high, bytes32 low) = SnpLib.read(report);
        return _plainOf(svns, platformId, measurementId, high, low);
    }

    function _plainOf(
        uint32 svns,
        bytes32 platformId,
        bytes32 measurementId,
        bytes32 high,
        bytes32 low
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(svns, platformId, measurementId, high, low));
    }

    /// Whoever is a member now may be drawn, by a block to come.
    function _call(Case memory c) private view {
        c.drawnAt = uint48(block.timestamp);
        c.pool = attesters();
        c.seedBlock = uint48(block.number) + _DELAY;
        c.deadline = uint48(block.timestamp) + VOTE_TIME;
    }

    // --- Voting -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVerdictBoard
    function seat(uint256 caseId) external {
        Case memory c = _voting(caseId);
        require(_seats[caseId][c.round].length == 0, AlreadySeated(caseId));
        _seat(caseId, c);
    }

    function _seat(uint256 caseId, Case memory c) private returns (Seat[] memory seats) {
        seats = _seats[caseId][c.round];
        if (seats.length != 0) return seats;
        seats = _drawn(caseId, c);
        for (uint256 i; i < seats.length; ++i) _seats[caseId][c.round].push(seats[i]);
        emit CaseSeated(caseId, c.round, _accounts(seats));
    }

    function _accounts(Seat[] memory seats) private pure returns (address[] memory accounts) {
        accounts = new address[](seats.length);
        for (uint256 i; i < seats.length; ++i) accounts[i] = seats[i].account;
    }

    /// Not who asked. The jury holds nobody of the first five either, nor their challenger.
    function _drawn(uint256 caseId, Case memory c) private view returns (Seat[] memory) {
        bytes32 seed = BlockHistory.hashOf(c.seedBlock);
        require(seed != 0, SeedMissing(c.seedBlock));
        seed = keccak256(abi.encode("assay.v1.attesters", seed, block.chainid, address(this), caseId, c.round));
        Seat[] memory past = _seats[caseId][0];
        address[] memory excluded = new address[](past.length + 2);
        for (uint256 i; i < past.length; ++i) excluded[i] = past[i].account;
        (excluded[past.length], excluded[past.length + 1]) = (c.payer, c.challenger);
        return _draw(seed, c.drawnAt, c.pool, excluded, c.round == 0 ? SEATS : JURY);
    }

    function _voting(uint256 caseId) private view returns (Case memory c) {
        c = caseOf(caseId);
        require(c.state == _OPEN || c.state == _CHALLENGED, CaseStateWrong(caseId, c.state, _OPEN));
        require(block.timestamp <= c.deadline, TooLate(block.timestamp, c.deadline));
    }

    /// @inheritdoc IVerdictBoard
    function post(uint256 caseId, bytes32 about, bytes32 word) external {
        require(word != 0, WordEmpty());
        Case memory c = _voting(caseId);
        _checkAbout(caseId, c, about);
        Seat[] memory seats = _seat(caseId, c);
        mapping(address account => bytes32) storage said = _said[caseId][c.round];
        require(said[msg.sender] == 0, AlreadyPosted(caseId, msg.sender));
        said[msg.sender] = word;
        bool seated;
        uint256 equal;
        for (uint256 i; i < seats.length; ++i) {
            address account = seats[i].account;
            if (account == msg.sender) seated = true;
            if (said[account] == word) ++equal;
        }
        require(seated, NotSeated(caseId, msg.sender));
        // Who posts owes its stake until nobody can say otherwise any more.
        _spend(msg.sender, STAKE);
        _free[msg.sender] += REWARD;
        c.escrow -= REWARD;
        emit VerdictPosted(caseId, c.round, msg.sender, word);
        if (c.round == 0 && equal == QUORUM) _decide(caseId, c, word);
        bool rules = c.round == 1 && equal == JURY_QUORUM;
        address winner = rules ? _rule(caseId, c, word) : address(0);
        _cases[caseId] = c;
        if (rules) _free[winner] += _release(caseId, 0, word) + _release(caseId, 1, word);
    }

    /// A word or a bond that is under way while a reorganisation gives the number to another case is not for that one.
    function _checkAbout(uint256 caseId, Case memory c, bytes32 about) private view {
        bytes32 have = _digestOf(caseId, c);
        require(have == about, CaseReplaced(caseId, have, about));
    }

    function _digestOf(uint256 caseId, Case memory c) private view returns (bytes32) {
        string memory tag = "assay.v1.attester-case";
        return
            keccak256(abi.encode(tag, block.chainid, this, caseId, c.vendor, c.evidenceHash, c.openedAt, c.challenge));
    }

    function _decide(uint256 caseId, Case memory c, bytes32 word) private {
        (c.state, c.word) = (_DECIDED, word);
        c.standsFrom = uint48(block.timestamp) + OBJECTION;
        c.deadline = c.openedAt + REACH;
        _refund(c, c.payer);
        emit CaseDecided(caseId, word, c.standsFrom, c.deadline);
    }

    function _refund(Case memory c, address to) private {
        _free[to] += c.escrow;
        c.escrow = 0;
    }

    // --- Challenging --------------------------------------------------------------------------------------------------

    /// @inheritdoc IVerdictBoard
    function challenge(uint256 caseId, bytes32 about, bytes32 word) external {
        Case memory c = caseOf(caseId);
        require(c.state == _DECIDED, CaseStateWrong(caseId, c.state, _DECIDED));
        require(block.timestamp <= c.deadline, TooLate(block.timestamp, c.deadline));
        _checkAbout(caseId, c, about);
        require(c.word == word, VerdictReplaced(caseId, c.word, word));
        c.escrow = uint96(bond());
        _spend(msg.sender, c.escrow);
        (c.state, c.round, c.challenger) = (_CHALLENGED, 1, msg.sender);
        _call(c);
        _cases[caseId] = c;
        emit CaseChallenged(caseId, msg.sender, c.seedBlock, c.deadline, c.escrow);
    }

    /// Eight of eleven have said what is so.
    /// @return winner has what is left of the bond, and of what the liars lose: jurors were paid out of the bond
    function _rule(uint256 caseId, Case memory c, bytes32 word) private returns (address winner) {
        bool upheld = c.word == word;
        (c.state, c.word) = (_RULED, word);
        if (c.standsFrom < block.timestamp) c.standsFrom = uint48(block.timestamp);
        winner = upheld ? c.payer : c.challenger;
        _refund(c, winner);
        emit CaseRuled(caseId, word, upheld);
    }

    /// Unlocks what a round's seats staked; who said otherwise than `word`, if that is not 0, loses all.
    function _release(uint256 caseId, uint8 round, bytes32 word) private returns (uint256 kept) {
        Seat[] memory seats = _seats[caseId][round];
        for (uint256 i; i < seats.length; ++i) {
            bytes32 said = _said[caseId][round][seats[i].account];
            if (said == 0) continue;
            if (word == 0 || said == word) _free[seats[i].account] += STAKE;
            else kept += _slash(seats[i], caseId, STAKE);
        }
    }

    // --- Ending -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVerdictBoard
    function close(uint256 caseId) external {
        Case memory c = caseOf(caseId);
        bool decided = c.state == _DECIDED;
        require(decided || c.state == _OPEN || c.state == _CHALLENGED, CaseStateWrong(caseId, c.state, _OPEN));
        require(block.timestamp > c.deadline, TooEarly(block.timestamp, c.deadline + 1));
        c.state = decided ? _SETTLED : _FAILED;
        if (decided) {
            emit CaseSettled(caseId);
        } else {
            c.word = 0;
            c.escrow += uint96(_fineAbsent(caseId, c.round));
            if (c.round == 1) _compensate(c);
            _refund(c, c.round == 0 ? c.payer : c.challenger);
            emit CaseFailed(caseId, c.round);
        }
        _cases[caseId] = c;
        _release(caseId, 0, 0);
        _release(caseId, 1, 0);
    }

    /// A challenge that nobody decided took a verdict away: its worker can ask again at the challenger's cost, or doubts would be free
    /// where a jury cannot be seated.
    function _compensate(Case memory c) private {
        uint256 due = uint256(SEATS) * REWARD;
        if (due > c.escrow) due = c.escrow;
        c.escrow -= uint96(due);
        _free[c.payer] += due;
    }

    function _fineAbsent(uint256 caseId, uint8 round) private returns (uint256 sum) {
        Seat[] memory seats = _seats[caseId][round];
        for (uint256 i; i < seats.length; ++i)
            if (_said[caseId][round][seats[i].account] == 0) sum += _fine(seats[i], caseId);
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVerdictBoard
    function caseOf(uint256 caseId) public view returns (Case memory) {
        require(caseId < _cases.length, CaseStateWrong(caseId, 0, _OPEN));
        return _cases[caseId];
    }

    /// @inheritdoc IVerdictBoard
    function cases() external view returns (uint256) {
        return _cases.length - 1;
    }

    /// @inheritdoc IVerdictBoard
    function seatsOf(uint256 caseId, uint8 round) external view returns (address[] memory accounts) {
        Seat[] memory seats = _seats[caseId][round];
        if (seats.length != 0) return _accounts(seats);
        Case memory c = _voting(caseId);
        require(c.round == round, NotSeated(caseId, address(0)));
        return _accounts(_drawn(caseId, c));
    }

    /// @inheritdoc IVerdictBoard
    function saidBy(uint256 caseId, uint8 round, address account) external view returns (bytes32) {
        return _said[caseId][round][account];
    }

    /// @inheritdoc IVerdictBoard
    function standing(uint256 caseId) external view returns (bytes32 word, bytes32 challenge_, address payer) {
        Case memory c = caseOf(caseId);
        require(_stands(c), NotStanding(caseId));
        return (c.word, c.challenge, c.payer);
    }

    /// @inheritdoc IVerdictBoard
    function isStanding(uint256 caseId, bytes32 word) external view returns (bool) {
        Case memory c = caseOf(caseId);
        return c.word == word && _stands(c);
    }

    function _stands(Case memory c) private view returns (bool) {
        bool decided = c.state == _DECIDED || c.state == _RULED || c.state == _SETTLED;
        return decided && c.word != REFUSED && block.timestamp >= c.standsFrom;
    }

    /// @inheritdoc IVerdictBoard
    function isOverruled(uint256 caseId, bytes32 word) external view returns (bool) {
        Case memory c = caseOf(caseId);
        return (c.state == _RULED && c.word != word) || c.state == _FAILED;
    }

    /// @inheritdoc IVerdictBoard
    function wordOf(uint256 caseId, Facts calldata f) external view returns (bytes32) {
        Case memory c = caseOf(caseId);
        require(f.vendor == c.vendor, VendorWrong(f.vendor));
        bytes32 plain = _plainOf(f.svns, f.platformId, f.measurementId, f.dataHigh, f.dataLow);
        // What the chain read itself nobody may say otherwise.
        if (c.plain != 0 && c.plain != plain) return REFUSED;
        bytes memory place = abi.encode("assay.v1.verdict", block.chainid, address(this), caseId, c.evidenceHash);
        return keccak256(bytes.concat(place, abi.encode(f)));
    }

    /// @inheritdoc IVerdictBoard
    function digestOf(uint256 caseId) external view returns (bytes32) {
        return _digestOf(caseId, caseOf(caseId));
    }

    /// @inheritdoc IVerdictBoard
    function bond() public view returns (uint256) {
        return (5 * uint256(JURY) * REWARD + 3) / 4;
    }
}
