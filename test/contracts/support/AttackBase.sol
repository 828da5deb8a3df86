// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {BallotLib} from "../../../contracts/libraries/BallotLib.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "./HubBase.sol";
import {vm} from "./Vm.sol";

/// What attackers need beyond `HubBase`: votes over any (outDigest, payload) pairs, and openings for the slow path.
abstract contract AttackBase is HubBase {
    bytes32 internal constant PROBE = keccak256("probe");

    /// The word that honest seats say for (GOOD, PROBE), usable as an outDigest by whoever wants to confuse.
    function _wordOf(bytes32 outDigest, bytes32 payload) internal pure returns (bytes32) {
        return keccak256(abi.encode("assay.v1.said", outDigest, payload));
    }

    function _bound(Poll memory p, uint256 seat, bytes32 payload) internal view returns (bytes32) {
        return ClaimLib.commitment(_hub.domainSeparator(), _claim(p, seat), p.round, payload, _salt(p, seat));
    }

    /// Seat i says (p.outs[i], payloads[i]), and is pair i of the ballot; all signatures are its own.
    function _votesWith(Poll memory p, bytes32[] memory payloads) internal view returns (StageVotes memory v) {
        uint256 n = p.ids.length;
        (v.outs, v.payloads, v.seats) = (p.outs, payloads, new Opening[](n));
        bytes memory all = abi.encodePacked(ClaimLib.COMMIT_SET_TAG);
        for (uint256 i; i < n; ++i) all = abi.encodePacked(all, _bound(p, i, payloads[i]));
        for (uint256 i; i < n; ++i) {
            bytes32 digest = ClaimLib.revealDigest(
                _hub.domainSeparator(),
                _claim(p, i),
                p.round,
                payloads[i],
                0,
                keccak256(all)
            );
            (bytes32 r, bytes32 vs) = _sign(p.ids[i], digest);
            v.seats[i] = Opening(uint8(i), _salt(p, i), r, vs);
        }
    }

    /// Every seat of the current committee posts its commitment itself.
    function _commitAll(
        Job memory job,
        Record memory r,
        Poll memory p,
        bytes32[] memory payloads
    ) internal returns (Record memory) {
        for (uint256 i; i < p.ids.length; ++i) {
            bytes32 commitment = _bound(p, i, payloads[i]);
            _as(p.ids[i]);
            _hub.commit(job, r, uint8(i), commitment);
            r = _latest(r);
        }
        return r;
    }

    function _as(uint256 key) internal {
        vm.prank(vm.addr(key));
    }

    /// Openings of the slow path: pair i for seat i; NOT_SUPPLIED where `mask` has no bit.
    function _opened(Poll memory p, uint256 mask) internal pure returns (StageVotes memory v) {
        uint256 n = p.ids.length;
        (v.outs, v.payloads, v.seats) = (p.outs, new bytes32[](n), new Opening[](n));
        for (uint256 i; i < n; ++i) {
            uint8 which = (mask >> i) & 1 != 0 ? uint8(i) : BallotLib.NOT_SUPPLIED;
            v.seats[i] = Opening(which, _salt(p, i), 0, 0);
        }
    }

    function _same(uint256 n, bytes32 word) internal pure returns (bytes32[] memory words) {
        words = new bytes32[](n);
        for (uint256 i; i < n; ++i) words[i] = word;
    }
}
