// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {KeyRegistry} from "../../../contracts/evidence/zk/KeyRegistry.sol";
import {ProofAdapter} from "../../../contracts/evidence/zk/ProofAdapter.sol";
import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {NO_PROBE, StageInfo} from "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// Keys and proofs from the golden vectors, before a registry and an adapter of their own.
abstract contract ProofBase {
    /// What a refused precompile may take: a false proof must not eat the test's gas.
    uint256 internal constant ENOUGH = 1_000_000;

    struct Case {
        bytes record;
        StageInfo stage;
        IEvidenceAdapter.Claim claim;
        bytes evidence;
    }

    KeyRegistry internal registry;
    ProofAdapter internal adapter;
    bytes32 internal domain;

    function _deploy() internal {
        vm.chainId(31337);
        registry = new KeyRegistry();
        adapter = new ProofAdapter(registry);
    }

    function _read(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat("test/fixtures/vectors/zk-", name, ".json"));
    }

    function _words(bytes memory packed) internal pure returns (uint256[] memory words) {
        words = new uint256[](packed.length / 32);
        for (uint256 i; i < words.length; ++i) words[i] = _word(packed, 32 * i);
    }

    function _word(bytes memory from, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(from, 0x20), offset))
        }
    }

    function _put(bytes memory into, uint256 offset, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(into, 0x20), offset), value)
        }
    }

    function _copy(bytes memory from) internal pure returns (bytes memory) {
        return abi.encodePacked(from);
    }

    function _stage(
        bytes memory record,
        bytes memory weights,
        uint256[] memory producers
    ) internal pure returns (StageInfo memory stage) {
        stage.probe = NO_PROBE;
        stage.kernel = keccak256("kernel");
        stage.keyId = keccak256(record);
        uint256 count = uint8(record[3]);
        stage.inKind = uint8(record[5]);
        stage.outKind = uint8(record[5 + 38 * (count - 1)]);
        (stage.weightsX, stage.weightsY) = abi.decode(weights, (bytes32, bytes32));
        stage.producers = new uint16[](producers.length);
        for (uint256 i; i < producers.length; ++i) stage.producers[i] = uint16(producers[i]);
    }

    /// Case `i` of zk-proof.json: backends 1 to 3, each with public, salted and joined ends.
    function _proofCase(uint256 i) internal returns (Case memory found) {
        string memory json = _read("proof");
        domain = vm.parseJsonBytes32(json, ".domain");
        found.record = vm.parseJsonBytesArray(json, ".records")[i];
        uint256[] memory producers = _words(vm.parseJsonBytesArray(json, ".producers")[i]);
        found.stage = _stage(found.record, vm.parseJsonBytesArray(json, ".weights")[i], producers);
        found.claim = abi.decode(vm.parseJsonBytesArray(json, ".claims")[i], (IEvidenceAdapter.Claim));
        found.evidence = vm.parseJsonBytesArray(json, ".evidence")[i];
    }

    /// Key of a backend (1 to 3) for 784 public bytes, with its first `count` proofs.
    function _digits(
        uint256 backend,
        uint256 count
    )
        internal
        returns (
            bytes memory record,
            StageInfo memory stage,
            IEvidenceAdapter.Claim[] memory claims,
            bytes[] memory evidences
        )
    {
        string memory json = _read("digits");
        domain = vm.parseJsonBytes32(json, ".domain");
        record = vm.parseJsonBytesArray(json, ".records")[backend - 1];
        uint256[] memory input = new uint256[](1);
        input[0] = 0xffff;
        stage = _stage(record, vm.parseJsonBytesArray(json, ".weights")[backend - 1], input);
        uint256 first;
        uint256[] memory counts = _words(vm.parseJsonBytes(json, ".counts"));
        for (uint256 i; i + 1 < backend; ++i) first += counts[i];
        bytes[] memory packed = vm.parseJsonBytesArray(json, ".claims");
        bytes[] memory all = vm.parseJsonBytesArray(json, ".evidence");
        claims = new IEvidenceAdapter.Claim[](count);
        evidences = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            claims[i] = abi.decode(packed[first + i], (IEvidenceAdapter.Claim));
            evidences[i] = all[first + i];
        }
    }

    function _check(Case memory c) internal view returns (bool ok, bytes memory reason) {
        bytes memory call = abi.encodeCall(IEvidenceAdapter.check, (domain, c.claim, c.stage, c.evidence));
        return address(adapter).staticcall{gas: ENOUGH}(call);
    }

    function _accepts(Case memory c) internal view returns (bool ok) {
        (ok, ) = _check(c);
    }

    error Accepted(string what, uint256 index);
    error Refused(string what, uint256 index, bytes reason);
    error OtherReason(string what, uint256 index, bytes reason);

    function _mustRefuse(Case memory c, string memory what, uint256 index) internal view {
        if (_accepts(c)) revert Accepted(what, index);
    }

    function _mustRefuse(Case memory c, string memory what, uint256 index, bytes4 error_) internal view {
        (bool ok, bytes memory reason) = _check(c);
        if (ok) revert Accepted(what, index);
        if (bytes4(reason) != error_) revert OtherReason(what, index, reason);
    }

    function _mustRefuse(Case memory c, bytes memory need) internal view {
        (bool ok, bytes memory reason) = _check(c);
        if (ok) revert Accepted("", 0);
        if (keccak256(reason) != keccak256(need)) revert OtherReason("", 0, reason);
    }

    function _mustAccept(Case memory c, string memory what, uint256 index) internal view {
        (bool ok, bytes memory reason) = _check(c);
        if (!ok) revert Refused(what, index, reason);
    }

    function _evidence(Case memory c) internal pure returns (IProofAdapter.ProofEvidence memory) {
        return abi.decode(c.evidence, (IProofAdapter.ProofEvidence));
    }
}
