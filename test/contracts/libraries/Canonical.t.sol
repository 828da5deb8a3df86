// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {DigestLib} from "../../../contracts/libraries/DigestLib.sol";
import {JobLib} from "../../../contracts/libraries/JobLib.sol";
import {ModelRegistry} from "../../../contracts/registry/ModelRegistry.sol";
import {Job, ModelManifest, Record, Spec} from "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// R68: the contracts and offchain/core give the same hashes (test/fixtures/vectors/canonical-*.json).
contract CanonicalTest {
    error Differs(string list, uint256 index);

    function _read(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("test/fixtures/vectors/canonical-", name, ".json"));
    }

    function _same(bytes32 a, bytes32 b, string memory list, uint256 i) private pure {
        if (a != b) revert Differs(list, i);
    }

    function specHash(Spec calldata spec) external pure returns (bytes32) {
        return JobLib.specHash(spec);
    }

    function publicDigest(bytes calldata tensor) external pure returns (bytes32) {
        return DigestLib.publicDigest(tensor);
    }

    function test_Digests() external view {
        string memory json = _read("digest");
        bytes[] memory tensors = vm.parseJsonBytesArray(json, ".tensors");
        bytes32[] memory digests = vm.parseJsonBytes32Array(json, ".publicDigests");
        bytes32[] memory salts = vm.parseJsonBytes32Array(json, ".blindedSalts");
        bytes32[] memory blinded = vm.parseJsonBytes32Array(json, ".blindedDigests");
        bytes32[] memory seconds_ = vm.parseJsonBytes32Array(json, ".joinSeconds");
        bytes32[] memory joins = vm.parseJsonBytes32Array(json, ".joins");
        require(tensors.length >= 20, "too few cases");
        for (uint256 i; i < tensors.length; ++i) {
            _same(this.publicDigest(tensors[i]), digests[i], "publicDigests", i);
            bytes32 have = keccak256(abi.encodePacked(keccak256("assay.v1.blinded"), salts[i], tensors[i]));
            _same(have, blinded[i], "blindedDigests", i);
            bytes memory head = abi.encodePacked("assay.v1.join", uint8(2), uint16(0xffff), uint8(0), digests[i]);
            _same(keccak256(abi.encodePacked(head, uint16(i), uint8(2), seconds_[i])), joins[i], "joins", i);
        }
    }

    function test_Jobs() external view {
        string memory json = _read("job");
        address hub = vm.parseJsonAddress(json, ".hub");
        bytes[] memory jobs = vm.parseJsonBytesArray(json, ".jobs");
        bytes[] memory manifests = vm.parseJsonBytesArray(json, ".manifests");
        bytes32[] memory specs = vm.parseJsonBytes32Array(json, ".specHashes");
        bytes32[] memory ids = vm.parseJsonBytes32Array(json, ".jobIds");
        bytes32[] memory stages = vm.parseJsonBytes32Array(json, ".stagesHashes");
        bytes32[] memory models = vm.parseJsonBytes32Array(json, ".modelIds");
        for (uint256 i; i < jobs.length; ++i) {
            Job memory job = abi.decode(jobs[i], (Job));
            _same(keccak256(abi.encode("assay.v1.spec", job.spec)), specs[i], "specHashes", i);
            _same(this.specHash(job.spec), specs[i], "specHashes", i);
            bytes32 id = keccak256(abi.encode("assay.v1.job", uint256(31337), hub, job.requester, job.nonce, specs[i]));
            _same(id, ids[i], "jobIds", i);
            ModelManifest memory manifest = abi.decode(manifests[i], (ModelManifest));
            _same(keccak256(abi.encode(manifest.stages)), stages[i], "stagesHashes", i);
            _same(keccak256(abi.encode("assay.v1.model", manifest)), models[i], "modelIds", i);
        }
    }

    /// What the registry keeps of models with client stages is what TypeScript takes for the jobs' table.
    function test_NetworkParts() external {
        string memory json = _read("network");
        bytes[] memory manifests = vm.parseJsonBytesArray(json, ".manifests");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".stagesHashes");
        uint256[] memory stages = vm.parseJsonUintArray(json, ".stages");
        uint256[] memory fits = vm.parseJsonUintArray(json, ".fits");
        ModelRegistry registry = new ModelRegistry();
        uint256 fitting;
        for (uint256 i; i < manifests.length; ++i) {
            ModelManifest memory manifest = abi.decode(manifests[i], (ModelManifest));
            IModelRegistry.Model memory model = registry.model(registry.register(manifest));
            _same(model.stagesHash, hashes[i], "stagesHashes", i);
            _same(bytes32(uint256(model.stages)), bytes32(stages[i]), "stages", i);
            _same(bytes32(uint256(model.network ? 1 : 0)), bytes32(fits[i]), "fits", i);
            fitting += fits[i];
        }
        require(fitting > 20 && fitting < manifests.length - 20, "one-sided");
    }

    function test_Records() external view {
        string memory json = _read("receipt");
        bytes[] memory records = vm.parseJsonBytesArray(json, ".records");
        bytes32[] memory hashes = vm.parseJsonBytes32Array(json, ".recordHashes");
        for (uint256 i; i < records.length; ++i)
            _same(keccak256(abi.encode(abi.decode(records[i], (Record)))), hashes[i], "recordHashes", i);
    }

    struct Claims {
        bytes32 domain;
        bytes32[] jobIds;
        uint256[] stages;
        uint256[] rounds;
        bytes32[] inDigests;
        bytes32[] outDigests;
        address[] workers;
        bytes32[] payloads;
        bytes32[] claimHashes;
        bytes32[] commitSets;
        bytes32[] revealDigests;
    }

    function _claims(string memory json) private pure returns (Claims memory c) {
        c.domain = vm.parseJsonBytes32(json, ".domain");
        c.jobIds = vm.parseJsonBytes32Array(json, ".jobIds");
        c.stages = vm.parseJsonUintArray(json, ".stages");
        c.rounds = vm.parseJsonUintArray(json, ".rounds");
        c.inDigests = vm.parseJsonBytes32Array(json, ".inDigests");
        c.outDigests = vm.parseJsonBytes32Array(json, ".outDigests");
        c.workers = vm.parseJsonAddressArray(json, ".workers");
        c.payloads = vm.parseJsonBytes32Array(json, ".payloads");
        c.claimHashes = vm.parseJsonBytes32Array(json, ".claimHashes");
        c.commitSets = vm.parseJsonBytes32Array(json, ".commitSets");
        c.revealDigests = vm.parseJsonBytes32Array(json, ".revealDigests");
        require(c.jobIds.length >= 1000, "too few cases");
    }

    function test_ClaimsAndReveals() external {
        vm.chainId(31337);
        string memory json = _read("claim");
        Claims memory c = _claims(json);
        bytes[] memory signatures = vm.parseJsonBytesArray(json, ".signatures");
        _same(ClaimLib.domainSeparator(vm.parseJsonAddress(json, ".hub")), c.domain, "domain", 0);
        for (uint256 i; i < c.jobIds.length; ++i) {
            bytes32 claim = ClaimLib.claimHash(c.jobIds[i], c.stages[i], c.inDigests[i], c.outDigests[i], c.workers[i]);
            _same(claim, c.claimHashes[i], "claimHashes", i);
            bytes32 digest = ClaimLib.revealDigest(c.domain, claim, c.rounds[i], c.payloads[i], 0, c.commitSets[i]);
            _same(digest, c.revealDigests[i], "revealDigests", i);
            if (i % 10 != 0) continue;
            (bytes32 r, bytes32 vs) = abi.decode(signatures[i / 10], (bytes32, bytes32));
            if (ClaimLib.recover(digest, r, vs) != c.workers[i]) revert Differs("signatures", i);
        }
    }

    function test_Commits() external view {
        string memory json = _read("claim");
        Claims memory c = _claims(json);
        bytes32[] memory salts = vm.parseJsonBytes32Array(json, ".salts");
        bytes32[] memory commitments = vm.parseJsonBytes32Array(json, ".commitments");
        bytes32[] memory seconds_ = vm.parseJsonBytes32Array(json, ".setSeconds");
        bytes32[] memory digests = vm.parseJsonBytes32Array(json, ".commitDigests");
        for (uint256 i; i < c.jobIds.length; ++i) {
            bytes32 made = ClaimLib.commitment(c.domain, c.claimHashes[i], c.rounds[i], c.payloads[i], salts[i]);
            _same(made, commitments[i], "commitments", i);
            bytes32 set = keccak256(abi.encodePacked(ClaimLib.COMMIT_SET_TAG, made, seconds_[i]));
            _same(set, c.commitSets[i], "commitSets", i);
            bytes32 digest = ClaimLib.commitDigest(c.domain, c.jobIds[i], c.stages[i], c.rounds[i], made);
            _same(digest, digests[i], "commitDigests", i);
        }
    }
}
