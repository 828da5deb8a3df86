// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {DrawLib} from "../../../contracts/libraries/DrawLib.sol";
import {VoteRules} from "../../../contracts/libraries/VoteRules.sol";
import "../../../contracts/types/Types.sol";
import {logs} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";
import {FloatLives} from "./FloatLives.sol";

/// Takes every pair of enclaves for what it says.
contract WillingJudge {
    function checkCritical(
        bytes32,
        IEvidenceAdapter.Claim calldata,
        StageInfo[] calldata,
        EnclaveBundle calldata
    ) external pure {}
}

/// Drives a hub through random lives of jobs. Inputs are bounded so that no call may fail; liars never reach a quorum.
contract HubHandler is FloatLives {
    uint256 internal constant MOST_OPEN = 6;
    uint8 internal constant PAIRED = ENCLAVE | PROOF;

    bytes[] internal _jobs;
    bytes[] internal _records;
    mapping(uint256 index => bytes32 slotHash) public ended;
    mapping(uint32 workerId => bool) public faulty;
    mapping(bytes32 jobId => bytes32 outDigest) private _proposed;
    uint256 public ends;
    uint256 public audits;
    uint256 public spared;
    uint256 public paired;

    constructor() {
        _deploy(40);
        // Enclaves are judged elsewhere (CriticalEnclaves.t.sol): here any pair will do.
        _router.announce(ENCLAVE, address(new WillingJudge()));
        vm.warp(block.timestamp + 48 hours);
        _router.add(ENCLAVE);
        _nextEpoch();
        _deployGhost();
    }

    // --- Actions ------------------------------------------------------------------------------------------------------

    function request(uint8 kSeed, uint8 stageSeed, bool window, uint256 varied) public {
        uint8 k = kSeed % 2 == 0 ? 3 : 2;
        Spec memory spec = _spec(k, 1 + (stageSeed % 3));
        if (window) spec.policy.window = W;
        spec.modelId = _register(_keyed(spec.stages, NO_PROBE));
        // Half of the jobs have standbys, a quarter many inputs.
        uint256 shape = varied >> 128;
        if (shape % 2 == 0) spec.policy.flags |= FLAG_STANDBY;
        if (shape % 8 < 2) spec.policy.flags |= uint32(1 + (shape % 1000)) << 8;
        // Only a full pool is certain to seat two escalations; the table never changes here.
        _begin(spec, varied);
    }

    function requestProof(uint8 stageSeed, bool window, uint256 varied) public {
        Spec memory spec = _proven(1 + (stageSeed % 3));
        if (window) spec.policy.window = W;
        _begin(spec, varied);
    }

    /// Two enclaves a stage, and a proof.
    function requestPaired(uint8 stageSeed, bool window, uint256 varied) public {
        Spec memory spec = _spec(2, 1 + (stageSeed % 3));
        StageInfo[] memory table = _keyed(spec.stages, NO_PROBE);
        ModelManifest memory m;
        m.name = "paired";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = keccak256(abi.encode(table));
        (m.acceptedMasks, m.workUnits, m.stages) = (uint32(1 << PAIRED), 1, table);
        spec.modelId = _registry.idOf(m);
        try _registry.register(m) {} catch {}
        spec.policy.mask = PAIRED;
        if (window) spec.policy.window = W;
        _begin(spec, varied);
    }

    // --- Sampled jobs -------------------------------------------------------------------------------------------------

    function requestSampled(bool openInput, uint256 varied) public {
        Spec memory spec = _economy();
        spec.policy.auditBps = 5_000;
        if (!openInput) spec.inputRef = 0;
        _begin(spec, varied);
    }

    /// The first candidate answers.
    function propose(uint256 seed, bool lies) public {
        (bool found, uint256 i, Job memory job, ) = _pickOf(OPTIMISTIC, seed, STATE_OPEN);
        if (!found || block.timestamp > job.spec.expiry || _isProposed(job)) return;
        if (block.timestamp > _hub.slot(_id(job)).deadline) return;
        bytes32 out = lies ? BAD : GOOD;
        Record memory r = _propose(job, out);
        _proposed[_id(job)] = out;
        if (lies) faulty[r.seats[0]] = true;
        _toSeed(_id(job));
        _store(i, job, r);
    }

    /// What the lottery says comes next: an audit, or the primary opens.
    function goOn(uint256 seed) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(OPTIMISTIC, seed, STATE_PROPOSED);
        if (!found || block.timestamp > job.spec.expiry || !_hasSeed(job)) return;
        if (_isAudited(job)) {
            ++audits;
            _store(i, job, _draw(job, r));
        } else if (block.timestamp <= _hub.slot(_id(job)).deadline) {
            ++spared;
            _store(i, job, _open(job, r, _proposed[_id(job)]));
        }
    }

    function _isAudited(Job memory job) private view returns (bool) {
        bytes32 beat = _random.seedOf(_hub.slot(_id(job)).seedRef);
        bytes32 seed = DrawLib.seedFor(beat, _id(job), DrawLib.AUDIT, 0);
        return uint256(seed) % 10_000 < job.spec.policy.auditBps;
    }

    function _isProposed(Job memory job) private view returns (bool) {
        return _proposed[_id(job)] != 0;
    }

    function _hasSeed(Job memory job) private view returns (bool) {
        try _random.seedOf(_hub.slot(_id(job)).seedRef) returns (bytes32) {
            return true;
        } catch {
            return false;
        }
    }

    // --- Votes, proofs and disputes -----------------------------------------------------------------------------------

    /// Some of the stages left are proven, each by any candidate.
    function prove(uint256 seed, uint256 who) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(PROOF, seed, STATE_OPEN);
        if (!found || block.timestamp > job.spec.expiry) return;
        StageInfo[] memory table = _keyed(job.spec.stages, NO_PROBE);
        StageProof[] memory proofs = _someProofs(job, r, table, seed, who);
        _hub.submitProofs(job, r, table, proofs, "");
        _store(i, job, _latest(r));
    }

    /// The same by pairs: the prover's neighbour among the candidates seconds it.
    function provePaired(uint256 seed, uint256 who) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(PAIRED, seed, STATE_OPEN);
        if (!found || block.timestamp > job.spec.expiry) return;
        StageInfo[] memory table = _keyed(job.spec.stages, NO_PROBE);
        uint32[] memory ids = r.seats.length == 0 ? _candidates(job) : r.seats;
        StageProof[] memory proofs = _someProofs(job, r, table, seed, who);
        for (uint256 n; n < proofs.length; ++n) {
            EnclaveBundle memory bundle;
            bundle.second = vm.addr(ids[((who % 12) + 1) % 12]);
            bundle.proof = proofs[n].evidence;
            proofs[n].evidence = abi.encode(bundle);
            who /= 12;
        }
        _hub.submitProofs(job, r, table, proofs, "");
        _store(i, job, _latest(r));
        ++paired;
    }

    function _someProofs(
        Job memory job,
        Record memory r,
        StageInfo[] memory table,
        uint256 seed,
        uint256 who
    ) private view returns (StageProof[] memory proofs) {
        uint256 from = r.boundaries.length;
        proofs = new StageProof[](1 + (seed % (table.length - from)));
        uint32[] memory ids = r.seats.length == 0 ? _candidates(job) : r.seats;
        for (uint256 n; n < proofs.length; ++n) {
            proofs[n] = _proof(job, table, uint16(from + n), ids[who % 12]);
            who /= 12;
        }
    }

    /// A proof of the honest output; it may uphold or overturn.
    function court(uint256 seed, uint8 stage) public {
        uint8 state = [STATE_WINDOW, STATE_HUNG, STATE_OPEN][seed % 3];
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(VOTE, seed, state);
        // No proof speaks about a batch.
        if (!found || block.timestamp > job.spec.expiry || job.spec.policy.flags >> 8 != 0) return;
        Slot memory s = _hub.slot(_id(job));
        if (state == STATE_OPEN ? s.round == 0 : block.timestamp > s.deadline) return;
        stage = state == STATE_WINDOW ? stage % uint8(r.boundaries.length) : s.stage;
        if ((r.decided >> stage) & 1 == 0) _ruleFor(i, job, r, stage);
    }

    function _ruleFor(uint256 i, Job memory job, Record memory r, uint8 stage) private {
        bytes32 inDigest = stage == 0 ? INPUT : r.boundaries[stage - 1];
        StageInfo[] memory table = _keyed(job.spec.stages, NO_PROBE);
        _hub.court(job, r, table, stage, _ruling(job, table, stage, inDigest, GOOD));
        _store(i, job, _latest(r));
    }

    function requestAndCancel(uint8 kSeed) public {
        if (_isFull()) return;
        Spec memory spec = _spec(kSeed % 2 == 0 ? 3 : 2, 1);
        if (_isRefused(spec)) return;
        ++endsFor[REASON_CANCELLED];
        Job memory job = Job(address(this), ++_nonce, spec);
        _hub.request(job.nonce, spec);
        _hub.cancel(job);
    }

    /// The current committee votes by the fast path; some lie.
    function vote(uint256 seed, uint256 liars) public {
        uint8 mask = seed % 3 == 0 ? OPTIMISTIC : VOTE;
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(mask, seed, STATE_OPEN);
        if (!found || block.timestamp > job.spec.expiry) return;
        if (mask == OPTIMISTIC && !_isProposed(job)) return;
        uint32[] memory ids = _committee(job, r);
        uint8 round = _hub.slot(_id(job)).round;
        // An audit's seat 0 opens what it proposed.
        if (mask == OPTIMISTIC && round == 0) liars = _proposed[_id(job)] == BAD ? liars | 1 : liars & ~uint256(1);
        liars = _liars(ids, liars, round);
        _store(i, job, _submit(job, r, liars));
    }

    /// The current committee votes by the slow path; some do not come, some do not open.
    function voteSlowly(uint256 seed, uint32 comes, uint32 opens) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(VOTE, seed, STATE_OPEN);
        if (!found) return;
        Slot memory s = _hub.slot(_id(job));
        // Batches are taken once a committee, and seats that were filled again may have left one.
        if (block.timestamp > s.deadline || _hub.box(_id(job), s.stage, s.round).batched != 0) return;
        Poll memory p = _poll(job, r, _said(_committee(job, r).length, 0));
        uint32 all = uint32((1 << p.ids.length) - 1);
        comes = (comes & all) | 1;
        opens = opens & comes;
        for (uint256 n; n < p.ids.length; ++n) if ((opens >> n) & 1 == 0) faulty[p.ids[n]] = true;
        _hub.commitMany(job, r, _commits(p, comes));
        r = _latest(r);
        vm.warp(block.timestamp + WORK + 1);
        if (_count(comes) < VoteRules.quorum(p.ids.length)) {
            if (!_hasEmptySeats(job, r)) _hub.expire(job, r);
            else if (seed % 4 != 0 && block.timestamp <= job.spec.expiry) _hub.promote(job, r);
            else _expireLate(job, r);
            r = _latest(r);
        } else {
            r = _tallySome(job, r, p, comes, opens);
        }
        _store(i, job, r);
    }

    /// Standbys may sit down where too few came.
    function _hasEmptySeats(Job memory job, Record memory r) private view returns (bool) {
        Slot memory s = _hub.slot(_id(job));
        uint256 n = r.tallies.length;
        if (job.spec.policy.flags & FLAG_STANDBY == 0 || s.round != 0) return false;
        return n == 0 || r.tallies[n - 1].stage != s.stage;
    }

    /// `expire` waits for standbys, but not for ever.
    function _expireLate(Job memory job, Record memory r) private {
        uint256 from = uint256(_hub.slot(_id(job)).deadline) + job.spec.policy.tReveal + 1;
        if (block.timestamp < from && _state(job) == STATE_OPEN && _hasEmptySeats(job, r)) vm.warp(from);
        _hub.expire(job, r);
    }

    /// Nobody came; all seats are filled again.
    function promote(uint256 seed) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(VOTE, seed, STATE_OPEN);
        if (!found || !_hasEmptySeats(job, r)) return;
        Slot memory s = _hub.slot(_id(job));
        if (block.timestamp <= s.deadline) vm.warp(s.deadline + 1);
        if (block.timestamp > job.spec.expiry || !_hasSeed(job)) return;
        uint32[] memory ids = _committee(job, r);
        for (uint256 n; n < ids.length; ++n) faulty[ids[n]] = true;
        _hub.promote(job, r);
        _store(i, job, _latest(r));
    }

    function _tallySome(
        Job memory job,
        Record memory r,
        Poll memory p,
        uint32 comes,
        uint32 opens
    ) private returns (Record memory) {
        StageVotes memory v = _votes(p);
        for (uint256 n; n < p.ids.length; ++n) if ((opens >> n) & 1 == 0) v.seats[n].which = 255;
        bytes32[] memory batch = _batch(p, comes);
        // The last commitment may have closed the phase at once.
        vm.warp(block.timestamp + REVEAL + 1);
        _hub.tally(job, r, _noTable(), v, batch, "");
        return _latest(r);
    }

    function _count(uint32 bits) private pure returns (uint256 n) {
        for (; bits != 0; bits &= bits - 1) ++n;
    }

    function challenge(uint256 seed, uint256 stage) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(
            seed % 5 == 1
                ? FLOATS
                : seed % 3 == 0
                    ? OPTIMISTIC
                    : VOTE,
            seed,
            seed % 2 == 0 ? STATE_HUNG : STATE_WINDOW
        );
        if (!found) return;
        Slot memory s = _hub.slot(_id(job));
        stage = s.state == STATE_HUNG ? s.stage : stage % r.boundaries.length;
        uint256 round;
        for (uint256 t; t < r.tallies.length; ++t) {
            if (r.tallies[t].stage == stage && r.tallies[t].round > round) round = r.tallies[t].round;
        }
        // 40 workers: two full escalations of one stage do not always fit.
        if ((r.decided >> stage) & 1 != 0) return;
        if (round != 0 || block.timestamp > s.deadline || _everyoneCount(r) > 25) return;
        _store(i, job, _challenge(job, r, uint8(stage)));
    }

    function settle(uint256 seed) public {
        (bool found, uint256 i, Job memory job, Record memory r) = _pick(seed, STATE_WINDOW);
        if (!found) return;
        _settle(i, job, r);
    }

    function expire(uint256 seed) public {
        uint8 state = [STATE_OPEN, STATE_HUNG, STATE_PROPOSED][seed % 3];
        (bool found, uint256 i, Job memory job, Record memory r) = _pick(seed, state);
        if (found && !_mustDraw(job)) _expire(i, job, r);
    }

    /// Invariant 12, R8: pokes alone end every job.
    function pokeEverything(uint8 seed) external {
        if (seed % 8 != 0) return;
        for (uint256 i; i < _jobs.length; ++i) {
            for (uint256 steps; ended[i] == 0; ++steps) {
                require(steps < 8, "a job does not end by pokes");
                Job memory job = abi.decode(_jobs[i], (Job));
                Record memory r = abi.decode(_records[i], (Record));
                if (_state(job) == STATE_WINDOW) _settle(i, job, r);
                else if (_mustDraw(job)) _store(i, job, _draw(job, r));
                else _expire(i, job, r);
            }
        }
    }

    /// The lottery fell on it: no silence may outrun the audit.
    function _mustDraw(Job memory job) private view returns (bool) {
        if (_state(job) != STATE_PROPOSED || block.timestamp > job.spec.expiry) return false;
        return _hasSeed(job) && _isAudited(job);
    }

    /// One action of many, by a seed: a life that needs no fuzzer.
    function act(uint256 seed) external {
        uint256 which = seed % 16;
        seed >>= 8;
        if (which == 0) request(uint8(seed), uint8(seed >> 8), seed & 1 == 0, seed >> 16);
        if (which == 1 && seed & 2 == 0) requestProof(uint8(seed >> 2), seed & 1 == 0, seed >> 16);
        if (which == 1 && seed & 2 != 0) requestPaired(uint8(seed >> 2), seed & 1 == 0, seed >> 16);
        if (which == 2) requestAndCancel(uint8(seed));
        if (which == 3 || which == 4 || which == 5) vote(seed, seed >> 64);
        if (which == 6) voteSlowly(seed, uint32(seed >> 64), uint32(seed >> 96));
        if (which == 7) challenge(seed, seed >> 64);
        if (which == 8) court(seed, uint8(seed >> 64));
        if (which == 9 || which == 10) settle(seed);
        if (which == 11) expire(seed);
        if (which == 12) prove(seed, seed >> 64);
        if (which == 12) provePaired(seed, seed >> 64);
        if (which == 13) requestSampled(seed & 1 == 0, seed >> 16);
        // Deadlines pass quickly here: a proposal must come at once.
        if (which == 13) propose(seed, seed & 256 == 0);
        if (which == 13 || which == 14) goOn(seed);
        if (which == 15) promote(seed);
    }

    /// A job of class T from its request to its end, challenged or not: it takes no other's place.
    function actOnFloats(uint256 seed) external {
        requestFloats(seed & 1 == 0, seed >> 16);
        voteOnFloats(seed, seed >> 64);
        // A number that asks for class T in its window.
        if (seed & 2 == 0) challenge(seed - (seed % 10) + 1, 0);
        voteOnFloats(seed, seed >> 128);
        (bool found, uint256 i, Job memory job, Record memory r) = _pickOf(FLOATS, seed, STATE_WINDOW);
        if (found) _settle(i, job, r);
    }

    function claim(uint32 seed) external {
        _hub.claim(1 + (seed % uint32(_workers)));
    }

    function withdraw(uint256 amount) external {
        _hub.withdraw(amount % 1000, address(0xbeef));
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    function _settle(uint256 i, Job memory job, Record memory r) private {
        uint48 deadline = _hub.slot(_id(job)).deadline;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
        _hub.settle(job, r, "");
        _store(i, job, r);
    }

    function _expire(uint256 i, Job memory job, Record memory r) private {
        Slot memory s = _hub.slot(_id(job));
        if (block.timestamp <= s.deadline) vm.warp(s.deadline + 1);
        if (s.state == STATE_OPEN && (job.spec.policy.mask == VOTE || _isProposed(job))) {
            uint32[] memory ids = _committee(job, r);
            for (uint256 n; n < ids.length; ++n) faulty[ids[n]] = true;
        }
        if (s.state == STATE_PROPOSED) faulty[r.seats[0]] = true;
        _expireLate(job, r);
        _store(i, job, _latest(r));
    }

    /// Liars who cannot win: in round 0 fewer than a quorum, later a quorum stays honest.
    function _liars(uint32[] memory ids, uint256 seed, uint8 round) internal override returns (uint256 liars) {
        uint256 q = VoteRules.quorum(ids.length);
        uint256 most = round == 0 ? q - 1 : ids.length - q;
        uint256 count;
        for (uint256 n; n < ids.length && count < most; ++n) {
            if ((seed >> n) & 1 == 0) continue;
            liars |= 1 << n;
            ++count;
            faulty[ids[n]] = true;
        }
    }

    function _everyoneCount(Record memory r) private pure returns (uint256 n) {
        n = r.seats.length;
        for (uint256 t; t < r.tallies.length; ++t) n += r.tallies[t].seats.length;
    }

    function _pick(
        uint256 seed,
        uint8 state
    ) private view returns (bool found, uint256 i, Job memory job, Record memory r) {
        return _pickOf(0, seed, state);
    }

    /// @param kind the job's mask, or FLOATS; 0: any
    function _pickOf(
        uint8 kind,
        uint256 seed,
        uint8 state
    ) internal view override returns (bool found, uint256 i, Job memory job, Record memory r) {
        for (uint256 n; n < _jobs.length && n < 16; ++n) {
            i = ((seed % _jobs.length) + n) % _jobs.length;
            if (ended[i] != 0) continue;
            job = abi.decode(_jobs[i], (Job));
            if (kind != 0 && job.spec.policy.mask | (job.spec.policy.cls << 6) != kind) continue;
            if (_state(job) == state) return (true, i, job, abi.decode(_records[i], (Record)));
        }
    }

    function _store(uint256 i, Job memory job, Record memory r) internal override {
        _records[i] = abi.encode(r);
        logs.getRecordedLogs(); // forget what this call told
        Slot memory s = _hub.slot(_id(job));
        _watch(job, s, r);
        if (s.state < STATE_FINAL) return;
        ended[i] = keccak256(abi.encode(s));
        ++ends;
    }

    /// A new job, unless a pause refuses it.
    function _begin(Spec memory spec, uint256 varied) internal override {
        if (_isFull()) return;
        _vary(spec, varied);
        if (_isRefused(spec)) return;
        _jobs.push(abi.encode(_request(spec)));
        _records.push(abi.encode(_empty()));
    }

    /// Too many jobs for a campaign, or too much risk for the largest one to fit beside them.
    function _isFull() private view returns (bool) {
        uint256 n;
        for (uint256 i; i < _jobs.length; ++i) if (ended[i] == 0) ++n;
        return n >= MOST_OPEN || _hub.totals().openRisk > 32_000;
    }

    // --- What the invariants read -------------------------------------------------------------------------------------

    /// Money of jobs under way: escrows and bonds, and their open risk; and that ended jobs are as they ended.
    function audit() external view returns (uint256 held, uint256 risk, bool absorbed) {
        absorbed = true;
        for (uint256 i; i < _jobs.length; ++i) {
            Job memory job = abi.decode(_jobs[i], (Job));
            Slot memory s = _hub.slot(_id(job));
            if (ended[i] != 0) {
                if (ended[i] != keccak256(abi.encode(s))) absorbed = false;
                continue;
            }
            held += s.escrow;
            risk += uint256(job.spec.stages) * job.spec.policy.k * job.spec.policy.seatStake;
            Record memory r = abi.decode(_records[i], (Record));
            for (uint256 t; t < r.tallies.length; ++t) held += r.tallies[t].bond;
        }
    }

    /// What the hub owes to accounts, workers and the treasury.
    function owed() external view returns (uint256 sum) {
        sum = _hub.balanceOf(address(this)) + _hub.balanceOf(PROVER) + _hub.totals().fees;
        for (uint32 n = 1; n <= _workers; ++n) sum += _hub.account(n).earned;
    }

    function hubBalance() external view returns (uint256) {
        return _token.balanceOf(address(_hub));
    }

    function openRisk() external view returns (uint256) {
        return _hub.totals().openRisk;
    }

    function vaultGap() external view returns (uint256) {
        uint256 sum;
        for (uint32 n = 1; n <= _workers; ++n) sum += _vault.worker(n).stake + _vault.worker(n).unbonding;
        return _token.balanceOf(address(_vault)) - sum;
    }

    /// The first faultless worker with less than its stake, 0 if none.
    function wronged() external view returns (uint32) {
        for (uint32 n = 1; n <= _workers; ++n) if (!faulty[n] && _vault.worker(n).stake != M) return n;
        return 0;
    }
}

contract HubInvariantsTest {
    HubHandler private _handler;

    function setUp() public {
        _handler = new HubHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// 1: what the hub holds is what it owes: balances, earnings, escrows, bonds, fees.
    function invariant_HubOwesWhatItHolds() public view {
        (uint256 held, , ) = _handler.audit();
        require(_handler.hubBalance() == held + _handler.owed(), "money appeared or vanished");
    }

    /// 2: what the vault holds is its workers'.
    function invariant_VaultHoldsTheStakes() public view {
        require(_handler.vaultGap() == 0, "vault");
    }

    /// 11, 14, 15: an ended job stays as it ended.
    function invariant_EndsAbsorb() public view {
        (, , bool absorbed) = _handler.audit();
        require(absorbed, "an ended job changed");
    }

    /// 16: open risk is the sum over open jobs.
    function invariant_RiskIsThatOfOpenJobs() public view {
        (, uint256 risk, ) = _handler.audit();
        require(_handler.openRisk() == risk, "open risk");
    }

    /// 6, 13, 26, 28, 35 as far as single steps show them: see what `HubGhost` watches (a campaign each would cost CI minutes).
    /// 15, 33: a consumer, however hostile, hears of a job at most once, and moves no money from its callback.
    function invariant_NoStepBrokeAPromise() public view {
        string memory broken = _handler.broken();
        require(bytes(broken).length == 0, broken);
        require(_handler.deliveries() <= _handler.told(), "told twice");
        require(_handler.treasury() == _handler.swept(), "fees swept from a callback");
    }

    /// The fuzz is not vacuous: seeded lives reach every end, and every kind of dispute on the way.
    function test_RandomLivesReachEveryEnd() public {
        for (uint256 i; i < 700; ++i) {
            bytes32 seed = keccak256(abi.encode("assay.test.life", i));
            if (i % 40 == 20) _handler.pause(uint256(seed) & ~uint256(3));
            if (i % 40 == 35) _handler.pause(1);
            if (i % 150 == 149) _handler.newParameters(uint256(seed) & ~uint256(7));
            if (i % 10 == 0) _handler.changeConsumer(uint8(seed[0]));
            if (i % 25 == 0) _handler.sweep();
            if (i % 20 == 3) _handler.actOnFloats(uint256(seed));
            _handler.act(uint256(seed));
        }
        invariant_HubOwesWhatItHolds();
        invariant_VaultHoldsTheStakes();
        invariant_EndsAbsorb();
        invariant_RiskIsThatOfOpenJobs();
        invariant_HonestSeatsAreNeverSlashed();
        invariant_NoStepBrokeAPromise();
        require(_handler.endsFor(0) > 20, "FINAL");
        require(_handler.endsFor(REASON_CANCELLED) > 5, "CANCELLED");
        require(_handler.endsFor(REASON_EXPIRED) > 5, "EXPIRED");
        require(_handler.endsFor(REASON_UNRESOLVED) > 2, "UNRESOLVED");
        require(_handler.windows() > 10, "WINDOW");
        require(_handler.hangs() > 5, "HUNG");
        require(_handler.escalations() > 5, "escalations");
        require(_handler.rulings() > 1, "rulings of a court");
        require(_handler.absences() > 1, "seats filled again");
        require(_handler.audits() > 2 && _handler.spared() > 2, "audits, and answers without one");
        require(_handler.refusals() > 2, "requests during a pause");
        require(_handler.workedPaused() > 5, "work during a pause");
        require(_handler.floats() > 5 && _handler.deceits() > 2, "votes on floats, and lies offered as the output");
        require(_handler.told() > 5 && _handler.deliveries() > 0, "callbacks");
    }

    /// 19: honest, present seats keep their stake while liars stay below a quorum.
    function invariant_HonestSeatsAreNeverSlashed() public view {
        require(_handler.wronged() == 0, "honest seat slashed");
    }
}
