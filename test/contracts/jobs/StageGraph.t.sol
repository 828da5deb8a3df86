// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// Models whose stages are not a line: two branches over the job's input, then a stage that joins them.
contract StageGraphTest is HubBase {
    bytes32 private constant LEFT = keccak256("left");
    bytes32 private constant RIGHT = keccak256("right branch");

    function setUp() public {
        _deploy(60);
    }

    function _graph() private pure returns (StageInfo[] memory table) {
        table = _table(3);
        table[1].producers[0] = PRODUCER_INPUT;
        table[2].producers = new uint16[](2);
        (table[2].producers[0], table[2].producers[1]) = (0, 1);
    }

    function _graphJob() private returns (Job memory job, StageInfo[] memory table) {
        ModelManifest memory m;
        m.name = "graph";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256("graph");
        (m.acceptedMasks, m.workUnits, m.stages) = (2, 1, _graph());
        table = m.stages;
        Spec memory spec = _spec(3, 3);
        spec.modelId = _registry.register(m);
        job = _request(spec);
    }

    function _votesOf(
        Job memory job,
        Record memory r,
        bytes32 joined
    ) private view returns (StageVotes[] memory votes) {
        votes = new StageVotes[](3);
        bytes32[3] memory ins = [INPUT, INPUT, joined];
        bytes32[3] memory outs = [LEFT, RIGHT, GOOD];
        for (uint16 s; s < 3; ++s) {
            Poll memory p = Poll(_id(job), s, 0, ins[s], new uint32[](3), new bytes32[](3));
            for (uint256 i; i < 3; ++i) (p.ids[i], p.outs[i]) = (r.seats[uint256(s) * 3 + i], outs[s]);
            votes[s] = _votes(p);
        }
    }

    function _pinned(Job memory job) private returns (Record memory) {
        _hub.pin(job, _empty());
        return _latest(_empty());
    }

    /// Invariant 17, R49: the joining stage consumes the join of its producers' digests, with their kinds.
    function test_JoinsFollowTheStageTable() public {
        (Job memory job, StageInfo[] memory table) = _graphJob();
        Record memory r = _pinned(job);
        bytes32 joined = keccak256(
            abi.encodePacked("assay.v1.join", uint8(2), uint16(0), KIND_PUBLIC, LEFT, uint16(1), KIND_PUBLIC, RIGHT)
        );
        _hub.submit(job, r, table, _votesOf(job, r, joined), "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// Invariant 17: a stage that consumed another input, or came in another order, is refused.
    function testFuzz_RevertWhen_AStageConsumesAnotherInput(bytes32 joined, uint8 swap) public {
        (Job memory job, StageInfo[] memory table) = _graphJob();
        Record memory r = _pinned(job);
        StageVotes[] memory votes = _votesOf(job, r, joined);
        if (swap % 3 == 1) (votes[0], votes[1]) = (votes[1], votes[0]);
        if (swap % 3 == 2) votes[1] = votes[0];
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.submit(job, r, table, votes, "");
    }

    /// A table that is not the model's is refused.
    function testFuzz_RevertWhen_TheTableIsAnother(uint8 what) public {
        (Job memory job, StageInfo[] memory table) = _graphJob();
        Record memory r = _pinned(job);
        what %= 3;
        if (what == 0) table[2].producers[1] = 0;
        if (what == 1) table[1].outKind = KIND_SALTED;
        if (what == 2) table = _noTable();
        StageVotes[] memory votes = _votesOf(job, r, 0);
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.submit(job, r, table, votes, "");
    }

    /// Trap 8: an overturned inner stage voids what came after it: no result, and nobody there is wrong.
    function test_OverturnedInnerStageVoidsLaterOnes() public {
        Job memory job = _request(_spec(3, 2));
        Record memory r = _submit(job, _empty(), 6); // two of three lie
        r = _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
        uint32[] memory first = r.tallies[0].seats;
        r = _challenge(job, r, 0);
        r = _submit(job, r, 0);
        require(r.boundaries.length == 1 && r.boundaries[0] == GOOD, "later stages void");
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        require(_hub.slot(_id(job)).stage == REASON_UNRESOLVED, "reason");
        require(_vault.worker(first[0]).stake == M, "honest seat");
        for (uint256 i = 1; i < 3; ++i)
            require(_vault.worker(first[i]).stake == M - job.spec.policy.seatStake, "liar keeps its stake");
        for (uint256 i; i < 3; ++i) require(_vault.worker(r.tallies[1].seats[i]).stake == M, "stage 1 slashed");
        _expectSolvent(0);
    }

    function _modelOf(string memory name, StageInfo[] memory table) private returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = name;
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(bytes(name));
        (m.acceptedMasks, m.workUnits, m.stages) = (2, 1, table);
        modelId = _registry.register(m);
    }

    /// R46, R47: the client has the first and the last stage; its boundary is the job's input, the network's last one the result.
    function test_StagesBetweenTheClients() public {
        StageInfo[] memory table = _table(4);
        table[0].place = table[3].place = PLACE_CLIENT;
        Spec memory spec = _spec(3, 2);
        spec.modelId = _modelOf("u-shape", table);
        Job memory job = _request(spec);
        _submit(job, _submit(job, _empty(), 0), 0);
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// Of a DAG between the client's stages the job's own table is asked for, not the manifest's.
    function test_RevertWhen_TheTableHoldsTheClientsStages() public {
        StageInfo[] memory whole = _table(4);
        whole[0].place = PLACE_CLIENT;
        whole[2].producers[0] = 0;
        whole[3].producers = new uint16[](2);
        (whole[3].producers[0], whole[3].producers[1]) = (1, 2);
        Spec memory spec = _spec(3, 3);
        spec.modelId = _modelOf("graph behind a client", whole);
        Job memory job = _request(spec);
        Record memory r = _pinned(job);
        bytes32 joined = keccak256(
            abi.encodePacked("assay.v1.join", uint8(2), uint16(0), KIND_PUBLIC, LEFT, uint16(1), KIND_PUBLIC, RIGHT)
        );
        StageVotes[] memory votes = _votesOf(job, r, joined);
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.submit(job, r, whole, votes, "");
        StageInfo[] memory table = _graph();
        for (uint256 s; s < 3; ++s) table[s].kernel = whole[s + 1].kernel;
        _hub.submit(job, r, table, votes, "");
        _expectState(job, STATE_FINAL);
    }

    /// The hub has no turn for a client between two stages of the network.
    function test_RevertWhen_AStageInTheMiddleIsTheClients() public {
        StageInfo[] memory table = _table(3);
        table[1].place = PLACE_CLIENT;
        Spec memory spec = _spec(3, 3);
        spec.modelId = _modelOf("client in the middle", table);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "client stages"));
        _hub.request(++_nonce, spec);
    }

    /// Consent to exposure is the requester's word to workers: the hub takes it and does nothing else.
    function test_ConsentToExposureIsCarried() public {
        Spec memory spec = _spec(3, 2);
        spec.policy.flags |= FLAG_ACCEPT_EXPOSURE;
        Job memory job = _request(spec);
        _submit(job, _submit(job, _empty(), 0), 0);
        _expectState(job, STATE_FINAL);
    }
}
