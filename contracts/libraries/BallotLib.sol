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

    /// `check` for a committee of one (outDigest, payload) pair: the hot path, equal to the general function (tested).
    /// Openings are read where they lie; every hash is taken over a template of which one or two words change.
    function checkUnanimous(
        Ballot memory b,
        bytes32 outDigest,
        bytes32 payload,
        Opening[] calldata seats,
        address[] memory signers,
        uint256 from
    ) internal view {
        uint256 p = _templates(b, outDigest, payload);
        uint256 bad;
        assembly ("memory-safe") {
            // p: claim (6 words), commitment (6), reveal (6), typed digest (3), ecrecover's input (4), set (1 + k), claims (k)
            let k := seats.length
            let set := add(p, 0x320)
            let claims := add(set, shl(5, add(k, 1)))
            let worker := add(add(signers, 0x20), shl(5, from))
            let o := seats.offset
            for {
                let i := 0
            } lt(i, k) {
                i := add(i, 1)
            } {
                // `which` can only be 0.
                bad := or(bad, calldataload(o))
                mstore(add(p, 0xa0), mload(add(worker, shl(5, i))))
                let claim := keccak256(p, 0xc0)
                mstore(add(claims, shl(5, i)), claim)
                mstore(add(p, 0x100), claim)
                mstore(add(p, 0x160), calldataload(add(o, 0x20)))
                mstore(add(set, shl(5, add(i, 1))), keccak256(add(p, 0xc0), 0xc0))
                o := add(o, 0x80)
            }
            mstore(add(p, 0x220), keccak256(set, shl(5, add(k, 1))))
        }
        if (bad != 0) revert IHubTypes.VotesMalformed(b.stage);
        _recoverAll(p, seats, signers, from);
    }

    function _recoverAll(uint256 p, Opening[] calldata seats, address[] memory signers, uint256 from) private view {
        uint256 halfOrder = ClaimLib.HALF_ORDER;
        for (uint256 i; i < seats.length;) {
            address have;
            address need;
            assembly ("memory-safe") {
                let o := add(seats.offset, shl(7, i))
                need := mload(add(add(signers, 0x20), shl(5, add(from, i))))
                // Claims follow the set of k + 1 words.
                mstore(add(p, 0x1a0), mload(add(add(p, 0x340), shl(5, add(seats.length, i)))))
                mstore(add(p, 0x262), keccak256(add(p, 0x180), 0xc0))
                mstore(add(p, 0x2a0), keccak256(add(p, 0x240), 0x42))
                let vs := calldataload(add(o, 0x60))
                let s := shr(1, shl(1, vs))
                mstore(add(p, 0x2c0), add(shr(255, vs), 27))
                mstore(add(p, 0x2e0), calldataload(add(o, 0x40)))
                mstore(add(p, 0x300), s)
                mstore(0, 0)
                if iszero(gt(s, halfOrder)) {
                    pop(staticcall(gas(), 1, add(p, 0x2a0), 0x80, 0, 0x20))
                }
                have := mload(0)
            }
            if (have != need || have == address(0)) revert IHubTypes.SignerMismatch(i, have, need);
            unchecked {
                ++i;
            }
        }
    }

    /// Fills the constant words of `checkUnanimous`, beyond the free memory pointer.
    function _templates(Ballot memory b, bytes32 outDigest, bytes32 payload) private pure returns (uint256 p) {
        bytes32 claimType = ClaimLib.CLAIM_TYPEHASH;
        bytes32 commitTag = ClaimLib.COMMIT_TAG;
        bytes32 revealType = ClaimLib.REVEAL_TYPEHASH;
        bytes32 setTag = ClaimLib.COMMIT_SET_TAG;
        assembly ("memory-safe") {
            p := mload(0x40)
            mstore(p, claimType)
            mstore(add(p, 0x20), mload(add(b, 0x20)))
            mstore(add(p, 0x40), mload(add(b, 0x40)))
            mstore(add(p, 0x60), mload(add(b, 0x80)))
            mstore(add(p, 0x80), outDigest)
            mstore(add(p, 0xc0), commitTag)
            mstore(add(p, 0xe0), mload(b))
            mstore(add(p, 0x120), mload(add(b, 0x60)))
            mstore(add(p, 0x140), payload)
            mstore(add(p, 0x180), revealType)
            mstore(add(p, 0x1c0), mload(add(b, 0x60)))
            mstore(add(p, 0x1e0), payload)
            mstore(add(p, 0x200), 0)
            mstore(add(p, 0x240), shl(240, 0x1901))
            mstore(add(p, 0x242), mload(b))
            mstore(add(p, 0x320), setTag)
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
