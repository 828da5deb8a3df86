// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IWorkerBeacon} from "../../../contracts/interfaces/IWorkerBeacon.sol";
import {BeaconBase} from "../support/BeaconBase.sol";

/// Drives a beacon through beats that are served, withheld in part or wholly, fines, replaced duties and epochs. No call may fail but
/// those that are tried because they must. The handler is the hub.
contract BeaconHandler is BeaconBase {
    uint256 public constant WORKERS = 12;

    uint256 public served;
    uint256 public lost; // beats without a preimage
    uint256 public fines;
    uint256 public seatings;
    string public broken; // the first broken promise, or empty
    mapping(uint32 workerId => uint256) public withheld;
    mapping(uint32 workerId => uint256) private _used;
    uint48[] private _told;
    mapping(uint48 beat => bytes32) private _seeds;

    constructor() {
        _deployEmpty();
        // A ticket less than their stake allows: who pays a fine need not leave the table.
        for (uint256 n = 1; n <= WORKERS; ++n) _enlist(n, 3);
        _nextEpoch();
        _seatDuty();
    }

    // --- Actions ------------------------------------------------------------------------------------------------------

    /// A job asks for a beat; the seats in `mask` reveal.
    function serve(uint8 mask) public {
        _serve(_beacon.activate(), _mostly(mask));
    }

    /// Whoever withheld is fined, and nobody else.
    function punish(uint8 seat) public {
        (uint16 version, , ) = _beacon.state();
        uint32 id = _beacon.dutyOf(version).workers[seat % 5];
        try _beacon.punish(version, seat % 5) returns (uint96 taken) {
            ++fines;
            if (withheld[id] == 0) _break("who served was fined");
            if (taken > M / 1000) _break("a fine of more than M / 1000");
        } catch {}
    }

    /// Seats of those that withheld, or all seats of a new epoch, are given to others.
    function replace(uint8 mask) public {
        try _beacon.summon() returns (uint48 beat) {
            _serve(beat, _mostly(mask));
            _beacon.seat();
            ++seatings;
        } catch {}
    }

    function nextEpoch(uint8 mask) public {
        if (mask % 4 != 0) return;
        _nextEpoch();
        replace(mask / 4);
    }

    function act(uint256 seed) external {
        uint8 mask = uint8(seed >> 8);
        uint256 which = seed % 8;
        if (which < 4) serve(mask);
        if (which == 4 || which == 5) punish(mask);
        if (which == 6) replace(mask);
        if (which == 7) nextEpoch(mask);
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    /// Three of four times everybody comes.
    function _mostly(uint8 mask) private pure returns (uint8) {
        return mask % 4 == 0 ? mask >> 2 : 31;
    }

    function _serve(uint48 beat, uint8 mask) private {
        IWorkerBeacon.Beat memory b = _beacon.beatOf(beat);
        IWorkerBeacon.Duty memory duty = _beacon.dutyOf(b.version);
        _toReveals(beat, mask % 3);
        bytes32 mix;
        uint256 came;
        for (uint8 seat; seat < 5; ++seat) {
            uint32 id = duty.workers[seat];
            // Who left out a beat is off duty.
            if (id == 0 || duty.served[seat] != b.ordinal) continue;
            if ((mask >> seat) & 1 == 0 || _used[id] == LINKS) {
                ++withheld[id];
                continue;
            }
            bytes32 preimage = _link(id, 0, ++_used[id]);
            _revealOne(beat, seat, preimage);
            mix ^= _share(id, preimage);
            ++came;
        }
        _toClose(beat);
        _comeLate(beat, duty);
        if (came == 0) {
            ++lost;
            return;
        }
        ++served;
        _told.push(beat);
        _seeds[beat] = _seedFrom(beat, mix);
        if (_beacon.seedOf(beat) != _seeds[beat]) _break("30: a seed is not the block and what was revealed in time");
    }

    /// 31: whoever kept its preimage cannot choose between two seeds any more.
    function _comeLate(uint48 beat, IWorkerBeacon.Duty memory duty) private {
        for (uint8 seat; seat < 5; ++seat) {
            uint32 id = duty.workers[seat];
            if (id == 0 || _used[id] == LINKS) continue;
            (uint8[] memory seats, bytes32[] memory preimages) = (new uint8[](1), new bytes32[](1));
            (seats[0], preimages[0]) = (seat, _link(id, 0, _used[id] + 1));
            try _beacon.reveal(beat, seats, preimages) {
                _break("31: a preimage was taken after its blocks");
            } catch {}
        }
    }

    function _break(string memory what) private {
        if (bytes(broken).length == 0) broken = what;
    }

    // --- What the invariants read -------------------------------------------------------------------------------------

    /// Whether every seed that was ever known is still the same.
    function seedsRepeat() external view returns (bool) {
        for (uint256 i; i < _told.length; ++i) if (_beacon.seedOf(_told[i]) != _seeds[_told[i]]) return false;
        return true;
    }

    /// The first worker that lost more than its fines, 0 if none.
    function wronged() external view returns (uint32) {
        for (uint32 id = 1; id <= WORKERS; ++id) if (_vault.worker(id).stake + (withheld[id] * M) / 1000 < M) return id;
        return 0;
    }

    function vaultGap() external view returns (uint256) {
        uint256 sum;
        for (uint32 id = 1; id <= WORKERS; ++id) sum += _vault.worker(id).stake + _vault.worker(id).unbonding;
        return _token.balanceOf(address(_vault)) - sum;
    }

    function insuresTooMuch() external view returns (bool) {
        uint256 most = _beacon.maxInsured();
        return most > M || (most > M / 10 && _beacon.standing() != 31);
    }
}

/// Invariants 2, 30 and 31 of protocol.md section 13 with the workers' beacon, and that it fines only who withheld.
contract BeaconInvariantsTest {
    BeaconHandler private _handler;

    function setUp() public {
        _handler = new BeaconHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// One campaign for all: they look at the same lives.
    function invariant_SeedsStandAndOnlyWithholdersPay() public view {
        string memory broken = _handler.broken();
        require(bytes(broken).length == 0, broken);
        require(_handler.seedsRepeat(), "30: a known seed changed");
        require(_handler.wronged() == 0, "more was taken than M / 1000 a withheld duty");
        require(_handler.vaultGap() == 0, "2: vault");
        require(!_handler.insuresTooMuch(), "a beacon of fewer than five insures too much");
    }

    /// The fuzz is not vacuous.
    function test_RandomBeatsReachEverything() public {
        for (uint256 i; i < 80; ++i) _handler.act(uint256(keccak256(abi.encode("assay.test.beat", i))));
        invariant_SeedsStandAndOnlyWithholdersPay();
        require(_handler.served() > 10, "served");
        require(_handler.lost() > 0, "lost");
        require(_handler.fines() > 1, "fines");
        require(_handler.seatings() > 2, "seatings");
    }
}
