// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// Proofs of all backends and boundaries hold, at the gas that is promised.
contract ProofAdapterTest is ProofBase {
    uint256 private constant _CASES = 9;

    function setUp() public {
        _deploy();
    }

    function test_GoldenProofsHold() public {
        for (uint256 i; i < _CASES; ++i) {
            Case memory c = _proofCase(i);
            registry.add(c.record);
            _mustAccept(c, "golden", i);
        }
    }

    error TooMuchGas(uint256 used, uint256 limit);

    function _atMost(uint256 used, uint256 limit) private pure {
        if (used > limit) revert TooMuchGas(used, limit);
    }

    /// Gas of the call itself: calldata is made before.
    function _measure(bytes memory call, string memory name) private returns (uint256 used) {
        vm.startSnapshotGas(name);
        (bool ok, ) = address(adapter).staticcall(call);
        used = vm.stopSnapshotGas();
        require(ok, "refused");
    }

    function _single(uint256 backend, string memory name) private returns (uint256) {
        (bytes memory r, StageInfo memory stage, IEvidenceAdapter.Claim[] memory claims, bytes[] memory e) = _digits(
            backend,
            1
        );
        registry.add(r);
        return _measure(abi.encodeCall(IEvidenceAdapter.check, (domain, claims[0], stage, e[0])), name);
    }

    function _batch(uint256 backend, uint256 n, string memory name) private returns (uint256) {
        (bytes memory r, StageInfo memory stage, IEvidenceAdapter.Claim[] memory claims, bytes[] memory e) = _digits(
            backend,
            n
        );
        registry.add(r);
        return _measure(abi.encodeCall(IProofAdapter.verifyBatch, (domain, stage, claims, e)), name);
    }

    function test_GasOfPublicWeights() public {
        _atMost(_single(2, "check a proof, 784 public bytes"), 245_000);
    }

    function test_GasOfPrivateWeights() public {
        _atMost(_single(3, "check a proof, 784 public bytes, private weights"), 280_000);
    }

    function test_GasOfOneRound() public {
        _atMost(_single(1, "check a one-round proof, 784 public bytes"), 1);
    }

    function test_GasOfFive() public {
        _atMost(_batch(2, 5, "check a batch of 5 proofs, 784 public bytes each"), 1);
    }

    function test_GasOfTen() public {
        _atMost(_batch(2, 10, "check a batch of 10 proofs, 784 public bytes each"), 800_000);
    }

    function test_GasOfTenWithPrivateWeights() public {
        _atMost(_batch(3, 10, "check a batch of 10 proofs, 784 public bytes each, private weights"), 850_000);
    }

    function test_GasOfTwenty() public {
        _atMost(_batch(2, 20, "check a batch of 20 proofs, 784 public bytes each"), 1);
    }
}
