// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {REASON_EXPIRED, REASON_INPUT_UNAVAILABLE, REASON_UNRESOLVED} from "../../../contracts/types/Types.sol";
import {VoteRules} from "../../../contracts/libraries/VoteRules.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";

contract VoteRulesTest {
    /// R23: TypeScript and Solidity decide alike.
    function test_Vectors() public view {
        Cursor memory c = openVectors("vote");
        for (uint256 i; i < c.cases; ++i) {
            bytes32[] memory said = c.nextWords(c.next());
            uint256 stage = c.next();
            (uint8 verdict, bytes32 accepted, bool dissent) = VoteRules.decide(said, stage, c.next());
            require(verdict == c.next(), "verdict");
            require(accepted == c.nextWord(), "accepted");
            require(dissent == (c.next() == 1), "dissent");
            require(VoteRules.neverOpened(said, false) == (c.next() == 1), "neverOpened");
            require(VoteRules.neverOpened(said, true) == (c.next() == 1), "neverOpened, audit");
            bytes32 outDigest = c.nextWord();
            bytes32 payload = c.nextWord();
            require(VoteRules.say(outDigest, payload) == c.nextWord(), "say");
        }
        c.assertDone();
    }

    function test_QuorumIsTwoThirdsRoundedUp() public pure {
        uint8[8] memory n = [1, 2, 3, 5, 7, 11, 15, 23];
        uint8[8] memory q = [1, 2, 2, 4, 5, 8, 10, 16];
        for (uint256 i; i < 8; ++i) require(VoteRules.quorum(n[i]) == q[i], "quorum");
        require(VoteRules.committeeSize(5, 0) == 5, "k");
        require(VoteRules.committeeSize(5, 1) == 11, "2k+1");
        require(VoteRules.committeeSize(5, 2) == 23, "4k+3");
    }

    /// Counting every word naively agrees with the one-pass majority vote.
    function testFuzz_DecideMatchesCounting(uint8[] calldata codes, uint8 stage, uint8 round) public pure {
        uint256 n = codes.length > 31 ? 31 : codes.length;
        bytes32[] memory said = new bytes32[](n);
        for (uint256 i; i < n; ++i) said[i] = bytes32(uint256(codes[i] % 5));
        (uint8 verdict, bytes32 accepted, bool dissent) = VoteRules.decide(said, stage, round);
        uint256[5] memory counts;
        for (uint256 i; i < n; ++i) ++counts[uint256(said[i])];
        uint256 q = VoteRules.quorum(n);
        require(dissent == (counts[3] != 0 && counts[4] != 0), "dissent");
        bool wins = n != 0 && (counts[3] >= q || counts[4] >= q);
        require((verdict == VoteRules.VERDICT_ACCEPTED) == wins, "accepted");
        require((accepted != 0) == wins, "word");
        if (wins) {
            require(counts[uint256(accepted)] >= q, "quorum");
        } else if (dissent || round != 0) {
            require(verdict == VoteRules.VERDICT_HUNG, "hung");
        } else if (counts[1] > n - q) {
            require(verdict == (stage == 0 ? REASON_INPUT_UNAVAILABLE : REASON_UNRESOLVED), "abstained");
        } else {
            require(verdict == REASON_EXPIRED, "expired");
        }
    }

    /// Order of seats is irrelevant (invariant 23).
    function testFuzz_DecideIgnoresOrder(uint8[] calldata codes, uint8 by) public pure {
        uint256 n = codes.length > 31 ? 31 : codes.length;
        bytes32[] memory said = new bytes32[](n);
        bytes32[] memory turned = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            // Mostly one word: without a majority there is nothing to lose by the order.
            said[i] = bytes32(uint256(codes[i] < 192 ? 5 : codes[i] % 6));
            turned[(i + by) % n] = said[i];
        }
        (uint8 a, bytes32 wordA, bool dissentA) = VoteRules.decide(said, 0, 0);
        (uint8 b, bytes32 wordB, bool dissentB) = VoteRules.decide(turned, 0, 0);
        require(a == b && wordA == wordB && dissentA == dissentB, "order");
    }

    function testFuzz_SayBindsBothParts(bytes32 a, bytes32 b, bytes32 c) public pure {
        bytes32 word = VoteRules.say(a, b);
        if (uint256(a) <= 2) require(uint256(word) == 1, "reserved words abstain");
        else require(!VoteRules.isReserved(word), "reserved by accident");
        if (b != c && uint256(a) > 2) require(word != VoteRules.say(a, c), "payload");
        if (a != c && uint256(a) > 2) require(word != VoteRules.say(c, b), "digest");
    }
}
