// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import "../../../contracts/types/Types.sol";
import {LogVm, logs} from "../support/HubBase.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// Jobs of mask PROOF: placement, chaining, payment, ends. What a proof proves is `test/contracts/evidence`.
contract ProofsTest is ProofBase {
    function setUp() public {
        _deploy(25);
    }

    function _open(
        uint8 stages
    ) private returns (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) {
        table = _keyed(stages, NO_PROBE);
        job = _request(_proven(stages));
        proofs = _proofs(job, table);
    }

    // --- Ends well ----------------------------------------------------------------------------------------------------

    /// Acceptance 7: three workers prove a 3-stage job in one call; each is paid its reward, the requester gets the rest.
    function test_ThreeWorkersProveThreeStages() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(3);
        uint256 escrow = _hub.escrowOf(job.spec);
        uint256 free = _hub.balanceOf(address(this));
        Record memory r = _provenRecord(job, proofs, 3);
        vm.startSnapshotGas("prove a job of 3 stages, simulated adapter");
        _hub.submitProofs(job, _empty(), table, proofs, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), _out(2), keccak256(abi.encode(r))), "record");
        for (uint256 s; s < 3; ++s) {
            require(_hub.account(r.tallies[s].seats[0]).earned == REWARD, "reward");
            require(_hub.account(r.tallies[s].seats[0]).agreed == 1, "reputation");
        }
        uint256 fee = (3 * uint256(REWARD) * 200) / 10_000;
        require(_hub.totals().fees == fee, "fee");
        require(_hub.balanceOf(address(this)) - free == escrow - 3 * REWARD - fee, "refund");
        require(_hub.totals().openRisk == 0, "risk");
        _expectSolvent(0);
    }

    function test_OneStage() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        vm.startSnapshotGas("prove a job of 1 stage, simulated adapter");
        _hub.submitProofs(job, _empty(), table, proofs, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// Any partition into calls gives the same record and payments, and each part resets the clock.
    function testFuzz_StagesMayComeInParts(uint8 cut, uint8 cut2) public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(4);
        uint256 a = 1 + (cut % 3);
        uint256 b = a + 1 + (cut2 % (4 - a));
        bytes32 whole = keccak256(abi.encode(_provenRecord(job, proofs, 4)));
        _hub.submitProofs(job, _empty(), table, _part(proofs, 0, a), "");
        Record memory r = _latest(_empty());
        require(keccak256(abi.encode(r)) == keccak256(abi.encode(_provenRecord(job, proofs, a))), "record told");
        require(_hub.slot(_id(job)).stage == a, "stage");
        require(_hub.slot(_id(job)).deadline == block.timestamp + (4 - a) * WORK, "deadline");
        _hub.submitProofs(job, r, table, _part(proofs, a, b), "");
        if (b < 4) _hub.submitProofs(job, _latest(r), table, _part(proofs, b, 4), "");
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), _out(3), whole), "record");
        _expectSolvent(0);
    }

    /// A candidate may prove more than one stage, and any of the twelve may.
    function test_OneCandidateMayProveAllStages() public {
        StageInfo[] memory table = _keyed(3, NO_PROBE);
        Job memory job = _request(_proven(3));
        uint32 last = _candidates(job)[11];
        StageProof[] memory proofs = new StageProof[](3);
        for (uint16 s; s < 3; ++s) proofs[s] = _proof(job, table, s, last);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        require(_hub.account(last).earned == 3 * REWARD, "rewards");
        _expectSolvent(0);
    }

    /// Late proofs count until somebody closes the job.
    function test_LateProofsCount() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        vm.warp(block.timestamp + 10 * WORK);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        _expectState(job, STATE_FINAL);
    }

    /// Pinned candidates outlive the seed and the table.
    function test_PinnedCandidatesOutliveTheSeed() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(2);
        _hub.pin(job, _empty());
        Record memory r = _latest(_empty());
        require(r.seats.length == 12, "twelve candidates");
        vm.roll(block.number + 20_000);
        _hub.submitProofs(job, r, table, proofs, "");
        _expectState(job, STATE_FINAL);
    }

    function test_AWindowIsKept() public {
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        Spec memory spec = _proven(1);
        spec.policy.window = W;
        Job memory job = _request(spec);
        StageProof[] memory proofs = _proofs(job, table);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        Record memory r = _latest(_empty());
        _expectState(job, STATE_WINDOW);
        // Nobody voted: there is nothing to vote on again, and no court over a proof.
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 0, 0));
        _hub.challenge(job, r, 0);
        IHubTypes.Ruling memory ruling = _ruling(job, table, 0, INPUT, BAD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, PROOF, VOTE));
        _hub.court(job, r, table, 0, ruling);
        vm.warp(block.timestamp + W + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    /// The consumer hears of a proven job as of any other.
    function test_TheCallbackGetsTheOutput() public {
        bytes memory tensor = hex"0102";
        bytes32 out = keccak256(abi.encodePacked(keccak256("assay.v1.public"), tensor));
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        Spec memory spec = _proven(1);
        (spec.callback, spec.callbackGas) = (address(new HostileConsumer(_hub)), 100_000);
        Job memory job = _request(spec);
        StageProof[] memory proofs = new StageProof[](1);
        address worker = vm.addr(_candidates(job)[3]);
        proofs[0] = StageProof(worker, out, _evidence(job, table[0], 0, INPUT, out, worker));
        vm.expectRevert();
        _hub.submitProofs(job, _empty(), table, proofs, hex"0103");
        _hub.submitProofs(job, _empty(), table, proofs, tensor);
        _expectState(job, STATE_FINAL);
    }

    // --- Placement and chaining ---------------------------------------------------------------------------------------

    function test_RevertWhen_TheWorkerIsNoCandidate() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        uint32[] memory ids = _candidates(job);
        for (uint32 w = 1; w <= 25; ++w) {
            bool candidate;
            for (uint256 i; i < 12; ++i) candidate = candidate || ids[i] == w;
            if (candidate) continue;
            proofs[0] = _proof(job, table, 0, w);
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotCandidate.selector, 0, vm.addr(w)));
            _hub.submitProofs(job, _empty(), table, proofs, "");
        }
        proofs[0].worker = address(0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotCandidate.selector, 0, address(0)));
        _hub.submitProofs(job, _empty(), table, proofs, "");
    }

    /// Invariant 17: swapped, omitted, repeated, reordered stages, and stages over other inputs.
    function test_RevertWhen_StagesAreMischained() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory good) = _open(3);
        for (uint256 a; a < 3; ++a) {
            for (uint256 b; b < 3; ++b) {
                for (uint256 d; d < 3; ++d) {
                    if (a == 0 && b == 1 && d == 2) continue;
                    StageProof[] memory bad = new StageProof[](3);
                    (bad[0], bad[1], bad[2]) = (good[a], good[b], good[d]);
                    vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
                    _hub.submitProofs(job, _empty(), table, bad, "");
                }
            }
        }
        for (uint256 from = 1; from < 3; ++from) {
            vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
            _hub.submitProofs(job, _empty(), table, _part(good, from, 3), "");
        }
        // Stage 1 proven over another output of stage 0 than the one that stands.
        good[1].evidence = _evidence(job, table[1], 1, BAD, _out(1), good[1].worker);
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(job, _empty(), table, good, "");
        // In parts as well.
        good = _proofs(job, table);
        _hub.submitProofs(job, _empty(), table, _part(good, 0, 1), "");
        Record memory r = _latest(_empty());
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(job, r, table, _part(good, 0, 1), "");
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(job, r, table, _part(good, 2, 3), "");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.ProofCountWrong.selector, 3, 2));
        _hub.submitProofs(job, r, table, good, "");
    }

    /// A join takes the digests of all its producers, in the table's order.
    function test_AJoinIsProvenOverBothBranches() public {
        StageInfo[] memory table = _keyed(3, NO_PROBE);
        table[1].producers[0] = PRODUCER_INPUT;
        table[2].producers = new uint16[](2);
        (table[2].producers[0], table[2].producers[1]) = (0, 1);
        Spec memory spec = _proven(3);
        spec.modelId = _register(table);
        Job memory job = _request(spec);
        StageProof[] memory proofs = new StageProof[](3);
        address worker = vm.addr(_candidates(job)[0]);
        bytes memory head = abi.encodePacked("assay.v1.join", uint8(2));
        for (uint16 s; s < 3; ++s) {
            bytes32 inDigest = INPUT;
            if (s == 2) {
                head = abi.encodePacked(head, uint16(0), KIND_PUBLIC, _out(0), uint16(1), KIND_PUBLIC, _out(1));
                inDigest = keccak256(head);
            }
            proofs[s] = StageProof(worker, _out(s), _evidence(job, table[s], s, inDigest, _out(s), worker));
        }
        bytes memory right = proofs[2].evidence;
        proofs[2].evidence = _evidence(job, table[2], 2, _out(1), _out(2), worker);
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        proofs[2].evidence = right;
        _hub.submitProofs(job, _empty(), table, proofs, "");
        _expectState(job, STATE_FINAL);
    }

    /// Invariant 22: no proof is good for another job, stage, worker or hub.
    function testFuzz_RevertWhen_AProofIsForAnother(uint8 what) public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        what %= 5;
        address worker = proofs[0].worker;
        Job memory other = job;
        if (what == 0) {
            other = _request(job.spec);
            proofs[0].evidence = _evidence(other, table[0], 0, INPUT, GOOD, worker);
        }
        if (what == 1) proofs[0].evidence = _evidence(job, table[0], 1, INPUT, GOOD, worker);
        if (what == 2) proofs[0].worker = vm.addr(_candidates(job)[5]); // somebody else's proof
        if (what == 3) proofs[0].outDigest = BAD;
        if (what == 4) proofs[0].evidence = _evidence(job, table[0], 0, BAD, GOOD, worker);
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(job, _empty(), table, proofs, "");
    }

    function test_RevertWhen_TheTableIsAnother() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        table[0].keyId = bytes32(uint256(4));
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        table = _keyed(1, NO_PROBE);
        (table[0].weightsX, table[0].weightsY) = (bytes32(uint256(1)), bytes32(uint256(2)));
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.submitProofs(job, _empty(), table, proofs, "");
    }

    function testFuzz_RevertWhen_TheDigestIsReserved(uint8 digest) public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        bytes32 out = bytes32(uint256(digest % 3));
        proofs[0].outDigest = out;
        proofs[0].evidence = _evidence(job, table[0], 0, INPUT, out, proofs[0].worker);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DigestReserved.selector, 0, out));
        _hub.submitProofs(job, _empty(), table, proofs, "");
    }

    function test_RevertWhen_TheCountIsWrong() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(2);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.ProofCountWrong.selector, 0, 2));
        _hub.submitProofs(job, _empty(), table, new StageProof[](0), "");
        StageProof[] memory more = new StageProof[](3);
        (more[0], more[1], more[2]) = (proofs[0], proofs[1], proofs[1]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.ProofCountWrong.selector, 3, 2));
        _hub.submitProofs(job, _empty(), table, more, "");
    }

    /// The seats of a vote and the provers of a proof never mix.
    function test_RevertWhen_TheEvidenceIsOfTheOtherKind() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        Poll memory p = Poll(_id(job), 0, 0, INPUT, new uint32[](1), _said(1, 0));
        p.ids[0] = _candidates(job)[0];
        bytes memory wrong = abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, PROOF, VOTE);
        StageVotes memory votes = _votes(p);
        vm.expectRevert(wrong);
        _hub.submit(job, _empty(), _noTable(), _one(votes), "");
        SignedCommit[] memory commits = _commits(p, 1);
        vm.expectRevert(wrong);
        _hub.commitMany(job, _empty(), commits);
        _as(p.ids[0]);
        vm.expectRevert(wrong);
        _hub.commit(job, _empty(), 0, GOOD);
        vm.expectRevert(wrong);
        _hub.tally(job, _empty(), _noTable(), votes, new bytes32[](0), "");
        Spec memory spec = _spec(3, 1);
        spec.modelId = job.spec.modelId;
        Job memory voted = _request(spec);
        proofs[0].evidence = _evidence(voted, table[0], 0, INPUT, GOOD, proofs[0].worker);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, VOTE, PROOF));
        _hub.submitProofs(voted, _empty(), table, proofs, "");
    }

    /// Invariants 14, 18: a job ends once, and every byte of job and record counts.
    function testFuzz_RevertWhen_JobOrRecordIsTampered(uint8 what) public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(2);
        _hub.submitProofs(job, _empty(), table, _part(proofs, 0, 1), "");
        Record memory r = _latest(_empty());
        what %= 7;
        if (what == 0) job.spec.seatReward += 1;
        if (what == 1) r.seats[4] = r.seats[5];
        if (what == 2) r.boundaries[0] = BAD;
        if (what == 3) r.tallies[0].seats[0] = r.seats[7];
        if (what == 4) r.tallies[0].said[0] = BAD;
        if (what == 5) r.decided = 1;
        if (what == 6) r = _empty();
        vm.expectRevert();
        _hub.submitProofs(job, r, table, _part(proofs, 1, 2), "");
    }

    function test_RevertWhen_TheJobHasEnded() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_FINAL, STATE_OPEN));
        _hub.submitProofs(job, _empty(), table, proofs, "");
    }

    // --- Ends badly ---------------------------------------------------------------------------------------------------

    /// Nobody owes a proof: an expired job costs its requester the kill fee and nobody stake.
    function test_NobodyProves() public {
        (Job memory job, , ) = _open(2);
        uint256 escrow = _hub.escrowOf(job.spec);
        uint256 free = _hub.balanceOf(address(this));
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.expire(job, _empty());
        vm.warp(block.timestamp + 2 * WORK + 1);
        _hub.expire(job, _empty());
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_EXPIRED, "reason");
        uint256 kill = (2 * uint256(REWARD)) / 10;
        // The sender of `expire` is the requester here: the poke comes back too.
        require(_hub.balanceOf(address(this)) - free == escrow - kill && _hub.totals().fees == kill, "kill fee");
        for (uint32 w = 1; w <= 25; ++w) {
            require(_vault.worker(w).stake == M && _hub.account(w).absent == 0, "slashed");
        }
        _expectSolvent(0);
    }

    /// What was proven is paid, however the job ends.
    function test_ProvenStagesArePaidWhenTheRestNeverComes() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(3);
        _hub.submitProofs(job, _empty(), table, _part(proofs, 0, 2), "");
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + WORK + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 s; s < 2; ++s) require(_hub.account(r.tallies[s].seats[0]).earned == REWARD, "unpaid");
        _expectSolvent(0);
    }

    function test_PastTheExpiryAnyoneClosesIt() public {
        StageInfo[] memory table = _keyed(2, NO_PROBE);
        Spec memory spec = _proven(2);
        spec.policy.tWork = 10_000;
        spec.expiry = uint48(block.timestamp + 6 days);
        Job memory job = _request(spec);
        StageProof[] memory proofs = _proofs(job, table);
        _hub.pin(job, _empty());
        Record memory r = _latest(_empty());
        vm.warp(spec.expiry - 1);
        _hub.submitProofs(job, r, table, _part(proofs, 0, 1), "");
        r = _latest(r);
        vm.warp(spec.expiry + 1);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.submitProofs(job, r, table, _part(proofs, 1, 2), "");
        _hub.expire(job, r);
        require(_hub.slot(_id(job)).stage == REASON_UNRESOLVED, "reason");
        require(_hub.account(r.tallies[0].seats[0]).earned == REWARD, "unpaid");
        _expectSolvent(0);
    }

    /// Even when seed and table are forgotten, and nothing was pinned.
    function test_AForgottenJobEnds() public {
        (Job memory job, , ) = _open(1);
        vm.roll(block.number + 20_000);
        vm.warp(block.timestamp + 3 days);
        _hub.expire(job, _empty());
        _expectState(job, STATE_CLOSED);
        _expectSolvent(0);
    }

    function test_CancelIsFreeBeforeTheSeed() public {
        Spec memory spec = _proven(1);
        uint256 free = _hub.balanceOf(address(this));
        _hub.request(++_nonce, spec);
        _hub.cancel(Job(address(this), _nonce, spec));
        require(_hub.balanceOf(address(this)) == free && _hub.totals().openRisk == 0, "cancel");
    }

    // --- Requests -----------------------------------------------------------------------------------------------------

    /// A proof is what a critical job asks for: no consent, no downgrade.
    function test_CriticalJobsMayBeProven() public {
        logs.getRecordedLogs();
        Spec memory spec = _proven(1);
        spec.policy.flags = FLAG_CRITICAL;
        _request(spec);
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i) require(all[i].topics[0] != IHubTypes.Downgraded.selector, "downgraded");
    }

    function test_RevertWhen_TheModelHasNoKeys() public {
        Spec memory spec = _proven(1);
        spec.modelId = _linearModel(1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.MaskNotAccepted.selector, PROOF, 2));
        _hub.request(++_nonce, spec);
    }

    /// Retiring a kind stops new requests; jobs under way end as they began.
    function test_RetiringStopsNewRequestsOnly() public {
        (Job memory job, StageInfo[] memory table, StageProof[] memory proofs) = _open(1);
        _router.retire(PROOF);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(++_nonce, job.spec);
        _hub.submitProofs(job, _empty(), table, proofs, "");
        _expectState(job, STATE_FINAL);
    }

    /// Keys of a local chain may be development keys: nothing is insured by them.
    function test_InsuranceNeedsARealChain() public {
        Spec memory spec = _proven(1);
        spec.insuredValue = 800;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 5, 800, 0));
        _hub.request(++_nonce, spec);
        vm.chainId(1);
        _hub.request(++_nonce, spec);
        spec.insuredValue = 801; // the seeds' limit, M / 10
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 5, 801, 800));
        _hub.request(++_nonce, spec);
        vm.chainId(31337);
    }
}

contract SmallPoolTest is ProofBase {
    /// Twelve candidates, whatever the job's size; small pools are no excuse.
    function test_RevertWhen_ThereAreTooFewCandidates() public {
        _deploy(11);
        Spec memory spec = _proven(1);
        spec.policy.flags = FLAG_SMALL_POOL;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 11, 12));
        _hub.request(++_nonce, spec);
    }
}
