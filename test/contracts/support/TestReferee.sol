// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IReferee} from "../../../contracts/interfaces/IReferee.sol";

/// A referee for tests: its games end as the test says. Not for any deployment.
contract TestReferee is IReferee {
    struct Game {
        uint48 opened;
        uint32 judged;
        bool broken;
    }

    struct Verdict {
        bytes32 inDigest;
        bytes32 outDigest;
        address winner;
        uint48 opened;
    }

    mapping(bytes32 jobId => Game) private _games;
    mapping(bytes32 jobId => mapping(uint8 stage => Verdict)) private _verdicts;

    function open(bytes32 jobId) external {
        _games[jobId].opened = uint48(block.timestamp);
    }

    function end(bytes32 jobId, uint8 stage, bytes32 inDigest, bytes32 outDigest, address winner) external {
        Game storage game = _games[jobId];
        _verdicts[jobId][stage] = Verdict(inDigest, outDigest, winner, game.opened);
        (game.opened, game.judged) = (0, game.judged | uint32(1 << stage));
    }

    function breakDown(bytes32 jobId) external {
        _games[jobId].broken = true;
    }

    function games(bytes32 jobId) external view returns (uint48 openedAt, uint32 judged) {
        Game memory game = _games[jobId];
        require(!game.broken, "broken");
        return (game.opened, game.judged);
    }

    function verdict(bytes32 jobId, uint8 stage, bytes32 inDigest) external view returns (bytes32, address, uint48) {
        Verdict memory v = _verdicts[jobId][stage];
        if (v.inDigest != inDigest) return (0, address(0), 0);
        return (v.outDigest, v.winner, v.opened);
    }
}
