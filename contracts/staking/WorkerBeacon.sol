// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "../interfaces/IRandomness.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerBeacon} from "../interfaces/IWorkerBeacon.sol";
import {BlockHistory} from "./BlockHistory.sol";

/// @title Seeds from the workers on duty
contract WorkerBeacon is IWorkerBeacon {
    uint256 private constant _BLOCKS = 4; // a beat
    uint256 private constant _RING = 4_096;
    uint256 private constant _SEATS = 5;
    uint256 private constant _SPARE = 8; // drawn beyond the empty seats: some may be off duty already
    uint32 private constant _CLASS = 0; // the class that every worker can be in

    /// Five lanes of 32 bits, seat 0 lowest.
    struct Shift {
        uint160 workers;
        uint32 beats;
        uint8 taken; // seats that are not empty
        uint8 punished;
        uint160 served;
    }

    struct State {
        uint16 version;
        uint16 summonedVersion;
        uint48 summonedBeat;
    }

    IStakeVault public immutable VAULT;
    address public immutable HUB;
    uint96 private immutable _MINIMUM_STAKE;

    State private _state;
    mapping(uint256 place => Beat) private _beats;
    mapping(uint16 version => Shift) private _shifts;
    mapping(uint32 workerId => Chain) private _chains;
    mapping(uint32 workerId => uint16 version) private _barred; // lost its duty in this version

    /// @param vault whose hub this beacon serves, and to which that hub must name this contract as its randomness
    constructor(IStakeVault vault) {
        VAULT = vault;
        HUB = vault.HUB();
        _MINIMUM_STAKE = vault.minimumStake();
    }

    // --- Jobs --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRandomness
    function activate() external returns (uint48 seedRef) {
        // Else anybody could make five workers send transactions in every beat.
        require(msg.sender == HUB, NotHub(msg.sender, HUB));
        seedRef = _nextBeat();
        Beat storage beat = _beats[seedRef % _RING];
        if (beat.beat == seedRef) {
            require(beat.version != 0, DutyMissing());
            return seedRef;
        }
        uint16 version = _state.version;
        require(version != 0, DutyMissing());
        _ask(seedRef, version);
    }

    /// @inheritdoc IRandomness
    function seedOf(uint48 seedRef) external view returns (bytes32 seed) {
        bool ready;
        (ready, seed) = _seedAt(seedRef);
        require(ready, SeedNotReady(seedRef, _closedFrom(seedRef)));
        require(seed != 0, SeedLost(seedRef));
    }

    /// @inheritdoc IRandomness
    function fixedBlock(uint48 seedRef) external view returns (uint256 blockNumber) {
        Beat storage beat = _beats[seedRef % _RING];
        bool failed = beat.beat == seedRef && beat.revealed == 0 && block.number >= _closedFrom(seedRef);
        return failed ? type(uint256).max : _fixedAt(seedRef);
    }

    /// @inheritdoc IRandomness
    /// @dev All of M while five stand: inequalities 2 and 6 allow no vote more (0.8 * 5 * M/4). With fewer, and when the duty
    /// is overdue by a version, whose workers may have withdrawn, no more than block hashes alone are good for.
    function maxInsured() external view returns (uint96) {
        uint16 version = _state.version;
        uint256 standing_ = _count(_standing(version));
        if (standing_ == 0) return 0;
        if (standing_ < _SEATS || _version() > version + 1) return _MINIMUM_STAKE / 10;
        return _MINIMUM_STAKE;
    }

    // --- Duty --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IWorkerBeacon
    function registerChain(uint32 workerId, bytes32 head) external {
        bool mayRegister = msg.sender == VAULT.worker(workerId).signer || msg.sender == VAULT.ownerOf(workerId);
        require(mayRegister, NotWorker(workerId, msg.sender));
        require(head != 0, HeadInvalid());
        uint16 version = _version();
        Chain storage chain = _chains[workerId];
        if (chain.from != 0 && chain.from <= version) {
            require(_isOver(chain.from), ChainBusy(workerId));
            chain.head = chain.next;
        }
        (chain.next, chain.from) = (head, version + 1);
        emit ChainRegistered(workerId, head, version + 1);
    }

    /// @inheritdoc IWorkerBeacon
    function reveal(uint48 number, uint8[] calldata seats, bytes32[] calldata preimages) external {
        require(seats.length == preimages.length, LengthsDiffer(seats.length, preimages.length));
        Beat memory beat = _asked(number);
        uint256 fixedAt = _fixedAt(number);
        require(
            block.number > fixedAt && block.number < _closedFrom(number),
            BeatClosed(number, fixedAt + 1, _closedFrom(number) - 1)
        );
        Shift storage shift = _shifts[beat.version];
        (uint160 workers, uint160 served) = (shift.workers, shift.served);
        if (beat.revealed == 0) (beat.blockHash, beat.mix) = (blockhash(fixedAt), 0);
        uint256 before = beat.revealed;
        for (uint256 i; i < seats.length; ++i) {
            uint32 workerId = _lane(workers, seats[i]);
            require(workerId != 0, SeatEmpty(seats[i]));
            uint32 had = _lane(served, seats[i]);
            if (had == beat.ordinal + 1) continue;
            require(had == beat.ordinal, OffDuty(workerId));
            _useLink(workerId, preimages[i], beat.version);
            served = _setLane(served, seats[i], had + 1);
            beat.mix ^= keccak256(abi.encode(workerId, preimages[i]));
            ++beat.revealed;
            emit PreimageRevealed(number, workerId, preimages[i]);
        }
        if (beat.revealed == before) return;
        shift.served = served;
        _beats[number % _RING] = beat;
    }

    /// @inheritdoc IWorkerBeacon
    function summon() external returns (uint48 beat) {
        uint16 version = _version();
        require(version != 0, DutyMissing());
        State memory s = _state;
        if (s.summonedBeat != 0 && s.summonedVersion == version) {
            (bool ready, bytes32 seed) = _dutySeed(s.summonedBeat);
            require(ready && seed == 0, DutyComplete(version));
        }
        require(s.version != version || _out(version) != 0, DutyComplete(version));
        beat = _nextBeat();
        if (_beats[beat % _RING].beat != beat) _ask(beat, s.version);
        (_state.summonedVersion, _state.summonedBeat) = (version, beat);
        emit DutySummoned(version, beat);
    }

    /// @inheritdoc IWorkerBeacon
    function seat() external {
        uint16 version = _version();
        State memory s = _state;
        // A table that was still open when the seed became known must not be drawn from.
        require(s.summonedBeat != 0 && s.summonedVersion == version, NotSummoned(version));
        (bool ready, bytes32 seed) = _dutySeed(s.summonedBeat);
        require(ready, SeedNotReady(s.summonedBeat, _closedFrom(s.summonedBeat)));
        require(seed != 0, SeedLost(s.summonedBeat));
        seed = keccak256(abi.encode("assay.v1.duty", seed, version));
        _state = State(version, 0, 0);
        if (s.version != version) _seatAll(version, seed);
        else _fill(version, seed);
        emit DutySeated(version, _lanes(_shifts[version].workers));
    }

    /// @inheritdoc IWorkerBeacon
    function punish(uint16 version, uint8 seat_) external returns (uint96 taken) {
        Shift storage shift = _shifts[version];
        bool withheld = seat_ < _SEATS && ((_out(version) & ~shift.punished) >> seat_) & 1 == 1;
        require(withheld, NothingWithheld(version, seat_));
        return _punish(version, seat_);
    }

    // --- Views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IWorkerBeacon
    function beatOf(uint48 ref) external view returns (Beat memory) {
        return _asked(ref);
    }

    /// @inheritdoc IWorkerBeacon
    function dutyOf(uint16 version) external view returns (Duty memory) {
        Shift memory shift = _shifts[version];
        return Duty(_lanes(shift.workers), _lanes(shift.served), shift.beats, shift.punished);
    }

    /// @inheritdoc IWorkerBeacon
    function chainOf(uint32 workerId) external view returns (Chain memory) {
        return _chains[workerId];
    }

    /// @inheritdoc IWorkerBeacon
    function state() external view returns (uint16 version, uint16 summonedVersion, uint48 summonedBeat) {
        State memory s = _state;
        return (s.version, s.summonedVersion, s.summonedBeat);
    }

    /// @inheritdoc IWorkerBeacon
    function standing() external view returns (uint8 seats) {
        return uint8(_standing(_state.version));
    }

    /// @inheritdoc IWorkerBeacon
    /// @dev Not the share `keccak256(workerId, preimage)`, which a chain's earlier link would give away. With the worker in it,
    /// nobody can register another's head and later repeat its preimages.
    function linkOf(uint32 workerId, bytes32 preimage) public pure returns (bytes32) {
        return keccak256(abi.encode("assay.v1.beacon", workerId, preimage));
    }

    // --- Beats -------------------------------------------------------------------------------------------------------

    /// The first beat whose block is still to come, whatever block this is.
    function _nextBeat() private view returns (uint48) {
        return uint48(block.number / _BLOCKS + 1);
    }

    function _fixedAt(uint48 beat) private pure returns (uint256) {
        return _BLOCKS * beat;
    }

    function _closedFrom(uint48 beat) private pure returns (uint256) {
        return _BLOCKS * (uint256(beat) + 1);
    }

    function _ask(uint48 number, uint16 version) private {
        Shift storage shift = _shifts[version];
        Beat storage beat = _beats[number % _RING];
        (beat.beat, beat.version, beat.revealed) = (number, version, 0);
        (beat.ordinal, beat.duties) = (shift.beats++, shift.taken);
        emit BeatAsked(number, version);
    }

    function _asked(uint48 number) private view returns (Beat memory beat) {
        beat = _beats[number % _RING];
        require(number != 0 && beat.beat == number, BeatUnknown(number));
    }

    /// @return ready whether it is known what the seed is, or that there is none
    /// @return seed 0 if there is none
    function _seedAt(uint48 number) private view returns (bool ready, bytes32 seed) {
        Beat memory beat = _beats[number % _RING];
        if (beat.beat != number) return (block.number >= _closedFrom(number), 0);
        ready = block.number >= _closedFrom(number) || (beat.revealed != 0 && beat.revealed == beat.duties);
        if (ready && beat.revealed != 0) seed = keccak256(abi.encode(beat.blockHash, beat.mix));
    }

    /// A duty that fell silent must not keep the next one from being drawn: then the block alone decides.
    function _dutySeed(uint48 number) private view returns (bool ready, bytes32 seed) {
        (ready, seed) = _seedAt(number);
        if (!ready || seed != 0 || _beats[number % _RING].beat != number) return (ready, seed);
        bytes32 blockHash = BlockHistory.hashOf(_fixedAt(number));
        if (blockHash != 0) seed = keccak256(abi.encode(blockHash, bytes32(0)));
    }

    // --- Chains ------------------------------------------------------------------------------------------------------

    function _useLink(uint32 workerId, bytes32 preimage, uint16 version) private {
        Chain storage chain = _chains[workerId];
        bytes32 head = chain.head;
        if (chain.from != 0 && chain.from <= version) (head, chain.next, chain.from) = (chain.next, 0, 0);
        bytes32 link = linkOf(workerId, preimage);
        require(link == head, PreimageWrong(workerId, link, head));
        chain.head = preimage;
    }

    /// Whether no beat of a duty before `version` can still ask for a preimage.
    function _isOver(uint16 version) private view returns (bool) {
        if (_state.version < version) return false;
        uint48 beat = _nextBeat();
        return !_isOpenBefore(beat, version) && !_isOpenBefore(beat - 1, version);
    }

    function _isOpenBefore(uint48 number, uint16 version) private view returns (bool) {
        Beat storage beat = _beats[number % _RING];
        return number != 0 && beat.beat == number && beat.version < version;
    }

    // --- Seats -------------------------------------------------------------------------------------------------------

    function _seatAll(uint16 version, bytes32 seed) private {
        uint256 n = _pool(0, _SEATS);
        uint32[] memory ids = VAULT.drawIds(version, _CLASS, seed, new uint32[](0), n);
        uint160 workers;
        for (uint256 i; i < n; ++i) workers = _setLane(workers, i, ids[i]);
        Shift storage shift = _shifts[version];
        (shift.workers, shift.taken) = (workers, uint8(n));
    }

    /// Gives the seats of those that withheld to others; seats for which nobody is found stay empty.
    function _fill(uint16 version, bytes32 seed) private {
        uint256 out = _out(version);
        Shift storage shift = _shifts[version];
        (uint160 workers, uint160 served, uint32 beats) = (shift.workers, shift.served, shift.beats);
        uint32[] memory members = new uint32[](shift.taken);
        uint256 seated;
        for (uint256 i; i < _SEATS; ++i) {
            uint32 workerId = _lane(workers, i);
            if (workerId == 0) continue;
            members[seated++] = workerId;
            if ((out >> i) & 1 == 0) continue;
            _barred[workerId] = version;
            if ((shift.punished >> i) & 1 == 0) _punish(version, uint8(i));
        }
        uint256 n = _pool(members.length, _count(out) + _SPARE);
        uint32[] memory ids = VAULT.drawIds(version, _CLASS, seed, members, n);
        uint256 next;
        for (uint256 i; i < _SEATS; ++i) {
            if ((out >> i) & 1 == 0) continue;
            while (next < n && _barred[ids[next]] == version) ++next;
            uint32 workerId = next < n ? ids[next++] : 0;
            if (workerId == 0) --seated;
            (workers, served) = (_setLane(workers, i, workerId), _setLane(served, i, beats));
        }
        (shift.workers, shift.served, shift.taken) = (workers, served, uint8(seated));
        shift.punished = uint8(shift.punished & ~out);
    }

    /// Effects before the vault's transfers; the vault is trusted, its token to be plain.
    function _punish(uint16 version, uint8 seat_) private returns (uint96 taken) {
        Shift storage shift = _shifts[version];
        uint32 workerId = _lane(shift.workers, seat_);
        shift.punished |= uint8(1 << seat_);
        taken = VAULT.slashWithheld(workerId, msg.sender);
        emit Withheld(version, workerId, taken);
    }

    /// Beats of this duty that can ask for no preimage any more.
    function _closed(uint16 version) private view returns (uint256 beats) {
        beats = _shifts[version].beats;
        uint48 number = _nextBeat();
        if (_isOf(number, version)) --beats;
        if (_isOf(number - 1, version)) --beats;
    }

    function _isOf(uint48 number, uint16 version) private view returns (bool) {
        Beat storage beat = _beats[number % _RING];
        return number != 0 && beat.beat == number && beat.version == version;
    }

    /// Seats whose workers left out a beat, as bits.
    function _out(uint16 version) private view returns (uint256) {
        return _seatsWhere(version, false);
    }

    function _standing(uint16 version) private view returns (uint256) {
        return _seatsWhere(version, true);
    }

    function _seatsWhere(uint16 version, bool stands) private view returns (uint256 seats) {
        uint256 closed = _closed(version);
        (uint160 workers, uint160 served) = (_shifts[version].workers, _shifts[version].served);
        for (uint256 i; i < _SEATS; ++i)
            if (_lane(workers, i) != 0 && (_lane(served, i) >= closed) == stands) seats |= 1 << i;
    }

    /// How many workers can be drawn: as many as wanted, or all that are there.
    function _pool(uint256 excluded, uint256 wanted) private view returns (uint256) {
        (, uint32 workers, ) = VAULT.pool(_CLASS);
        uint256 free = workers > excluded ? workers - excluded : 0;
        return wanted < free ? wanted : free;
    }

    function _version() private view returns (uint16 version) {
        (version, , , , ) = VAULT.epoch();
    }

    // --- Lanes -------------------------------------------------------------------------------------------------------

    /// 0 beyond the last seat.
    function _lane(uint160 lanes, uint256 i) private pure returns (uint32) {
        return uint32(lanes >> (32 * i));
    }

    function _setLane(uint160 lanes, uint256 i, uint32 value) private pure returns (uint160) {
        uint256 shift = 32 * i;
        return uint160((lanes & ~(uint256(type(uint32).max) << shift)) | (uint256(value) << shift));
    }

    function _lanes(uint160 lanes) private pure returns (uint32[5] memory values) {
        for (uint256 i; i < _SEATS; ++i) values[i] = _lane(lanes, i);
    }

    function _count(uint256 seats) private pure returns (uint256 count) {
        for (; seats != 0; seats &= seats - 1) ++count;
    }
}
