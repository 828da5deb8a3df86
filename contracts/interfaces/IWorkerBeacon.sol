// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "./IRandomness.sol";

/// @title Seeds from the workers on duty, mixed with a block that was fixed before them
/// @notice Time is cut into beats of four blocks. A job requested in block b gets the seed of beat t = b / 4 + 1, which is
/// `keccak256(blockhash(F), X)` with F = 4t > b and X the XOR of `keccak256(workerId, preimage)` over the preimages that the
/// workers on duty revealed in blocks F + 1 .. F + 3. A preimage is the next link of a hash chain whose head was
/// registered before the worker's duty began: nobody can choose it, and the producer of block F, which comes first, grinds
/// without knowing it. Only beats that somebody asked for run.
///
/// Each table version of the vault has one duty of five workers, drawn from the tickets of class 0 by a beat of the duty
/// before it: `summon` asks for that beat, `seat` draws. Until then the former duty serves on. Whoever leaves out one beat
/// is off duty for the rest of that version and loses minimumStake / 1,000; `summon` and `seat` then fill that seat alone,
/// so that nobody can trade the other four for new ones.
/// @dev Warning: m colluders on duty choose among 2^m seeds by withholding, each choice at that price. All five together
/// know X in advance, once in 3,125 epochs for a fifth of the tickets; they still need the producers of blocks F - 1 and F
/// to use it. Hence protocol.md section 8, inequality 3 with its margin of 20.
/// @dev Warning: three producers in a row that all leave out a worker's transaction make it lose its seat and that fine.
interface IWorkerBeacon is IRandomness {
    /// A beat that somebody asked for.
    struct Beat {
        uint48 beat; // its number; another number: the ring of 4,096 beats has moved on
        uint16 version; // whose duty serves it
        uint32 ordinal; // beats which that duty had before
        uint8 duties; // seats taken when it was asked for: with as many preimages the seed is ready early
        uint8 revealed;
        bytes32 blockHash; // of F, kept with the first preimage
        bytes32 mix; // XOR of shares
    }

    /// A worker's hash chain: link_i = keccak256(abi.encode("assay.v1.beacon", workerId, link_(i+1))), revealed upwards.
    struct Chain {
        bytes32 head; // whose preimage comes next; 0: none yet
        bytes32 next; // registered; takes the head's place from version `from` on
        uint16 from; // 0: nothing registered
    }

    struct Duty {
        uint32[5] workers; // 0: empty
        uint32[5] served; // beats up to which each seat has revealed all
        uint32 beats; // asked for so far
        uint8 punished; // bit i: seat i lost its stake and the duty
    }

    event ChainRegistered(uint32 indexed workerId, bytes32 head, uint16 from);
    /// @notice Preimages are due in blocks 4 * beat + 1 .. 4 * beat + 3.
    event BeatAsked(uint48 indexed beat, uint16 indexed version);
    event PreimageRevealed(uint48 indexed beat, uint32 indexed workerId, bytes32 preimage);
    /// @notice The seed of this beat will draw the duty of `version`, or fill its empty seats.
    event DutySummoned(uint16 indexed version, uint48 beat);
    event DutySeated(uint16 indexed version, uint32[5] workers);
    /// @notice A preimage was withheld. The seat's worker is off duty for this version.
    event Withheld(uint16 indexed version, uint32 indexed workerId, uint96 taken);

    error NotHub(address caller, address hub);
    error NotWorker(uint32 workerId, address caller);
    error HeadInvalid();
    /// @dev The former duty may still need the chain that this one would replace: try again after `seat`.
    error ChainBusy(uint32 workerId);
    error DutyMissing();
    /// @dev Nobody asked for this beat, or the ring moved on.
    error BeatUnknown(uint48 beat);
    error BeatClosed(uint48 beat, uint256 from, uint256 to);
    error SeatEmpty(uint256 seat);
    /// @dev It left out a beat of this duty, or was not on duty yet.
    error OffDuty(uint32 workerId);
    error PreimageWrong(uint32 workerId, bytes32 link, bytes32 head);
    error LengthsDiffer(uint256 a, uint256 b);
    /// @dev The duty of the current version is complete, or already summoned.
    error DutyComplete(uint16 version);
    /// @dev `seat` without a `summon` for the current version.
    error NotSummoned(uint16 version);
    error NothingWithheld(uint16 version, uint256 seat);

    /// @notice Registers the head of a hash chain. Owner or signer of the worker only. It serves from the next table version
    /// on, so whoever is on duty cannot change it; registering again before that replaces it.
    /// @dev Whoever holds tickets may be drawn: register before taking them. A worker on duty without a chain withholds.
    function registerChain(uint32 workerId, bytes32 head) external;

    /// @notice Shows the next preimages of workers on duty. Anyone may send them, and for several seats at once; seats whose
    /// preimage is already there are skipped.
    function reveal(uint48 beat, uint8[] calldata seats, bytes32[] calldata preimages) external;

    /// @notice Asks for the beat that draws the current version's duty, or fills its empty seats. Anyone.
    function summon() external returns (uint48 beat);

    /// @notice Draws what was summoned. Anyone. Whoever withheld in a seat that is filled is punished first.
    function seat() external;

    /// @notice Takes minimumStake / 1,000 from a worker that left out a beat of its duty; a tenth goes to the caller.
    function punish(uint16 version, uint8 seat_) external returns (uint96 taken);

    /// @notice The beat whose number is `ref`, if anybody asked for it. Reverts `BeatUnknown`.
    function beatOf(uint48 ref) external view returns (Beat memory);

    function dutyOf(uint16 version) external view returns (Duty memory);

    function chainOf(uint32 workerId) external view returns (Chain memory);

    /// @notice The version whose duty serves now (0: none yet), and what was summoned (0: nothing).
    function state() external view returns (uint16 version, uint16 summonedVersion, uint48 summonedBeat);

    /// @notice Seats of the serving duty whose workers left out no beat so far, as bits.
    function standing() external view returns (uint8 seats);

    /// @notice What a preimage must hash to.
    function linkOf(uint32 workerId, bytes32 preimage) external pure returns (bytes32);
}
