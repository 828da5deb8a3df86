// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IKeyRegistry} from "../../../contracts/interfaces/IKeyRegistry.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {Bn254Lib} from "../../../contracts/libraries/Bn254Lib.sol";
import {Groth16Lib} from "../../../contracts/libraries/Groth16Lib.sol";
import {KeyRecordLib} from "../../../contracts/libraries/KeyRecordLib.sol";
import {ProofEvidenceLib} from "../../../contracts/libraries/ProofEvidenceLib.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// R31: a batch holds exactly if every proof in it does.
contract ProofBatchTest is ProofBase {
    uint256 private constant _N = 10;

    struct Batch {
        StageInfo stage;
        IEvidenceAdapter.Claim[] claims;
        bytes[] evidences;
    }

    function setUp() public {
        _deploy();
        string memory json = _read("batch");
        domain = vm.parseJsonBytes32(json, ".domain");
        bytes[] memory records = vm.parseJsonBytesArray(json, ".records");
        for (uint256 i; i < records.length; ++i) registry.add(records[i]);
    }

    function _batch(uint256 backend) private view returns (Batch memory b) {
        string memory json = _read("batch");
        bytes memory record = vm.parseJsonBytesArray(json, ".records")[backend - 1];
        uint256[] memory producers = _words(vm.parseJsonBytes(json, ".producers"));
        b.stage = _stage(record, vm.parseJsonBytesArray(json, ".weights")[backend - 1], producers);
        bytes[] memory claims = vm.parseJsonBytesArray(json, ".claims");
        bytes[] memory evidence = vm.parseJsonBytesArray(json, ".evidence");
        (b.claims, b.evidences) = (new IEvidenceAdapter.Claim[](_N), new bytes[](_N));
        for (uint256 i; i < _N; ++i) {
            b.claims[i] = abi.decode(claims[_N * (backend - 1) + i], (IEvidenceAdapter.Claim));
            b.evidences[i] = evidence[_N * (backend - 1) + i];
        }
    }

    function _verify(Batch memory b) private view returns (bool ok, bytes memory reason) {
        bytes memory call = abi.encodeCall(IProofAdapter.verifyBatch, (domain, b.stage, b.claims, b.evidences));
        return address(adapter).staticcall{gas: 3_000_000}(call);
    }

    function _false(Batch memory b, string memory what, uint256 index) private view {
        (bool ok, bytes memory reason) = _verify(b);
        if (ok) revert Accepted(what, index);
        if (bytes4(reason) != IProofAdapter.ProofFalse.selector) revert OtherReason(what, index, reason);
    }

    function _true(Batch memory b, string memory what) private view {
        (bool ok, bytes memory reason) = _verify(b);
        if (!ok) revert Refused(what, 0, reason);
    }

    function _shorten(Batch memory b, uint256 n) private pure {
        (IEvidenceAdapter.Claim[] memory claims, bytes[] memory evidences) = (b.claims, b.evidences);
        assembly ("memory-safe") {
            mstore(claims, n)
            mstore(evidences, n)
        }
    }

    function test_GoldenBatchesHold() public view {
        for (uint256 backend = 1; backend <= 3; ++backend) {
            for (uint256 n = 1; n <= _N; n += 3) {
                Batch memory b = _batch(backend);
                _shorten(b, n);
                _true(b, "golden");
            }
        }
    }

    function test_ABatchMayHoldAProofTwice() public view {
        Batch memory b = _batch(2);
        (b.claims[3], b.evidences[3]) = (b.claims[0], b.evidences[0]);
        _true(b, "twice");
    }

    function test_RevertWhen_OneProofIsFalse() public view {
        for (uint256 backend = 1; backend <= 3; ++backend) {
            for (uint256 i; i < _N; ++i) {
                Batch memory b = _batch(backend);
                b.claims[i].jobId ^= bytes32(uint256(1));
                _false(b, "other job", i);
                b = _batch(backend);
                uint256 y = 32 + 32 * 9;
                _put(b.evidences[i], y, Bn254Lib.Q - _word(b.evidences[i], y));
                _false(b, "C2 negated", i);
            }
        }
    }

    function test_RevertWhen_ProofsChangePlaces() public view {
        Batch memory b = _batch(2);
        (b.evidences[0], b.evidences[1]) = (b.evidences[1], b.evidences[0]);
        (bool ok, ) = _verify(b);
        require(!ok, "swapped");
    }

    /// Without factors these would cancel: what is added to one C2 is taken from another.
    function test_RevertWhen_FalseProofsCancelOut() public view {
        Batch memory b = _batch(2);
        uint256 place = 32 + 32 * 8;
        uint256[2] memory delta = [uint256(1), 2]; // the generator
        for (uint256 i; i < 2; ++i) {
            uint256[4] memory sum = [_word(b.evidences[i], place), _word(b.evidences[i], place + 32), delta[0], 0];
            sum[3] = i == 0 ? delta[1] : Bn254Lib.Q - delta[1];
            (bool ok, bytes memory point) = address(6).staticcall(abi.encode(sum));
            require(ok, "sum");
            _put(b.evidences[i], place, _word(point, 0));
            _put(b.evidences[i], place + 32, _word(point, 32));
        }
        _false(b, "cancel", 0);
    }

    function test_RevertWhen_AMemberIsMalformed() public view {
        for (uint256 i; i < _N; ++i) {
            Batch memory b = _batch(3);
            b.evidences[i] = abi.encodePacked(b.evidences[i], bytes1(0));
            (bool ok, ) = _verify(b);
            if (ok) revert Accepted("a byte more", i);
            b = _batch(3);
            _put(b.evidences[i], 32 + 32 * 6, 0);
            _put(b.evidences[i], 32 + 32 * 7, 0);
            bytes memory reason;
            (ok, reason) = _verify(b);
            require(!ok && bytes4(reason) == IProofAdapter.ProofMalformed.selector, "C1 at infinity");
        }
    }

    function test_RevertWhen_TheBatchIsEmptyOrUneven() public {
        Batch memory b = _batch(2);
        vm.expectRevert(abi.encodeWithSelector(IProofAdapter.BatchMalformed.selector, 0, 0));
        adapter.verifyBatch(domain, b.stage, new IEvidenceAdapter.Claim[](0), new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(IProofAdapter.BatchMalformed.selector, _N, 1));
        adapter.verifyBatch(domain, b.stage, b.claims, new bytes[](1));
    }

    function test_RevertWhen_TheBatchIsForAnotherHub() public {
        Batch memory b = _batch(3);
        domain ^= bytes32(uint256(1));
        _false(b, "other hub", 0);
        domain ^= bytes32(uint256(1));
        vm.chainId(1);
        (bool ok, bytes memory reason) = _verify(b);
        require(!ok && bytes4(reason) == IKeyRegistry.KeyLocalOnly.selector, "development key elsewhere");
    }

    // --- Factors ------------------------------------------------------------------------------------------------------

    function factors(
        bytes32 domain_,
        StageInfo calldata stage,
        IEvidenceAdapter.Claim[] calldata claims,
        bytes[] calldata evidences
    ) external view returns (uint256[] memory made) {
        Groth16Lib.Batch memory b;
        bytes memory record = registry.record(stage.keyId);
        (b.domain, b.keyId, b.weightsX, b.weightsY) = (domain_, stage.keyId, stage.weightsX, stage.weightsY);
        (b.n, b.producers, b.backend) = (claims.length, stage.producers.length, KeyRecordLib.backendOf(record));
        b.publics = KeyRecordLib.publicsOf(record, b.backend, b.producers + 1);
        b.record = KeyRecordLib.positionOf(record);
        Groth16Lib.allocate(b);
        for (uint256 i; i < b.n; ++i) ProofEvidenceLib.read(b, i, claims[i], stage, evidences[i]);
        Groth16Lib.setFactors(b);
        made = new uint256[](b.n);
        made[0] = 1;
        for (uint256 i = 1; i < b.n; ++i) {
            uint256 place = b.factors + 32 * i;
            uint256 factor;
            assembly ("memory-safe") {
                factor := mload(place)
            }
            made[i] = factor;
        }
    }

    function test_FactorsAreThoseOfTypeScript() public view {
        bytes32[] memory need = vm.parseJsonBytes32Array(_read("batch"), ".factors");
        for (uint256 backend = 1; backend <= 3; ++backend) {
            Batch memory b = _batch(backend);
            uint256[] memory made = this.factors(domain, b.stage, b.claims, b.evidences);
            for (uint256 i; i < _N; ++i) require(made[i] == uint256(need[_N * (backend - 1) + i]), "factor");
        }
    }
}
