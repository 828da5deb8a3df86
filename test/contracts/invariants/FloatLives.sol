// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import "../../../contracts/types/Types.sol";
import {SketchBase} from "../support/SketchBase.sol";
import {HubGhost} from "./HubGhost.sol";

/// Jobs of class T: honest machines differ by up to 1, liars by more than the tolerance.
abstract contract FloatLives is HubGhost, SketchBase {
    /// Their mask, and that they are of class T.
    uint8 internal constant FLOATS = VOTE | 64;
    int256 private constant OFF = 50;

    uint256 public floats;
    uint256 public deceits;
    mapping(uint256 index => mapping(bytes32 outDigest => bool)) private _honest;
    mapping(uint256 index => bytes) private _past; // what `Sketched` told of round 0

    function _pickOf(
        uint8 kind,
        uint256 seed,
        uint8 state
    ) internal view virtual returns (bool found, uint256 i, Job memory job, Record memory r);

    function _liars(uint32[] memory ids, uint256 seed, uint8 round) internal virtual returns (uint256);

    function _begin(Spec memory spec, uint256 varied) internal virtual;

    function _store(uint256 i, Job memory job, Record memory r) internal virtual;

    function requestFloats(bool window, uint256 varied) public {
        Spec memory spec = _floatSpec(3, 1);
        if (window) spec.policy.window = W;
        _begin(spec, varied);
    }

    /// The current committee votes by the fast path; some lie, and try to have their output delivered.
    function voteOnFloats(uint256 seed, uint256 liars) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(FLOATS, seed, STATE_OPEN);
        if (!found || block.timestamp > job.spec.expiry) return;
        uint8 round = _hub.slot(_id(job)).round;
        if (round != 0) (_pastA, _pastB, _pastSeedB) = abi.decode(_past[i], (bytes32[], bytes32[], bytes32));
        uint32[] memory ids = _committee(job, r);
        liars = _liars(ids, liars, round);
        // Few outputs are compared themselves, more by what is drawn after the commitments.
        FloatPoll memory p = _floats(job, r, job.nonce % 2 == 0 ? 4 : 20, _errors(ids.length, liars, seed));
        for (uint256 n; n < ids.length; ++n) if ((liars >> n) & 1 == 0) _honest[i][p.outs[n]] = true;
        r = _deliver(job, r, p, liars);
        if (round == 0) _past[i] = abi.encode(_pastA, _pastB, _pastSeedB);
        if (r.boundaries.length == 0 || !_honest[i][r.boundaries[0]]) _break("26: a liar's output stands, or none");
        ++floats;
        _store(i, job, r);
    }

    /// The first seats try, liars too. A larger committee that upholds what stands needs no output: there a liar may come through.
    function _deliver(
        Job memory job,
        Record memory r,
        FloatPoll memory p,
        uint256 liars
    ) private returns (Record memory delivered) {
        SketchVotes memory v = _sketchVotes(p, type(uint256).max);
        for (uint8 seat; ; ++seat) {
            if ((liars >> seat) & 1 == 0) return _submitFloats(job, r, p, seat);
            ++deceits;
            try _hub.submitSketches(job, r, _floatTable(1), v, _delivery(p, seat)) {
                return _sketched(r);
            } catch {}
        }
    }

    function _errors(uint256 n, uint256 liars, uint256 seed) private pure returns (int256[] memory offs) {
        offs = new int256[](n);
        for (uint256 i; i < n; ++i) {
            offs[i] = int256(uint256(keccak256(abi.encode(seed, i))) % 3) - 1;
            if ((liars >> i) & 1 != 0) offs[i] = (seed >> i) & 1 == 0 ? OFF : -OFF;
        }
    }
}
