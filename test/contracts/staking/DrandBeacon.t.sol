// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDrandBeacon} from "../../../contracts/interfaces/IDrandBeacon.sol";
import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {Bls12381Lib} from "../../../contracts/libraries/Bls12381Lib.sol";
import {DrandBeacon, DrandConfig} from "../../../contracts/staking/DrandBeacon.sol";
import {vm} from "../support/Vm.sol";

/// R16: rounds of drand, real ones and ones of our own, and what is not a round.
contract DrandBeaconTest {
    uint48 private constant GENESIS = 1_692_803_367;
    uint48 private constant PERIOD = 3;
    uint48 private constant DELAY = 48;
    uint48 private constant LAG = 24;

    DrandBeacon private _quicknet;
    DrandBeacon private _own;
    uint256 private _published;
    uint256[] private _rounds;
    bytes[] private _signatures;
    bytes32[] private _seeds;
    bytes private _key;

    function setUp() public {
        string memory json = _vectors();
        _published = vm.parseJsonUint(json, ".published");
        _rounds = vm.parseJsonUintArray(json, ".rounds");
        _signatures = vm.parseJsonBytesArray(json, ".signatures");
        _seeds = vm.parseJsonBytes32Array(json, ".seeds");
        _key = vm.parseJsonBytes(json, ".ownKey");
        _quicknet = _deploy(vm.parseJsonBytes(json, ".quicknetKey"));
        _own = _deploy(_key);
    }

    function _vectors() private view returns (string memory) {
        return vm.readFile("test/fixtures/vectors/drand.json");
    }

    function _deploy(bytes memory key) private returns (DrandBeacon) {
        return new DrandBeacon(DrandConfig(key, GENESIS, PERIOD, DELAY, LAG, 8_000));
    }

    function deploy(bytes memory key) external {
        _deploy(key);
    }

    function _beaconOf(uint256 i) private view returns (DrandBeacon) {
        return i < _published ? _quicknet : _own;
    }

    function _toRound(uint256 round) private {
        vm.warp(GENESIS + (round - 1) * PERIOD);
    }

    // --- True rounds --------------------------------------------------------------------------------------------------

    /// Three rounds that the League of Entropy published, and ten of our own up to the largest number.
    function test_TrueRoundsVerify() public {
        require(_published == 3 && _rounds.length == 13, "cases");
        for (uint256 i; i < _rounds.length; ++i) {
            uint48 round = uint48(_rounds[i]);
            _toRound(round);
            require(_beaconOf(i).post(round, _signatures[i]) == _seeds[i], "seed");
            require(_beaconOf(i).seedOf(round) == _seeds[i], "kept");
        }
    }

    /// drand's documentation: round 1000 has this randomness.
    function test_TheSeedIsTheRoundsRandomness() public view {
        require(_rounds[0] == 1000, "round");
        require(_seeds[0] == 0xfe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd, "randomness");
    }

    function test_BroughtTwiceItStays() public {
        _toRound(_rounds[0]);
        _quicknet.post(1000, _signatures[0]);
        require(_quicknet.post(1000, "whatever") == _seeds[0], "nothing is replaced");
    }

    function test_Gas() public {
        _toRound(_rounds[0]);
        vm.startSnapshotGas("drand: post a round");
        _quicknet.post(1000, _signatures[0]);
        vm.stopSnapshotGas();
    }

    /// RFC 9380 as another implementation (noble) does it, on twenty messages.
    function test_HashToCurve() public view {
        string memory json = _vectors();
        bytes memory domain = vm.parseJsonBytes(json, ".domain");
        bytes32[] memory messages = vm.parseJsonBytes32Array(json, ".messages");
        bytes[] memory points = vm.parseJsonBytesArray(json, ".points");
        require(messages.length == 20, "cases");
        for (uint256 i; i < messages.length; ++i) {
            (bool ok, bytes memory point) = Bls12381Lib.hashToG1(messages[i], domain);
            require(ok && keccak256(point) == keccak256(points[i]), "point");
        }
    }

    // --- False rounds -------------------------------------------------------------------------------------------------

    /// Infinity, negated, doubled, of another round, off the curve, off the subgroup, not canonical, of another length.
    function test_RevertWhen_TheSignatureIsNone() public {
        bytes[] memory bad = vm.parseJsonBytesArray(_vectors(), ".badSignatures");
        require(bad.length == 16, "cases");
        _toRound(10);
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.SignatureInvalid.selector, uint48(1)));
            _own.post{gas: 2_000_000}(1, bad[i]);
        }
        _own.post(1, _signatures[_published]);
    }

    function test_RevertWhen_TheRoundIsAnother() public {
        _toRound(2_000);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.SignatureInvalid.selector, uint48(1001)));
        _quicknet.post{gas: 2_000_000}(1001, _signatures[0]);
    }

    function test_RevertWhen_TheKeyIsAnother() public {
        _toRound(2_000);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.SignatureInvalid.selector, uint48(1000)));
        _own.post{gas: 2_000_000}(1000, _signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.SignatureInvalid.selector, uint48(1)));
        _quicknet.post{gas: 2_000_000}(1, _signatures[_published]);
    }

    function testFuzz_RevertWhen_AByteIsChanged(uint8 place, uint8 flip) public {
        vm.assume(flip != 0);
        _toRound(2_000);
        bytes memory signature = _signatures[0];
        signature[place % 128] ^= bytes1(flip);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.SignatureInvalid.selector, uint48(1000)));
        _quicknet.post{gas: 2_000_000}(1000, signature);
    }

    /// Even a true one, if drand's clock ran ahead: nobody may know a seed while its job can still be cancelled.
    function test_RevertWhen_TheRoundIsNotDue() public {
        uint256 due = GENESIS + 999 * uint256(PERIOD);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.RoundInFuture.selector, uint48(1000), due - 1, due));
        _quicknet.post(1000, _signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.RoundInvalid.selector, uint48(0)));
        _quicknet.post(0, _signatures[0]);
    }

    function test_RevertWhen_TheKeyIsNone() public {
        bytes[] memory bad = vm.parseJsonBytesArray(_vectors(), ".badKeys");
        require(bad.length == 6, "cases");
        for (uint256 i; i < bad.length; ++i) {
            // What a precompile refuses, it burns all gas for.
            try this.deploy{gas: 5_000_000}(bad[i]) {
                revert("deployed");
            } catch (bytes memory reason) {
                require(bytes4(reason) == IDrandBeacon.KeyInvalid.selector, "reason");
            }
        }
        require(keccak256(_own.publicKey()) == keccak256(_key), "a good one is kept");
    }

    function test_RevertWhen_TheTimingIsImpossible() public {
        bytes memory expected = abi.encodeWithSelector(IDrandBeacon.TimingInvalid.selector, LAG, LAG, PERIOD);
        vm.expectRevert(expected);
        new DrandBeacon(DrandConfig(_key, GENESIS, PERIOD, LAG, LAG, 0));
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.TimingInvalid.selector, DELAY, LAG, 0));
        new DrandBeacon(DrandConfig(_key, GENESIS, 0, DELAY, LAG, 0));
    }

    // --- Jobs ---------------------------------------------------------------------------------------------------------

    /// The round did not exist at the request, and is the first that did not.
    function testFuzz_AJobGetsTheFirstRoundAfterTheDelay(uint32 later) public {
        uint256 time = GENESIS - 1_000 + uint256(later);
        vm.warp(time);
        uint48 round = _quicknet.activate();
        uint256 due = _quicknet.timeOf(round);
        require(due >= time + DELAY, "nobody can know it");
        require(round == 1 || due < time + DELAY + PERIOD, "the first one");
        require(_quicknet.activate() == round, "whoever asks");
    }

    function test_CancellingEndsBeforeTheRoundCanBeKnown() public {
        vm.warp(GENESIS + 300);
        vm.roll(77);
        uint48 round = _quicknet.activate();
        uint256 due = _quicknet.timeOf(round);
        require(_quicknet.fixedBlock(round) == type(uint256).max, "free at first");
        vm.warp(due - LAG - 1);
        require(_quicknet.fixedBlock(round) == type(uint256).max, "free until then");
        vm.warp(due - LAG);
        require(_quicknet.fixedBlock(round) == 77, "then never again");
        vm.warp(due + 1_000_000);
        require(_quicknet.fixedBlock(round) == 77, "also if nobody brings the round");
        require(_quicknet.maxInsured() == 8_000, "insured value");
    }

    function test_RevertWhen_TheRoundIsNotThere() public {
        vm.warp(GENESIS + 300);
        uint48 round = _quicknet.activate();
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedNotReady.selector, round, _quicknet.timeOf(round)));
        _quicknet.seedOf(round);
    }
}
