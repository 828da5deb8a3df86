// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {CipherReferee} from "../../../contracts/evidence/cipher/CipherReferee.sol";
import {ICipherReferee} from "../../../contracts/interfaces/ICipherReferee.sol";
import {IHubFront} from "../../../contracts/interfaces/IHubFront.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "./AttackBase.sol";
import {vm} from "./Vm.sol";

/// Jobs over ciphertexts, and parties that know a right and two wrong traces of the stage (test/fixtures/vectors/she-game.json).
abstract contract RefereeBase is AttackBase {
    address internal constant ALICE = address(0xA11CE); // honest
    address internal constant MALLORY = address(0x3A110);
    address internal constant SYBIL = address(0x5B11);
    uint96 internal constant S = 44 * REWARD; // of k = 5

    /// What a party shows on the way to the residue in question.
    struct Side {
        ICipherReferee.TraceCommitment commitment;
        ICipherReferee.StepProof proof;
        bytes32[] posts;
        uint256[] picks;
        bytes chunk;
    }

    CipherReferee internal _referee;
    ICipherReferee.StageFacts internal _facts;
    StageInfo[] internal _lines;
    bytes32 internal _good;
    bytes32 internal _bad;
    string private _json;

    function _deployReferee() internal {
        _deploy(60);
        _referee = new CipherReferee(IHubFront(address(_hub)));
        _router.announce(CIPHER, address(_referee));
        vm.warp(block.timestamp + 48 hours);
        _router.add(CIPHER);
        _nextEpoch();
        _json = vm.readFile("test/fixtures/vectors/she-game.json");
        _facts = abi.decode(vm.parseJsonBytes(_json, ".facts"), (ICipherReferee.StageFacts));
        _good = _side(0, true).commitment.outDigest;
        _bad = _side(0, false).commitment.outDigest;
        for (uint256 i; i < 3; ++i) _fund([ALICE, MALLORY, SYBIL][i]);
    }

    function _fund(address party) internal {
        _token.mint(party, 10 * S);
        vm.prank(party);
        _token.approve(address(_referee), type(uint256).max);
    }

    function _side(uint256 game, bool honest) internal view returns (Side memory side) {
        string memory key = string.concat(".", honest ? "true" : "lie", game == 0 ? "0_" : "1_");
        side.commitment = abi.decode(
            vm.parseJsonBytes(_json, string.concat(key, "commitment")),
            (ICipherReferee.TraceCommitment)
        );
        side.proof = abi.decode(vm.parseJsonBytes(_json, string.concat(key, "proof")), (ICipherReferee.StepProof));
        side.posts = vm.parseJsonBytes32Array(_json, string.concat(key, "posts"));
        side.picks = vm.parseJsonUintArray(_json, string.concat(key, "picks"));
        side.chunk = vm.parseJsonBytes(_json, string.concat(key, "chunk"));
    }

    function _coordinate(uint256 game) internal view returns (uint256) {
        return vm.parseJsonUintArray(_json, ".coordinates")[game];
    }

    function _noRow() internal view returns (uint256 row, ICipherReferee.StepProof memory proof) {
        row = vm.parseJsonUint(_json, ".none");
        proof = abi.decode(vm.parseJsonBytes(_json, ".nothing"), (ICipherReferee.StepProof));
    }

    // --- Jobs ---------------------------------------------------------------------------------------------------------

    function _ciphered() internal returns (Spec memory spec) {
        spec = _spec(5, 1);
        delete _lines;
        StageInfo[] memory table = _table(1);
        table[0].inKind = table[0].outKind = KIND_CIPHER;
        table[0].kernel = keccak256(abi.encode("assay.v1.cipherstage", _facts.stage));
        _lines.push(table[0]);
        ModelManifest memory m;
        m.name = "ciphered";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256("ciphered");
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32(1 << (VOTE | CIPHER)), 1, table);
        spec.modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
        (spec.policy.mask, spec.policy.window) = (VOTE | CIPHER, W);
        (spec.inDigest, spec.inputRef) = (_facts.inDigest, _facts.keySetRoot);
    }

    /// The current committee votes; the seats in `liars` say the wrong ciphertext.
    function _vote(Job memory job, Record memory r, uint256 liars) internal returns (Record memory) {
        bytes32[] memory outs = new bytes32[](_committee(job, r).length);
        for (uint256 i; i < outs.length; ++i) outs[i] = (liars >> i) & 1 != 0 ? _bad : _good;
        _hub.submit(job, r, _noTable(), _one(_votes(_poll(job, r, outs))), "");
        return _latest(r);
    }

    function _voted(uint256 liars) internal returns (Job memory job, Record memory r) {
        job = _request(_ciphered());
        r = _vote(job, r, liars);
        _expectState(job, STATE_WINDOW);
    }

    function _deadline(Job memory job) internal view returns (uint256) {
        return _hub.slot(_id(job)).deadline;
    }

    function _afterWindow(Job memory job) internal {
        vm.warp(_deadline(job) + 1);
    }

    function _rule(
        Job memory job,
        Record memory r,
        bytes32 outDigest,
        address winner
    ) internal returns (Record memory) {
        IHubTypes.Ruling memory ruling;
        (ruling.kind, ruling.prover, ruling.outDigest) = (CIPHER, winner, outDigest);
        _hub.court(job, r, _lines, 0, ruling);
        return _latest(r);
    }

    // --- Games --------------------------------------------------------------------------------------------------------

    function _defend(address party, Job memory job, Record memory r, Side memory side) internal returns (uint256) {
        vm.prank(party);
        return _referee.defend(job, r, _lines, 0, _facts.stage, side.commitment);
    }

    function _contest(address party, Job memory job, Record memory r, uint256 defence) internal returns (uint256) {
        vm.prank(party);
        return _referee.challenge(job, r, defence);
    }

    /// Nodes that the n-th post of a side shows: 64, what is left of the tree, the row's chunk hashes.
    function _posted(Side memory side, uint256 n) internal view returns (bytes32[] memory nodes) {
        uint256 depth = _facts.stage.depth;
        uint256 from;
        uint256 width;
        for (uint256 i; ; ++i) {
            from += width;
            width = depth == 0 ? 32 : 1 << (depth < 6 ? depth : 6);
            if (i == n) break;
            depth -= depth < 6 ? depth : 6;
        }
        nodes = new bytes32[](width);
        for (uint256 i; i < width; ++i) nodes[i] = side.posts[from + i];
    }

    function _path(bytes32[] memory nodes, uint256 index) internal pure returns (bytes32[] memory path) {
        uint256 n = nodes.length;
        uint256 depth;
        while (1 << depth < n) ++depth;
        path = new bytes32[](depth);
        bytes32[] memory level = new bytes32[](n);
        for (uint256 i; i < n; ++i) level[i] = nodes[i];
        for (uint256 d; d < depth; ++d) {
            path[d] = level[(index >> d) ^ 1];
            for (uint256 i; i < n >> (d + 1); ++i)
                level[i] = sha256(abi.encodePacked(uint8(1), level[2 * i], level[2 * i + 1]));
        }
    }

    /// `defender` shows `side`, `challenger` leads it to the residue in question; `posts` moves of each.
    function _descend(uint256 game, address defender, address challenger, Side memory side, uint256 posts) internal {
        for (uint256 n; n < posts; ++n) {
            bytes32[] memory nodes = _posted(side, n);
            vm.prank(defender);
            _referee.post(game, nodes);
            uint256 index = side.picks[n];
            bytes32[] memory path = _path(nodes, index);
            vm.prank(challenger);
            _referee.pick(game, index, nodes[index], path);
        }
    }

    /// All moves but the last.
    function _play(uint256 game, address defender, address challenger, Side memory side, uint256 which) internal {
        _descend(game, defender, challenger, side, side.picks.length);
        vm.prank(defender);
        _referee.postChunk(game, side.chunk);
        uint8 index = uint8(_coordinate(which));
        vm.prank(challenger);
        _referee.pickResidue(game, index);
    }

    function _late(uint256 game) internal {
        vm.warp(uint256(_referee.gameOf(game).deadline) + 1);
        _referee.timeout(game);
    }

    /// A liar's defence falls to a challenger: it cannot show its step.
    function _beat(address liar, address challenger, Job memory job, Record memory r, uint256 defence) internal {
        uint256 game = _contest(challenger, job, r, defence);
        _play(game, liar, challenger, _side(0, false), 0);
        _late(game);
    }
}
