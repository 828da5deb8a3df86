// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {Opening, StageVotes} from "../types/Types.sol";
import {ClaimLib} from "./ClaimLib.sol";

/// @title Checks a committee's openings
library BallotLib {
    /// What all seats of a committee have in common.
    struct Ballot {
        bytes32 domain;
        bytes32 jobId;
        uint256 stage;
        uint256 round;
        bytes32 inDigest;
    }

    /// `Opening.which` on the slow path: this seat's opening is not supplied.
    uint8 internal constant NOT_SUPPLIED = 255;

    /// Recomputes every seat's claim, commitment and the set of them, and checks each signature over its Reveal: all
    /// seats were bound by the set before any of them opened (fast path).
    /// @param signers of all seats; this committee's start at `from`
    function check(
        Ballot memory b,
        StageVotes calldata votes,
        address[] memory signers,
        uint256 from,
        uint256 k
    ) internal view {
        bytes32[] memory claims = new bytes32[](k);
        bytes32 commitSet = _commitSet(b, votes, signers, from, claims);
        // from + k <= signers.length, claims.length = k.
        unchecked {
            for (uint256 i; i < k; ++i) {
                address have = _revealSigner(b, votes, i, claims[i], commitSet);
                address need = signers[from + i];
                if (have != need || have == address(0)) revert IHubTypes.SignerMismatch(i, have, need);
            }
        }
    }

    /// The pairs' own order and repetitions do not matter: words are counted, not indices.
    function checkShape(StageVotes calldata votes, uint256 stage, uint256 k) internal pure {
        uint256 n = votes.outs.length;
        if (n != votes.payloads.length || n > k || votes.seats.length != k) revert IHubTypes.VotesMalformed(stage);
    }

    function _commitSet(
        Ballot memory b,
        StageVotes calldata votes,
        address[] memory signers,
        uint256 from,
        bytes32[] memory claims
    ) private pure returns (bytes32 commitSet) {
        uint256 k = claims.length;
        bytes32[] memory set = new bytes32[](k + 1);
        set[0] = ClaimLib.COMMIT_SET_TAG;
        unchecked {
            for (uint256 i; i < k; ++i) {
                Opening calldata o = votes.seats[i];
                uint256 which = o.which;
                bytes32 claim = ClaimLib.claimHash(b.jobId, b.stage, b.inDigest, votes.outs[which], signers[from + i]);
                claims[i] = claim;
                set[i + 1] = ClaimLib.commitment(b.domain, claim, b.round, votes.payloads[which], o.salt);
            }
        }
        assembly ("memory-safe") {
            commitSet := keccak256(add(set, 0x20), shl(5, mload(set)))
        }
    }

    function _revealSigner(
        Ballot memory b,
        StageVotes calldata votes,
        uint256 i,
        bytes32 claim,
        bytes32 commitSet
    ) private view returns (address) {
        Opening calldata o = votes.seats[i];
        bytes32 payload = votes.payloads[o.which];
        return ClaimLib.recover(ClaimLib.revealDigest(b.domain, claim, b.round, payload, 0, commitSet), o.r, o.vs);
    }
}
