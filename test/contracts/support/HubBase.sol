// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAssayHub} from "../../../contracts/interfaces/IAssayHub.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {AssayHub, HubCode} from "../../../contracts/jobs/AssayHub.sol";
import {HubConfig} from "../../../contracts/jobs/HubCore.sol";
import {HubAudits} from "../../../contracts/jobs/HubAudits.sol";
import {HubDisputes} from "../../../contracts/jobs/HubDisputes.sol";
import {HubEnclaves} from "../../../contracts/jobs/HubEnclaves.sol";
import {HubProofs} from "../../../contracts/jobs/HubProofs.sol";
import {HubSketches} from "../../../contracts/jobs/HubSketches.sol";
import {HubVotes} from "../../../contracts/jobs/HubVotes.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import {VoteRules} from "../../../contracts/libraries/VoteRules.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import {EvidenceRouter} from "../../../contracts/registry/EvidenceRouter.sol";
import {ModelRegistry} from "../../../contracts/registry/ModelRegistry.sol";
import {ProtocolParams} from "../../../contracts/registry/ProtocolParams.sol";
import {BlockSeed} from "../../../contracts/staking/BlockSeed.sol";
import "../../../contracts/types/Types.sol";
import {VaultBase} from "./VaultBase.sol";
import {vm} from "./Vm.sol";

interface LogVm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

LogVm constant logs = LogVm(address(vm));

/// A whole deployment, workers whose id is their signing key, and the messages they send. The test is the requester.
abstract contract HubBase is VaultBase {
    bytes32 internal constant GOOD = keccak256("right");
    bytes32 internal constant BAD = keccak256("wrong");
    bytes32 internal constant INPUT = keccak256("input");
    uint96 internal constant REWARD = 30;
    uint96 internal constant POKE = 2;
    uint32 internal constant WORK = 60;
    uint32 internal constant REVEAL = 120;
    uint32 internal constant W = 600;
    address internal constant TREASURY = address(0x7EA5);
    address internal constant DEAD = 0x000000000000000000000000000000000000dEaD;

    IAssayHub internal _hub;
    ModelRegistry internal _registry;
    IRandomness internal _random;
    ProtocolParams internal _params;
    EvidenceRouter internal _router;
    SimulatedAdapter internal _adapter;
    uint96 internal _nonce;
    uint256 internal _workers;

    function _deploy(uint256 workers) internal {
        HubConfig memory c;
        c.registry = _registry = new ModelRegistry();
        ParameterSet[] memory sets = new ParameterSet[](2);
        sets[0] = ParameterSet(15, 10, 8, 20, 60, 15, 15, 1800, 600, 200, true, true);
        sets[1] = ParameterSet(W, 60, 120, 600, 86_400, 60, 600, 7 days, 7 days, 200, false, false);
        c.params = _params = new ProtocolParams(address(this), UNBONDING, keccak256("table"), sets);
        _adapter = new SimulatedAdapter();
        (uint8[] memory kinds, address[] memory adapters) = (new uint8[](1), new address[](1));
        (kinds[0], adapters[0]) = (PROOF, address(_adapter));
        c.router = _router = new EvidenceRouter(address(this), kinds, adapters);
        _deployVault(_created(14));
        (c.token, c.vault) = (IERC20(address(_token)), _vault);
        c.randomness = _random = _newRandomness();
        (c.guardian, c.treasury) = (address(this), TREASURY);
        HubDisputes disputes = new HubDisputes(c);
        HubVotes votes = new HubVotes(c, disputes);
        HubCode memory code = HubCode(
            votes,
            new HubSketches(c, disputes),
            new HubProofs(c, disputes),
            new HubEnclaves(c, disputes),
            new HubAudits(c, disputes),
            disputes
        );
        _hub = IAssayHub(address(new AssayHub(c, code)));
        require(address(_hub) == _vault.HUB(), "address of the hub");

        _token.approve(address(_hub), type(uint256).max);
        _hub.deposit(1e12);
        _workers = workers;
        for (uint256 n = 1; n <= workers; ++n) require(_join(n, M, 4) == n, "id");
        _nextEpoch();
        vm.roll(1000);
        logs.recordLogs();
    }

    /// One creation; the vault exists.
    function _newRandomness() internal virtual returns (IRandomness) {
        return new BlockSeed(M);
    }

    /// Address of this contract's n-th creation, n < 128.
    function _created(uint8 n) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), n)))));
    }

    // --- Models and requests ------------------------------------------------------------------------------------------

    function _linearModel(uint256 stages) internal returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = "test";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = bytes32(stages);
        m.acceptedMasks = 2;
        m.workUnits = 1;
        m.stages = _table(stages);
        modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
    }

    function _table(uint256 stages) internal pure returns (StageInfo[] memory table) {
        table = new StageInfo[](stages);
        for (uint256 s; s < stages; ++s) {
            uint16[] memory producers = new uint16[](1);
            producers[0] = s == 0 ? PRODUCER_INPUT : uint16(s - 1);
            table[s] = StageInfo(PLACE_NETWORK, KIND_PUBLIC, KIND_PUBLIC, NO_PROBE, bytes32(s + 1), 0, 0, 0, producers);
        }
    }

    function _spec(uint8 k, uint8 stages) internal returns (Spec memory spec) {
        spec.modelId = _linearModel(stages);
        spec.inDigest = INPUT;
        spec.stages = stages;
        spec.policy.mask = VOTE;
        spec.policy.k = k;
        spec.policy.seatStake = 4 * (2 * uint96(k) + 1) * REWARD;
        (spec.policy.tWork, spec.policy.tReveal) = (WORK, REVEAL);
        (spec.seatReward, spec.pokeFee) = (REWARD, POKE);
        spec.expiry = uint48(block.timestamp + 6 days);
        spec.paramsVersion = 1;
    }

    function _request(Spec memory spec) internal returns (Job memory job) {
        job = Job(address(this), ++_nonce, spec);
        bytes32 id = _hub.request(job.nonce, spec);
        require(id == _hub.jobIdOf(address(this), job.nonce, spec), "id");
        _toSeed(id);
    }

    /// The job's seed exists.
    function _toSeed(bytes32 jobId) internal virtual {
        uint48 ref = _hub.slot(jobId).seedRef;
        if (block.number <= ref) vm.roll(ref + 1);
        vm.setBlockhash(ref, keccak256(abi.encode("block", ref)));
    }

    function _id(Job memory job) internal view returns (bytes32) {
        return _hub.jobIdOf(job.requester, job.nonce, job.spec);
    }

    // --- Seats --------------------------------------------------------------------------------------------------------

    function _empty() internal pure returns (Record memory record) {}

    /// Worker ids of the committee that votes now.
    function _committee(Job memory job, Record memory r) internal view returns (uint32[] memory ids) {
        bytes32 id = _id(job);
        Slot memory s = _hub.slot(id);
        uint256 k = job.spec.policy.k;
        uint256 n = VoteRules.committeeSize(k, s.round);
        if (s.round != 0) {
            ids = r.tallies[r.tallies.length - 1].seats;
            if (ids.length == 0) ids = _drawn(job, s, _everyone(r), s.stage, n);
            return ids;
        }
        uint32[] memory all =
            r.seats.length != 0 ? r.seats : _drawn(job, s, new uint32[](0), DrawLib.ROUND_0, k * job.spec.stages);
        ids = new uint32[](k);
        for (uint256 i; i < k; ++i) ids[i] = all[s.stage * k + i];
    }

    function _drawn(
        Job memory job,
        Slot memory s,
        uint32[] memory excluded,
        uint16 stage,
        uint256 n
    ) private view returns (uint32[] memory ids) {
        bytes32 seed = DrawLib.seedFor(_random.seedOf(s.seedRef), _id(job), stage, s.round);
        (ids, ) = _vault.draw(s.tableVersion, 0, seed, excluded, n);
    }

    function _everyone(Record memory r) private pure returns (uint32[] memory ids) {
        uint256 n = r.seats.length;
        for (uint256 t; t < r.tallies.length; ++t) n += r.tallies[t].seats.length;
        ids = new uint32[](n);
        for (n = 0; n < r.seats.length; ++n) ids[n] = r.seats[n];
        for (uint256 t; t < r.tallies.length; ++t)
            for (uint256 i; i < r.tallies[t].seats.length; ++i) ids[n++] = r.tallies[t].seats[i];
    }

    // --- Messages -----------------------------------------------------------------------------------------------------

    /// What a committee's members say, one outDigest a seat; payloads are 0.
    struct Poll {
        bytes32 jobId;
        uint16 stage;
        uint8 round;
        bytes32 inDigest;
        uint32[] ids;
        bytes32[] outs;
    }

    function _poll(Job memory job, Record memory r, bytes32[] memory outs) internal view returns (Poll memory p) {
        p.jobId = _id(job);
        Slot memory s = _hub.slot(p.jobId);
        (p.stage, p.round) = (s.stage, s.round);
        p.inDigest = s.stage == 0 ? job.spec.inDigest : r.boundaries[s.stage - 1];
        p.ids = _committee(job, r);
        p.outs = outs;
    }

    function _salt(Poll memory p, uint256 seat) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", p.jobId, p.stage, p.round, p.ids[seat]));
    }

    function _claim(Poll memory p, uint256 seat) internal pure returns (bytes32) {
        return ClaimLib.claimHash(p.jobId, p.stage, p.inDigest, p.outs[seat], vm.addr(p.ids[seat]));
    }

    function _commitment(Poll memory p, uint256 seat) internal view returns (bytes32) {
        return ClaimLib.commitment(_hub.domainSeparator(), _claim(p, seat), p.round, 0, _salt(p, seat));
    }

    function _commitSet(Poll memory p) internal view returns (bytes32) {
        bytes memory all = abi.encodePacked(ClaimLib.COMMIT_SET_TAG);
        for (uint256 i; i < p.ids.length; ++i) all = abi.encodePacked(all, _commitment(p, i));
        return keccak256(all);
    }

    function _revealDigest(Poll memory p, uint256 seat, bytes32 set) internal view returns (bytes32) {
        return ClaimLib.revealDigest(_hub.domainSeparator(), _claim(p, seat), p.round, 0, 0, set);
    }

    /// A complete set: everyone's opening and Reveal.
    function _votes(Poll memory p) internal view returns (StageVotes memory v) {
        uint256 n = p.ids.length;
        v.outs = new bytes32[](n);
        v.seats = new Opening[](n);
        uint256 distinct;
        bytes32 set = _commitSet(p);
        for (uint256 i; i < n; ++i) {
            uint256 which;
            while (which < distinct && v.outs[which] != p.outs[i]) ++which;
            if (which == distinct) v.outs[distinct++] = p.outs[i];
            (bytes32 r, bytes32 vs) = _sign(p.ids[i], _revealDigest(p, i, set));
            v.seats[i] = Opening(uint8(which), _salt(p, i), r, vs);
        }
        bytes32[] memory outs = v.outs;
        assembly ("memory-safe") {
            mstore(outs, distinct)
        }
        v.payloads = new bytes32[](distinct);
    }

    function _commits(Poll memory p, uint32 mask) internal view returns (SignedCommit[] memory commits) {
        commits = new SignedCommit[](p.ids.length);
        uint256 n;
        for (uint256 i; i < p.ids.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            bytes32 c = _commitment(p, i);
            bytes32 digest = ClaimLib.commitDigest(_hub.domainSeparator(), p.jobId, p.stage, p.round, c);
            (bytes32 r, bytes32 vs) = _sign(p.ids[i], digest);
            commits[n++] = SignedCommit(uint8(i), c, r, vs);
        }
        assembly ("memory-safe") {
            mstore(commits, n)
        }
    }

    function _batch(Poll memory p, uint32 mask) internal view returns (bytes32[] memory batch) {
        SignedCommit[] memory commits = _commits(p, mask);
        batch = new bytes32[](commits.length);
        for (uint256 i; i < batch.length; ++i) batch[i] = commits[i].commitment;
    }

    /// n words: all `GOOD`, but the seats in `liars` say BAD.
    function _said(uint256 n, uint256 liars) internal pure returns (bytes32[] memory outs) {
        outs = new bytes32[](n);
        for (uint256 i; i < n; ++i) outs[i] = (liars >> i) & 1 != 0 ? BAD : GOOD;
    }

    // --- Calls --------------------------------------------------------------------------------------------------------

    function _noTable() internal pure returns (StageInfo[] memory) {
        return new StageInfo[](0);
    }

    function _one(StageVotes memory v) internal pure returns (StageVotes[] memory votes) {
        votes = new StageVotes[](1);
        votes[0] = v;
    }

    /// The current committee votes by the fast path; the record afterwards.
    function _submit(Job memory job, Record memory r, uint256 liars) internal returns (Record memory) {
        Poll memory p = _poll(job, r, _said(_committee(job, r).length, liars));
        _hub.submit(job, r, _noTable(), _one(_votes(p)), "");
        return _latest(r);
    }

    function _challenge(Job memory job, Record memory r, uint8 stage) internal returns (Record memory after_) {
        _hub.challenge(job, r, stage);
        after_ = _latest(r);
        _toSeed(_id(job));
    }

    /// The record as the hub's last events tell it, or `before`.
    function _latest(Record memory before) internal returns (Record memory r) {
        r = before;
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i) {
            if (all[i].emitter != address(_hub)) continue;
            bytes32 topic = all[i].topics[0];
            if (topic == IHubTypes.StageTallied.selector) {
                (, , , r) = abi.decode(all[i].data, (uint8, uint8, bytes32, Record));
            } else if (topic == IHubTypes.Challenged.selector) {
                (, , , r) = abi.decode(all[i].data, (uint8, uint8, uint256, Record));
            } else if (topic == IHubTypes.CourtRuled.selector) {
                (, , , r) = abi.decode(all[i].data, (uint8, uint8, bytes32, Record));
            } else if (topic == IHubTypes.Proposed.selector) {
                (, r) = abi.decode(all[i].data, (bytes32, Record));
            } else if (topic == IHubTypes.AuditDrawn.selector) {
                (, r) = abi.decode(all[i].data, (uint32[], Record));
            } else if (topic == IHubTypes.Promoted.selector) {
                (, , r) = abi.decode(all[i].data, (uint8, uint32[], Record));
            } else if (topic == IHubTypes.Pinned.selector) {
                (, uint8 round, uint32[] memory ids) = abi.decode(all[i].data, (uint8, uint8, uint32[]));
                if (round == 0) r.seats = ids;
                else r.tallies[r.tallies.length - 1].seats = ids;
            }
        }
    }

    // --- Checks -------------------------------------------------------------------------------------------------------

    function _state(Job memory job) internal view returns (uint8) {
        return _hub.slot(_id(job)).state;
    }

    function _expectState(Job memory job, uint8 state) internal view {
        require(_state(job) == state, "state");
    }

    /// Invariant 1 with all jobs ended and all bonds returned: what the hub holds is owed to somebody.
    function _expectSolvent(uint256 escrowed) internal view {
        uint256 owed = escrowed + _hub.balanceOf(address(this)) + _hub.totals().fees;
        for (uint32 n = 1; n <= _workers; ++n) owed += _hub.account(n).earned + _hub.balanceOf(vm.addr(n));
        require(_token.balanceOf(address(_hub)) == owed, "hub is not solvent to the wei");
    }
}
