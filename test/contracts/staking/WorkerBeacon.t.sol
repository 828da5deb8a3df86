// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {IWorkerBeacon} from "../../../contracts/interfaces/IWorkerBeacon.sol";
import {WorkerBeacon} from "../../../contracts/staking/WorkerBeacon.sol";
import {BeaconBase} from "../support/BeaconBase.sol";
import {vm} from "../support/Vm.sol";

/// R16: seeds that no block producer, no requester and no four of five workers on duty can choose.
contract WorkerBeaconTest is BeaconBase {
    uint256 private constant ALL = 31;
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;
    address private constant STRANGER = address(0xbad);

    uint32[5] private _duty;

    function setUp() public {
        _deployBeacon(12);
        _duty = _seatDuty();
    }

    // --- Beats --------------------------------------------------------------------------------------------------------

    function testFuzz_TheFixedBlockIsAlwaysToCome(uint8 ahead) public {
        vm.roll(block.number + ahead);
        uint48 beat = _beacon.activate();
        uint256 fixedAt = _beacon.fixedBlock(beat);
        require(
            fixedAt > block.number && fixedAt <= block.number + 4 && fixedAt % 4 == 0,
            "within the next four blocks"
        );
        require(_beacon.activate() == beat, "one beat for all that ask in it");
    }

    function test_Seed() public {
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        bytes32 mix = _reveal(beat, 15, 1);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedNotReady.selector, beat, 4 * uint256(beat) + 4));
        _beacon.seedOf(beat);
        mix ^= _reveal(beat, 16, 1);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "ready with the fifth preimage");
        _toClose(beat);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "and the same for good");
        require(_beacon.fixedBlock(beat) == 4 * uint256(beat), "fixed block");
    }

    function testFuzz_AnyPreimageMakesASeed(uint8 mask) public {
        vm.assume(mask & ALL != 0);
        (uint48 beat, bytes32 mix) = _run(mask & ALL, 1);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "of those that came");
        require(_beacon.standing() == mask & ALL, "the others are off duty");
        require(_beacon.maxInsured() == (mask & ALL == ALL ? M : M / 10), "fewer insure less");
    }

    function test_OneCallBringsSeveralPreimages() public {
        uint48 beat = _beacon.activate();
        _toReveals(beat, 2);
        (uint8[] memory seats, bytes32[] memory preimages) = (new uint8[](5), new bytes32[](5));
        bytes32 mix;
        for (uint8 i; i < 5; ++i) {
            (seats[i], preimages[i]) = (i, _link(_duty[i], 0, 1));
            mix ^= _share(_duty[i], preimages[i]);
        }
        // One of them was sent by itself: the call for all still counts the others.
        _revealOne(beat, 3, preimages[3]);
        _beacon.reveal(beat, seats, preimages);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "each counted once");
        require(_beacon.beatOf(beat).revealed == 5, "five");
    }

    function test_TwoBeatsMayBeOpenAtOnce() public {
        vm.roll(2_000);
        uint48 first = _beacon.activate(); // F = 2004
        vm.roll(2_005);
        uint48 second = _beacon.activate(); // F = 2008, before the first one's preimages are due
        require(second == first + 1, "next");
        _toReveals(first, 1);
        bytes32 a = _reveal(first, ALL, 1);
        _toReveals(second, 0);
        bytes32 b = _reveal(second, ALL, 2);
        require(_beacon.seedOf(first) == _seedFrom(first, a), "first");
        require(_beacon.seedOf(second) == _seedFrom(second, b), "second");
        require(_beacon.standing() == ALL, "all stand");
    }

    function test_TheRingKeeps4096Beats() public {
        (uint48 beat, bytes32 mix) = _run(ALL, 1);
        vm.roll(4 * uint256(beat) + 4 * 4_095 - 1);
        _beacon.activate();
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "16,383 blocks later");
        vm.roll(block.number + 4);
        _beacon.activate();
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedLost.selector, beat));
        _beacon.seedOf(beat);
    }

    /// TypeScript and Solidity make the same links, shares, seeds and duties.
    function test_Vectors() public view {
        string memory json = vm.readFile("test/fixtures/vectors/beacon.json");
        uint256[] memory ids = vm.parseJsonUintArray(json, ".workerIds");
        uint256[] memory versions = vm.parseJsonUintArray(json, ".versions");
        bytes32[] memory heads = vm.parseJsonBytes32Array(json, ".heads");
        bytes32[] memory preimages = vm.parseJsonBytes32Array(json, ".preimages");
        bytes32[] memory others = vm.parseJsonBytes32Array(json, ".others");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".blockHashes");
        bytes32[] memory seeds = vm.parseJsonBytes32Array(json, ".seeds");
        bytes32[] memory duties = vm.parseJsonBytes32Array(json, ".dutySeeds");
        require(ids.length >= 200, "cases");
        for (uint256 i; i < ids.length; ++i) {
            uint32 id = uint32(ids[i]);
            require(_beacon.linkOf(id, preimages[i]) == heads[i], "link");
            require(keccak256(abi.encode(hashes[i], _share(id, preimages[i]) ^ others[i])) == seeds[i], "seed");
            require(keccak256(abi.encode("assay.v1.duty", seeds[i], uint16(versions[i]))) == duties[i], "duty");
        }
    }

    // --- Failing beats ------------------------------------------------------------------------------------------------

    function test_WithoutAPreimageThereIsNoSeedAndNobodyIsCharged() public {
        uint48 beat = _beacon.activate();
        _toReveals(beat, 2);
        require(_beacon.fixedBlock(beat) == 4 * uint256(beat), "not yet failed");
        _toClose(beat);
        require(_beacon.fixedBlock(beat) == type(uint256).max, "never fixed");
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedLost.selector, beat));
        _beacon.seedOf(beat);
        require(_beacon.standing() == 0 && _beacon.maxInsured() == 0, "nobody is left");
    }

    function test_TheWholeDutyIsReplacedAfterItFellSilent() public {
        (uint48 failed, ) = _run(0, 0);
        uint32[5] memory old = _duty;
        _seatDuty();
        _duty = _beacon.dutyOf(1).workers;
        for (uint256 i; i < 5; ++i)
            for (uint256 j; j < 5; ++j) require(_duty[i] != old[j], "nobody comes back in this version");
        require(_beacon.standing() == ALL && _beacon.maxInsured() == M, "five new ones");
        (uint48 beat, bytes32 mix) = _run(ALL, 1);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "serve");
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedLost.selector, failed));
        _beacon.seedOf(failed);
    }

    // --- Withholding --------------------------------------------------------------------------------------------------

    /// Loss of the duty, and M/1000: 8 of 8,000, a tenth of which (rounded down) goes to the reporter.
    function test_WithholdingCostsStakeAndDuty() public {
        _run(ALL - 4, 1);
        uint256 dead = _token.balanceOf(DEAD);
        require(_beacon.punish(1, 2) == 8, "M/1000");
        require(_vault.worker(_duty[2]).stake == M - 8 && _token.balanceOf(DEAD) == dead + 8, "burned");
        require(_token.balanceOf(address(_vault)) == 12 * uint256(M) - 8, "invariant 2: the vault holds all stakes");
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NothingWithheld.selector, 1, 2));
        _beacon.punish(1, 2);

        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        bytes32 preimage = _link(_duty[2], 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.OffDuty.selector, _duty[2]));
        _revealOne(beat, 2, preimage);
    }

    function test_RevertWhen_PunishingWhoDidNotWithhold() public {
        uint48 beat = _beacon.activate();
        for (uint8 i; i < 6; ++i) _expectInnocent(1, i);
        _toReveals(beat, 2);
        for (uint8 i; i < 5; ++i) _expectInnocent(1, i); // there is time left
        _reveal(beat, ALL, 1);
        vm.roll(4 * uint256(beat) + 3);
        _beacon.activate(); // the next beat is asked for, not due
        _toClose(beat);
        for (uint8 i; i < 5; ++i) _expectInnocent(1, i);
        _expectInnocent(7, 0);
        _expectInnocent(1, 255);
    }

    function _expectInnocent(uint16 version, uint8 seat) private {
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NothingWithheld.selector, version, seat));
        _beacon.punish(version, seat);
    }

    /// A coalition that could trade its honest colleagues for new ones would only have to try often enough.
    function test_OnlyTheEmptySeatIsFilled() public {
        _run(ALL - 1, 1);
        uint48 beat = _beacon.summon();
        _toReveals(beat, 0);
        _reveal(beat, ALL - 1, 2);
        _toClose(beat);
        _beacon.seat();
        IWorkerBeacon.Duty memory duty = _beacon.dutyOf(1);
        for (uint256 i = 1; i < 5; ++i) require(duty.workers[i] == _duty[i] && duty.served[i] == 2, "stays");
        require(duty.workers[0] != 0 && duty.workers[0] != _duty[0] && duty.served[0] == 2, "new, and owes nothing");
        require(duty.punished == 0 && _vault.worker(_duty[0]).stake == M - 8, "punished before it left");
        _expectInnocent(1, 0);
        require(_beacon.standing() == ALL && _beacon.maxInsured() == M, "five");

        beat = _beacon.activate();
        _toReveals(beat, 0);
        _revealOne(beat, 0, _link(duty.workers[0], 0, 1));
        _toClose(beat);
        require(_beacon.standing() == 1, "the new one served, the others did not");
    }

    /// Two workers are all that is left: the third seat stays empty, and nobody can ask for a filling again and again.
    function test_SeatsStayEmptyWhereThePoolIsTooSmall() public {
        _deployBeacon(5);
        _duty = _seatDuty();
        _run(ALL - 2, 1);
        uint48 beat = _beacon.summon();
        _toReveals(beat, 0);
        _reveal(beat, ALL - 2, 2);
        _toClose(beat);
        _beacon.seat();
        require(_beacon.dutyOf(1).workers[1] == 0 && _beacon.maxInsured() == M / 10, "four");
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.DutyComplete.selector, 1));
        _beacon.summon();
        beat = _beacon.activate();
        _toReveals(beat, 0);
        bytes32 mix = _reveal(beat, ALL - 2, 3);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "ready with the fourth preimage");
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.SeatEmpty.selector, 1));
        _revealOne(beat, 1, 0);
    }

    function test_ADutyOfFewerThanFive() public {
        _deployBeacon(2);
        _duty = _seatDuty();
        require(_duty[1] != 0 && _duty[2] == 0 && _beacon.maxInsured() == M / 10, "two");
        (uint48 beat, bytes32 mix) = _run(3, 1);
        require(_beacon.seedOf(beat) == _seedFrom(beat, mix), "serve");
    }

    // --- Preimages ----------------------------------------------------------------------------------------------------

    function test_RevertWhen_RevealedOutsideItsBlocks() public {
        uint48 beat = _beacon.activate();
        bytes32 preimage = _link(_duty[0], 0, 1);
        uint256 f = 4 * uint256(beat);
        bytes memory closed = abi.encodeWithSelector(IWorkerBeacon.BeatClosed.selector, beat, f + 1, f + 3);
        uint256[4] memory wrong = [f - 1, f, f + 4, f + 400];
        for (uint256 i; i < 4; ++i) {
            vm.roll(wrong[i]);
            vm.expectRevert(closed);
            _revealOne(beat, 0, preimage);
        }
    }

    function test_RevertWhen_NobodyAskedForTheBeat() public {
        uint48 beat = _beacon.activate();
        _toReveals(beat, 2);
        for (uint48 other = beat - 1; other <= beat + 1; other += 2) {
            vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.BeatUnknown.selector, other));
            _revealOne(other, 0, _link(_duty[0], 0, 1));
        }
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.BeatUnknown.selector, uint48(0)));
        _beacon.beatOf(0);
    }

    /// Replayed (the last one again, or the head), one too far, another worker's, or no preimage at all.
    function test_RevertWhen_ThePreimageIsAnother() public {
        _run(ALL, 1);
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        bytes32[5] memory wrong = [
            _link(_duty[0], 0, 1),
            _link(_duty[0], 0, 0),
            _link(_duty[0], 0, 3),
            _link(_duty[1], 0, 2),
            bytes32(0)
        ];
        for (uint256 i; i < 5; ++i) {
            vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
            _revealOne(beat, 0, wrong[i]);
        }
        _reveal(beat, 1, 2);
        bytes32 mix = _beacon.beatOf(beat).mix;
        _reveal(beat, 1, 2); // sent twice: the second changes nothing
        require(_beacon.beatOf(beat).mix == mix && _beacon.beatOf(beat).revealed == 1, "once");
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.SeatEmpty.selector, 5));
        _revealOne(beat, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.LengthsDiffer.selector, 1, 0));
        _beacon.reveal(beat, new uint8[](1), new bytes32[](0));
    }

    /// Somebody registers the head that it saw another worker register. It can never open it.
    function test_RevertWhen_TheChainIsCopied() public {
        _deployEmpty();
        uint32 honest = _enlist(1, 4);
        uint32 copier = _join(2, M, 4);
        vm.prank(_owner(2));
        _beacon.registerChain(copier, _link(honest, 0, 0));
        _nextEpoch();
        _duty = _seatDuty();
        uint8 seat = _duty[0] == copier ? 0 : 1;
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        _reveal(beat, 3 - (1 << seat), 1);
        vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
        _revealOne(beat, seat, _link(honest, 0, 1));
        _toClose(beat);
        require(_beacon.punish(1, seat) == 8, "it withheld");
    }

    /// A share must not follow from what is public before the reveal: the head.
    function testFuzz_AShareIsNotALink(uint32 id, bytes32 preimage) public view {
        require(_share(id, preimage) != _beacon.linkOf(id, preimage), "the last reveal would give away the next share");
        require(_beacon.linkOf(id, preimage) != _beacon.linkOf(id ^ 1, preimage), "another worker's link");
    }

    function test_AWorkerWhoseChainEndedIsOffDuty() public {
        for (uint256 i = 1; i <= LINKS; ++i) _run(ALL, i);
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        bytes32 tail = _link(_duty[0], 0, LINKS);
        vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
        _revealOne(beat, 0, tail);
        _toClose(beat);
        require(_beacon.standing() == 0, "no link is left");
    }

    function test_AWorkerWithoutAChainWithholds() public {
        _deployEmpty();
        for (uint256 n = 1; n <= 5; ++n) _join(n, M, 4);
        _nextEpoch();
        _duty = _seatDuty();
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
        _revealOne(beat, 0, bytes32(0));
        _toClose(beat);
        require(_beacon.punish(1, 0) == 8, "M/1000");
    }

    // --- Chains -------------------------------------------------------------------------------------------------------

    function test_AChainRegisteredMidEpochServesFromTheNextVersion() public {
        _registerChain(_duty[0], _duty[0], 1);
        IWorkerBeacon.Chain memory chain = _beacon.chainOf(_duty[0]);
        require(chain.from == 2 && chain.next == _link(_duty[0], 1, 0), "from 2");
        uint48 beat = _beacon.activate();
        _toReveals(beat, 0);
        vm.expectPartialRevert(IWorkerBeacon.PreimageWrong.selector);
        _revealOne(beat, 0, _link(_duty[0], 1, 1));
        _reveal(beat, ALL, 1); // by the chain that was there first
        require(_beacon.chainOf(_duty[0]).next == _link(_duty[0], 1, 0), "still waiting");
        _registerChain(_duty[0], _duty[0], 2);
        require(_beacon.chainOf(_duty[0]).next == _link(_duty[0], 2, 0), "may be replaced until then");
    }

    function test_TheNewChainTakesOver() public {
        for (uint32 id = 1; id <= 12; ++id) _registerChain(id, id, 1);
        _run(ALL, 1);
        _nextEpoch();
        // The former duty serves on with its former chain, also in the new version, and nobody may disturb that.
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.ChainBusy.selector, uint32(1)));
        _registerChain(1, 1, 2);
        uint48 beat = _beacon.summon();
        _toReveals(beat, 0);
        _reveal(beat, ALL, 2);
        uint48 open = _beacon.activate(); // a beat of the former duty, still to be served when the new one is seated
        require(open == beat + 1, "the next beat");
        _beacon.seat();
        require(_beacon.dutyOf(1).beats == 3, "the former duty's");
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.ChainBusy.selector, uint32(1)));
        _registerChain(1, 1, 2);
        _toReveals(open, 0);
        _reveal(open, ALL, 3);
        _toClose(open);
        require(_beacon.seedOf(open) != 0, "served");

        _duty = _beacon.dutyOf(2).workers;
        beat = _beacon.activate();
        _toReveals(beat, 0);
        for (uint8 i; i < 5; ++i) _revealOne(beat, i, _link(_duty[i], 1, 1));
        require(_beacon.seedOf(beat) != 0, "by the new chains");
        _registerChain(1, 1, 2);
        require(_beacon.chainOf(1).from == 3, "and the next ones may come");
    }

    /// Whoever withheld the end of a duty can be punished after the next one was seated.
    function test_TheFormerDutyAnswersForItsLastBeat() public {
        uint32[5] memory former = _duty;
        _nextEpoch();
        uint48 beat = _beacon.summon();
        _toReveals(beat, 0);
        _reveal(beat, ALL, 1);
        uint48 open = _beacon.activate();
        _beacon.seat();
        _toReveals(open, 0);
        _reveal(open, ALL - 8, 2);
        _expectInnocent(1, 3);
        _toClose(open);
        require(_beacon.punish(1, 3) == 8 && _vault.worker(former[3]).stake == M - 8, "punished");
    }

    function test_RevertWhen_AStrangerRegistersAChain() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NotWorker.selector, uint32(1), STRANGER));
        _beacon.registerChain(1, bytes32(uint256(1)));
        vm.prank(vm.addr(1));
        _beacon.registerChain(1, bytes32(uint256(1))); // the signer may
        vm.prank(_owner(1));
        vm.expectRevert(IWorkerBeacon.HeadInvalid.selector);
        _beacon.registerChain(1, 0);
        vm.prank(_owner(99));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerUnknown.selector, uint32(99)));
        _beacon.registerChain(99, bytes32(uint256(1)));
    }

    // --- Seating ------------------------------------------------------------------------------------------------------

    function test_TheDutyFollowsFromSeedAndTable() public {
        _nextEpoch();
        uint48 beat = _beacon.summon();
        _toReveals(beat, 0);
        bytes32 mix = _reveal(beat, ALL, 1);
        vm.roll(block.number + 40); // whenever it is drawn
        _beacon.seat();
        bytes32 seed = keccak256(abi.encode("assay.v1.duty", _seedFrom(beat, mix), uint16(2)));
        uint32[] memory ids = _vault.drawIds(2, 0, seed, _none(), 5);
        _duty = _beacon.dutyOf(2).workers;
        for (uint256 i; i < 5; ++i) require(_duty[i] == ids[i], "drawn from the tickets");
    }

    function test_RevertWhen_SummoningWithoutNeed() public {
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.DutyComplete.selector, 1));
        _beacon.summon();
        _nextEpoch();
        _beacon.summon();
        vm.roll(block.number + 4);
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.DutyComplete.selector, 2));
        _beacon.summon(); // no second seed for the same duty
    }

    /// What was summoned for one version is not drawn from the next: its table could have been made for the seed.
    function test_RevertWhen_TheTableIsYoungerThanTheSummons() public {
        _nextEpoch();
        uint48 beat = _beacon.summon();
        _toClose(beat);
        _nextEpoch();
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NotSummoned.selector, 3));
        _beacon.seat();
        require(_beacon.summon() != beat, "a beat of its own");
    }

    function test_RevertWhen_SeatedTooEarlyOrUnsummoned() public {
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NotSummoned.selector, 1));
        _beacon.seat();
        _nextEpoch();
        uint48 beat = _beacon.summon();
        _toReveals(beat, 2);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedNotReady.selector, beat, 4 * uint256(beat) + 4));
        _beacon.seat();
    }

    /// The beat after which the next duty is drawn failed, and its block is forgotten as well.
    function test_ALostSummonsCanBeRepeated() public {
        _nextEpoch();
        uint48 beat = _beacon.summon();
        vm.roll(4 * uint256(beat) + 300);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedLost.selector, beat));
        _beacon.seat();
        uint48 again = _beacon.summon();
        _toClose(again);
        _beacon.seat();
        (uint16 version, , ) = _beacon.state();
        require(version == 2, "seated");
    }

    function test_AnOverdueDutyInsuresLess() public {
        _nextEpoch();
        require(_beacon.maxInsured() == M, "it may serve on");
        _nextEpoch();
        require(_beacon.maxInsured() == M / 10, "but not for good");
    }

    function test_RevertWhen_NobodyIsOnDutyYet() public {
        _deployBeacon(5);
        vm.expectRevert(IWorkerBeacon.DutyMissing.selector);
        _beacon.activate();
        uint48 beat = _beacon.summon();
        vm.expectRevert(IWorkerBeacon.DutyMissing.selector);
        _beacon.activate(); // that beat has nobody to serve it
        require(_beacon.maxInsured() == 0 && beat != 0, "nothing is insured");
    }

    function test_RevertWhen_TheTableHasNotStarted() public {
        _deployVault(address(this));
        _beacon = new WorkerBeacon(_vault);
        vm.expectRevert(IWorkerBeacon.DutyMissing.selector);
        _beacon.summon();
    }

    function test_RevertWhen_AStrangerAsksForBeats() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IWorkerBeacon.NotHub.selector, STRANGER, address(this)));
        _beacon.activate();
    }

    function test_RevertWhen_AnotherSlashesForTheBeacon() public {
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotBeacon.selector, address(this), address(_beacon)));
        _vault.slashWithheld(1, address(this)); // not even the hub
    }

    // --- Gas ----------------------------------------------------------------------------------------------------------

    /// In a ring and duty that are in use: no slot is written for the first time.
    function test_Gas() public {
        _run(ALL, 1);
        vm.roll(block.number + 4 * 4_094);
        vm.startSnapshotGas("beacon: first request of a beat");
        uint48 beat = _beacon.activate();
        vm.stopSnapshotGas();
        vm.startSnapshotGas("beacon: further request of a beat");
        _beacon.activate();
        vm.stopSnapshotGas();
        _toReveals(beat, 0);
        (uint8[] memory seats, bytes32[] memory preimages) = (new uint8[](4), new bytes32[](4));
        for (uint8 i; i < 4; ++i) (seats[i], preimages[i]) = (i, _link(_duty[i], 0, 2));
        bytes32 last = _link(_duty[4], 0, 2);
        vm.startSnapshotGas("beacon: four preimages in a call");
        _beacon.reveal(beat, seats, preimages);
        vm.stopSnapshotGas();
        (seats, preimages) = (new uint8[](1), new bytes32[](1));
        (seats[0], preimages[0]) = (4, last);
        vm.startSnapshotGas("beacon: one preimage more");
        _beacon.reveal(beat, seats, preimages);
        vm.stopSnapshotGas();
        vm.startSnapshotGas("beacon: the seed");
        _beacon.seedOf(beat);
        vm.stopSnapshotGas();
        _toClose(beat);
        _nextEpoch();
        vm.startSnapshotGas("beacon: summon a duty");
        beat = _beacon.summon();
        vm.stopSnapshotGas();
        _toClose(beat);
        vm.startSnapshotGas("beacon: seat a duty");
        _beacon.seat();
        vm.stopSnapshotGas();
    }
}
