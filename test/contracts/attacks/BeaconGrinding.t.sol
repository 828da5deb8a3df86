// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {IWorkerBeacon} from "../../../contracts/interfaces/IWorkerBeacon.sol";
import {WorkerBeacon} from "../../../contracts/staking/WorkerBeacon.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// R16, invariants 30 to 32: whoever requests, serves or produces blocks tries to get another committee.
contract BeaconGrindingTest is HubBase {
    uint256 private constant LINKS = 8;
    uint256 private constant ALL = 31;

    WorkerBeacon private _beacon;
    uint256 private _served; // links that every duty worker has used

    function _newRandomness() internal override returns (IRandomness) {
        return _beacon = new WorkerBeacon(_vault);
    }

    function setUp() public {
        _deploy(25);
        for (uint32 id = 1; id <= 25; ++id) {
            vm.prank(_owner(id));
            _beacon.registerChain(id, _link(id, 0));
        }
        _nextEpoch();
        uint48 beat = _beacon.summon();
        vm.roll(4 * uint256(beat) + 4);
        _setHash(beat);
        _beacon.seat();
    }

    function _link(uint32 id, uint256 i) private pure returns (bytes32 link) {
        link = keccak256(abi.encode("tail", id));
        for (uint256 depth = LINKS; depth > i; --depth) link = keccak256(abi.encode("assay.v1.beacon", id, link));
    }

    function _setHash(uint48 beat) private {
        vm.setBlockhash(4 * uint256(beat), keccak256(abi.encode("block", beat)));
    }

    function _ref(Job memory job) private view returns (uint48) {
        return _hub.slot(_id(job)).seedRef;
    }

    /// The seats in `mask` reveal; the beat is over.
    function _serve(uint48 beat, uint256 mask) private {
        if (block.number > 4 * uint256(beat)) return;
        vm.roll(4 * uint256(beat) + 1);
        _setHash(beat);
        uint32[5] memory workers = _beacon.dutyOf(2).workers;
        ++_served;
        for (uint8 seat; seat < 5; ++seat) {
            if ((mask >> seat) & 1 == 0) continue;
            (uint8[] memory seats, bytes32[] memory preimages) = (new uint8[](1), new bytes32[](1));
            (seats[0], preimages[0]) = (seat, _link(workers[seat], _served));
            _beacon.reveal(beat, seats, preimages);
        }
        vm.roll(4 * uint256(beat) + 4);
    }

    function _toSeed(bytes32 jobId) internal override {
        _serve(_hub.slot(jobId).seedRef, ALL);
    }

    /// A request whose beat still is to come.
    function _ask(Spec memory spec) private returns (Job memory job) {
        job = Job(address(this), ++_nonce, spec);
        _hub.request(job.nonce, spec);
    }

    // --- The requester ------------------------------------------------------------------------------------------------

    function test_CancelIsFreeUntilTheFixedBlockOnly() public {
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = _ask(_spec(3, 1));
        uint256 fixedAt = 4 * uint256(_ref(job));
        vm.roll(fixedAt - 1);
        _hub.cancel(job);
        require(_hub.balanceOf(address(this)) == free, "free");

        vm.roll(2_000);
        job = _ask(_spec(3, 1));
        fixedAt = 4 * uint256(_ref(job));
        // In F itself, and in every block in which a preimage may already be public.
        for (uint256 later; later < 4; ++later) {
            vm.roll(fixedAt + later);
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.TooLate.selector, fixedAt + later, fixedAt));
            _hub.cancel(job);
        }
    }

    /// Requesting again before the fixed block gets the same beat; at or after it, a later one.
    function test_RequestingAgainShowsNoSeed() public {
        vm.roll(2_000);
        Job memory job = _ask(_spec(3, 1));
        uint48 beat = _ref(job);
        vm.roll(2_003);
        _hub.cancel(job);
        require(_ref(_ask(_spec(3, 1))) == beat, "the same beat");
        vm.roll(2_004);
        require(4 * uint256(_ref(_ask(_spec(3, 1)))) > block.number, "none whose block exists");
    }

    function test_RevertWhen_TheSeedIsAskedForBeforeItsLastPreimage() public {
        vm.roll(2_000);
        Job memory job = _ask(_spec(3, 1));
        vm.roll(2_007);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedNotReady.selector, uint48(501), 2_008));
        _hub.pin(job, _empty());
    }

    /// Whenever it is pinned, by whomever: the same seats.
    function test_ALatePokeGetsTheSameSeats() public {
        Job memory job = _request(_spec(3, 1));
        uint32[] memory seats = _committee(job, _empty());
        vm.roll(block.number + 5_000); // the hash of F is beyond the chain's memory
        vm.prank(address(0xbad));
        _hub.pin(job, _empty());
        uint32[] memory late = _latest(_empty()).seats;
        for (uint256 i; i < 3; ++i) require(late[i] == seats[i], "same");
    }

    // --- Stakers ------------------------------------------------------------------------------------------------------

    /// Whoever stakes, takes or gives back tickets once a seed is known changes only later tables.
    function test_StakeAfterTheSeedChangesNoSeat() public {
        Job memory job = _request(_spec(3, 1));
        uint32[] memory seats = _committee(job, _empty());
        _toChanges();
        for (uint256 n = 26; n <= 30; ++n) _join(n, 16 * M, 64);
        uint32[] memory cells = _lastCells(seats[0], 0, 4);
        vm.prank(_owner(seats[0]));
        _vault.applyChanges(_change(seats[0], 0, 0, cells));
        _nextEpoch(); // readable for half an epoch more
        uint32[] memory later = _committee(job, _empty());
        for (uint256 i; i < 3; ++i) require(later[i] == seats[i], "same");
    }

    // --- Workers on duty ----------------------------------------------------------------------------------------------

    /// Two colluders on duty have four seeds to choose from, and no fifth; three of the four cost stake and duty.
    function test_ColludersHaveTwoToTheMChoices() public {
        vm.roll(2_000);
        Job memory job = _ask(_spec(3, 1));
        uint48 beat = _ref(job);
        uint32[5] memory workers = _beacon.dutyOf(2).workers;
        bytes32[] memory seeds = new bytes32[](4);
        for (uint256 choice; choice < 4; ++choice) {
            uint256 snapshot = vm.snapshotState();
            uint256 mask = 28 | choice;
            _serve(beat, mask);
            seeds[choice] = _beacon.seedOf(beat);
            for (uint256 other; other < choice; ++other) require(seeds[other] != seeds[choice], "another");
            for (uint8 i; i < 2; ++i) {
                if ((choice >> i) & 1 == 1) continue;
                _beacon.punish(2, i);
                require(_vault.worker(workers[i]).stake == M - M / 1_000, "it costs stake");
            }
            require(_beacon.standing() == mask, "and duty");
            vm.revertToState(snapshot);
        }
    }

    /// A preimage that is shown after the others were counted changes nothing.
    function test_RevertWhen_AWithheldPreimageComesLate() public {
        vm.roll(2_000);
        uint48 beat = _ref(_ask(_spec(3, 1)));
        _serve(beat, ALL - 1);
        bytes32 seed = _beacon.seedOf(beat);
        uint32 worker = _beacon.dutyOf(2).workers[0];
        bytes32[] memory preimages = new bytes32[](1);
        preimages[0] = _link(worker, 1);
        vm.expectPartialRevert(IWorkerBeacon.BeatClosed.selector);
        _beacon.reveal(beat, new uint8[](1), preimages);
        require(_beacon.seedOf(beat) == seed, "same");
    }

    /// A chain registered once the block is known cannot serve its beat: else its owner would choose among as many seeds as
    /// it can hash chains.
    function test_RevertWhen_AChainIsRegisteredMidEpoch() public {
        vm.roll(2_000);
        uint48 beat = _ref(_ask(_spec(3, 1)));
        vm.roll(2_005);
        _setHash(beat);
        uint32 worker = _beacon.dutyOf(2).workers[0];
        bytes32 chosen = keccak256("chosen");
        bytes32 head = _beacon.linkOf(worker, chosen);
        vm.prank(_owner(worker));
        _beacon.registerChain(worker, head);
        bytes32[] memory preimages = new bytes32[](1);
        preimages[0] = chosen;
        vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
        _beacon.reveal(beat, new uint8[](1), preimages);
        preimages[0] = _link(worker, 1);
        _beacon.reveal(beat, new uint8[](1), preimages);
    }

    /// No preimage, no seed: the requester gets all of it back, whoever ends the job.
    function test_ASilentDutyCostsTheRequesterNothing() public {
        uint256 free = _hub.balanceOf(address(this));
        vm.roll(2_000);
        Job memory job = _ask(_spec(3, 1));
        _serve(_ref(job), 0);
        uint256 snapshot = vm.snapshotState();
        _hub.cancel(job);
        require(_hub.balanceOf(address(this)) == free && _hub.totals().openRisk == 0, "by cancelling");

        vm.revertToState(snapshot);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.prank(address(0xbad));
        _hub.expire(job, _empty());
        uint256 poke = _hub.balanceOf(address(0xbad));
        require(_hub.balanceOf(address(this)) + poke == free && poke <= POKE, "but for the poke");
        require(_hub.totals().fees == 0, "no kill fee");
    }

    /// With a seed somebody pays: else whoever dislikes a committee lets it die.
    function test_ALivingDutyMakesALapsedJobCost() public {
        Job memory job = _request(_spec(3, 1));
        uint32[] memory seats = _committee(job, _empty());
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        _hub.expire(job, _empty());
        for (uint256 i; i < 3; ++i) require(_vault.worker(seats[i]).stake == M - 2 * REWARD, "those that did not come");
    }

    // --- End to end ---------------------------------------------------------------------------------------------------

    /// One who withholds does not stop the job: it is drawn, voted and paid.
    function test_AJobEndsThoughOneWithholds() public {
        vm.roll(2_000);
        Job memory job = _ask(_spec(3, 1));
        _serve(_ref(job), ALL - 16);
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
        require(_beacon.punish(2, 4) == 8, "punished");
        _expectSolvent(0);
    }
}
