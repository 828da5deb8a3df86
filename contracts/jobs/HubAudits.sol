// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {IHubAudits} from "../interfaces/IHubAudits.sol";
import {
    ENCLAVE,
    Job,
    OPTIMISTIC,
    Record,
    REASON_EXPIRED,
    REASON_UNRESOLVED,
    SAID_UNREVEALED,
    Spec,
    StageInfo,
    STATE_CLOSED,
    STATE_OPEN,
    STATE_PROPOSED,
    Tally
} from "../types/Types.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {DrawLib} from "../libraries/DrawLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubDisputes} from "./HubDisputes.sol";
import {HubJoins} from "./HubJoins.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Proposals, and the lottery that has some of them audited; joined jobs; bundles of calls; proofs of equivocation
/// @dev Warning: runs by delegatecall from `AssayHub` only; called directly it finds an empty storage.
/// A PROPOSED job's record holds one tally, of the primary alone, that says its commitment. Its seats are the primary and, for
/// a private input, its auditors.
contract HubAudits is HubJoins, IHubAudits {
    using SafeERC20 for IERC20;

    uint8 private constant _OFFENCE_EQUIVOCATION = 4;

    constructor(HubConfig memory config, HubDisputes disputes) HubCore(config) HubRounds(disputes) {}

    // --- Proposing ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubAudits
    function propose(Job calldata job, Record calldata record, bytes32 commitment) external unlocked {
        Context memory c = _openLive(job, record);
        Spec calldata spec = job.spec;
        if (spec.policy.mask & OPTIMISTIC == 0) revert EvidenceWrong(spec.policy.mask, OPTIMISTIC);
        if (c.slot.flags & JobLib.PROPOSED != 0) revert StateWrong(STATE_OPEN, STATE_PROPOSED);
        // Late proposals would leave a challenger no time before the job expires.
        if (block.timestamp > c.slot.deadline) revert TooLate(block.timestamp, c.slot.deadline);
        if (VoteRules.isReserved(commitment)) revert SeatInvalid(0);
        _pin(c, spec);
        uint32[] memory primary = _place(c, spec);
        bytes32[] memory said = new bytes32[](1);
        said[0] = commitment;
        _push(c, Tally(0, 0, primary, said, address(0), 0));

        c.slot.state = STATE_PROPOSED;
        c.slot.flags |= JobLib.PROPOSED;
        c.slot.deadline = uint48(block.timestamp) + spec.policy.tWork + spec.policy.tReveal;
        // The job's own seed is public by now: only one that does not exist yet cannot be played against.
        (c.slot.tableVersion, , ) = VAULT.pool(spec.policy.ticketClass);
        c.slot.seedRef = RANDOM.activate();
        _save(c);
        emit Proposed(c.jobId, primary[0], commitment, c.record);
    }

    /// Makes the candidates the primary and, where they are known already, its auditors.
    function _place(Context memory c, Spec calldata spec) private view returns (uint32[] memory primary) {
        uint32[] memory candidates = c.record.seats;
        primary = new uint32[](1);
        primary[0] = VAULT.workerOfSigner(msg.sender);
        bool found;
        // The empty address signs for nobody: 0 is never drawn.
        for (uint256 i; i < candidates.length; ++i) found = found || candidates[i] == primary[0];
        if (!found) revert NotCandidate(0, msg.sender);
        if (spec.inputRef != 0) {
            c.record.seats = primary;
            return primary;
        }
        uint32[] memory seats = new uint32[](c.k);
        seats[0] = primary[0];
        uint256 next = 1;
        for (uint256 i; next < seats.length; ++i) if (candidates[i] != primary[0]) seats[next++] = candidates[i];
        c.record.seats = seats;
    }

    // --- Lottery ------------------------------------------------------------------------------------------------------

    /// The lottery's seed: each job's own, so that nobody wins or loses for many jobs at once.
    function _auditSeed(Context memory c, bytes32 beat) private pure returns (bytes32) {
        return DrawLib.seedFor(beat, c.jobId, DrawLib.AUDIT, 0);
    }

    function _isDrawn(Spec calldata spec, bytes32 seed) private pure returns (bool) {
        return uint256(seed) % 10_000 < spec.policy.auditBps;
    }

    /// @inheritdoc IHubAudits
    function draw(Job calldata job, Record calldata record) external unlocked {
        Context memory c = _openProposed(job, record);
        Spec calldata spec = job.spec;
        bytes32 seed = _auditSeed(c, RANDOM.seedOf(c.slot.seedRef));
        if (!_isDrawn(spec, seed)) revert AuditNotDue(c.jobId);
        if (c.record.seats.length == 1) _seatAuditors(c, spec, seed);
        // The primary sits in the committee that votes now, bound as if it had posted its commitment there.
        Tally memory proposal = c.record.tallies[0];
        bytes32 key = _boxKey(c.jobId, 0, 0);
        _boxes[key].posted = 1;
        _posted[key][_signer(proposal.seats[0])] = proposal.said[0];
        c.record.tallies = new Tally[](0);
        c.slot.state = STATE_OPEN;
        c.slot.deadline = uint48(block.timestamp) + 2 * uint48(spec.policy.tWork);
        _payPoke(c, spec);
        _save(c);
        emit AuditDrawn(c.jobId, c.record.seats, c.record);
    }

    function _seatAuditors(Context memory c, Spec calldata spec, bytes32 seed) private view {
        uint32[] memory ids = VAULT.drawIds(
            c.slot.tableVersion,
            spec.policy.ticketClass,
            seed,
            c.record.seats,
            c.k - 1
        );
        uint32[] memory seats = new uint32[](c.k);
        seats[0] = c.record.seats[0];
        for (uint256 i; i < ids.length; ++i) seats[i + 1] = ids[i];
        c.record.seats = seats;
    }

    // --- Opening ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubAudits
    function open(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata table,
        bytes32 outDigest,
        bytes32 payload,
        bytes32 salt,
        bytes calldata evidence
    ) external unlocked {
        Context memory c = _openProposed(job, record);
        if (block.timestamp > c.slot.deadline) revert TooLate(block.timestamp, c.slot.deadline);
        Spec calldata spec = job.spec;
        if (_isDrawn(spec, _auditSeed(c, RANDOM.seedOf(c.slot.seedRef)))) revert AuditDue(c.jobId);
        // A proposal is a promise to answer: there is nothing to abstain from.
        if (VoteRules.isReserved(outDigest)) revert DigestReserved(0, outDigest);
        if (payload == 0 && c.slot.flags & JobLib.PROBED != 0) revert DigestReserved(0, payload);
        IEvidenceAdapter.Claim memory claim = IEvidenceAdapter.Claim(
            c.jobId,
            0,
            spec.inDigest,
            outDigest,
            _signer(c.record.tallies[0].seats[0])
        );
        _checkOpening(c, claim, payload, salt);
        if (spec.policy.mask & ENCLAVE != 0) {
            _checkTable(spec, table);
            IEvidenceAdapter(ROUTER.adapterOf(ENCLAVE)).check(_domain(), claim, table[0], evidence);
        } else if (evidence.length != 0) {
            revert EvidenceWrong(spec.policy.mask, ENCLAVE);
        }
        c.record.tallies[0].said[0] = VoteRules.say(outDigest, payload);
        _setBoundary(c, 0, outDigest);
        _closeVote(c, spec, false);
        _save(c);
        emit Revealed(c.jobId, 0, 0, 0, outDigest, payload, salt);
        emit StageTallied(c.jobId, 0, 0, outDigest, c.record);
    }

    function _checkOpening(
        Context memory c,
        IEvidenceAdapter.Claim memory claim,
        bytes32 payload,
        bytes32 salt
    ) private view {
        bytes32 hash = ClaimLib.claimHash(c.jobId, 0, claim.inDigest, claim.outDigest, claim.worker);
        bytes32 have = ClaimLib.commitment(_domain(), hash, 0, payload, salt);
        bytes32 need = c.record.tallies[0].said[0];
        if (have != need) revert CommitmentMismatch(0, have, need);
    }

    // --- Silence ------------------------------------------------------------------------------------------------------

    /// @notice `IHubDisputes.expire` of OPTIMISTIC jobs: here for a proposal that nobody opened, else there.
    function expire(Job calldata job, Record calldata record) external unlocked {
        Context memory c;
        c.jobId = JobLib.idOf(job);
        c.slot = JobLib.load(_slots[c.jobId]);
        if (c.slot.state != STATE_PROPOSED) return _dispute(msg.data);
        _fill(c, job, record);
        bool expired = block.timestamp > job.spec.expiry;
        if (!expired && block.timestamp <= c.slot.deadline) revert TooEarly(block.timestamp, c.slot.deadline + 1);
        try RANDOM.seedOf(c.slot.seedRef) returns (bytes32 beat) {
            // Silence must not outrun the audit: it is drawn however late, as long as the job lives.
            if (!expired && _isDrawn(job.spec, _auditSeed(c, beat))) revert AuditDue(c.jobId);
            c.record.tallies[0].said[0] = SAID_UNREVEALED;
            c.reason = REASON_EXPIRED;
        } catch {
            // Without its seed nobody could have opened or audited: no one is at fault. If it never existed, nothing is
            // charged either (`IRandomness.fixedBlock`).
            (c.record.tallies, c.record.seats) = (new Tally[](0), new uint32[](0));
            c.reason = REASON_UNRESOLVED;
        }
        c.slot.state = STATE_CLOSED;
        _proceed(c, job, true, msg.data[:0]);
    }

    // --- Standbys -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubAudits
    /// @dev Here because here is room.
    function promote(Job calldata job, Record calldata record) external unlocked {
        Context memory c = _openLive(job, record);
        if (!_hasStandbys(c, job.spec)) revert NoStandbys(c.slot.stage, c.slot.round);
        if (block.timestamp <= c.slot.deadline) revert TooEarly(block.timestamp, c.slot.deadline + 1);
        Box storage box_ = _boxes[_boxKey(c.jobId, c.slot.stage, 0)];
        uint32 committed = box_.posted | box_.batched;
        if (box_.closedAt != 0 || _bits(committed) >= _openingQuorum(c)) revert QuorumCommitted(_bits(committed));
        _pin(c, job.spec);
        uint32[] memory absent = _absent(c, committed);
        _fillSeats(c, job.spec, committed, absent.length);
        _push(c, Tally(c.slot.stage, 0, absent, new bytes32[](absent.length), address(0), 0));
        c.slot.deadline = uint48(block.timestamp) + job.spec.policy.tWork;
        _payPoke(c, job.spec);
        _save(c);
        emit Promoted(c.jobId, c.slot.stage, absent, c.record);
    }

    /// Seats of the current stage without a commitment.
    function _absent(Context memory c, uint32 committed) private pure returns (uint32[] memory absent) {
        uint32[] memory ids = _seats(c);
        absent = new uint32[](ids.length - _bits(committed));
        uint256 n;
        for (uint256 i; i < ids.length; ++i) if ((committed >> i) & 1 == 0) absent[n++] = ids[i];
    }

    /// Gives the empty seats to the next draws from the committee's own seed: whom, was fixed with the committee.
    function _fillSeats(Context memory c, Spec calldata spec, uint32 committed, uint256 n) private view {
        uint32[] memory ids = VAULT.drawIds(
            c.slot.tableVersion,
            spec.policy.ticketClass,
            _drawSeed(c, RANDOM.seedOf(c.slot.seedRef)),
            _everyone(c.record),
            n
        );
        uint256 from = c.slot.stage * c.k;
        n = 0;
        for (uint256 i; i < c.k; ++i) if ((committed >> i) & 1 == 0) c.record.seats[from + i] = ids[n++];
    }

    // --- Bundles ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubAudits
    /// @dev Here because here is room.
    function submitMany(bytes[] calldata calls) external returns (uint256 done) {
        for (uint256 i; i < calls.length; ++i) {
            // The same code on the same storage for the same sender: no call can do more here than alone.
            (bool ok, bytes memory problem) = address(this).delegatecall(calls[i]);
            if (ok) ++done;
            else emit CallFailed(i, problem);
        }
    }

    // --- Equivocation -------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubAudits
    /// @dev Here because here is room.
    function proveEquivocation(uint32 workerId, Equivocation calldata proof) external unlocked {
        uint32[] memory ids = new uint32[](1);
        ids[0] = workerId;
        address signer = VAULT.signersOf(ids)[0];
        if (!_contradicts(signer, proof)) revert NotEquivocation();
        uint256 taken = VAULT.slash(workerId, type(uint96).max, proof.jobId, _OFFENCE_EQUIVOCATION);
        if (taken == 0) revert NothingToSlash(workerId);
        VAULT.jail(workerId, type(uint48).max);
        uint256 reward = taken / 10;
        _free[msg.sender] += reward;
        TOKEN.safeTransfer(DEAD, taken - reward);
        emit Slashed(workerId, proof.jobId, _OFFENCE_EQUIVOCATION, taken, taken - reward);
        emit Equivocated(proof.jobId, workerId, msg.sender, taken, reward);
    }

    function _contradicts(address signer, Equivocation calldata p) private view returns (bool) {
        if (signer == address(0)) return false;
        if (p.kind == 1) {
            (bytes32 a, bytes32 b) = (_revealDigest(signer, p, p.a), _revealDigest(signer, p, p.b));
            return
                a != b && ClaimLib.recover(a, p.a.r, p.a.vs) == signer && ClaimLib.recover(b, p.b.r, p.b.vs) == signer;
        }
        if (p.kind > 2 || !_signedCommit(signer, p, p.a)) return false;
        if (p.kind == 0) return p.a.commitment != p.b.commitment && _signedCommit(signer, p, p.b);
        bytes32 posted = _posted[_boxKey(p.jobId, p.stage, p.round)][signer];
        return posted != 0 && posted != p.a.commitment;
    }

    function _signedCommit(address signer, Equivocation calldata p, Statement calldata s) private view returns (bool) {
        bytes32 digest = ClaimLib.commitDigest(_domain(), p.jobId, p.stage, p.round, s.commitment);
        return ClaimLib.recover(digest, s.r, s.vs) == signer;
    }

    function _revealDigest(
        address signer,
        Equivocation calldata p,
        Statement calldata s
    ) private view returns (bytes32) {
        bytes32 claim = ClaimLib.claimHash(p.jobId, p.stage, s.inDigest, s.outDigest, signer);
        return ClaimLib.revealDigest(_domain(), claim, p.round, s.payload, s.extra, s.commitSet);
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    function _openProposed(Job calldata job, Record calldata record) private returns (Context memory c) {
        c = _open(job, record, STATE_PROPOSED);
        if (block.timestamp > job.spec.expiry) revert TooLate(block.timestamp, job.spec.expiry);
    }

    function _signer(uint32 workerId) private view returns (address) {
        uint32[] memory ids = new uint32[](1);
        ids[0] = workerId;
        return VAULT.signersOf(ids)[0];
    }
}
