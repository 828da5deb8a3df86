// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "./Vm.sol";

/// Sampled jobs: candidates propose, and tests choose on which proposals the lottery falls.
abstract contract AuditBase is ProofBase {
    uint32 internal constant SAMPLE_WINDOW = 3600;

    function _sampledModel(StageInfo[] memory table) internal returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = "sampled";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(abi.encode(table));
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32((1 << 16) | (1 << 20)), 1, table);
        modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
    }

    /// The preset `economy`: a primary and four auditors, 8 % audited, an hour's window.
    function _economy() internal returns (Spec memory spec) {
        spec = _spec(5, 1);
        spec.modelId = _sampledModel(_keyed(1, NO_PROBE));
        (spec.policy.mask, spec.policy.auditBps, spec.policy.window) = (OPTIMISTIC, 800, SAMPLE_WINDOW);
        spec.inputRef = keccak256("blob");
    }

    function _offer(
        Job memory job,
        uint32 primary,
        bytes32 outDigest,
        bytes32 payload
    ) internal view returns (bytes32) {
        bytes32 claim = ClaimLib.claimHash(_id(job), 0, job.spec.inDigest, outDigest, vm.addr(primary));
        return ClaimLib.commitment(_hub.domainSeparator(), claim, 0, payload, _saltOf(job, primary));
    }

    /// The salt that `HubBase._salt` gives the same worker in round 0.
    function _saltOf(Job memory job, uint32 primary) internal view returns (bytes32) {
        return keccak256(abi.encode("salt", _id(job), uint16(0), uint8(0), primary));
    }

    /// The first candidate proposes; the record afterwards.
    function _propose(Job memory job, bytes32 outDigest) internal returns (Record memory r) {
        uint32 primary = _candidates(job)[0];
        bytes32 commitment = _offer(job, primary, outDigest, 0);
        _as(primary);
        _hub.propose(job, _empty(), commitment);
        r = _latest(_empty());
    }

    /// Mines the lottery's block, with a hash that audits the job or leaves it alone.
    function _fate(Job memory job, bool audited) internal {
        uint48 ref = _hub.slot(_id(job)).seedRef;
        if (block.number <= ref) vm.roll(ref + 1);
        for (uint256 i; ; ++i) {
            bytes32 hash = keccak256(abi.encode("fate", i));
            bytes32 seed = DrawLib.seedFor(hash, _id(job), DrawLib.AUDIT, 0);
            if ((uint256(seed) % 10_000 < job.spec.policy.auditBps) != audited) continue;
            vm.setBlockhash(ref, hash);
            return;
        }
    }

    function _open(Job memory job, Record memory r, bytes32 outDigest) internal returns (Record memory) {
        uint32 primary = r.seats[0];
        _hub.open(job, r, _noTable(), outDigest, 0, _saltOf(job, primary), "");
        return _latest(r);
    }

    function _draw(Job memory job, Record memory r) internal returns (Record memory) {
        _hub.draw(job, r);
        return _latest(r);
    }

    /// A proposal, its lottery, and what comes next.
    function _sampled(Job memory job, bytes32 outDigest, bool audited) internal returns (Record memory r) {
        r = _propose(job, outDigest);
        _fate(job, audited);
        return audited ? _draw(job, r) : _open(job, r, outDigest);
    }
}
