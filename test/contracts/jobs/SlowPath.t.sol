// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

contract SlowPathTest is HubBase {
    bytes32[] private _noBatch;

    function setUp() public {
        _deploy(60);
    }

    function _commitAll(Job memory job, Record memory r, Poll memory p, uint32 mask) private returns (Record memory) {
        for (uint8 i; i < p.ids.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            bytes32 c = _commitment(p, i);
            vm.prank(vm.addr(p.ids[i]));
            _hub.commit(job, r, i, c);
            r = _latest(r);
        }
        return r;
    }

    function _expectRevealError(
        Job memory job,
        Record memory r,
        IHubTypes.SeatVote memory vote,
        bytes4 selector
    ) private {
        StageInfo[] memory table = _noTable();
        vm.expectPartialRevert(selector);
        _hub.reveal(job, r, table, vote, _noBatch);
    }

    /// Openings of the seats in `mask`; the others are not supplied.
    function _openings(Poll memory p, uint32 mask) private view returns (StageVotes memory v) {
        v = _votes(p);
        for (uint256 i; i < v.seats.length; ++i) if ((mask >> i) & 1 == 0) v.seats[i].which = 255;
    }

    function _fingerprint(Job memory job) private view returns (bytes32 all) {
        all = keccak256(abi.encode(_hub.slot(_id(job)), _hub.totals(), _hub.balanceOf(address(this))));
        for (uint32 n = 1; n <= _workers; ++n) all = keccak256(abi.encode(all, _hub.account(n)));
    }

    /// Invariant 24, R22: fast path, batched and one by one give the same record and payments (but for the poke fee).
    function test_AllPathsAgree() public {
        Spec memory spec = _spec(5, 1);
        spec.pokeFee = 0;
        Job memory job = _request(spec);
        Poll memory p = _poll(job, _empty(), _said(5, 0));
        uint256 fork = vm.snapshotState();

        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        bytes32 want = _fingerprint(job);

        vm.revertToState(fork);
        fork = vm.snapshotState();
        vm.startSnapshotGas("slow path, commit 5 seats in a batch");
        _hub.commitMany(job, _empty(), _commits(p, 31));
        vm.stopSnapshotGas();
        Record memory r = _latest(_empty());
        vm.startSnapshotGas("slow path, tally 5 batched seats");
        _hub.tally(job, r, _noTable(), _votes(p), _batch(p, 31), "");
        vm.stopSnapshotGas();
        require(_fingerprint(job) == want, "batched path differs");

        vm.revertToState(fork);
        _latest(_empty());
        r = _commitAll(job, _empty(), p, 31);
        for (uint8 i; i < 5; ++i)
            _hub.reveal(job, r, _noTable(), IHubTypes.SeatVote(i, GOOD, 0, _salt(p, i)), _noBatch);
        StageVotes memory stored = _votes(p);
        for (uint256 i; i < 5; ++i) stored.seats[i].salt = 0;
        _hub.tally(job, r, _noTable(), stored, _noBatch, "");
        require(_fingerprint(job) == want, "single path differs");
        _expectSolvent(0);
    }

    /// One seat absent, one committed but silent: both are slashed as the table says, the rest is paid.
    function test_AbsentAndUnrevealedSeatsAreSlashed() public {
        Spec memory spec = _spec(7, 1);
        Job memory job = _request(spec);
        Poll memory p = _poll(job, _empty(), _said(7, 0));
        Record memory r = _commitAll(job, _empty(), p, 0x3f);
        StageVotes memory five = _openings(p, 0x1f);
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.tally(job, r, _noTable(), five, _noBatch, "");
        vm.warp(block.timestamp + WORK + 1);
        vm.expectPartialRevert(IHubTypes.OpeningsMissing.selector);
        _hub.tally(job, r, _noTable(), five, _noBatch, "");
        vm.warp(block.timestamp + REVEAL + 1);
        _hub.tally(job, r, _noTable(), five, _noBatch, "");
        _expectState(job, STATE_FINAL);
        require(_vault.worker(p.ids[5]).stake == M - spec.policy.seatStake / 2, "unrevealed: S/2");
        require(_vault.worker(p.ids[6]).stake == M - 2 * REWARD, "absent: 2R");
        for (uint256 i; i < 5; ++i) require(_hub.account(p.ids[i]).earned == REWARD, "paid");
        require(_hub.account(p.ids[6]).absent == 1 && _hub.account(p.ids[5]).wrong == 1, "counted");
        _expectSolvent(0);
    }

    /// R8: nobody came: the job expires, absent seats pay, the requester is refunded.
    function test_ExpiresWithoutCommitments() public {
        Job memory job = _request(_spec(5, 1));
        uint256 free = _hub.balanceOf(address(this));
        uint32[] memory ids = _committee(job, _empty());
        vm.expectPartialRevert(IHubTypes.TooEarly.selector);
        _hub.expire(job, _empty());
        vm.warp(block.timestamp + WORK + 1);
        _hub.expire(job, _empty());
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_EXPIRED, "reason");
        for (uint256 i; i < 5; ++i) require(_vault.worker(ids[i]).stake == M - 2 * REWARD, "absent seat not slashed");
        require(
            _hub.balanceOf(address(this)) == free + _hub.escrowOf(job.spec) + 5 * REWARD,
            "refund and half the slashes"
        );
        _expectSolvent(0);
    }

    /// R8: a job whose seed the chain forgot still ends, and slashes nobody.
    function test_ExpiresWithoutItsSeed() public {
        Job memory job = _request(_spec(5, 1));
        uint32[] memory ids = _committee(job, _empty());
        vm.roll(block.number + 9000);
        vm.warp(block.timestamp + WORK + 1);
        _hub.expire(job, _empty());
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 5; ++i) require(_vault.worker(ids[i]).stake == M, "slashed without a seat");
        require(_hub.totals().fees == 15, "kill fee");
        _expectSolvent(0);
    }

    /// With a quorum of commitments only `tally` may decide; after the job's expiry anyone closes it.
    function test_QuorumCommittedCannotExpireBeforeExpiry() public {
        Job memory job = _request(_spec(5, 1));
        Poll memory p = _poll(job, _empty(), _said(5, 0));
        _hub.commitMany(job, _empty(), _commits(p, 15));
        Record memory r = _latest(_empty());
        vm.warp(block.timestamp + WORK + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.QuorumCommitted.selector, 4));
        _hub.expire(job, r);
        vm.warp(job.spec.expiry + 1);
        (StageVotes memory four, bytes32[] memory batch) = (_openings(p, 15), _batch(p, 15));
        vm.expectPartialRevert(IHubTypes.TooLate.selector);
        _hub.tally(job, r, _noTable(), four, batch, "");
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.slot(_id(job)).stage == REASON_UNRESOLVED, "reason");
        for (uint256 i; i < 5; ++i) require(_vault.worker(p.ids[i]).stake == M, "slashed");
        _expectSolvent(0);
    }

    /// Invariant 20: no opening is taken before the commit phase closed.
    function test_RevertWhen_RevealingEarly() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        Record memory r = _commitAll(job, _empty(), p, 3);
        _expectRevealError(job, r, IHubTypes.SeatVote(0, GOOD, 0, _salt(p, 0)), IHubTypes.TooEarly.selector);
        r = _commitAll(job, r, p, 4);
        _hub.reveal(job, r, _noTable(), IHubTypes.SeatVote(0, GOOD, 0, _salt(p, 0)), _noBatch);
        _expectRevealError(job, r, IHubTypes.SeatVote(0, GOOD, 0, _salt(p, 0)), IHubTypes.AlreadyRevealed.selector);
    }

    /// Attack: another seat's commitment, posted as one's own, cannot be opened; nor can a changed vote.
    function test_RevertWhen_OpeningACopiedCommitment() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        Record memory r = _empty();
        bytes32 copied = _commitment(p, 0);
        for (uint8 i; i < 3; ++i) {
            bytes32 c = i == 1 ? copied : _commitment(p, i);
            vm.prank(vm.addr(p.ids[i]));
            _hub.commit(job, r, i, c);
            r = _latest(r);
        }
        _expectRevealError(job, r, IHubTypes.SeatVote(1, GOOD, 0, _salt(p, 0)), IHubTypes.CommitmentMismatch.selector);
        _expectRevealError(job, r, IHubTypes.SeatVote(2, BAD, 0, _salt(p, 2)), IHubTypes.CommitmentMismatch.selector);
    }

    /// A complete fast-path set wins while the job is open, whatever was posted.
    function test_FastPathWinsOverPostedCommitments() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        Record memory r = _commitAll(job, _empty(), p, 3);
        _hub.submit(job, r, _noTable(), _one(_votes(p)), "");
        _expectState(job, STATE_FINAL);
        _expectSolvent(0);
    }

    function test_RevertWhen_CommittingTwiceOrForAnother() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        bytes32 c = _commitment(p, 0);
        vm.expectPartialRevert(IHubTypes.SignerMismatch.selector);
        _hub.commit(job, _empty(), 0, c);
        Record memory r = _commitAll(job, _empty(), p, 1);
        vm.prank(vm.addr(p.ids[0]));
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyCommitted.selector, 0));
        _hub.commit(job, r, 0, c);
        // A batch skips the posted seat and may come once.
        _hub.commitMany(job, r, _commits(p, 3));
        require(_hub.box(_id(job), 0, 0).batched == 2, "skipped");
        SignedCommit[] memory more = _commits(p, 4);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.AlreadyCommitted.selector, 255));
        _hub.commitMany(job, r, more);
    }

    /// Two liars hang the slow path too; the larger committee fails to come; the job ends UNRESOLVED, liars unslashed.
    function test_BlockedEscalationEndsUnresolved() public {
        Job memory job = _request(_spec(5, 1));
        Record memory r = _submit(job, _empty(), 3);
        r = _challenge(job, r, 0);
        uint32[] memory late = _committee(job, r);
        vm.warp(block.timestamp + WORK + 1);
        _hub.expire(job, r);
        _expectState(job, STATE_HUNG);
        r.tallies[1].seats = late;
        r.tallies[1].said = new bytes32[](11);
        r = _challenge(job, r, 0);
        require(_hub.slot(_id(job)).round == 2, "round");
        vm.warp(block.timestamp + WORK + 1);
        uint32[] memory later = _committee(job, r);
        require(later.length == 23, "4k+3 seats");
        _hub.expire(job, r);
        r.tallies[2].seats = later;
        r.tallies[2].said = new bytes32[](23);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NoRoundsLeft.selector, 0, 2));
        _hub.challenge(job, r, 0);
        vm.warp(block.timestamp + 86_401);
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        for (uint256 i; i < 5; ++i) require(_vault.worker(r.seats[i]).stake == M, "slashed without a verdict");
        for (uint256 i; i < 23; ++i)
            require(_vault.worker(later[i]).stake == M - 2 * REWARD, "absent seat not slashed");
        _expectSolvent(0);
    }

    /// R75: two Commits, two Reveals, or a Commit against the posted one cost the whole stake.
    function testFuzz_EquivocationTakesTheStake(uint8 kind) public {
        kind %= 3;
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        uint32 id = p.ids[1];
        IHubTypes.Equivocation memory e;
        (e.jobId, e.kind) = (p.jobId, kind);
        Poll memory other = _poll(job, _empty(), _said(3, 2));
        if (kind == 1) {
            bytes32 set = _commitSet(p);
            (e.a.inDigest, e.b.inDigest) = (INPUT, INPUT);
            (e.a.outDigest, e.b.outDigest) = (GOOD, BAD);
            (e.a.commitSet, e.b.commitSet) = (set, set);
            (e.a.r, e.a.vs) = _sign(id, _revealDigest(p, 1, set));
            (e.b.r, e.b.vs) = _sign(id, _revealDigest(other, 1, set));
        } else {
            SignedCommit memory a = _commits(other, 2)[0];
            (e.a.commitment, e.a.r, e.a.vs) = (a.commitment, a.r, a.vs);
            vm.expectRevert(IHubTypes.NotEquivocation.selector);
            _hub.proveEquivocation(id, e);
            if (kind == 0) {
                SignedCommit memory b = _commits(p, 2)[0];
                (e.b.commitment, e.b.r, e.b.vs) = (b.commitment, b.r, b.vs);
            } else {
                _commitAll(job, _empty(), p, 2);
            }
        }
        uint256 free = _hub.balanceOf(address(this));
        _hub.proveEquivocation(id, e);
        require(_vault.worker(id).stake == 0 && _vault.worker(id).jailedUntil == type(uint48).max, "stake and jail");
        require(
            _hub.balanceOf(address(this)) == free + M / 10 && _token.balanceOf(DEAD) == M - M / 10,
            "10%, rest burned"
        );
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NothingToSlash.selector, id));
        _hub.proveEquivocation(id, e);
    }

    /// Saying the same twice is no equivocation.
    function test_RevertWhen_StatementsAgree() public {
        Job memory job = _request(_spec(3, 1));
        Poll memory p = _poll(job, _empty(), _said(3, 0));
        IHubTypes.Equivocation memory e;
        e.jobId = p.jobId;
        SignedCommit memory a = _commits(p, 2)[0];
        (e.a.commitment, e.a.r, e.a.vs) = (a.commitment, a.r, a.vs);
        e.b = e.a;
        vm.expectRevert(IHubTypes.NotEquivocation.selector);
        _hub.proveEquivocation(p.ids[1], e);
    }
}
