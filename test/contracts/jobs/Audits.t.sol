// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import "../../../contracts/types/Types.sol";
import {AuditBase} from "../support/AuditBase.sol";
import {vm} from "../support/Vm.sol";

/// Sampled jobs end as protocol.md sections 3, 6 and 7 say, and every way to cheat costs more than it brings.
contract AuditsTest is AuditBase {
    uint96 private constant S = 44 * REWARD;

    function setUp() public {
        _deploy(80);
    }

    function _balance(uint32 id) private view returns (uint256) {
        return _hub.account(id).earned;
    }

    function _stake(uint32 id) private view returns (uint256) {
        return _vault.worker(id).stake;
    }

    // --- Left alone ---------------------------------------------------------------------------------------------------

    /// Nobody audits, nobody objects: one reward, the rest goes back.
    function test_AnswerThatNobodyDisputesStands() public {
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = _request(_economy());
        uint32 primary = _candidates(job)[0];
        bytes32 commitment = _offer(job, primary, GOOD, 0);
        _as(primary);
        vm.startSnapshotGas("propose");
        _hub.propose(job, _empty(), commitment);
        vm.stopSnapshotGas();
        Record memory r = _latest(_empty());
        _expectState(job, STATE_PROPOSED);
        require(r.seats.length == 1 && r.tallies[0].said[0] == commitment, "record");
        _fate(job, false);
        bytes32 salt = _saltOf(job, primary);
        vm.startSnapshotGas("open");
        _hub.open(job, r, _noTable(), GOOD, 0, salt, "");
        vm.stopSnapshotGas();
        r = _latest(r);
        _expectState(job, STATE_WINDOW);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        vm.startSnapshotGas("settle, sampled");
        _hub.settle(job, r, "");
        vm.stopSnapshotGas();
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "result");
        require(_balance(primary) == REWARD, "reward");
        // No fee on a single reward of 30 wei (2 % is below one); the poke stays with its sender, which is the requester.
        require(_hub.balanceOf(address(this)) == free - REWARD, "four rewards come back");
        require(_hub.totals().openRisk == 0, "risk");
        _expectSolvent(0);
    }

    /// Inequality 1: half of one liar's stake pays the committee that convicts it, and its challenger.
    function test_LiarThatNobodyAuditedIsChallenged() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, false);
        uint32 liar = r.seats[0];
        r = _challenge(job, r, 0);
        require(_committee(job, r).length == 11, "2k+1");
        r = _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
        uint256 free = _hub.balanceOf(address(this));
        uint256 bond = (5 * 11 * uint256(REWARD) + 3) / 4;
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "the truth");
        require(M - _stake(liar) == S && _balance(liar) == 0, "liar");
        for (uint256 i; i < 11; ++i) require(_balance(r.tallies[1].seats[i]) == REWARD, "judges");
        require(_hub.balanceOf(address(this)) > free + bond, "the challenger gains");
        _expectSolvent(0);
    }

    function test_FrivolousChallengeLosesItsBond() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, GOOD, false);
        uint32 primary = r.seats[0];
        r = _challenge(job, r, 0);
        r = _submit(job, r, 0);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        require(_balance(primary) == REWARD && _stake(primary) == M, "primary");
        for (uint256 i; i < 11; ++i) require(_balance(r.tallies[1].seats[i]) == REWARD, "judges");
        _expectSolvent(0);
    }

    /// A proof overrules a sampled answer as it overrules a vote.
    function test_CourtOverrulesASampledAnswer() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, false);
        uint32 liar = r.seats[0];
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        _hub.court(job, r, table, 0, _ruling(job, table, 0, INPUT, GOOD));
        r = _latest(r);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        require(M - _stake(liar) == S && _hub.balanceOf(PROVER) == 11 * REWARD, "court");
        _expectAllSolvent(0);
    }

    // --- Audited ------------------------------------------------------------------------------------------------------

    function test_AuditedAnswerPaysAllFive() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, GOOD);
        _fate(job, true);
        uint256 free = _hub.balanceOf(address(this));
        vm.startSnapshotGas("draw an audit");
        _hub.draw(job, r);
        vm.stopSnapshotGas();
        require(_hub.balanceOf(address(this)) == free + POKE, "poke");
        uint32 primary = r.seats[0];
        r = _latest(r);
        require(r.seats.length == 5 && r.seats[0] == primary && r.tallies.length == 0, "record");
        r = _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        for (uint256 i; i < 5; ++i) require(_balance(r.seats[i]) == REWARD, "drawn auditors are always paid");
        _expectSolvent(0);
    }

    function test_AuditConvictsALiar() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, true);
        uint32 liar = r.seats[0];
        r = _submit(job, r, 1); // seat 0 must say what it proposed
        _expectState(job, STATE_WINDOW);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "the truth");
        require(M - _stake(liar) == S && _balance(liar) == 0, "liar");
        _expectSolvent(0);
    }

    /// Attack: propose a lie, and tell the truth once the lottery has fallen.
    function test_RevertWhen_AnAuditedPrimaryOpensSomethingElse() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, true);
        Poll memory p = _poll(job, r, _said(5, 0));
        StageVotes[] memory votes = _one(_votes(p));
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.submit(job, r, _noTable(), votes, "");
        // The slow path has its commitment already, and takes no other.
        bytes32 other = _commitment(p, 0);
        _as(r.seats[0]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyCommitted.selector, 0));
        _hub.commit(job, r, 0, other);
        _hub.commitMany(job, r, _commits(p, 31)); // skips seat 0
        require(_hub.box(_id(job), 0, 0).batched == 30, "seat 0 stays bound by its proposal");
        StageVotes memory opened = _opened(p, 31);
        bytes32[] memory batch = _batch(p, 30);
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.tally(job, r, _noTable(), opened, batch, "");
    }

    /// Attack: a signed Commit to something else than the proposal, for auditors to hold. It costs everything.
    function test_CommitBesideTheProposalIsEquivocation() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, true);
        Poll memory p = _poll(job, r, _said(5, 0));
        SignedCommit memory c = _commits(p, 1)[0];
        IHubTypes.Equivocation memory e;
        (e.jobId, e.kind) = (p.jobId, 2);
        (e.a.commitment, e.a.r, e.a.vs) = (c.commitment, c.r, c.vs);
        _hub.proveEquivocation(r.seats[0], e);
        require(_stake(r.seats[0]) == 0, "stake");
    }

    /// Hiding does not beat lying: the audited primary that stays silent loses all of S, and the auditors decide without it.
    function test_SilentAuditedPrimaryLosesItsWholeSeatStake() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, true);
        uint32 primary = r.seats[0];
        bytes32[] memory outs = _said(5, 1);
        Poll memory p = _poll(job, r, outs);
        _hub.commitMany(job, r, _commits(p, 30));
        vm.warp(block.timestamp + REVEAL + 1);
        _hub.tally(job, r, _noTable(), _opened(p, 30), _batch(p, 30), "");
        r = _latest(r);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        require(_hub.verifyResult(_id(job), GOOD, keccak256(abi.encode(r))), "four auditors are a quorum");
        require(M - _stake(primary) == S, "S, not S / 2");
        require(_hub.account(primary).wrong == 1, "reputation");
        _expectSolvent(0);
    }

    /// Attack: accomplices among the auditors stay away so that the audit never opens. One honest auditor opens it.
    function test_AbsentAccomplicesDoNotStopAnAudit() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, BAD, true);
        uint32 liar = r.seats[0];
        Poll memory p = _poll(job, r, _said(5, 1));
        _hub.commitMany(job, r, _commits(p, 2)); // seat 1 alone
        vm.warp(block.timestamp + 2 * WORK + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.QuorumCommitted.selector, 2));
        _hub.expire(job, r);
        uint256 snapshot = vm.snapshotState();
        // The primary hides: it loses S all the same.
        vm.warp(block.timestamp + REVEAL + 1);
        _hub.tally(job, r, _noTable(), _opened(p, 2), _batch(p, 2), "");
        _expectState(job, STATE_CLOSED);
        require(M - _stake(liar) == S, "hiding");
        for (uint256 i = 2; i < 5; ++i) require(M - _stake(r.seats[i]) == 2 * REWARD, "absent");
        require(_balance(r.seats[1]) == REWARD, "who came is paid from slashes");
        _expectSolvent(0);
        vm.revertToState(snapshot);
        // It opens its lie: dissent, and a larger committee decides.
        _hub.tally(job, r, _noTable(), _opened(p, 3), _batch(p, 2), "");
        _expectState(job, STATE_HUNG);
        r = _latest(r);
        r = _challenge(job, r, 0);
        r = _submit(job, r, 0);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        _expectState(job, STATE_FINAL);
        require(M - _stake(liar) == S, "lying");
        _expectSolvent(0);
    }

    /// No auditor comes at all: they pay, the primary is neither paid by the requester nor slashed.
    function test_AuditWithoutAuditorsExpires() public {
        Job memory job = _request(_economy());
        Record memory r = _sampled(job, GOOD, true);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.expire(job, r);
        vm.warp(block.timestamp + 2 * WORK + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_stake(r.seats[0]) == M && _balance(r.seats[0]) == REWARD, "from the slashes");
        for (uint256 i = 1; i < 5; ++i) require(M - _stake(r.seats[i]) == 2 * REWARD, "absent");
        _expectSolvent(0);
    }

    // --- The lottery --------------------------------------------------------------------------------------------------

    /// Attack: an audited primary opens as if the lottery had left it alone; or nobody draws, so that silence costs S / 2.
    function test_RevertWhen_AnAuditIsEvaded() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, BAD);
        bytes32 salt = _saltOf(job, r.seats[0]);
        vm.expectPartialRevert(bytes4(keccak256("SeedNotReady(uint48,uint256)")));
        _hub.open(job, r, _noTable(), BAD, 0, salt, "");
        _fate(job, true);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AuditDue.selector, _id(job)));
        _hub.open(job, r, _noTable(), BAD, 0, salt, "");
        vm.warp(block.timestamp + WORK + REVEAL + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AuditDue.selector, _id(job)));
        _hub.expire(job, r);
        _draw(job, r); // however late
        _expectState(job, STATE_OPEN);
    }

    /// Attack: a requester or a rival has jobs audited that the lottery left alone.
    function test_RevertWhen_AnAuditIsForced() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, GOOD);
        _fate(job, false);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AuditNotDue.selector, _id(job)));
        _hub.draw(job, r);
    }

    /// The lottery's seed does not exist when the primary is bound, and is fixed from then on.
    function test_LotteryComesAfterTheProposal() public {
        Job memory job = _request(_economy());
        uint48 ours = _hub.slot(_id(job)).seedRef;
        vm.roll(block.number + 10);
        vm.setBlockhash(ours, keccak256(abi.encode("block", ours)));
        _propose(job, GOOD);
        uint48 ref = _hub.slot(_id(job)).seedRef;
        require(ref > block.number && ref != ours, "a future block");
    }

    /// One seed, many jobs: each has a lottery of its own, and about auditBps of them are drawn.
    function test_LotteriesAreIndependent() public {
        uint256 drawn;
        Spec memory spec = _economy();
        for (uint256 i; i < 100; ++i) {
            uint256 snapshot = vm.snapshotState();
            spec.resultKey = bytes32(i);
            Job memory job = _request(spec);
            Record memory r = _propose(job, GOOD);
            _toSeed(_id(job));
            try _hub.draw(job, r) {
                ++drawn;
            } catch {}
            vm.revertToState(snapshot);
        }
        require(drawn >= 2 && drawn <= 18, "8 %");
    }

    function test_AllOrNothing() public {
        Spec memory spec = _economy();
        spec.policy.auditBps = 10_000;
        Job memory job = _request(spec);
        Record memory r = _propose(job, GOOD);
        _toSeed(_id(job));
        _draw(job, r);
        spec.policy.auditBps = 0;
        job = _request(spec);
        r = _propose(job, GOOD);
        _toSeed(_id(job));
        _open(job, r, GOOD);
        _expectState(job, STATE_WINDOW);
    }

    /// A public input is checked by workers that nobody knew when the answer was fixed; a private one by the next candidates.
    function test_Auditors() public {
        Spec memory spec = _economy();
        Job memory job = _request(spec);
        Record memory r = _sampled(job, GOOD, true);
        for (uint256 i = 1; i < 5; ++i) require(r.seats[i] != r.seats[0] && r.seats[i] != 0, "distinct");
        spec.inputRef = 0;
        job = _request(spec);
        uint32[] memory candidates = _candidates(job);
        bytes32 commitment = _offer(job, candidates[2], GOOD, 0);
        _as(candidates[2]);
        _hub.propose(job, _empty(), commitment);
        r = _latest(_empty());
        uint32[5] memory need = [candidates[2], candidates[0], candidates[1], candidates[3], candidates[4]];
        for (uint256 i; i < 5; ++i) require(r.seats[i] == need[i], "the client sealed to them");
        _fate(job, true);
        r = _draw(job, r);
        for (uint256 i; i < 5; ++i) require(r.seats[i] == need[i], "unchanged");
        _submit(job, r, 0);
        _expectState(job, STATE_WINDOW);
    }

    /// A private answer that nobody audited pays its primary alone.
    function test_PrivateInputLeftAlone() public {
        Spec memory spec = _economy();
        spec.inputRef = 0;
        Job memory job = _request(spec);
        Record memory r = _sampled(job, GOOD, false);
        vm.warp(block.timestamp + SAMPLE_WINDOW + 1);
        _hub.settle(job, r, "");
        require(_balance(r.seats[0]) == REWARD && _balance(r.seats[1]) == 0, "pay");
        _expectSolvent(0);
    }

    // --- Placement ----------------------------------------------------------------------------------------------------

    function test_RevertWhen_ThePrimaryIsNoCandidate() public {
        Job memory job = _request(_economy());
        uint32[] memory ids = _candidates(job);
        for (uint32 id = 1; id <= 80; ++id) {
            bool candidate;
            for (uint256 i; i < 12; ++i) candidate = candidate || ids[i] == id;
            if (candidate) continue;
            bytes32 commitment = _offer(job, id, GOOD, 0);
            _as(id);
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotCandidate.selector, 0, vm.addr(id)));
            _hub.propose(job, _empty(), commitment);
            break;
        }
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotCandidate.selector, 0, address(this)));
        _hub.propose(job, _empty(), GOOD);
        _as(ids[0]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SeatInvalid.selector, 0));
        _hub.propose(job, _empty(), 0);
    }

    function test_RevertWhen_ProposedTwiceOrTooLate() public {
        Job memory job = _request(_economy());
        uint32[] memory ids = _candidates(job);
        uint256 snapshot = vm.snapshotState();
        Record memory r = _propose(job, GOOD);
        _as(ids[1]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_PROPOSED, STATE_OPEN));
        _hub.propose(job, r, GOOD);
        _fate(job, true);
        r = _draw(job, r);
        _as(ids[1]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_OPEN, STATE_PROPOSED));
        _hub.propose(job, r, GOOD);
        vm.revertToState(snapshot);
        vm.warp(block.timestamp + WORK + 1);
        _as(ids[0]);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.propose(job, _empty(), GOOD);
    }

    /// Before a proposal there is no committee: nobody can vote, commit, or be slashed for absence.
    function test_NobodyVotesBeforeTheProposal() public {
        Job memory job = _request(_economy());
        _hub.pin(job, _empty());
        Record memory r = _latest(_empty());
        require(r.seats.length == 12, "candidates");
        StageVotes memory v;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, OPTIMISTIC, VOTE));
        _hub.submit(job, r, _noTable(), _one(v), "");
        _as(r.seats[0]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, OPTIMISTIC, VOTE));
        _hub.commit(job, r, 0, GOOD);
        uint32 primary = r.seats[0];
        bytes32 commitment = _offer(job, primary, GOOD, 0);
        uint256 snapshot = vm.snapshotState();
        _as(primary);
        _hub.propose(job, r, commitment); // pinned candidates serve as well
        vm.revertToState(snapshot);
        vm.warp(block.timestamp + WORK + 1);
        _hub.expire(job, r);
        for (uint32 id = 1; id <= 80; ++id) require(_stake(id) == M, "nobody owes a proposal");
        _expectState(job, STATE_CLOSED);
        _expectSolvent(0);
    }

    // --- Silence ------------------------------------------------------------------------------------------------------

    /// A primary that the lottery left alone and that never opens loses S / 2; the requester pays nothing.
    function test_SilentPrimaryPays() public {
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = _request(_economy());
        Record memory r = _propose(job, GOOD);
        _fate(job, false);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.expire(job, r);
        vm.warp(block.timestamp + WORK + REVEAL + 1);
        bytes32 salt = _saltOf(job, r.seats[0]);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.open(job, r, _noTable(), GOOD, 0, salt, "");
        vm.startSnapshotGas("expire a proposal");
        _hub.expire(job, r);
        vm.stopSnapshotGas();
        _expectState(job, STATE_CLOSED);
        require(M - _stake(r.seats[0]) == S / 2, "S / 2");
        require(_hub.balanceOf(address(this)) == free + S / 4, "the requester gains half of it");
        _expectSolvent(0);
    }

    /// A seed that the chain forgot leaves nobody to blame; the job ends all the same.
    function test_ForgottenLotteryEndsWithoutBlame() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, GOOD);
        vm.roll(block.number + 10_000);
        vm.warp(block.timestamp + WORK + REVEAL + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_stake(r.seats[0]) == M, "blamed");
        _expectSolvent(0);
    }

    /// Past its expiry a proposal ends whatever the lottery said.
    function test_ProposalEndsAfterExpiry() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, BAD);
        _fate(job, true);
        vm.warp(job.spec.expiry + 1);
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.draw(job, r);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(M - _stake(r.seats[0]) == S / 2, "slash");
        _expectSolvent(0);
    }

    // --- What opens ---------------------------------------------------------------------------------------------------

    function test_RevertWhen_AnOpeningIsNotTheProposal() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, GOOD);
        _fate(job, false);
        bytes32 salt = _saltOf(job, r.seats[0]);
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.open(job, r, _noTable(), BAD, 0, salt, "");
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.open(job, r, _noTable(), GOOD, GOOD, salt, "");
        vm.expectPartialRevert(IHubTypes.CommitmentMismatch.selector);
        _hub.open(job, r, _noTable(), GOOD, 0, GOOD, "");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.EvidenceWrong.selector, OPTIMISTIC, ENCLAVE));
        _hub.open(job, r, _noTable(), GOOD, 0, salt, "quote");
        r.tallies[0].said[0] = GOOD;
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.open(job, r, _noTable(), GOOD, 0, salt, "");
    }

    /// A proposal is a promise to answer: an abstention cannot be opened, and closing jobs that way costs S / 2 a time.
    function test_RevertWhen_APrimaryAbstains() public {
        Job memory job = _request(_economy());
        Record memory r = _propose(job, SAID_ABSTAIN);
        _fate(job, false);
        bytes32 salt = _saltOf(job, r.seats[0]);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DigestReserved.selector, 0, SAID_ABSTAIN));
        _hub.open(job, r, _noTable(), SAID_ABSTAIN, 0, salt, "");
    }

    /// Where the stage has a probe, an answer without it is none.
    function test_ProbeIsPartOfTheAnswer() public {
        Spec memory spec = _economy();
        spec.modelId = _sampledModel(_keyed(1, 3));
        Job memory job = _request(spec);
        uint32 primary = _candidates(job)[0];
        bytes32 commitment = _offer(job, primary, GOOD, PROBE);
        _as(primary);
        _hub.propose(job, _empty(), commitment);
        Record memory r = _latest(_empty());
        _fate(job, false);
        bytes32 salt = _saltOf(job, primary);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.DigestReserved.selector, 0, bytes32(0)));
        _hub.open(job, r, _noTable(), GOOD, 0, salt, "");
        _hub.open(job, r, _noTable(), GOOD, PROBE, salt, "");
        r = _latest(r);
        require(r.boundaries[0] == GOOD && r.tallies[0].said[0] == _wordOf(GOOD, PROBE), "word");
    }

    // --- Requests -----------------------------------------------------------------------------------------------------

    /// Inequality 4 at its bound and one wei below, insured and not; without audits nothing may be insured.
    function test_RevertWhen_LyingWouldPay() public {
        Spec memory spec = _economy();
        // p d = 0.0792: S >= (R + 0.9208 V) / 0.0792
        spec.insuredValue = 2 * REWARD;
        spec.policy.seatStake = 1_100;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 1, 1_100, 1_320));
        _hub.request(1, spec);
        spec.policy.seatStake = 1_320;
        spec.insuredValue = 3 * REWARD;
        uint256 need = (1_000_000 * uint256(REWARD) + (1_000_000 - 79_200) * 3 * uint256(REWARD) + 79_199) / 79_200;
        spec.policy.seatStake = uint96(need - 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 4, need - 1, need));
        _hub.request(1, spec);
        spec.policy.seatStake = uint96(need);
        _hub.request(1, spec);
        spec.policy.auditBps = 0;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 4, 3 * REWARD, 0));
        _hub.request(2, spec);
        spec.insuredValue = 0;
        _hub.request(2, spec);
    }

    function test_RevertWhen_ASampleHasNoWindowOrMoreStages() public {
        Spec memory spec = _economy();
        spec.policy.window = 0;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "window", 0, 1, type(uint32).max));
        _hub.request(1, spec);
        spec = _economy();
        spec.stages = 2;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "stages", 2, 1, 1));
        _hub.request(1, spec);
        spec = _economy();
        spec.policy.mask = OPTIMISTIC | VOTE;
        vm.expectPartialRevert(IHubTypes.NotSupported.selector);
        _hub.request(1, spec);
        spec = _economy();
        spec.policy.auditBps = 10_001;
        vm.expectPartialRevert(IHubTypes.SpecInvalid.selector);
        _hub.request(1, spec);
    }

    /// A single auditor detects nothing for certain: no stake makes that safe.
    function test_RevertWhen_ThereIsOneAuditor() public {
        Spec memory spec = _economy();
        spec.policy.k = 2;
        vm.expectRevert(
            abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, 4, spec.policy.seatStake, type(uint256).max)
        );
        _hub.request(1, spec);
    }

    /// The preset `fast-enclave` waits for an adapter that judges quotes; with one, an unaudited answer needs a quote.
    function test_EnclaveAnswersNeedTheirQuote() public {
        Spec memory spec = _economy();
        (spec.policy.mask, spec.policy.k, spec.policy.auditBps) = (OPTIMISTIC | ENCLAVE, 3, 200);
        (spec.policy.window, spec.policy.seatStake) = (300, 53 * REWARD);
        vm.expectPartialRevert(IHubTypes.NotSupported.selector);
        _hub.request(1, spec);
        _router.announce(ENCLAVE, address(new SimulatedAdapter()));
        vm.warp(block.timestamp + 48 hours);
        _router.add(ENCLAVE);
        _nextEpoch();
        spec.expiry = uint48(block.timestamp + 6 days);
        Job memory job = _request(spec);
        Record memory r = _propose(job, GOOD);
        _fate(job, false);
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        bytes32 salt = _saltOf(job, r.seats[0]);
        bytes memory quote = _evidence(job, table[0], 0, INPUT, GOOD, vm.addr(r.seats[0]));
        vm.expectPartialRevert(IHubTypes.StageTableMismatch.selector);
        _hub.open(job, r, _noTable(), GOOD, 0, salt, quote);
        vm.expectRevert(SimulatedAdapter.EvidenceFalse.selector);
        _hub.open(job, r, table, GOOD, 0, salt, "no quote");
        _hub.open(job, r, table, GOOD, 0, salt, quote);
        _expectState(job, STATE_WINDOW);
    }

    /// Before the seed's block a job costs nothing; once somebody is bound to it, it runs.
    function test_CancelIsFreeOnlyBeforeTheSeed() public {
        Spec memory spec = _economy();
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = Job(address(this), ++_nonce, spec);
        _hub.request(job.nonce, spec);
        _hub.cancel(job);
        require(_hub.balanceOf(address(this)) == free, "refund");
        job = _request(spec);
        _propose(job, GOOD);
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _hub.cancel(job);
    }
}
