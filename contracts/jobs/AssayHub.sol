// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubAudits} from "../interfaces/IHubAudits.sol";
import {IHubDisputes} from "../interfaces/IHubDisputes.sol";
import {IHubEnclaves} from "../interfaces/IHubEnclaves.sol";
import {IHubFront} from "../interfaces/IHubFront.sol";
import {IHubJoins} from "../interfaces/IHubJoins.sol";
import {IHubProofs} from "../interfaces/IHubProofs.sol";
import {IHubSketches} from "../interfaces/IHubSketches.sol";
import {IHubVotes} from "../interfaces/IHubVotes.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {
    CIPHER,
    ENCLAVE,
    FLAG_CRITICAL,
    FLAG_JOIN,
    Job,
    OPTIMISTIC,
    ParameterSet,
    PROOF,
    REASON_CANCELLED,
    Record,
    Slot,
    Spec,
    StageInfo,
    StageVotes,
    STATE_FINAL,
    STATE_NONE,
    STATE_OPEN,
    VOTE
} from "../types/Types.sol";
import {AccountLib} from "../libraries/AccountLib.sol";
import {BatchLib} from "../libraries/BatchLib.sol";
import {BallotLib} from "../libraries/BallotLib.sol";
import {DrawLib} from "../libraries/DrawLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {PolicyLib} from "../libraries/PolicyLib.sol";
import {SettleLib} from "../libraries/SettleLib.sol";
import {VoteRules} from "../libraries/VoteRules.sol";
import {HubConfig, HubCore} from "./HubCore.sol";
import {HubMoney} from "./HubMoney.sol";

/// `HubVotes`, `HubSketches`, `HubProofs`, `HubEnclaves` and `HubAudits`, of which this file imports no code.
interface ISettles {
    function DISPUTES() external view returns (address);
}

/// The contracts that a hub delegates to, each built from its configuration.
struct HubCode {
    HubCore votes;
    HubCore sketches;
    HubCore proofs;
    HubCore enclaves;
    HubCore audits;
    HubCore disputes;
}

/// @title Assay's hub
/// @notice Requests, and the fast path of undisputed jobs; everything else of `IAssayHub` is delegated to `VOTES`,
/// `SKETCHES`, `PROOFS`, `ENCLAVES`, `AUDITS` and `DISPUTES`.
contract AssayHub is HubMoney {
    uint256 private constant _LOCAL_CHAIN = 31337;
    uint256 private constant _MIN_CALLBACK_GAS = 20_000;
    uint256 private constant _MAX_CALLBACK_GAS = 5_000_000;

    /// Code, not state: they act on this contract's storage and have no other life.
    address public immutable VOTES;
    address public immutable SKETCHES;
    address public immutable PROOFS;
    address public immutable ENCLAVES;
    address public immutable AUDITS;
    address public immutable DISPUTES;
    uint96 private immutable _MINIMUM_STAKE;

    constructor(HubConfig memory config, HubCode memory code) HubCore(config) {
        (VOTES, SKETCHES) = (address(code.votes), address(code.sketches));
        (PROOFS, ENCLAVES) = (address(code.proofs), address(code.enclaves));
        (AUDITS, DISPUTES) = (address(code.audits), address(code.disputes));
        // All must have been built from the same configuration, and settle by the same code.
        bytes32 digest = configHash();
        if (code.disputes.configHash() != digest) revert ConfigMismatch();
        HubCore[5] memory others = [code.votes, code.sketches, code.proofs, code.enclaves, code.audits];
        for (uint256 i; i < 5; ++i) {
            bool settles = ISettles(address(others[i])).DISPUTES() == DISPUTES;
            if (others[i].configHash() != digest || !settles) revert ConfigMismatch();
        }
        _MINIMUM_STAKE = config.vault.minimumStake();
    }

    // --- Requesting ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubFront
    function request(uint96 nonce, Spec calldata spec) external unlocked returns (bytes32 jobId) {
        Totals memory t = _totals;
        if (block.timestamp < t.pausedUntil) revert Paused(t.pausedUntil);
        if (!JobLib.isCanonical(spec)) revert SpecInvalid("encoding", 1, 0, 0);
        if (spec.policy.flags & FLAG_JOIN != 0 && !_joining) revert ParentsUnchecked();
        jobId = JobLib.idOf(msg.sender, nonce, spec);
        Slot storage stored = _slots[jobId];
        // The first byte is the state in both forms of a slot.
        if (stored.state != STATE_NONE) revert JobExists(jobId);

        Slot memory s;
        uint256 cost = _admit(spec, t, s);
        s.flags |= _checkModel(spec);
        _checkCallback(spec, s);
        _spend(msg.sender, cost);
        s.state = STATE_OPEN;
        s.escrow = uint112(cost);
        s.deadline = uint48(block.timestamp) + uint48(spec.stages) * spec.policy.tWork;
        s.seedRef = RANDOM.activate();
        JobLib.save(stored, s);
        _totals = t;
        JobLib.emitRequested(jobId, nonce, spec);
        // A critical job without PROOF or CIPHER was refused, or its requester consented.
        if (spec.policy.flags & FLAG_CRITICAL != 0 && spec.policy.mask & (PROOF | CIPHER) == 0)
            emit Downgraded(jobId, msg.sender);
    }

    /// @inheritdoc IHubFront
    function cancel(Job calldata job) external unlocked {
        bytes32 jobId = JobLib.idOf(job);
        Slot memory s = JobLib.load(_slots[jobId]);
        if (s.state != STATE_OPEN) revert StateWrong(s.state, STATE_OPEN);
        if (msg.sender != job.requester) revert RequesterOnly(job.requester);
        uint256 fixedAt = RANDOM.fixedBlock(s.seedRef);
        // A pinned job's seed may also be an escalation's.
        if (s.word != 0 || block.number >= fixedAt) revert TooLate(block.number, fixedAt);
        uint256 refund = s.escrow;
        _free[job.requester] += refund;
        _totals.openRisk -= uint96(uint256(job.spec.stages) * job.spec.policy.k * job.spec.policy.seatStake);
        _end(s, REASON_CANCELLED);
        s.flags |= JobLib.DELIVERED; // the requester knows
        JobLib.saveEnd(_slots[jobId], s);
        emit Closed(jobId, REASON_CANCELLED, refund);
    }

    /// Section 8's inequalities, and what follows from the pool: table version, rounds, open risk.
    function _admit(Spec calldata spec, Totals memory t, Slot memory s) private returns (uint256 cost) {
        ParameterSet memory set = _params(spec.paramsVersion);
        PolicyLib.Limits memory limits;
        uint8 mask = spec.policy.mask;
        // Votes and samples need nobody else. Of what has an adapter, proofs and enclaves are served, and not beside a vote.
        if (mask & (VOTE | OPTIMISTIC) != 0) limits.supported = mask & (VOTE | OPTIMISTIC);
        if (mask & VOTE == 0 && mask != OPTIMISTIC) limits.supported |= ROUTER.supported() & (PROOF | ENCLAVE);
        // Votes on ciphertexts end before a referee: none without one.
        if (mask & CIPHER != 0) limits.supported |= ROUTER.supported() & CIPHER;
        limits.time = uint48(block.timestamp);
        limits.minimumStake = _MINIMUM_STAKE;
        limits.openRisk = t.openRisk;
        // Keys on a local chain may be development keys, which anyone can forge: proofs insure nothing there.
        if (spec.insuredValue != 0 && (mask & PROOF == 0 || block.chainid != _LOCAL_CHAIN))
            limits.maxInsured = RANDOM.maxInsured();
        (s.tableVersion, limits.workers, limits.ticketedStake) = VAULT.pool(spec.policy.ticketClass);
        if (s.tableVersion == 0) revert TableNotReady();
        uint256 risk;
        (s.flags, cost, risk) = PolicyLib.check(spec, set, limits);
        if (cost > type(uint112).max) revert BalanceTooLow(_free[msg.sender], cost);
        // Checked above: at most an eighth of the ticketed stake.
        t.openRisk += uint96(risk);
    }

    /// The model takes this policy, and the class takes this model.
    function _checkModel(Spec calldata spec) private returns (uint8 flags) {
        uint256 model = _model(spec.modelId);
        uint8 mask = spec.policy.mask;
        if ((model >> mask) & 1 == 0 || mask > 31) revert MaskNotAccepted(mask, uint32(model));
        // Floats compared exactly would slash honest seats; integers compared loosely would pay wrong ones.
        if (spec.policy.cls != model & 1) revert SpecInvalid("cls", spec.policy.cls, model & 1, model & 1);
        uint256 stages = uint8(model >> 96);
        if (stages != spec.stages) revert SpecInvalid("stages", spec.stages, stages, stages);
        if ((model >> 104) & 1 == 0) revert NotSupported("client stages");
        if ((model >> 105) & 1 != 0) flags = JobLib.LINEAR;
        if ((model >> 106) & 1 != 0) flags |= JobLib.OUTPUT_PUBLIC;
        if (uint8(model >> 107) != 0) flags |= JobLib.PROBED;
        // Class 0 has no price and no limit.
        uint32 class_ = spec.policy.ticketClass;
        if (class_ == 0) return flags;
        uint256 units = uint64(model >> 32);
        // A batch costs what its inputs cost; a class limits the size of one.
        uint256 count = BatchLib.countOf(spec.policy.flags);
        IStakeVault.TicketClass memory terms = VAULT.ticketClass(class_);
        if (units > terms.maxUnits) revert SpecInvalid("ticketClass", units, 0, terms.maxUnits);
        uint256 least = terms.minPrice * units * (count == 0 ? 1 : count);
        if (spec.seatReward < least) revert SpecInvalid("seatReward", spec.seatReward, least, type(uint96).max);
    }

    function _checkCallback(Spec calldata spec, Slot memory s) private pure {
        if (spec.callback == address(0)) {
            s.flags |= JobLib.DELIVERED;
            return;
        }
        uint256 gasLimit = spec.callbackGas;
        if (gasLimit < _MIN_CALLBACK_GAS || gasLimit > _MAX_CALLBACK_GAS)
            revert SpecInvalid("callbackGas", gasLimit, _MIN_CALLBACK_GAS, _MAX_CALLBACK_GAS);
    }

    // --- Voting -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubFront
    /// @dev Unanimous, uninsured, linear, whole jobs are counted here; all others by the same call in `HubVotes`.
    function submit(
        Job calldata job,
        Record calldata record,
        StageInfo[] calldata,
        StageVotes[] calldata votes,
        bytes calldata output
    ) external unlocked {
        bytes32 jobId = JobLib.idOf(job);
        Slot memory s = JobLib.load(_slots[jobId]);
        if (!_isPlain(job.spec, s, votes) || !_isEmpty(record)) _delegate(VOTES);
        (bytes32 outDigest, bytes32 recordHash) = _countPlain(job, jobId, s, votes);
        emit Finalized(jobId, outDigest, recordHash, VOTE);
        _callBack(job, jobId, s, outDigest, output);
    }

    function _countPlain(
        Job calldata job,
        bytes32 jobId,
        Slot memory s,
        StageVotes[] calldata votes
    ) private returns (bytes32 outDigest, bytes32 recordHash) {
        uint256 k = job.spec.policy.k;
        (uint32[] memory ids, address[] memory signers) = VAULT.draw(
            s.tableVersion,
            job.spec.policy.ticketClass,
            DrawLib.seedFor(RANDOM.seedOf(s.seedRef), jobId, DrawLib.ROUND_0, 0),
            new uint32[](0),
            k * votes.length
        );
        emit Pinned(jobId, 0, 0, ids);
        outDigest = _checkVotes(job.spec, jobId, votes, signers);
        recordHash = JobLib.unanimousRecordHash(ids, k, votes);
        s.word = JobLib.finalWord(outDigest, recordHash);
        _settlePlain(job, jobId, s, ids);
    }

    function _isEmpty(Record calldata r) private pure returns (bool) {
        return r.seats.length | r.boundaries.length | r.tallies.length | r.decided == 0;
    }

    function _isPlain(Spec calldata spec, Slot memory s, StageVotes[] calldata votes) private view returns (bool) {
        if (s.state != STATE_OPEN || s.word != 0 || s.flags & JobLib.LINEAR == 0) return false;
        if (votes.length != spec.stages || spec.policy.window != 0 || block.timestamp > spec.expiry) return false;
        if (spec.policy.mask != VOTE || spec.policy.cls != 0) return false;
        uint256 k = spec.policy.k;
        for (uint256 i; i < votes.length; ++i) {
            StageVotes calldata v = votes[i];
            if (v.outs.length != 1 || v.payloads.length != 1 || v.seats.length != k) return false;
            if (VoteRules.isReserved(v.outs[0])) return false;
            if (v.payloads[0] == 0 && s.flags & JobLib.PROBED != 0) return false;
        }
        return true;
    }

    function _checkVotes(
        Spec calldata spec,
        bytes32 jobId,
        StageVotes[] calldata votes,
        address[] memory signers
    ) private view returns (bytes32) {
        BallotLib.Ballot memory b = BallotLib.Ballot(_domain(), jobId, 0, 0, spec.inDigest);
        uint256 k = spec.policy.k;
        // At most 8 stages of 7 seats.
        unchecked {
            for (uint256 i; i < votes.length; ++i) {
                StageVotes calldata v = votes[i];
                b.stage = i;
                bytes32 out = v.outs[0];
                BallotLib.checkUnanimous(b, out, v.payloads[0], v.seats, signers, i * k);
                b.inDigest = out;
            }
        }
        return b.inDigest;
    }

    /// What `SettleLib` does for a record without dissent, absence or abstention (tested to be equal).
    function _settlePlain(Job calldata job, bytes32 jobId, Slot memory s, uint32[] memory ids) private {
        Spec calldata spec = job.spec;
        uint256 reward = spec.seatReward;
        // At most 31 seats.
        unchecked {
            for (uint256 i; i < ids.length; ++i)
                AccountLib.record(_accounts[ids[i]], reward, SettleLib.SEAT_AGREED, SettleLib.RHO_AGREED);
        }
        // The escrow is rewards + fee + 6 pokes: all but the pokes is due.
        uint256 refund = PolicyLib.POKES * uint256(spec.pokeFee);
        Totals memory t = _totals;
        t.openRisk -= uint96(ids.length * uint256(spec.policy.seatStake));
        t.fees += uint96(s.escrow - refund - ids.length * reward);
        _totals = t;
        _free[job.requester] += refund;
        _end(s, 0);
        JobLib.saveEnd(_slots[jobId], s);
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHubFront
    function verifyResult(bytes32 jobId, bytes32 outDigest, bytes32 recordHash) external view returns (bool) {
        Slot memory s = JobLib.load(_slots[jobId]);
        return s.state == STATE_FINAL && s.word == JobLib.finalWord(outDigest, recordHash);
    }

    /// @inheritdoc IHubFront
    function slot(bytes32 jobId) external view returns (Slot memory) {
        return JobLib.load(_slots[jobId]);
    }

    /// @inheritdoc IHubFront
    function box(bytes32 jobId, uint8 stage, uint8 round) external view returns (Box memory) {
        return _boxes[_boxKey(jobId, stage, round)];
    }

    /// @inheritdoc IHubFront
    function postedBy(bytes32 jobId, uint8 stage, uint8 round, address signer) external view returns (bytes32) {
        return _posted[_boxKey(jobId, stage, round)][signer];
    }

    /// @inheritdoc IHubFront
    function balanceOf(address account_) external view returns (uint256) {
        return _free[account_];
    }

    /// @inheritdoc IHubFront
    function account(uint32 workerId) external view returns (Account memory) {
        return _accounts[workerId];
    }

    /// @inheritdoc IHubFront
    function totals() external view returns (Totals memory) {
        return _totals;
    }

    /// @inheritdoc IHubFront
    function jobIdOf(address requester, uint96 nonce, Spec calldata spec) external view returns (bytes32) {
        return JobLib.idOf(requester, nonce, spec);
    }

    /// @inheritdoc IHubFront
    function escrowOf(Spec calldata spec) external view returns (uint256) {
        return PolicyLib.escrowOf(spec, _paramsView(spec.paramsVersion).feeBps);
    }

    /// @inheritdoc IHubFront
    function domainSeparator() external view returns (bytes32) {
        return _domain();
    }

    /// @inheritdoc IHubFront
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc IHubFront
    function vault() external view returns (address) {
        return address(VAULT);
    }

    /// @inheritdoc IHubFront
    function registry() external view returns (address) {
        return address(REGISTRY);
    }

    /// @inheritdoc IHubFront
    function params() external view returns (address) {
        return address(PARAMS);
    }

    /// @inheritdoc IHubFront
    function randomness() external view returns (address) {
        return address(RANDOM);
    }

    /// @inheritdoc IHubFront
    function router() external view returns (address) {
        return address(ROUTER);
    }

    // --- The other contracts ------------------------------------------------------------------------------------------

    fallback() external {
        bytes4 s = msg.sig;
        bool vote =
            s == IHubVotes.tally.selector ||
                s == IHubVotes.commit.selector ||
                s == IHubVotes.commitMany.selector ||
                s == IHubVotes.reveal.selector ||
                s == IHubVotes.pin.selector;
        if (vote) _delegate(VOTES);
        bool sketch =
            s == IHubSketches.submitSketches.selector ||
                s == IHubSketches.revealSketch.selector ||
                s == IHubSketches.tallySketches.selector;
        if (sketch) _delegate(SKETCHES);
        bool proof =
            s == IHubProofs.submitProofs.selector ||
                s == IHubProofs.court.selector ||
                s == IHubProofs.lateCourt.selector;
        bool attested = s == IHubProofs.submitProofs.selector && _maskInCall() & ENCLAVE != 0;
        if (attested || s == IHubEnclaves.schedule.selector) _delegate(ENCLAVES);
        if (proof) _delegate(PROOFS);
        bool audit =
            s == IHubAudits.propose.selector ||
                s == IHubAudits.draw.selector ||
                s == IHubAudits.open.selector ||
                s == IHubAudits.promote.selector ||
                s == IHubJoins.requestJoined.selector ||
                s == IHubAudits.submitMany.selector ||
                s == IHubAudits.proveEquivocation.selector ||
                (s == IHubDisputes.expire.selector && _maskInCall() & OPTIMISTIC != 0);
        _delegate(audit ? AUDITS : DISPUTES);
    }

    /// `spec.policy.mask` of a call whose first argument is a job: its seventh word. Who lies here is told so by the job's id.
    function _maskInCall() private pure returns (uint256 mask) {
        assembly ("memory-safe") {
            mask := calldataload(196)
        }
    }

    /// Runs the same call in `code` on this storage and ends with its answer.
    function _delegate(address code) private {
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, 0, calldatasize())
            let ok := delegatecall(gas(), code, p, calldatasize(), 0, 0)
            returndatacopy(p, 0, returndatasize())
            if ok {
                return(p, returndatasize())
            }
            revert(p, returndatasize())
        }
    }
}
