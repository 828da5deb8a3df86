// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import {SketchLib} from "../../../contracts/libraries/SketchLib.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "./AttackBase.sol";
import {LogVm, logs} from "./HubBase.sol";

/// Float models of one scale unit a step, and committees that vote on their outputs.
abstract contract SketchBase is AttackBase {
    uint256 internal constant TAU = 3;
    uint256 internal constant SCALE = 1 << 149; // 1.0

    /// A committee of class T; what each seat says may be a lie in any part.
    struct FloatPoll {
        bytes32 jobId;
        uint16 stage;
        uint8 round;
        bytes32 inDigest;
        bytes32 seed; // of the draw
        bytes32 seedA;
        uint32[] ids;
        bytes[] tensors;
        bytes32[] outs;
        bytes32[] a;
        bytes32[] b;
        bytes32 commitSet;
    }

    /// What `Sketched` told of round 0.
    bytes32[] internal _pastA;
    bytes32[] internal _pastB;
    bytes32 internal _pastSeedB;

    function _floatTable(uint256 stages) internal pure returns (StageInfo[] memory table) {
        table = _table(stages);
        for (uint256 s; s < stages; ++s) table[s].weightsY = bytes32((TAU << 240) | (uint256(1) << 160));
    }

    function _floatModel(uint256 stages) internal returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = "float";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = bytes32(stages);
        (m.acceptedMasks, m.workUnits, m.stages) = (3, 1, _floatTable(stages));
        modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
    }

    function _floatSpec(uint8 k, uint8 stages) internal returns (Spec memory spec) {
        spec = _spec(k, stages);
        (spec.modelId, spec.policy.cls) = (_floatModel(stages), 1);
    }

    // --- Outputs ------------------------------------------------------------------------------------------------------

    /// A whole number below 2^24 as little-endian f32.
    function _f32(int256 value) internal pure returns (bytes4) {
        if (value == 0) return 0;
        uint256 magnitude = uint256(value < 0 ? -value : value);
        uint256 exponent = 150;
        while (magnitude < 1 << 23) (magnitude, exponent) = (magnitude << 1, exponent - 1);
        uint256 w = (magnitude & 0x7fffff) | (exponent << 23) | (value < 0 ? 1 << 31 : 0);
        return bytes4(uint32(((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >> 8) & 0xff00) | ((w >> 24) & 0xff)));
    }

    function _tensor(int256[] memory values) internal pure returns (bytes memory tensor) {
        uint256 n = values.length;
        tensor = abi.encodePacked(hex"010501", uint8(n), uint8(n >> 8), uint16(0));
        for (uint256 i; i < n; ++i) tensor = abi.encodePacked(tensor, _f32(values[i]));
    }

    /// n outputs that depend on their place; `off` is added to the first.
    function _run(uint256 n, int256 off) internal pure returns (bytes memory) {
        int256[] memory values = new int256[](n);
        for (uint256 i; i < n; ++i) values[i] = int256((i * 37) % 101) - 50;
        values[0] += off;
        return _tensor(values);
    }

    function _digest(bytes memory tensor) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256("assay.v1.public"), tensor));
    }

    function units(bytes calldata tensor) external pure returns (int256[] memory) {
        return SketchLib.unitsOf(tensor[SketchLib.headerOf(tensor):], SCALE);
    }

    function _sketch(bytes memory tensor, bytes32 seed, bool second) internal view returns (bytes32) {
        int256[] memory u = this.units(tensor);
        if (u.length > 16) return SketchLib.project(u, SCALE, seed);
        return second ? bytes32(0) : SketchLib.show(u, SCALE);
    }

    // --- Committees ---------------------------------------------------------------------------------------------------

    /// The committee that votes now, seat i having computed n outputs with offs[i] added to the first.
    function _floats(
        Job memory job,
        Record memory r,
        uint256 n,
        int256[] memory offs
    ) internal view returns (FloatPoll memory p) {
        p.jobId = _id(job);
        Slot memory s = _hub.slot(p.jobId);
        (p.stage, p.round) = (s.stage, s.round);
        p.inDigest = s.stage == 0 ? job.spec.inDigest : r.boundaries[s.stage - 1];
        p.ids = _committee(job, r);
        uint16 stream = s.round == 0 ? DrawLib.ROUND_0 : s.stage;
        p.seed = DrawLib.seedFor(_random.seedOf(s.seedRef), p.jobId, stream, s.round);
        p.seedA = s.round == 0 ? p.seed : _pastSeedB;
        uint256 size = p.ids.length;
        (p.tensors, p.outs) = (new bytes[](size), new bytes32[](size));
        (p.a, p.b) = (new bytes32[](size), new bytes32[](size));
        for (uint256 i; i < size; ++i) {
            p.tensors[i] = _run(n, i < offs.length ? offs[i] : int256(0));
            p.outs[i] = _digest(p.tensors[i]);
            p.a[i] = _sketch(p.tensors[i], p.seedA, false);
        }
        _commitFloats(p, type(uint256).max);
    }

    /// Everyone in `mask` has committed: sketches B follow.
    function _commitFloats(FloatPoll memory p, uint256 mask) internal view {
        bytes memory all = abi.encodePacked(ClaimLib.COMMIT_SET_TAG);
        for (uint256 i; i < p.ids.length; ++i)
            all = abi.encodePacked(all, (mask >> i) & 1 != 0 ? _floatCommitment(p, i) : bytes32(0));
        p.commitSet = keccak256(all);
        for (uint256 i; i < p.ids.length; ++i) p.b[i] = _sketch(p.tensors[i], _seedB(p), true);
    }

    function _seedB(FloatPoll memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(p.commitSet, p.seed));
    }

    function _floatClaim(FloatPoll memory p, uint256 i) internal view returns (bytes32) {
        return ClaimLib.claimHash(p.jobId, p.stage, p.inDigest, p.outs[i], _signerOf(p.ids[i]));
    }

    function _signerOf(uint32 id) internal view returns (address) {
        uint32[] memory ids = new uint32[](1);
        ids[0] = id;
        return _vault.signersOf(ids)[0];
    }

    function _floatSalt(FloatPoll memory p, uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", p.jobId, p.stage, p.round, p.ids[i]));
    }

    function _floatCommitment(FloatPoll memory p, uint256 i) internal view returns (bytes32) {
        bytes32 domain = _hub.domainSeparator();
        return ClaimLib.commitment(domain, _floatClaim(p, i), p.round, p.a[i], _floatSalt(p, i));
    }

    /// Every seat's opening and Reveal; NOT_SUPPLIED where `mask` has no bit.
    function _sketchVotes(FloatPoll memory p, uint256 mask) internal view returns (SketchVotes memory v) {
        // Copies: tests spoil them.
        (v.outs, v.a, v.b) = abi.decode(abi.encode(p.outs, p.a, p.b), (bytes32[], bytes32[], bytes32[]));
        v.seats = new Opening[](p.ids.length);
        for (uint256 i; i < p.ids.length; ++i) {
            if ((mask >> i) & 1 == 0) {
                v.seats[i].which = 255;
                continue;
            }
            bytes32 domain = _hub.domainSeparator();
            bytes32 digest = ClaimLib.revealDigest(domain, _floatClaim(p, i), p.round, p.a[i], p.b[i], p.commitSet);
            (bytes32 r, bytes32 vs) = _sign(p.ids[i], digest);
            v.seats[i] = Opening(uint8(i), _floatSalt(p, i), r, vs);
        }
    }

    function _signedCommits(FloatPoll memory p, uint256 mask) internal view returns (SignedCommit[] memory commits) {
        commits = new SignedCommit[](p.ids.length);
        uint256 n;
        for (uint256 i; i < p.ids.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            bytes32 c = _floatCommitment(p, i);
            bytes32 digest = ClaimLib.commitDigest(_hub.domainSeparator(), p.jobId, p.stage, p.round, c);
            (bytes32 r, bytes32 vs) = _sign(p.ids[i], digest);
            commits[n++] = SignedCommit(uint8(i), c, r, vs);
        }
        assembly ("memory-safe") {
            mstore(commits, n)
        }
    }

    function _delivery(FloatPoll memory p, uint8 seat) internal view returns (Delivery memory) {
        bool first = p.round == 0;
        bytes32[] memory none;
        return Delivery(seat, p.tensors[seat], first ? none : _pastA, first ? none : _pastB);
    }

    /// The committee votes by the fast path and `seat` delivers; the record afterwards.
    function _submitFloats(
        Job memory job,
        Record memory r,
        FloatPoll memory p,
        uint8 seat
    ) internal returns (Record memory) {
        _hub.submitSketches(
            job,
            r,
            _floatTable(job.spec.stages),
            _sketchVotes(p, type(uint256).max),
            _delivery(p, seat)
        );
        return _sketched(r);
    }

    /// The record, and what `Sketched` told.
    function _sketched(Record memory before) internal returns (Record memory r) {
        r = before;
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i) {
            if (all[i].emitter != address(_hub)) continue;
            bytes32 topic = all[i].topics[0];
            if (topic == IHubTypes.StageTallied.selector)
                (, , , r) = abi.decode(all[i].data, (uint8, uint8, bytes32, Record));
            if (topic == IHubTypes.Sketched.selector)
                (, , _pastA, _pastB, _pastSeedB) = abi.decode(
                    all[i].data,
                    (uint8, uint8, bytes32[], bytes32[], bytes32)
                );
            if (topic == IHubTypes.Pinned.selector) {
                (, uint8 round, uint32[] memory ids) = abi.decode(all[i].data, (uint8, uint8, uint32[]));
                if (round == 0) r.seats = ids;
                else r.tallies[r.tallies.length - 1].seats = ids;
            }
        }
    }

    function _offs(int256 a, int256 b, int256 c, int256 d, int256 e) internal pure returns (int256[] memory offs) {
        offs = new int256[](5);
        (offs[0], offs[1], offs[2], offs[3], offs[4]) = (a, b, c, d, e);
    }
}
