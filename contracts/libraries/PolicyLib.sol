// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    CIPHER,
    ENCLAVE,
    OPTIMISTIC,
    PROOF,
    VOTE,
    FLAG_ACCEPT_DOWNGRADE,
    FLAG_ACCEPT_EXPOSURE,
    FLAG_CRITICAL,
    FLAG_JOIN,
    FLAG_SMALL_POOL,
    FLAG_STANDBY,
    ParameterSet,
    Policy,
    Spec
} from "../types/Types.sol";
import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {BatchLib} from "./BatchLib.sol";
import {DrawLib} from "./DrawLib.sol";
import {VoteRules} from "./VoteRules.sol";

/// @title What `request` demands of a job (protocol.md sections 3, 5 and 8); mirror: offchain/core/policy.ts
/// @notice Reverts with the hub's own errors, in a fixed order: shape, times, money, pool.
library PolicyLib {
    uint256 internal constant MAX_STAGES = 8;
    uint256 internal constant MAX_SEATS = 31;
    uint256 internal constant POKES = 6; // poke fees that an escrow holds
    uint256 private constant _MILLION = 1_000_000;

    /// What the hub knows at the moment of the request.
    struct Limits {
        uint8 supported; // evidence bits this hub can check
        uint48 time;
        uint96 minimumStake; // M
        uint96 maxInsured; // of the randomness source
        uint96 enclaveCap; // for ENCLAVE alone
        uint96 openRisk; // sum of open LkS
        uint96 ticketedStake;
        uint32 workers; // distinct workers in the ticket class
    }

    /// Checks everything about a job but its model and price, and fixes its numbers.
    /// @return rounds escalation rounds a stage
    /// @return escrow what the requester pays in
    /// @return risk the job's LkS, to be added to openRisk until it ends
    function check(
        Spec calldata spec,
        ParameterSet memory set,
        Limits memory limits
    ) internal pure returns (uint8 rounds, uint256 escrow, uint256 risk) {
        Policy calldata policy = spec.policy;
        uint256 seats = checkShape(policy, spec.stages, limits.supported);
        _checkTimes(spec, set, limits.time);
        risk = seats * policy.seatStake;
        _checkMoney(spec, set, limits, risk);
        rounds = roundsOf(spec, limits.workers);
        escrow = escrowOf(spec, set.feeBps);
    }

    /// The policy alone: known bits, allowed committee, no silent weakening.
    /// @return seats of round 0, all stages
    function checkShape(Policy calldata policy, uint256 stages, uint8 supported) internal pure returns (uint256 seats) {
        uint8 mask = policy.mask;
        if (mask & ~supported != 0) revert IHubTypes.NotSupported("mask");
        // Floats are only voted on.
        if (policy.cls > 1 || (policy.cls == 1 && mask != VOTE)) revert IHubTypes.NotSupported("class T");
        uint32 known = FLAG_CRITICAL | FLAG_ACCEPT_DOWNGRADE | FLAG_SMALL_POOL | FLAG_ACCEPT_EXPOSURE;
        // An audit opens with one auditor, candidates owe nothing, and sketches name their seats: no standbys there.
        // Proofs speak of one input tensor, and batches and floats have no joins.
        if (mask == VOTE && policy.cls == 0)
            known |= BatchLib.countOf(policy.flags) == 0 ? FLAG_STANDBY | FLAG_JOIN : FLAG_STANDBY;
        if (uint8(policy.flags) & ~known != 0) revert IHubTypes.NotSupported("flags");
        // Many inputs in one job are voted on or sampled by their root. Proofs, quotes and sketches are of one tensor.
        if (BatchLib.countOf(policy.flags) != 0 && (policy.cls != 0 || (mask != VOTE && mask != OPTIMISTIC)))
            revert IHubTypes.NotSupported("batch");
        bool sampled = mask & OPTIMISTIC != 0;
        // Whoever is drawn into an audit votes.
        bool vote = sampled || mask & VOTE != 0;
        // CIPHER is voted on; OPTIMISTIC replaces the vote; CIPHER with ENCLAVE means nothing.
        if (
            mask == 0 ||
            mask > 31 ||
            (mask & CIPHER != 0 && (mask & VOTE == 0 || mask & ENCLAVE != 0)) ||
            (sampled && mask & ~(OPTIMISTIC | ENCLAVE) != 0) ||
            // Unaudited, enclaves may only share a program: of one stage there are samples.
            (mask == ENCLAVE && stages == 1)
        ) revert IHubTypes.NotSupported("mask");

        uint256 k = policy.k;
        bool pair = mask == ENCLAVE | PROOF;
        uint256 mostK =
            vote
                ? 7
                : pair
                    ? 2
                    : 1;
        // 1, 2, 3, 5 or 7; a vote of one compares nothing.
        if (k < (vote ? 2 : 1) || k > mostK || k == 4 || k == 6)
            revert IHubTypes.SpecInvalid("k", k, vote ? 2 : 1, mostK);
        uint256 mostStages = sampled ? 1 : MAX_STAGES;
        if (stages == 0 || stages > mostStages) revert IHubTypes.SpecInvalid("stages", stages, 1, mostStages);
        // At most 8 * 7.
        unchecked {
            seats = stages * k;
        }
        uint256 most = vote ? MAX_SEATS : DrawLib.CANDIDATES;
        if (seats > most) revert IHubTypes.SpecInvalid("stages", stages, 1, most / k);

        // A vote audits everything: a share is only meant by OPTIMISTIC.
        if (sampled ? policy.auditBps > 10_000 : policy.auditBps != 0 && policy.auditBps != 10_000)
            revert IHubTypes.SpecInvalid("auditBps", policy.auditBps, 0, 10_000);
        if (policy.flags & (FLAG_CRITICAL | FLAG_ACCEPT_DOWNGRADE) == FLAG_CRITICAL && mask & (PROOF | CIPHER) == 0)
            revert IHubTypes.CriticalNeedsConsent();
    }

    /// The rounds of escalation the class can always seat; fewer than two only for uninsured jobs that accept it.
    function roundsOf(Spec calldata spec, uint256 workers) internal pure returns (uint8 rounds) {
        uint8 mask = spec.policy.mask;
        uint256 k = spec.policy.k;
        // k <= 7, stages <= 8.
        unchecked {
            uint256 seats = uint256(spec.stages) * k;
            bool vote = mask & VOTE != 0;
            uint256 least = vote || seats > DrawLib.CANDIDATES ? seats : DrawLib.CANDIDATES;
            if (!vote && mask & OPTIMISTIC == 0) {
                // Only a proof, or an enclave's signature, can decide here.
                if (workers < least) revert IHubTypes.PoolTooSmall(workers, least);
                return 0;
            }
            // Of class T one escalation is judged: nothing may be insured by it.
            bool tolerant = spec.policy.cls == 1;
            if (tolerant && spec.insuredValue != 0)
                revert IHubTypes.SpecInvalid("insuredValue", spec.insuredValue, 0, 0);
            uint256 full = seats + (tolerant ? 2 * k + 1 : 6 * k + 4);
            if (workers >= full && workers >= least) return tolerant ? 1 : 2;
            if (mask & PROOF == 0) {
                if (spec.policy.flags & FLAG_SMALL_POOL == 0)
                    revert IHubTypes.PoolTooSmall(workers, full > least ? full : least);
                if (spec.insuredValue != 0) revert IHubTypes.SpecInvalid("insuredValue", spec.insuredValue, 0, 0);
            }
            if (workers < least) revert IHubTypes.PoolTooSmall(workers, least);
            return workers >= seats + 2 * k + 1 ? 1 : 0;
        }
    }

    /// All seat rewards, the protocol fee on them, and the pokes.
    function escrowOf(Spec calldata spec, uint256 feeBps) internal pure returns (uint256) {
        // 31 * 2^96 * 2^16 + 6 * 2^96 < 2^256
        unchecked {
            uint256 rewards = uint256(spec.stages) * spec.policy.k * spec.seatReward;
            return rewards + (rewards * feeBps) / 10_000 + POKES * spec.pokeFee;
        }
    }

    /// The longest a job can take if every stage is challenged twice: past it no honest call is late.
    function longest(Spec calldata spec, ParameterSet memory set) internal pure returns (uint256) {
        // Sums of products of 8-bit and 32-bit numbers.
        unchecked {
            uint256 stages = spec.stages;
            uint256 window = spec.policy.window > set.minWindow ? spec.policy.window : set.minWindow;
            // A proposal and its opening take as long as one more round, and so does filling a stage's seats again.
            uint256 rounds = 3 * stages + (spec.policy.mask & OPTIMISTIC != 0 ? 1 : 0);
            if (spec.policy.flags & FLAG_STANDBY != 0) rounds += stages;
            return
                rounds * (2 * uint256(spec.policy.tWork) + spec.policy.tReveal) +
                (1 + 4 * stages) * window +
                set.hungLast;
        }
    }

    function _checkTimes(Spec calldata spec, ParameterSet memory set, uint256 time) private pure {
        Policy calldata policy = spec.policy;
        if (policy.tWork < set.minWork)
            revert IHubTypes.SpecInvalid("tWork", policy.tWork, set.minWork, type(uint32).max);
        if (policy.tReveal < set.minReveal)
            revert IHubTypes.SpecInvalid("tReveal", policy.tReveal, set.minReveal, type(uint32).max);
        if (spec.insuredValue != 0 && policy.mask & PROOF == 0 && policy.window < set.minWindow)
            revert IHubTypes.SpecInvalid("window", policy.window, set.minWindow, type(uint32).max);
        // What nobody audited must at least be open to challenge.
        if (policy.mask & OPTIMISTIC != 0 && policy.window == 0)
            revert IHubTypes.SpecInvalid("window", 0, 1, type(uint32).max);
        // 48-bit and 32-bit numbers.
        unchecked {
            uint256 least = time + longest(spec, set);
            uint256 most = time + set.jobLife;
            if (spec.expiry < least || spec.expiry > most)
                revert IHubTypes.SpecInvalid("expiry", spec.expiry, least, most);
        }
    }

    /// Inequality 4, p d S >= R + (1 - p d) V: the least seat stake with which lying to a sampled job cannot pay. d is the
    /// chance that an audit notices: 0.95 with two auditors, 0.99 with four; one auditor alone proves nothing.
    function leastStakeBySampling(
        uint256 auditBps,
        uint256 k,
        uint256 insured,
        uint256 reward
    ) internal pure returns (uint256) {
        // Amounts are below 2^96.
        unchecked {
            uint256 detected =
                k >= 5
                    ? 99
                    : k >= 3
                        ? 95
                        : 0;
            uint256 caught = auditBps * detected; // p d in millionths
            if (caught == 0) return type(uint256).max;
            return (_MILLION * reward + (_MILLION - caught) * insured + caught - 1) / caught;
        }
    }

    /// Section 8, all six inequalities.
    function _checkMoney(Spec calldata spec, ParameterSet memory set, Limits memory limits, uint256 risk) private pure {
        uint256 insured = spec.insuredValue;
        uint256 stake = spec.policy.seatStake;
        uint256 reward = spec.seatReward;
        uint256 k = spec.policy.k;
        uint8 mask = spec.policy.mask;
        // Amounts are below 2^96, factors below 5^7: no product reaches 2^128.
        unchecked {
            uint256 least = 4 * (2 * k + 1) * reward;
            if (stake < least) revert IHubTypes.PolicyUnsafe(1, stake, least);
            uint256 most;
            if (mask & VOTE != 0 && mask & PROOF == 0) {
                most = (8 * VoteRules.quorum(k) * stake) / 10;
                if (insured > most) revert IHubTypes.PolicyUnsafe(2, insured, most);
                // 20 V L / 5^k <= R
                most = (reward * 5 ** k) / (20 * uint256(spec.stages));
                if (insured > most) revert IHubTypes.PolicyUnsafe(3, insured, most);
            }
            if (mask & OPTIMISTIC != 0) {
                // Without audits nothing but a challenger's own interest speaks for the answer: it may insure nothing.
                if (spec.policy.auditBps == 0) {
                    if (insured != 0) revert IHubTypes.PolicyUnsafe(4, insured, 0);
                } else {
                    least = leastStakeBySampling(spec.policy.auditBps, k, insured, reward);
                    if (stake < least) revert IHubTypes.PolicyUnsafe(4, stake, least);
                }
            }
            uint256 cap = set.forceUninsured ? 0 : limits.maxInsured;
            if (mask == ENCLAVE && cap > limits.enclaveCap) cap = limits.enclaveCap;
            if (insured > cap) revert IHubTypes.PolicyUnsafe(5, insured, cap);
            most = limits.minimumStake / 4;
            if (stake > most) revert IHubTypes.PolicyUnsafe(6, stake, most);
            uint256 open = risk + limits.openRisk;
            most = limits.ticketedStake / 8;
            if (open > most) revert IHubTypes.PolicyUnsafe(6, open, most);
        }
    }
}
