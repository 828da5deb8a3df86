// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMeasurementRegistry} from "../../interfaces/IMeasurementRegistry.sol";

/// @title Images by number, denied platforms by id
contract MeasurementRegistry is IMeasurementRegistry {
    uint48 private constant _DELAY = 48 hours;

    struct Announcement {
        bytes32 bundleDigest;
        uint48 readyAt;
    }

    address public immutable TIMELOCK;

    /// Image 0 is none. An image that was removed and listed again has a new number: keys under the old one stay ended.
    Image[] private _images;
    mapping(bytes32 measurementId => uint24) private _numberOf;
    mapping(bytes32 measurementId => Announcement) private _announced;
    mapping(bytes32 platformId => bool) public isDenied;
    mapping(bytes32 platformId => uint48) private _allowedFrom;
    /// With bit 32 once set.
    mapping(bytes32 rootId => uint40) private _floors;

    constructor(address timelock) {
        TIMELOCK = timelock;
        _images.push();
    }

    // --- Images -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMeasurementRegistry
    function announce(bytes32 measurementId, bytes32 bundleDigest) external {
        _onlyTimelock();
        require(measurementId != 0 && bundleDigest != 0, IdEmpty());
        require(_numberOf[measurementId] == 0, ImageExists(measurementId));
        uint48 readyAt = uint48(block.timestamp) + _DELAY;
        _announced[measurementId] = Announcement(bundleDigest, readyAt);
        emit ImageAnnounced(measurementId, bundleDigest, readyAt);
    }

    /// @inheritdoc IMeasurementRegistry
    function list(bytes32 measurementId) external returns (uint24 image) {
        Announcement memory next = _announced[measurementId];
        require(next.readyAt != 0, ImageUnknown(measurementId));
        require(block.timestamp >= next.readyAt, NotReady(block.timestamp, next.readyAt));
        delete _announced[measurementId];
        image = uint24(_images.length);
        _images.push(Image(measurementId, next.bundleDigest, true, 0));
        _numberOf[measurementId] = image;
        emit ImageListed(measurementId, image, next.bundleDigest);
    }

    /// @inheritdoc IMeasurementRegistry
    function remove(bytes32 measurementId) external {
        _onlyTimelock();
        uint24 image = _numberOf[measurementId];
        require(image != 0 || _announced[measurementId].readyAt != 0, ImageUnknown(measurementId));
        delete _announced[measurementId];
        if (image != 0) {
            _numberOf[measurementId] = 0;
            _images[image].listed = false;
            _images[image].removedAt = uint48(block.timestamp);
        }
        emit ImageRemoved(measurementId, image);
    }

    // --- Platforms ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IMeasurementRegistry
    function deny(bytes32 platformId) external {
        _onlyTimelock();
        require(platformId != 0, IdEmpty());
        isDenied[platformId] = true;
        _allowedFrom[platformId] = 0;
        emit PlatformDenied(platformId);
    }

    /// @inheritdoc IMeasurementRegistry
    function announceAllowance(bytes32 platformId) external {
        _onlyTimelock();
        require(isDenied[platformId], PlatformNotDenied(platformId));
        uint48 readyAt = uint48(block.timestamp) + _DELAY;
        _allowedFrom[platformId] = readyAt;
        emit PlatformAllowanceAnnounced(platformId, readyAt);
    }

    /// @inheritdoc IMeasurementRegistry
    function allow(bytes32 platformId) external {
        uint48 readyAt = _allowedFrom[platformId];
        require(readyAt != 0, PlatformNotDenied(platformId));
        require(block.timestamp >= readyAt, NotReady(block.timestamp, readyAt));
        _allowedFrom[platformId] = 0;
        isDenied[platformId] = false;
        emit PlatformAllowed(platformId);
    }

    // --- Floors -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMeasurementRegistry
    function raiseFloor(bytes32 rootId, uint32 svns) external {
        _onlyTimelock();
        require(rootId != 0, IdEmpty());
        uint32 past = uint32(_floors[rootId]);
        require(_isAtLeast(svns, past), FloorTooLow(svns, past));
        _floors[rootId] = (1 << 32) | uint40(svns);
        emit FloorRaised(rootId, svns);
    }

    /// @inheritdoc IMeasurementRegistry
    function meetsFloor(bytes32 rootId, uint32 svns) external view returns (bool) {
        uint40 floor = _floors[rootId];
        return floor != 0 && _isAtLeast(svns, uint32(floor));
    }

    function _isAtLeast(uint32 svns, uint32 floor) private pure returns (bool) {
        for (uint256 i; i < 4; ++i) if (uint8(svns >> (8 * i)) < uint8(floor >> (8 * i))) return false;
        return true;
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMeasurementRegistry
    function imageOf(bytes32 measurementId) external view returns (uint24 image, bytes32 bundleDigest) {
        image = _numberOf[measurementId];
        require(image != 0, ImageUnknown(measurementId));
        bundleDigest = _images[image].bundleDigest;
    }

    /// @inheritdoc IMeasurementRegistry
    function imageAt(uint24 image) external view returns (Image memory) {
        return _images[image];
    }

    function _onlyTimelock() private view {
        require(msg.sender == TIMELOCK, NotTimelock(msg.sender, TIMELOCK));
    }
}
