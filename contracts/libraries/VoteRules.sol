// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    REASON_EXPIRED,
    REASON_INPUT_UNAVAILABLE,
    REASON_UNRESOLVED,
    SAID_ABSENT,
    SAID_ABSTAIN,
    SAID_UNREVEALED
} from "../types/Types.sol";

/// @title What a committee's votes decide (protocol.md sections 3 and 6); mirror: offchain/core/vote.ts
/// @notice A vote is one word, `Tally.said[i]`. In class E two votes are equal iff their words are equal, so the word
/// binds both outDigest and payload: see `say`. Words 0, 1 and 2 mean ABSENT, ABSTAIN and UNREVEALED.
library VoteRules {
    // What `decide` returns: one of these two, or the REASON_ for which the job closes.
    uint8 internal constant VERDICT_ACCEPTED = 16;
    uint8 internal constant VERDICT_HUNG = 17;

    /// Votes needed for a digest among `n` seats: ceil(2n/3).
    function quorum(uint256 n) internal pure returns (uint256) {
        // n is a committee's size (at most 31).
        unchecked {
            return (2 * n + 2) / 3;
        }
    }

    /// Seats of round `round` for committees of `k`: k, 2k+1, 4k+3.
    function committeeSize(uint256 k, uint256 round) internal pure returns (uint256) {
        return ((k + 1) << round) - 1;
    }

    /// The word a seat says by opening (outDigest, payload). Without a payload (no probe) it is the digest itself, so
    /// the usual record can be read; with one it is a hash of the pair. Reserved outDigests 0, 1, 2 are abstentions.
    /// @dev A word is never reserved by accident: that would need a preimage of 0, 1 or 2.
    function say(bytes32 outDigest, bytes32 payload) internal pure returns (bytes32 word) {
        if (isReserved(outDigest)) return SAID_ABSTAIN;
        if (payload == 0) return outDigest;
        return keccak256(abi.encode("assay.v1.said", outDigest, payload));
    }

    function isReserved(bytes32 word) internal pure returns (bool) {
        return uint256(word) <= uint256(SAID_UNREVEALED);
    }

    /// The tally of one committee.
    /// @param said one word a seat, in seat order
    /// @param stage, round where the committee sits; from round 1 on every failure is HUNG
    /// @return verdict VERDICT_ACCEPTED, VERDICT_HUNG or a REASON_
    /// @return accepted the winning word (of `say`), 0 unless accepted
    /// @return dissent whether two distinct digests were said
    function decide(
        bytes32[] memory said,
        uint256 stage,
        uint256 round
    ) internal pure returns (uint8 verdict, bytes32 accepted, bool dissent) {
        uint256 n = said.length;
        uint256 q = quorum(n);
        bytes32 candidate;
        uint256 lead; // of the candidate in the Boyer-Moore majority vote: q > n/2, so a quorum is always the candidate
        uint256 abstained;
        bytes32 first;
        // Counters stay at or below n.
        unchecked {
            for (uint256 i; i < n; ++i) {
                bytes32 word = said[i];
                if (isReserved(word)) {
                    if (word == SAID_ABSTAIN) ++abstained;
                    continue;
                }
                if (first == 0) first = word;
                else if (word != first) dissent = true;
                if (lead == 0) candidate = word;
                if (word == candidate) ++lead;
                else --lead;
            }
            uint256 votes = lead;
            if (dissent) {
                votes = 0;
                for (uint256 i; i < n; ++i) if (said[i] == candidate) ++votes;
            }
            // An empty committee (an escalation a court interrupted) decides nothing, though 0 >= its quorum of 0.
            if (votes != 0 && votes >= q) return (VERDICT_ACCEPTED, candidate, dissent);
            if (dissent || round != 0) return (VERDICT_HUNG, 0, dissent);
            if (abstained > n - q) return (stage == 0 ? REASON_INPUT_UNAVAILABLE : REASON_UNRESOLVED, 0, false);
            return (REASON_EXPIRED, 0, false);
        }
    }

    /// The least commitments with which a committee opens: a quorum. An audit opens once a single auditor is bound beside
    /// the primary: accomplices who stay away must not spare a liar its opening.
    function openingQuorum(uint256 n, bool audit) internal pure returns (uint256) {
        return audit ? 2 : quorum(n);
    }

    /// Whether so few committed that the reveal phase never opened; then UNREVEALED only means "committed".
    function neverOpened(bytes32[] memory said, bool audit) internal pure returns (bool) {
        uint256 n = said.length;
        uint256 came;
        unchecked {
            for (uint256 i; i < n; ++i) if (said[i] != SAID_ABSENT) ++came;
            return came < openingQuorum(n, audit);
        }
    }
}
