// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDrandBeacon} from "../interfaces/IDrandBeacon.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {Bls12381Lib} from "../libraries/Bls12381Lib.sol";

/// A network of drand, and how its time relates to the chain's.
struct DrandConfig {
    bytes publicKey; // EIP-2537's form
    uint48 genesis;
    uint48 period;
    uint48 delay;
    uint48 lag;
    uint96 maxInsured;
}

/// @title Seeds from drand
contract DrandBeacon is IDrandBeacon {
    bytes private constant _DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

    /// @inheritdoc IDrandBeacon
    uint48 public immutable genesis;
    /// @inheritdoc IDrandBeacon
    uint48 public immutable period;
    /// @inheritdoc IDrandBeacon
    uint48 public immutable delay;
    /// @inheritdoc IDrandBeacon
    uint48 public immutable lag;
    /// @inheritdoc IRandomness
    uint96 public immutable maxInsured;
    // The key: a bytes cannot be immutable, and storage would cost a proof 16,800 gas.
    bytes32 private immutable _K0;
    bytes32 private immutable _K1;
    bytes32 private immutable _K2;
    bytes32 private immutable _K3;
    bytes32 private immutable _K4;
    bytes32 private immutable _K5;
    bytes32 private immutable _K6;
    bytes32 private immutable _K7;

    mapping(uint48 round => bytes32) private _seeds;

    constructor(DrandConfig memory c) {
        require(Bls12381Lib.isG2(c.publicKey), KeyInvalid());
        require(c.delay > c.lag && c.period != 0, TimingInvalid(c.delay, c.lag, c.period));
        (genesis, period, delay, lag, maxInsured) = (c.genesis, c.period, c.delay, c.lag, c.maxInsured);
        (_K0, _K1, _K2, _K3, _K4, _K5, _K6, _K7) = abi.decode(
            c.publicKey,
            (bytes32, bytes32, bytes32, bytes32, bytes32, bytes32, bytes32, bytes32)
        );
    }

    // --- Jobs --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRandomness
    function activate() external view returns (uint48 seedRef) {
        return roundAfter(block.timestamp);
    }

    /// @inheritdoc IRandomness
    /// @dev `SeedNotReady` tells a time: from then on somebody can bring the round.
    function seedOf(uint48 seedRef) external view returns (bytes32 seed) {
        seed = _seeds[seedRef];
        require(seed != 0, SeedNotReady(seedRef, timeOf(seedRef)));
    }

    /// @inheritdoc IRandomness
    function fixedBlock(uint48 seedRef) external view returns (uint256 blockNumber) {
        return block.timestamp + lag >= timeOf(seedRef) ? block.number : type(uint256).max;
    }

    // --- Rounds ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IDrandBeacon
    function post(uint48 round, bytes calldata signature) external returns (bytes32 seed) {
        require(round != 0, RoundInvalid(round));
        seed = _seeds[round];
        if (seed != 0) return seed;
        uint256 due = timeOf(round);
        require(block.timestamp >= due, RoundInFuture(round, block.timestamp, due));
        bytes32 message = sha256(abi.encodePacked(uint64(round)));
        require(Bls12381Lib.verify(signature, message, _DOMAIN, publicKey()), SignatureInvalid(round));
        seed = sha256(Bls12381Lib.compress(signature));
        _seeds[round] = seed;
        emit RoundPosted(round, seed);
    }

    /// @inheritdoc IDrandBeacon
    function roundAfter(uint256 time) public view returns (uint48 round) {
        uint256 from = time + delay;
        if (from <= genesis) return 1;
        return uint48((from - genesis + period - 1) / period + 1);
    }

    /// @inheritdoc IDrandBeacon
    function timeOf(uint48 round) public view returns (uint256 time) {
        return round == 0 ? 0 : genesis + (uint256(round) - 1) * period;
    }

    /// @inheritdoc IDrandBeacon
    function publicKey() public view returns (bytes memory) {
        return abi.encodePacked(_K0, _K1, _K2, _K3, _K4, _K5, _K6, _K7);
    }
}
