// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ParameterSet, Spec} from "../../../contracts/types/Types.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {PolicyLib} from "../../../contracts/libraries/PolicyLib.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {vm} from "../support/Vm.sol";

contract PolicyLibTest {
    function check(
        Spec calldata spec,
        ParameterSet memory set,
        PolicyLib.Limits memory limits
    ) external pure returns (uint8 rounds, uint256 escrow, uint256 risk) {
        return PolicyLib.check(spec, set, limits);
    }

    function longest(Spec calldata spec, ParameterSet memory set) external pure returns (uint256) {
        return PolicyLib.longest(spec, set);
    }

    function _read(
        Cursor memory c
    ) private pure returns (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) {
        spec.policy.mask = uint8(c.next());
        spec.policy.k = uint8(c.next());
        spec.policy.auditBps = uint16(c.next());
        spec.policy.cls = uint8(c.next());
        spec.policy.flags = uint32(c.next());
        spec.policy.seatStake = uint96(c.next());
        spec.policy.window = uint32(c.next());
        spec.policy.tWork = uint32(c.next());
        spec.policy.tReveal = uint32(c.next());
        spec.stages = uint8(c.next());
        spec.seatReward = uint96(c.next());
        spec.pokeFee = uint96(c.next());
        spec.insuredValue = uint96(c.next());
        spec.expiry = uint48(c.next());
        set.minWindow = uint32(c.next());
        set.minWork = uint32(c.next());
        set.minReveal = uint32(c.next());
        set.hungLast = uint32(c.next());
        set.jobLife = uint32(c.next());
        set.feeBps = uint16(c.next());
        set.forceUninsured = c.next() == 1;
        limits.supported = uint8(c.next());
        limits.time = uint48(c.next());
        limits.minimumStake = uint96(c.next());
        limits.maxInsured = uint96(c.next());
        limits.enclaveCap = uint96(c.next());
        limits.openRisk = uint96(c.next());
        limits.ticketedStake = uint96(c.next());
        limits.workers = uint32(c.next());
    }

    /// R5, R6, R9: TypeScript and Solidity accept, refuse and price the same requests, with the same error.
    function test_Vectors() public view {
        Cursor memory c = openVectors("economics");
        uint256 accepted;
        for (uint256 i; i < c.cases; ++i) {
            (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _read(c);
            bytes32 refusal = c.nextWord();
            try this.check(spec, set, limits) returns (uint8 rounds, uint256 escrow, uint256 risk) {
                require(refusal == 0, "should refuse");
                require(rounds == c.next() && escrow == c.next() && risk == c.next(), "numbers");
                ++accepted;
            } catch (bytes memory reason) {
                require(keccak256(reason) == refusal, "other error");
                c.position += 3;
            }
            require(this.longest(spec, set) == c.next(), "longest");
        }
        c.assertDone();
        require(accepted > 250 && accepted < c.cases - 250, "one-sided vectors");
    }

    function _good() private pure returns (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) {
        spec.policy.mask = 1;
        spec.policy.k = 5;
        spec.policy.seatStake = 44e18;
        spec.policy.tWork = 10;
        spec.policy.tReveal = 8;
        spec.stages = 1;
        spec.seatReward = 1e18;
        spec.expiry = 1000 + 1800;
        set = ParameterSet(15, 10, 8, 20, 60, 15, 15, 1800, 600, 200, true, true);
        limits = PolicyLib.Limits(1, 1000, 4400e18, 0, 0, 0, 16 * 4400e18, 16);
    }

    /// The devnet of protocol.md section 5: sixteen workers seat k=5 with one escalation, if the job accepts that.
    function test_DevnetPool() public {
        (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _good();
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 16, 39));
        this.check(spec, set, limits);
        spec.policy.flags = 4;
        (uint8 rounds, uint256 escrow, uint256 risk) = this.check(spec, set, limits);
        require(rounds == 1 && escrow == 5.1e18 && risk == 220e18, "5 + 11");
        spec.policy.k = 3;
        spec.policy.seatStake = 28e18;
        spec.stages = 3;
        (rounds, , ) = this.check(spec, set, limits);
        require(rounds == 1, "9 + 7");
        limits.workers = 15;
        (rounds, , ) = this.check(spec, set, limits);
        require(rounds == 0, "only a court");
        limits.workers = 8;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 8, 9));
        this.check(spec, set, limits);
    }

    /// Class T has one escalation, whatever the pool, and insures nothing.
    function test_FloatsEscalateOnce() public {
        (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _good();
        spec.policy.cls = 1;
        limits.workers = 15;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 15, 16));
        this.check(spec, set, limits);
        (limits.workers, limits.ticketedStake) = (100, 1e24);
        (uint8 rounds, , ) = this.check(spec, set, limits);
        require(rounds == 1, "one");
        (spec.insuredValue, spec.policy.window) = (1, 15);
        (set.forceUninsured, limits.maxInsured) = (false, 100);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "insuredValue", 1, 0, 0));
        this.check(spec, set, limits);
    }

    /// R6: critical never weakens without the requester's own flag.
    function test_RevertWhen_CriticalIsOnlyVoted() public {
        (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _good();
        spec.policy.flags = 4 | 1;
        vm.expectRevert(IHubTypes.CriticalNeedsConsent.selector);
        this.check(spec, set, limits);
        spec.policy.flags = 4 | 1 | 2;
        this.check(spec, set, limits);
    }

    function test_RevertWhen_PolicyIsLater() public {
        (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _good();
        for (uint8 mask = 2; mask < 32; ++mask) {
            spec.policy.mask = mask;
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "mask"));
            this.check(spec, set, limits);
        }
        (spec.policy.mask, spec.policy.cls) = (1, 2);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "class T"));
        this.check(spec, set, limits);
        // Floats are voted on, not sampled, proven or encrypted.
        (limits.supported, spec.policy.cls) = (31, 1);
        for (uint8 mask = 2; mask < 32; ++mask) {
            spec.policy.mask = mask;
            vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "class T"));
            this.check(spec, set, limits);
        }
    }

    /// Invariant 27, for any numbers: what is accepted satisfies section 8.
    function testFuzz_AcceptedMeansSafe(
        uint96 stake,
        uint96 reward,
        uint96 insured,
        uint8 k,
        uint8 stages
    ) public view {
        (Spec memory spec, ParameterSet memory set, PolicyLib.Limits memory limits) = _good();
        set.forceUninsured = false;
        limits.maxInsured = type(uint96).max;
        limits.minimumStake = type(uint96).max;
        limits.ticketedStake = type(uint96).max;
        limits.workers = 100;
        reward = reward % 1e24;
        spec.policy.k = k % 8;
        spec.stages = stages % 9;
        spec.seatReward = reward;
        spec.policy.seatStake = uint96(4 * (2 * uint256(spec.policy.k) + 1) * reward + (stake % 3));
        spec.insuredValue = insured % (150 * reward + 1);
        spec.policy.window = 15;
        try this.check(spec, set, limits) {
            uint256 q = (2 * uint256(spec.policy.k) + 2) / 3;
            require(10 * uint256(spec.insuredValue) <= 8 * q * spec.policy.seatStake, "2");
            uint256 left = 20 * uint256(spec.insuredValue) * spec.stages;
            require(left <= uint256(reward) * 5 ** spec.policy.k, "3");
            require(uint256(spec.stages) * spec.policy.k <= 31, "seats");
        } catch (bytes memory reason) {
            bytes4 why = bytes4(reason);
            require(why == IHubTypes.SpecInvalid.selector || why == IHubTypes.PolicyUnsafe.selector, "why");
        }
    }
}
