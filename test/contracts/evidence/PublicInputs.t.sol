// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {Bn254Lib} from "../../../contracts/libraries/Bn254Lib.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {Groth16Lib} from "../../../contracts/libraries/Groth16Lib.sol";
import {KeyRecordLib} from "../../../contracts/libraries/KeyRecordLib.sol";
import {ProofEvidenceLib} from "../../../contracts/libraries/ProofEvidenceLib.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// R68: words, fingerprint and challenges are those of offchain/core/zk, and of a second, plain reading of the design.
contract PublicInputsTest is ProofBase {
    function setUp() public {
        _deploy();
    }

    function inputs(
        bytes memory record,
        bytes32 domain_,
        IEvidenceAdapter.Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external pure returns (uint256[] memory made, bytes32 challenge) {
        Groth16Lib.Batch memory b;
        (b.domain, b.keyId, b.weightsX, b.weightsY) = (domain_, stage.keyId, stage.weightsX, stage.weightsY);
        (b.n, b.producers, b.backend) = (1, stage.producers.length, KeyRecordLib.backendOf(record));
        b.publics = KeyRecordLib.publicsOf(record, b.backend, b.producers + 1);
        b.record = KeyRecordLib.positionOf(record);
        Groth16Lib.allocate(b);
        ProofEvidenceLib.read(b, 0, claim, stage, evidence);
        made = new uint256[](b.publics);
        (uint256 from, uint256 row) = (b.inputs, b.rows);
        assembly ("memory-safe") {
            mcopy(add(made, 0x20), from, mul(mload(made), 0x20))
            challenge := mload(row)
        }
    }

    function _inputs(Case memory c) private view returns (uint256[] memory made, bytes32 challenge) {
        return this.inputs(c.record, domain, c.claim, c.stage, c.evidence);
    }

    function test_GoldenInputs() public {
        string memory json = _read("proof");
        string memory challenges = _read("challenge");
        bytes[] memory need = vm.parseJsonBytesArray(json, ".inputs");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(challenges, ".hashes");
        bytes32[] memory claims = vm.parseJsonBytes32Array(challenges, ".claimHashes");
        for (uint256 i; i < need.length; ++i) {
            Case memory c = _proofCase(i);
            (uint256[] memory made, bytes32 challenge) = _inputs(c);
            require(keccak256(abi.encodePacked(made)) == keccak256(need[i]), "inputs");
            require(challenge == hashes[i], "challenge");
            bytes32 claim = ClaimLib.claimHash(
                c.claim.jobId,
                c.claim.stage,
                c.claim.inDigest,
                c.claim.outDigest,
                c.claim.worker
            );
            require(claim == claims[i], "claim");
        }
    }

    /// One PUBLIC input of any bytes and a SALTED output, under a key of `backend`: no proof, but all public inputs.
    function _made(bytes memory data, uint256 backend, bytes32 seed) private pure returns (Case memory c) {
        bytes memory header = abi.encodePacked(hex"010202", uint32(1), bytes4(seed));
        bytes memory tensor = abi.encodePacked(header, data);
        c.record = abi.encodePacked(
            uint8(1),
            uint8(1),
            uint8(backend),
            uint8(2),
            hex"0000",
            uint32(data.length),
            keccak256(header),
            hex"010100000001",
            keccak256("output header")
        );
        c.stage.keyId = keccak256(c.record);
        c.stage.outKind = 1;
        c.stage.producers = new uint16[](1);
        c.claim = IEvidenceAdapter.Claim({
            jobId: keccak256(abi.encode(seed, "job")),
            stage: uint16(uint256(seed)),
            inDigest: keccak256(abi.encodePacked(keccak256("assay.v1.public"), tensor)),
            outDigest: bytes32(uint256(keccak256(abi.encode(seed, "out"))) % Bn254Lib.R),
            worker: address(uint160(uint256(seed)))
        });
        IProofAdapter.ProofEvidence memory e;
        for (uint256 i; i < 10; ++i) e.proof[i] = uint256(keccak256(abi.encode(seed, i))) % Bn254Lib.Q;
        if (backend == 1) (e.proof[6], e.proof[7]) = (0, 0);
        e.tensors = new bytes[](1);
        e.tensors[0] = tensor;
        c.evidence = abi.encode(e);
    }

    /// Words of 31 bytes, one at a time and byte for byte.
    function _plainWords(bytes memory data) private pure returns (uint256[] memory words) {
        words = new uint256[]((data.length + 30) / 31);
        for (uint256 i; i < data.length; ++i) words[i / 31] |= uint256(uint8(data[i])) << (8 * (30 - (i % 31)));
    }

    function _check(bytes memory data, bytes32 seed) private view {
        uint256[] memory words = _plainWords(data);
        Case memory c = _made(data, 2, seed);
        (uint256[] memory made, bytes32 h) = _inputs(c);
        uint256 rho = uint256(keccak256(abi.encode(h, uint256(2)))) % Bn254Lib.R;
        uint256 v;
        for (uint256 i; i < words.length; ++i) v = addmod(mulmod(v, rho, Bn254Lib.R), words[i], Bn254Lib.R);
        v = addmod(mulmod(v, rho, Bn254Lib.R), uint256(c.claim.outDigest), Bn254Lib.R);
        require(made[0] == v, "fingerprint");
        require(made[1] == uint256(keccak256(abi.encode(h, uint256(1)))) % Bn254Lib.R && made[2] == rho, "challenges");
        c = _made(data, 1, seed);
        (made, h) = _inputs(c);
        require(made.length == words.length + 2 && made[0] == uint256(h) % Bn254Lib.R, "context");
        for (uint256 i; i < words.length; ++i) require(made[i + 1] == words[i], "word");
        require(made[words.length + 1] == uint256(c.claim.outDigest), "digest");
    }

    function testFuzz_WordsAndFingerprint(bytes calldata data, bytes32 seed) public view {
        vm.assume(data.length != 0);
        _check(data, seed);
    }

    /// Every length up to three turns of the unrolled loop.
    function test_AllLengths() public view {
        for (uint256 length = 1; length < 480; ++length) {
            bytes memory data = new bytes(length);
            for (uint256 i; i < length; ++i)
                data[i] = bytes1(uint8(uint256(keccak256(abi.encode(length))) >> (i % 32)));
            data[length - 1] = 0xff;
            _check(data, keccak256(abi.encode(length)));
        }
    }

    /// The same data at the same point as the TypeScript vectors.
    function test_GoldenWords() public view {
        string memory json = _read("words");
        bytes[] memory datas = vm.parseJsonBytesArray(json, ".datas");
        bytes[] memory words = vm.parseJsonBytesArray(json, ".words");
        for (uint256 i; i < datas.length; ++i) {
            (uint256[] memory made, ) = _inputs(_made(datas[i], 1, bytes32(i)));
            uint256[] memory need = _words(words[i]);
            require(made.length == need.length + 2, "count");
            for (uint256 j; j < need.length; ++j) require(made[j + 1] == need[j], "word");
        }
    }

    function testFuzz_Challenge(bytes32 seed, bytes32 domain_, bytes32 x, bytes32 y) public {
        domain = domain_;
        Case memory c = _made("data", 2, seed);
        (c.stage.weightsX, c.stage.weightsY) = (x, y);
        (, bytes32 h) = _inputs(c);
        bytes32 claim = ClaimLib.claimHash(
            c.claim.jobId,
            c.claim.stage,
            c.claim.inDigest,
            c.claim.outDigest,
            c.claim.worker
        );
        uint256[10] memory proof = _evidence(c).proof;
        bytes32 tag = keccak256("assay.v1.zk.challenge");
        require(h == keccak256(abi.encode(tag, domain_, claim, c.stage.keyId, x, y, proof[6], proof[7])), "challenge");
    }
}
