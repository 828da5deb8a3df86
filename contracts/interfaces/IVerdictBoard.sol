// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttesterPool} from "./IAttesterPool.sol";

/// @title Verdicts on evidence whose signatures no chain can afford (AMD SEV-SNP, AWS Nitro, NVIDIA: P-384 and RSA-4096)
/// @notice Whoever has evidence shows it here, whole, and pays. Five attesters, drawn by a block that does not exist yet, verify it off
/// chain and each say one word; four equal words are a verdict. Anyone may challenge a verdict with a bond: eleven others
/// verify the same bytes, and eight equal words are final.
/// @dev What is judged on chain: that the evidence was shown here and is younger than its challenge's block; of an AMD report
/// everything but its signature and certificates (`SnpLib`). What is not: the vendors' signatures. A challenge decides whether the
/// vendor signed, by the word of eight of eleven drawn attesters, and by nothing else: verification is a pure function of evidence,
/// endorsements and the time stated here, so each of them can be shown to anybody to have lied. Whoever said otherwise
/// than the ruling loses all that it staked, half of it burned.
/// Warning: four of five drawn attesters with nobody who looks, or eight of eleven, make a verdict that no vendor signed.
interface IVerdictBoard is IAttesterPool {
    /// What genuine evidence states.
    struct Facts {
        uint8 vendor; // as `EnclaveLib` numbers it: 3 AMD, 4 AWS, 5 NVIDIA
        uint32 svns; // AMD: boot loader, TEE, SNP, microcode of the reported TCB, a byte each; else 0
        uint48 notAfter; // the earliest end among its certificates
        bytes32 rootId; // SHA-256 of the root key's SubjectPublicKeyInfo
        bytes32 platformId;
        bytes32 measurementId;
        bytes32 dataHigh; // of the report data
        bytes32 dataLow;
    }

    struct Case {
        address payer;
        uint48 openedAt; // the time that evidence is verified at
        uint48 deadline; // of the vote; once decided, until when it can be challenged
        address challenger;
        uint48 drawnAt; // attesters who were members then may be drawn
        uint48 standsFrom;
        uint8 state;
        uint8 vendor;
        uint8 round; // 0 five attesters, 1 eleven
        uint32 pool; // slots at `drawnAt`
        uint48 seedBlock;
        uint96 escrow; // wei left of the fee, or of the bond
        bytes32 evidenceHash;
        bytes32 challenge; // hash of the block that the evidence names
        bytes32 plain; // what the chain read in the evidence itself, or 0
        bytes32 word; // the verdict, once there is one
    }

    // --- Events -------------------------------------------------------------------------------------------------------

    /// Everything that a verifier needs: it verifies these bytes at `openedAt`.
    event CaseOpened(
        uint256 indexed caseId,
        address indexed payer,
        uint8 indexed vendor,
        bytes32 evidenceHash,
        bytes32 challenge,
        uint48 openedAt,
        uint48 seedBlock,
        uint48 deadline,
        bytes evidence,
        bytes endorsements
    );
    event CaseSeated(uint256 indexed caseId, uint8 round, address[] accounts);
    event VerdictPosted(uint256 indexed caseId, uint8 round, address indexed account, bytes32 word);
    /// Four equal words. Nothing rests on it before `standsFrom`.
    event CaseDecided(uint256 indexed caseId, bytes32 word, uint48 standsFrom, uint48 challengeUntil);
    event CaseChallenged(
        uint256 indexed caseId,
        address indexed challenger,
        uint48 seedBlock,
        uint48 deadline,
        uint256 bond
    );
    /// Eight of eleven: final. `word` is the case's from now on.
    event CaseRuled(uint256 indexed caseId, bytes32 word, bool upheld);
    /// No quorum in time: the case stands for nothing, nobody is slashed.
    event CaseFailed(uint256 indexed caseId, uint8 round);
    /// Nobody challenged in time: what its verdict locked is free.
    event CaseSettled(uint256 indexed caseId);

    // --- Errors -------------------------------------------------------------------------------------------------------

    /// @dev Fields: 1 reward and stake, 2 times
    error TermsInvalid(uint8 field);
    error VendorWrong(uint8 vendor);
    error SizeWrong(uint256 have, uint256 most);
    /// Not one of the last 256 blocks.
    error ChallengeOld(uint256 blockNumber, uint256 now_);
    error CaseStateWrong(uint256 caseId, uint8 have, uint8 need);
    /// The block that draws the seats does not exist yet, or is forgotten.
    error SeedMissing(uint256 seedBlock);
    error AlreadySeated(uint256 caseId);
    /// The caller holds no seat in this vote.
    error NotSeated(uint256 caseId, address account);
    error AlreadyPosted(uint256 caseId, address account);
    /// Nobody says 0.
    error WordEmpty();
    /// The case under this number is not the one that the caller speaks of: a reorganisation replaced that.
    error CaseReplaced(uint256 caseId, bytes32 have, bytes32 named);
    /// The case's verdict is not the one that the caller doubts.
    error VerdictReplaced(uint256 caseId, bytes32 have, bytes32 named);
    error TooLate(uint256 now_, uint256 deadline);
    error TooEarly(uint256 now_, uint256 from);
    /// There is no verdict, it is being challenged, or its time to stand has not come.
    error NotStanding(uint256 caseId);

    // --- Verdicts -----------------------------------------------------------------------------------------------------

    /// @notice Shows evidence and asks for a verdict on it. Anyone; takes five REWARDs from the caller's balance.
    /// @param evidence the vendor's bytes, nothing behind them: an AMD report, a Nitro document, or request and response of a GPU
    /// @param endorsements AMD: abi.encode(bytes vcek, bytes ask, bytes ark), DER; NVIDIA: the PEM chain; AWS: empty
    /// @param challengeBlock whose hash the report data binds: one of the last 256
    function open(
        uint8 vendor,
        bytes calldata evidence,
        bytes calldata endorsements,
        uint256 challengeBlock
    ) external returns (uint256 caseId);

    /// @notice Draws the seats of the vote under way, once its block exists. Anyone; the first `post` does it too.
    function seat(uint256 caseId) external;

    /// @notice A drawn attester says what the evidence states: `wordOf` its facts, or REFUSED. Locks STAKE of its balance until the
    /// case is over, and pays REWARD.
    /// @param about `digestOf` the case that was verified, by the caller's own count: REFUSED is one word for all cases, and bytes that
    /// verify at one time do not at another. Reverts with `CaseReplaced` if the number is another case's.
    function post(uint256 caseId, bytes32 about, bytes32 word) external;

    /// @notice Asks eleven others, until `deadline` of a decided case, once. Anyone; takes `bond` from the caller's balance. What its
    /// jurors leave of it comes back, with half of what wrong attesters lose, if they say otherwise; else it is the payer's.
    /// While they vote the verdict does not stand. Without eight equal words it falls, and five REWARDs of the bond are the payer's.
    /// @param about as in `post`
    /// @param word the verdict that is doubted; reverts with `VerdictReplaced` if another was given
    function challenge(uint256 caseId, bytes32 about, bytes32 word) external;

    /// @notice Ends a case that can go no further: a vote without a quorum by its deadline, or a verdict that can no longer be
    /// challenged. Anyone.
    function close(uint256 caseId) external;

    // --- Views --------------------------------------------------------------------------------------------------------

    function caseOf(uint256 caseId) external view returns (Case memory);

    /// @notice How many cases were opened: the latest's number.
    function cases() external view returns (uint256);

    /// @notice The seats of a vote: as drawn, or as they would be drawn now.
    function seatsOf(uint256 caseId, uint8 round) external view returns (address[] memory accounts);

    /// @notice What an attester said in a vote, 0 nothing.
    function saidBy(uint256 caseId, uint8 round, address account) external view returns (bytes32);

    /// @notice The verdict that stands, the block hash that its evidence may name, and who asked: nobody drawn was that account.
    /// Reverts with `NotStanding`.
    function standing(uint256 caseId) external view returns (bytes32 word, bytes32 challenge_, address payer);

    /// @notice Whether this is the verdict that stands.
    function isStanding(uint256 caseId, bytes32 word) external view returns (bool);

    /// @notice Whether a case ended otherwise than with this verdict. Not while it is being challenged.
    function isOverruled(uint256 caseId, bytes32 word) external view returns (bool);

    /// @notice What attesters say if the evidence states these facts: of this case, board and chain only.
    function wordOf(uint256 caseId, Facts calldata facts) external view returns (bytes32);

    /// @notice What makes a case: keccak256(abi.encode("assay.v1.attester-case", chain, board, caseId, vendor, evidenceHash, openedAt,
    /// challenge)). Not who pays: the word is the same whoever asks.
    function digestOf(uint256 caseId) external view returns (bytes32);

    /// @notice What a challenge takes, wei.
    function bond() external view returns (uint256);
}
