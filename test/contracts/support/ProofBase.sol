// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "./AttackBase.sol";
import {vm} from "./Vm.sol";

/// Models whose stages have keys, candidates, and the simulated adapter's proofs.
abstract contract ProofBase is AttackBase {
    address internal constant PROVER = address(0x9407E5);

    /// Boundaries of the honest run.
    function _out(uint256 stage) internal pure returns (bytes32) {
        return stage == 0 ? GOOD : keccak256(abi.encode(GOOD, stage));
    }

    function _keyed(uint256 stages, uint16 probe) internal pure returns (StageInfo[] memory table) {
        table = _table(stages);
        for (uint256 s; s < stages; ++s) (table[s].keyId, table[s].probe) = (bytes32(2 * s + 2), probe);
    }

    function _register(StageInfo[] memory table) internal returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = "proven";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(abi.encode(table));
        bool keyed = true;
        for (uint256 s; s < table.length; ++s) keyed = keyed && table[s].keyId != 0;
        (m.acceptedMasks, m.workUnits, m.stages) = (keyed ? 6 : 2, 1, table);
        modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
    }

    function _proven(uint8 stages) internal returns (Spec memory spec) {
        spec = _spec(1, stages);
        spec.modelId = _register(_keyed(stages, NO_PROBE));
        spec.policy.mask = PROOF;
    }

    function _candidates(Job memory job) internal view returns (uint32[] memory ids) {
        Slot memory s = _hub.slot(_id(job));
        bytes32 seed = DrawLib.seedFor(_random.seedOf(s.seedRef), _id(job), DrawLib.ROUND_0, 0);
        (ids, ) = _vault.draw(s.tableVersion, 0, seed, new uint32[](0), 12);
    }

    function _evidence(
        Job memory job,
        StageInfo memory info,
        uint16 stage,
        bytes32 inDigest,
        bytes32 outDigest,
        address worker
    ) internal view returns (bytes memory) {
        IEvidenceAdapter.Claim memory claim = IEvidenceAdapter.Claim(_id(job), stage, inDigest, outDigest, worker);
        return _adapter.prove(_hub.domainSeparator(), claim, info);
    }

    /// Stage s proven by `worker` over the honest run.
    function _proof(
        Job memory job,
        StageInfo[] memory table,
        uint16 stage,
        uint32 worker
    ) internal view returns (StageProof memory p) {
        (p.worker, p.outDigest) = (vm.addr(worker), _out(stage));
        bytes32 inDigest = stage == 0 ? job.spec.inDigest : _out(stage - 1);
        p.evidence = _evidence(job, table[stage], stage, inDigest, p.outDigest, p.worker);
    }

    /// All stages, stage s by candidate s.
    function _proofs(Job memory job, StageInfo[] memory table) internal view returns (StageProof[] memory proofs) {
        uint32[] memory ids = _candidates(job);
        proofs = new StageProof[](table.length);
        for (uint16 s; s < table.length; ++s) proofs[s] = _proof(job, table, s, ids[s]);
    }

    /// Proofs [from, to).
    function _part(StageProof[] memory all, uint256 from, uint256 to) internal pure returns (StageProof[] memory some) {
        some = new StageProof[](to - from);
        for (uint256 i = from; i < to; ++i) some[i - from] = all[i];
    }

    /// The record after stages [0, n) of `proofs`.
    function _provenRecord(
        Job memory job,
        StageProof[] memory proofs,
        uint256 n
    ) internal view returns (Record memory r) {
        r.seats = _candidates(job);
        (r.boundaries, r.tallies) = (new bytes32[](n), new Tally[](n));
        for (uint256 s; s < n; ++s) {
            r.boundaries[s] = proofs[s].outDigest;
            r.tallies[s].stage = uint16(s);
            (r.tallies[s].seats, r.tallies[s].said) = (new uint32[](1), new bytes32[](1));
            r.tallies[s].said[0] = proofs[s].outDigest;
            for (uint256 i; i < 12; ++i)
                if (vm.addr(r.seats[i]) == proofs[s].worker) r.tallies[s].seats[0] = r.seats[i];
        }
    }

    function _ruling(
        Job memory job,
        StageInfo[] memory table,
        uint16 stage,
        bytes32 inDigest,
        bytes32 outDigest
    ) internal view returns (IHubTypes.Ruling memory ruling) {
        (ruling.kind, ruling.prover, ruling.outDigest) = (PROOF, PROVER, outDigest);
        ruling.evidence = _evidence(job, table[stage], stage, inDigest, outDigest, PROVER);
    }

    /// Invariant 1, with the prover among those the hub owes.
    function _expectAllSolvent(uint256 escrowed) internal view {
        _expectSolvent(escrowed + _hub.balanceOf(PROVER));
    }
}
