// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEnclaveEvidence} from "../../../contracts/interfaces/IEnclaveEvidence.sol";
import {IEnclaveRegistry} from "../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import "../../../contracts/types/Types.sol";
import {CriticalBase} from "../support/CriticalBase.sol";
import {vm} from "../support/Vm.sol";

/// The preset `critical-enclave`: two vendor families and two operators agree, and one proves it inside its enclave.
contract CriticalEnclavesTest is CriticalBase {
    Job private _job;
    StageInfo[] private _stages;
    uint32 private _a;
    uint32 private _b;

    function setUp() public {
        _deployCritical();
        Spec memory spec = _critical(1, 2);
        _store(_request(spec));
        _aws(_b);
        _intel(_a, 2, 0);
    }

    function _store(Job memory job) private {
        _job = job;
        delete _stages;
        StageInfo[] memory table = _keyed(job.spec.stages, NO_PROBE);
        for (uint256 s; s < table.length; ++s) _stages.push(table[s]);
        uint32[] memory ids = _candidates(job);
        (_a, _b) = (ids[0], ids[7]);
    }

    function _good() private view returns (EnclaveBundle memory) {
        return _bundle(_job, 0, GOOD, [_a, _b], [2, 4]);
    }

    function _submitBundle(EnclaveBundle memory b, bytes32 out) private {
        _hub.submitProofs(_job, _empty(), _stages, _stageOf(_a, out, b), "");
    }

    function _refuse(EnclaveBundle memory b, bytes4 problem) private {
        StageProof[] memory proofs = _stageOf(_a, GOOD, b);
        vm.expectPartialRevert(problem);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
    }

    // --- Results ------------------------------------------------------------------------------------------------------

    /// R62: equal digests of two families and two operators, and a proof from inside, end a critical job; both are paid.
    function test_TwoFamiliesAndAProof() public {
        EnclaveBundle memory b = _good();
        Record memory r;
        r.seats = _candidatesOf();
        vm.expectEmit();
        emit IHubTypes.Seconded(_id(_job), 0, _b, GOOD);
        vm.expectEmit();
        emit IHubTypes.Proven(_id(_job), 0, _a, GOOD);
        _submitBundle(b, GOOD);
        vm.snapshotGasLastCall("critical job of one stage, two enclaves and a simulated proof");
        _expectState(_job, STATE_FINAL);
        r.boundaries = new bytes32[](1);
        r.boundaries[0] = GOOD;
        r.tallies = new Tally[](1);
        (r.tallies[0].seats, r.tallies[0].said) = (new uint32[](2), new bytes32[](2));
        (r.tallies[0].seats[0], r.tallies[0].seats[1]) = (_a, _b);
        (r.tallies[0].said[0], r.tallies[0].said[1]) = (GOOD, GOOD);
        require(_hub.verifyResult(_id(_job), GOOD, keccak256(abi.encode(r))), "record");
        require(_hub.account(_a).earned == REWARD && _hub.account(_b).earned == REWARD, "rewards");
        _expectSolvent(0);
    }

    function _candidatesOf() private view returns (uint32[] memory) {
        return _candidates(_job);
    }

    /// R62: either may prove, and each stage may have another pair.
    function test_StagesMayHaveTheirOwnPairs() public {
        Spec memory spec = _critical(2, 2);
        _store(_request(spec));
        uint32[] memory ids = _candidates(_job);
        _aws(ids[1]);
        _aws(ids[2]);
        _intel(ids[3], 1, 0);
        _intel(ids[4], 2, 0);
        StageProof[] memory first = _stageOf(ids[1], _out(0), _bundle(_job, 0, _out(0), [ids[1], ids[3]], [4, 1]));
        _hub.submitProofs(_job, _empty(), _stages, first, "");
        Record memory r = _latest(_empty());
        require(r.tallies[0].seats[0] == ids[1] && r.tallies[0].seats[1] == ids[3], "first pair");
        StageProof[] memory next = _stageOf(ids[4], _out(1), _bundle(_job, 1, _out(1), [ids[4], ids[2]], [2, 4]));
        // What was said of stage 0 says nothing of stage 1.
        vm.expectRevert();
        _hub.submitProofs(_job, r, _stages, first, "");
        _hub.submitProofs(_job, r, _stages, next, "");
        _expectState(_job, STATE_FINAL);
        for (uint256 i = 1; i < 5; ++i) require(_hub.account(ids[i]).earned == REWARD, "reward");
    }

    /// R62: one pair may answer all stages, in one call; of each stage it is asked anew who they are, and of which families.
    function test_OnePairForAllStages() public {
        (uint32 hadA, uint32 hadB) = (_a, _b);
        _store(_request(_critical(3, 2)));
        // Keys of workers that have none yet: those of before serve another model.
        uint32[] memory ids = _candidates(_job);
        uint256 n;
        for (uint256 i; i < 12; ++i) if (ids[i] != hadA && ids[i] != hadB) ids[n++] = ids[i];
        uint32 other = ids[2];
        (_a, _b) = (ids[0], ids[1]);
        _aws(_b);
        _intel(_a, 2, 0);
        _intel(other, 1, 0);
        StageProof[] memory all = new StageProof[](3);
        for (uint16 s; s < 3; ++s) all[s] = _stageOf(_a, _out(s), _bundle(_job, s, _out(s), [_a, _b], [2, 4]))[0];
        StageProof memory good = all[2];
        all[2] = _stageOf(_a, _out(2), _bundle(_job, 2, _out(2), [_a, other], [2, 1]))[0];
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.FamiliesEqual.selector, 2));
        _hub.submitProofs(_job, _empty(), _stages, all, "");
        all[2] = _stageOf(_a, _out(2), _bundle(_job, 2, _out(2), [_a, _a], [2, 2]))[0];
        vm.expectPartialRevert(IHubTypes.SecondWrong.selector);
        _hub.submitProofs(_job, _empty(), _stages, all, "");
        // The second agreed to the stages before, and says something else of this one.
        EnclaveBundle memory b = _bundle(_job, 2, _out(2), [_a, _b], [2, 4]);
        b.secondResult = _bundle(_job, 2, BAD, [_a, _b], [2, 4]).secondResult;
        all[2] = _stageOf(_a, _out(2), b)[0];
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.submitProofs(_job, _empty(), _stages, all, "");
        all[2] = good;
        _hub.submitProofs(_job, _empty(), _stages, all, "");
        _expectState(_job, STATE_FINAL);
        require(_hub.account(_a).earned == 3 * REWARD && _hub.account(_b).earned == 3 * REWARD, "rewards");
    }

    /// Who ranks confidentiality first takes one enclave, and the proof.
    function test_OneEnclaveAndAProof() public {
        Spec memory spec = _critical(1, 1);
        _store(_request(spec));
        _intel(_a, 2, 0);
        _aws(_b);
        EnclaveBundle memory b = _bundle(_job, 0, GOOD, [_a, _b], [2, 4]);
        _refuse(b, IHubTypes.SecondWrong.selector);
        b = _bundle(_job, 0, GOOD, [_a, uint32(0)], [2, 0]);
        b.secondResult = hex"00";
        _refuse(b, IEnclaveEvidence.EvidenceMalformed.selector);
        // Attesters' word alone makes no critical result.
        EnclaveBundle memory alone = _bundle(_job, 0, GOOD, [_b, uint32(0)], [4, 0]);
        StageProof[] memory proofs = _stageOf(_b, GOOD, alone);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.NoneVerifiedOnChain.selector, 4, 0));
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        b.secondResult = "";
        _submitBundle(b, GOOD);
        _expectState(_job, STATE_FINAL);
        require(_hub.account(_a).earned == REWARD, "reward");
    }

    // --- Attacks ------------------------------------------------------------------------------------------------------

    /// R62: whoever holds a vendor's forged root can register what it likes, and still finalises nothing alone: not by two keys of
    /// its family, not by another's signature on another digest, and not without a proof.
    function test_AForgedRootFinalisesNothingAlone() public {
        uint32[] memory ids = _candidates(_job);
        // Intel's root is forged: any key registers, SGX or TDX.
        _intel(ids[1], 1, 0);
        StageProof[] memory proofs = _stageOf(_a, BAD, _bundle(_job, 0, BAD, [_a, ids[1]], [2, 1]));
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.FamiliesEqual.selector, 2));
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        // An honest enclave of the other family said GOOD: that is no word for BAD.
        EnclaveBundle memory b = _bundle(_job, 0, BAD, [_a, _b], [2, 4]);
        b.secondResult = _result(_claimOf(_job, 0, _b, GOOD), _secret(_b, 4));
        proofs = _stageOf(_a, BAD, b);
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        // Its own key under the other's name.
        b.secondResult = _result(_claimOf(_job, 0, _b, BAD), _secret(_a, 2));
        proofs = _stageOf(_a, BAD, b);
        vm.expectPartialRevert(IEnclaveEvidence.WorkerMismatch.selector);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        // Both families' roots are forged: the proof is still to be made.
        b = _bundle(_job, 0, BAD, [_a, _b], [2, 4]);
        b.proof = "a forged proof";
        (b.r, b.vs) = _delivery(_claimOf(_job, 0, _a, BAD), b.proof, _secret(_a, 2));
        proofs = _stageOf(_a, BAD, b);
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        // AWS's forged alone has nobody either.
        _aws(ids[2]);
        b = _bundle(_job, 0, BAD, [_b, ids[2]], [4, 4]);
        proofs = _stageOf(_b, BAD, b);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.FamiliesEqual.selector, 4));
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        // The honest pair is not in their way.
        _submitBundle(_good(), GOOD);
        _expectState(_job, STATE_FINAL);
    }

    /// R62: a valid proof that the enclave did not make, or made of another claim, is not its.
    function test_RevertWhen_TheProofWasMadeElsewhere() public {
        EnclaveBundle memory b = _good();
        bytes32 claim = _claimOf(_job, 0, _a, GOOD);
        (b.r, b.vs) = _delivery(claim, b.proof, 0xBAD);
        _refuse(b, IEnclaveEvidence.ProofNotFromEnclave.selector);
        // Even the other enclave's word for it.
        (b.r, b.vs) = _delivery(claim, b.proof, _secret(_b, 4));
        _refuse(b, IEnclaveEvidence.ProofNotFromEnclave.selector);
        (b.r, b.vs) = _delivery(claim, "another proof", _secret(_a, 2));
        _refuse(b, IEnclaveEvidence.ProofNotFromEnclave.selector);
        (b.r, b.vs) = _delivery(_claimOf(_job, 0, _a, BAD), b.proof, _secret(_a, 2));
        _refuse(b, IEnclaveEvidence.ProofNotFromEnclave.selector);
        b = _good();
        b.vs ^= bytes32(uint256(1));
        _refuse(b, IEnclaveEvidence.ProofNotFromEnclave.selector);
    }

    /// R62: two operators, both drawn, whoever's keys they bring.
    function test_RevertWhen_ThePairIsNotTwoCandidates() public {
        // One operator with enclaves of two vendors.
        _aws(_a);
        _refuse(_bundle(_job, 0, GOOD, [_a, _a], [2, 4]), IHubTypes.SecondWrong.selector);
        _refuse(_bundle(_job, 0, GOOD, [_a, uint32(0)], [2, 0]), IHubTypes.NotCandidate.selector);
        uint32 stranger = 1;
        uint32[] memory ids = _candidates(_job);
        for (uint256 i; i < ids.length; ++i) if (ids[i] == stranger) (stranger, i) = (stranger + 1, type(uint256).max);
        _aws(stranger);
        _refuse(_bundle(_job, 0, GOOD, [_a, stranger], [2, 4]), IHubTypes.NotCandidate.selector);
        // A plain proof, and bytes that are no bundle.
        StageProof[] memory proofs = _proofs(_job, _stages);
        vm.expectRevert();
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
    }

    /// R62, R59: up to date without grace, live, and registered within a day.
    function test_RevertWhen_AnEnclaveIsNotCurrent() public {
        uint256 state = vm.snapshotState();
        // Its vendor asks for hardening, or it is in grace.
        _intel(_a, 2, 1);
        _refuse(_good(), IEnclaveEvidence.StatusNotCritical.selector);
        vm.revertToState(state);
        state = vm.snapshotState();
        _intel(_a, 2, 4);
        _refuse(_good(), IEnclaveEvidence.StatusNotCritical.selector);
        vm.revertToState(state);
        state = vm.snapshotState();
        EnclaveBundle memory b = _good();
        told.revoke(PCK);
        _refuse(b, IEnclaveEvidence.EnclaveExpired.selector);
        vm.revertToState(state);
        state = vm.snapshotState();
        // The verdict behind the other one is in doubt.
        bytes32 doubted = board.digestOf(1);
        bytes32 word = board.caseOf(1).word;
        vm.prank(vm.addr(CHALLENGER));
        board.challenge(1, doubted, word);
        _refuse(b, IEnclaveEvidence.EnclaveExpired.selector);
        vm.revertToState(state);
        vm.warp(enclaves.registeredAt(vm.addr(_secret(_b, 4))) + 24 hours + 1);
        _refuse(b, IEnclaveEvidence.RegistrationOld.selector);
        // Renewed, the results of before still count; one of an older epoch does not.
        _aws(_b);
        _intel(_a, 2, 0);
        _submitBundle(b, GOOD);
        _expectState(_job, STATE_FINAL);
    }

    function test_RevertWhen_TheEpochIsTwoBack() public {
        EnclaveBundle memory b = _good();
        _intel(_a, 2, 0);
        _intel(_a, 2, 0);
        _refuse(b, IEnclaveEvidence.EpochMismatch.selector);
    }

    /// R62: what was signed for one job, or model, is nothing for another.
    function test_RevertWhen_TheEvidenceIsAnotherJobs() public {
        EnclaveBundle memory b = _good();
        Job memory first = _job;
        Job memory second = _request(first.spec);
        uint32[] memory ids = _candidates(second);
        uint32[] memory had = _candidates(first);
        // Worker a sits in both, or nothing is tested.
        bool sits;
        for (uint256 n; n < 40 && !sits; ++n) {
            for (uint256 i; i < 12; ++i) if (ids[i] == _a) sits = true;
            bool other;
            for (uint256 i; i < 12; ++i) if (ids[i] == _b) other = true;
            sits = sits && other;
            if (sits) break;
            second = _request(first.spec);
            ids = _candidates(second);
        }
        require(sits && had.length == 12, "no second job with the same two");
        StageProof[] memory proofs = _stageOf(_a, GOOD, b);
        vm.expectPartialRevert(IEnclaveEvidence.SignerUnknown.selector);
        _hub.submitProofs(second, _empty(), _stages, proofs, "");
        // Enclaves that serve another model.
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, keccak256("another model"), bytes32(0), bytes32(0));
        IEnclaveRegistry.Binding memory bound = _binding(vm.addr(_a), 1);
        _register(bound);
        b.result = _result(_claimOf(_job, 0, _a, GOOD), SECRET);
        (b.r, b.vs) = _delivery(_claimOf(_job, 0, _a, GOOD), b.proof, SECRET);
        vm.expectRevert();
        _submitBundle(b, GOOD);
    }

    /// R57: simulated enclaves end no critical job off a local chain.
    function test_RevertWhen_SimulatedElsewhere() public {
        EnclaveBundle memory b = _good();
        IHubTypes.Account memory before = _hub.account(_a);
        vm.chainId(1);
        StageProof[] memory proofs = _stageOf(_a, GOOD, b);
        vm.expectRevert();
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
        require(_hub.account(_a).earned == before.earned, "paid");
        // The judge alone, whatever the job: AWS's evidence here is of a development platform.
        vm.chainId(31337);
        require(enclaves.enclave(vm.addr(_secret(_b, 4))).vendor & 128 != 0, "marked");
    }

    // --- Requests and ends --------------------------------------------------------------------------------------------

    function test_RevertWhen_TheRouterHasNoEnclaves() public {
        Spec memory spec = _critical(1, 2);
        _router.retire(ENCLAVE);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(77, spec);
    }

    function test_RevertWhen_ThePolicyIsNoPair() public {
        Spec memory spec = _critical(1, 3);
        vm.expectPartialRevert(IHubTypes.SpecInvalid.selector);
        _hub.request(77, spec);
        // An enclave alone, unaudited, is no policy.
        spec = _critical(1, 1);
        (spec.policy.mask, spec.policy.flags) = (ENCLAVE, 0);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
        _hub.request(77, spec);
        // Plain proofs' call for a job that wants enclaves goes to the enclaves' code.
        StageProof[] memory proofs = _proofs(_job, _stages);
        _job.spec.policy.mask = PROOF;
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _hub.submitProofs(_job, _empty(), _stages, proofs, "");
    }

    /// R8: where no two families were drawn the job ends, and nobody is to blame.
    function test_NobodyOwesAPair() public {
        _hub.pin(_job, _empty());
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + 10 * WORK);
        _hub.expire(_job, r);
        _expectState(_job, STATE_CLOSED);
        for (uint256 i; i < 12; ++i) require(_vault.worker(r.seats[i]).stake == M, "slashed");
        _expectSolvent(0);
    }
}
