// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// Gas that is promised for 784 public bytes. Compiled as the adapter is deployed (hardhat.config.ts).
contract ProofGasTest is ProofBase {
    error TooMuchGas(uint256 used, uint256 limit);

    function setUp() public {
        _deploy();
        for (uint256 backend = 1; backend <= 3; ++backend) {
            (bytes memory record, , , ) = _digits(backend, 0);
            registry.add(record);
        }
    }

    /// Gas of the execution itself, without what a caller pays to call.
    function _measure(bytes memory call, string memory name, uint256 limit) private {
        (bool ok, ) = address(adapter).staticcall(call);
        uint256 used = vm.snapshotGasLastCall(name);
        require(ok, "refused");
        if (used > limit) revert TooMuchGas(used, limit);
    }

    function _single(uint256 backend, string memory name, uint256 limit) private {
        (, StageInfo memory stage, IEvidenceAdapter.Claim[] memory claims, bytes[] memory evidences) = _digits(
            backend,
            1
        );
        bytes memory call = abi.encodeCall(IEvidenceAdapter.check, (domain, claims[0], stage, evidences[0]));
        _measure(call, name, limit);
    }

    function _batch(uint256 backend, uint256 n, string memory name, uint256 each) private {
        (, StageInfo memory stage, IEvidenceAdapter.Claim[] memory claims, bytes[] memory evidences) = _digits(
            backend,
            n
        );
        _measure(abi.encodeCall(IProofAdapter.verifyBatch, (domain, stage, claims, evidences)), name, each * n);
    }

    function test_PublicWeights() public {
        _single(2, "check a proof, 784 public bytes", 245_000);
    }

    function test_PrivateWeights() public {
        _single(3, "check a proof, 784 public bytes, private weights", 280_000);
    }

    function test_OneRound() public {
        _single(1, "check a one-round proof, 784 public bytes", 410_000);
    }

    function test_BatchOfFive() public {
        _batch(2, 5, "check a batch of 5 proofs, 784 public bytes each", 100_000);
    }

    function test_BatchOfTen() public {
        _batch(2, 10, "check a batch of 10 proofs, 784 public bytes each", 80_000);
    }

    function test_BatchOfTenWithPrivateWeights() public {
        _batch(3, 10, "check a batch of 10 proofs, 784 public bytes each, private weights", 84_000);
    }

    function test_BatchOfTwenty() public {
        _batch(2, 20, "check a batch of 20 proofs, 784 public bytes each", 70_000);
    }
}
