// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MeasurementRegistry} from "../../../../contracts/evidence/enclave/MeasurementRegistry.sol";
import {IMeasurementRegistry} from "../../../../contracts/interfaces/IMeasurementRegistry.sol";
import {vm} from "../../support/Vm.sol";

contract MeasurementRegistryTest {
    bytes32 private constant _IMAGE = keccak256("measurement");
    bytes32 private constant _BUNDLE = keccak256("bundle");
    bytes32 private constant _PLATFORM = keccak256("platform");
    uint48 private constant _START = 1_790_000_000;

    MeasurementRegistry private _images;

    function setUp() public {
        vm.warp(_START);
        _images = new MeasurementRegistry(address(this));
    }

    function _list() private returns (uint24) {
        _images.announce(_IMAGE, _BUNDLE);
        vm.warp(block.timestamp + 48 hours);
        vm.prank(address(0xA11));
        return _images.list(_IMAGE);
    }

    function _unknown() private {
        vm.expectRevert(abi.encodeWithSelector(IMeasurementRegistry.ImageUnknown.selector, _IMAGE));
    }

    function test_ListingTakes48HoursInTheOpen() public {
        vm.expectEmit();
        emit IMeasurementRegistry.ImageAnnounced(_IMAGE, _BUNDLE, _START + 48 hours);
        _images.announce(_IMAGE, _BUNDLE);
        _unknown();
        _images.imageOf(_IMAGE);
        vm.warp(_START + 48 hours - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IMeasurementRegistry.NotReady.selector, _START + 48 hours - 1, _START + 48 hours)
        );
        _images.list(_IMAGE);
        vm.warp(_START + 48 hours);
        vm.expectEmit();
        emit IMeasurementRegistry.ImageListed(_IMAGE, 1, _BUNDLE);
        _images.list(_IMAGE);
        (uint24 image, bytes32 bundle) = _images.imageOf(_IMAGE);
        require(image == 1 && bundle == _BUNDLE && _images.imageAt(1).listed, "listed");
        // An announcement is used up.
        _unknown();
        _images.list(_IMAGE);
        vm.expectRevert(abi.encodeWithSelector(IMeasurementRegistry.ImageExists.selector, _IMAGE));
        _images.announce(_IMAGE, _BUNDLE);
    }

    /// Whoever announces again waits again: nobody slips another bundle under an old announcement.
    function test_AnnouncingAgainStartsAgain() public {
        _images.announce(_IMAGE, keccak256("first"));
        vm.warp(_START + 47 hours);
        _images.announce(_IMAGE, _BUNDLE);
        vm.warp(_START + 48 hours);
        vm.expectPartialRevert(IMeasurementRegistry.NotReady.selector);
        _images.list(_IMAGE);
        vm.warp(_START + 95 hours);
        _images.list(_IMAGE);
        (, bytes32 bundle) = _images.imageOf(_IMAGE);
        require(bundle == _BUNDLE, "bundle");
    }

    function test_RemovingIsImmediateAndANumberIsNeverUsedAgain() public {
        uint24 first = _list();
        vm.expectEmit();
        emit IMeasurementRegistry.ImageRemoved(_IMAGE, first);
        _images.remove(_IMAGE);
        IMeasurementRegistry.Image memory image = _images.imageAt(first);
        require(!image.listed && image.removedAt == block.timestamp && image.measurementId == _IMAGE, "removed");
        _unknown();
        _images.imageOf(_IMAGE);
        _unknown();
        _images.remove(_IMAGE);
        uint24 second = _list();
        require(second == first + 1 && !_images.imageAt(first).listed, "keys of the old number stay ended");
    }

    function test_RemovingWithdrawsAnAnnouncement() public {
        _images.announce(_IMAGE, _BUNDLE);
        _images.remove(_IMAGE);
        vm.warp(_START + 100 hours);
        _unknown();
        _images.list(_IMAGE);
    }

    function test_DenyingIsImmediateTakingBackTakes48Hours() public {
        vm.expectRevert(abi.encodeWithSelector(IMeasurementRegistry.PlatformNotDenied.selector, _PLATFORM));
        _images.announceAllowance(_PLATFORM);
        _images.deny(_PLATFORM);
        require(_images.isDenied(_PLATFORM), "denied");
        vm.expectRevert(abi.encodeWithSelector(IMeasurementRegistry.PlatformNotDenied.selector, _PLATFORM));
        _images.allow(_PLATFORM);
        _images.announceAllowance(_PLATFORM);
        vm.warp(_START + 48 hours - 1);
        vm.expectPartialRevert(IMeasurementRegistry.NotReady.selector);
        _images.allow(_PLATFORM);
        // Denied again, the announcement is void.
        _images.deny(_PLATFORM);
        vm.warp(_START + 48 hours);
        vm.expectPartialRevert(IMeasurementRegistry.PlatformNotDenied.selector);
        _images.allow(_PLATFORM);
        _images.announceAllowance(_PLATFORM);
        vm.warp(_START + 96 hours);
        vm.prank(address(0xA11));
        _images.allow(_PLATFORM);
        require(!_images.isDenied(_PLATFORM), "taken back");
    }

    function test_RevertWhen_NotTheTimelock() public {
        bytes[4] memory calls = [
            abi.encodeCall(_images.announce, (_IMAGE, _BUNDLE)),
            abi.encodeCall(_images.remove, (_IMAGE)),
            abi.encodeCall(_images.deny, (_PLATFORM)),
            abi.encodeCall(_images.announceAllowance, (_PLATFORM))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(address(0xBAD));
            (bool ok, bytes memory reason) = address(_images).call(calls[i]);
            require(!ok && bytes4(reason) == IMeasurementRegistry.NotTimelock.selector, "timelock");
        }
    }

    function test_RevertWhen_NothingIsNamed() public {
        vm.expectRevert(IMeasurementRegistry.IdEmpty.selector);
        _images.announce(0, _BUNDLE);
        vm.expectRevert(IMeasurementRegistry.IdEmpty.selector);
        _images.announce(_IMAGE, 0);
        vm.expectRevert(IMeasurementRegistry.IdEmpty.selector);
        _images.deny(0);
        _unknown();
        _images.imageOf(_IMAGE);
        require(!_images.imageAt(0).listed, "image 0 is none");
    }
}
