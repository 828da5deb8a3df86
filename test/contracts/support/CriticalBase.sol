// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EnclaveEvidence} from "../../../contracts/evidence/enclave/EnclaveEvidence.sol";
import {IDcapVerifier} from "../../../contracts/interfaces/IDcapVerifier.sol";
import {IEnclaveRegistry} from "../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IVerdictBoard} from "../../../contracts/interfaces/IVerdictBoard.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {BoardBase} from "./BoardBase.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "./Vm.sol";

/// Jobs of mask ENCLAVE and PROOF, and registered enclaves of several vendors for their candidates.
abstract contract CriticalBase is ProofBase, BoardBase {
    bytes32 private constant _RESULT = keccak256("EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)");
    bytes32 private constant _PROOF = keccak256("EnclaveProof(bytes32 claimHash,bytes32 proofHash,uint16 epoch)");
    uint8 internal constant BOTH = ENCLAVE | PROOF;

    EnclaveEvidence internal judge;

    function _deployCritical() internal {
        _deploy(40);
        _deployBoard(0);
        for (uint256 n = 70; n < 76; ++n) _attester(n);
        _deployEnclaves();
        judge = new EnclaveEvidence(enclaves, _registry);
        _router.announce(ENCLAVE, address(judge));
        vm.warp(block.timestamp + 48 hours);
        _router.add(ENCLAVE);
        _nextEpoch();
    }

    function _critical(uint8 stages, uint8 k) internal returns (Spec memory spec) {
        spec = _spec(k, stages);
        StageInfo[] memory table = _keyed(stages, NO_PROBE);
        ModelManifest memory m;
        m.name = "critical";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(abi.encode(table));
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32(1 << BOTH), 1, table);
        spec.modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
        (spec.policy.mask, spec.policy.flags) = (BOTH, FLAG_CRITICAL);
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, spec.modelId, bytes32(0), bytes32(0));
    }

    // --- Enclaves -----------------------------------------------------------------------------------------------------

    /// The secret of worker's enclave of this vendor.
    function _secret(uint32 worker, uint8 vendor) internal pure returns (uint256) {
        return 0xE0000 + 256 * uint256(worker) + vendor;
    }

    function _bindingOf(uint32 worker, uint8 vendor) internal view returns (IEnclaveRegistry.Binding memory b) {
        address key = vm.addr(_secret(worker, vendor));
        b = _binding(vm.addr(worker), enclaves.enclave(key).epoch + 1);
        b.key = key;
    }

    /// Registers an SGX (1) or TDX (2) enclave.
    function _intel(uint32 worker, uint8 vendor, uint8 status) internal {
        IEnclaveRegistry.Binding memory b = _bindingOf(worker, vendor);
        IDcapVerifier.Verdict memory v = _verdict(b);
        (v.vendor, v.status, v.grace) = (vendor, status, status > 1);
        told.tell(v);
        vm.prank(b.worker);
        enclaves.register("quote", PCK, b, runtime);
    }

    /// Registers a Nitro enclave by the board's verdict, which takes an hour.
    function _aws(uint32 worker) internal returns (uint256 caseId) {
        IEnclaveRegistry.Binding memory b = _bindingOf(worker, 4);
        if (board.balanceOf(b.worker) < 5 * FEE) _fund(worker);
        vm.prank(b.worker);
        caseId = board.open(4, abi.encode(b), "", b.challengeBlock);
        _toSeats(caseId);
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        _say(caseId, board.wordOf(caseId, f), 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
        _registerCase(caseId, f, b);
    }

    // --- Evidence -----------------------------------------------------------------------------------------------------

    function _claimOf(Job memory job, uint16 stage, uint32 worker, bytes32 out) internal view returns (bytes32) {
        bytes32 inDigest = stage == 0 ? job.spec.inDigest : _out(stage - 1);
        return ClaimLib.claimHash(_id(job), stage, inDigest, out, vm.addr(worker));
    }

    function _typed(bytes32 hash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", _hub.domainSeparator(), hash));
    }

    function _result(bytes32 claim, uint256 secret) internal view returns (bytes memory) {
        uint16 epoch = enclaves.enclave(vm.addr(secret)).epoch;
        (bytes32 r, bytes32 vs) = vm.signCompact(
            secret,
            _typed(keccak256(abi.encode(_RESULT, claim, bytes32(0), epoch)))
        );
        return abi.encodePacked(bytes32(0), epoch, r, vs);
    }

    function _delivery(bytes32 claim, bytes memory proof, uint256 secret) internal view returns (bytes32, bytes32) {
        uint16 epoch = enclaves.enclave(vm.addr(secret)).epoch;
        return vm.signCompact(secret, _typed(keccak256(abi.encode(_PROOF, claim, keccak256(proof), epoch))));
    }

    /// A stage's bundle: prover and second with their enclaves' vendors; second 0 for none.
    function _bundle(
        Job memory job,
        uint16 stage,
        bytes32 out,
        uint32[2] memory workers,
        uint8[2] memory vendors
    ) internal view returns (EnclaveBundle memory b) {
        bytes32 claim = _claimOf(job, stage, workers[0], out);
        uint256 secret = _secret(workers[0], vendors[0]);
        StageInfo[] memory table = _keyed(job.spec.stages, NO_PROBE);
        bytes32 inDigest = stage == 0 ? job.spec.inDigest : _out(stage - 1);
        b.proof = _evidence(job, table[stage], stage, inDigest, out, vm.addr(workers[0]));
        b.result = _result(claim, secret);
        (b.r, b.vs) = _delivery(claim, b.proof, secret);
        if (workers[1] == 0) return b;
        b.second = vm.addr(workers[1]);
        b.secondResult = _result(_claimOf(job, stage, workers[1], out), _secret(workers[1], vendors[1]));
    }

    function _stageOf(
        uint32 prover,
        bytes32 out,
        EnclaveBundle memory b
    ) internal pure returns (StageProof[] memory p) {
        p = new StageProof[](1);
        p[0] = StageProof(vm.addr(prover), out, abi.encode(b));
    }
}
