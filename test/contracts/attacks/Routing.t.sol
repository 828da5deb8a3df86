// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IHubAudits} from "../../../contracts/interfaces/IHubAudits.sol";
import {IHubDisputes} from "../../../contracts/interfaces/IHubDisputes.sol";
import {IHubEnclaves} from "../../../contracts/interfaces/IHubEnclaves.sol";
import {IHubFront} from "../../../contracts/interfaces/IHubFront.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IHubJoins} from "../../../contracts/interfaces/IHubJoins.sol";
import {IHubProofs} from "../../../contracts/interfaces/IHubProofs.sol";
import {IHubSketches} from "../../../contracts/interfaces/IHubSketches.sol";
import {IHubVotes} from "../../../contracts/interfaces/IHubVotes.sol";
import {IInferenceConsumer} from "../../../contracts/interfaces/IInferenceConsumer.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {AssayHub, HubCode} from "../../../contracts/jobs/AssayHub.sol";
import {HubConfig} from "../../../contracts/jobs/HubCore.sol";
import {HubAudits} from "../../../contracts/jobs/HubAudits.sol";
import {HubDisputes} from "../../../contracts/jobs/HubDisputes.sol";
import {HubEnclaves} from "../../../contracts/jobs/HubEnclaves.sol";
import {HubProofs} from "../../../contracts/jobs/HubProofs.sol";
import {HubSketches} from "../../../contracts/jobs/HubSketches.sol";
import {HubVotes} from "../../../contracts/jobs/HubVotes.sol";
import {EvidenceRouter} from "../../../contracts/registry/EvidenceRouter.sol";
import {FeeToken} from "../../../contracts/mocks/FeeToken.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import "../../../contracts/types/Types.sol";
import {AttackBase} from "../support/AttackBase.sol";
import {LogVm, logs} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// Seven contracts behind one address, and what reaches which.
contract RoutingTest is AttackBase {
    AssayHub private _front;
    HubVotes private _votesCode;
    HubProofs private _proofsCode;
    HubEnclaves private _enclavesCode;
    HubAudits private _auditsCode;
    HubSketches private _sketchesCode;
    HubDisputes private _disputesCode;

    function setUp() public {
        _deploy(60);
        _front = AssayHub(address(_hub));
        (_votesCode, _proofsCode) = (HubVotes(_front.VOTES()), HubProofs(_front.PROOFS()));
        (_auditsCode, _sketchesCode) = (HubAudits(_front.AUDITS()), HubSketches(_front.SKETCHES()));
        (_enclavesCode, _disputesCode) = (HubEnclaves(_front.ENCLAVES()), HubDisputes(_front.DISPUTES()));
    }

    /// No two functions of the seven contracts share a selector, save `submit` and `submitProofs`, which two of them each mean alike.
    function test_SelectorsDoNotCollide() public pure {
        bytes4[47] memory all = [
            IHubFront.deposit.selector,
            IHubFront.depositWithPermit.selector,
            IHubFront.withdraw.selector,
            IHubFront.claim.selector,
            IHubFront.sweepFees.selector,
            IHubFront.request.selector,
            IHubFront.cancel.selector,
            IHubFront.submit.selector,
            IHubDisputes.pause.selector,
            IHubFront.verifyResult.selector,
            IHubFront.slot.selector,
            IHubFront.box.selector,
            IHubFront.postedBy.selector,
            IHubFront.balanceOf.selector,
            IHubFront.account.selector,
            IHubFront.totals.selector,
            IHubFront.jobIdOf.selector,
            IHubFront.escrowOf.selector,
            IHubFront.domainSeparator.selector,
            IHubFront.token.selector,
            IHubFront.vault.selector,
            IHubFront.registry.selector,
            IHubFront.params.selector,
            IHubFront.randomness.selector,
            IHubFront.router.selector,
            IHubProofs.submitProofs.selector,
            IHubEnclaves.schedule.selector,
            IHubProofs.court.selector,
            IHubProofs.lateCourt.selector,
            IHubAudits.proveEquivocation.selector,
            IHubJoins.requestJoined.selector,
            IHubVotes.pin.selector,
            IHubVotes.commit.selector,
            IHubVotes.commitMany.selector,
            IHubVotes.reveal.selector,
            IHubVotes.tally.selector,
            IHubSketches.submitSketches.selector,
            IHubSketches.revealSketch.selector,
            IHubSketches.tallySketches.selector,
            IHubAudits.propose.selector,
            IHubAudits.submitMany.selector,
            IHubAudits.draw.selector,
            IHubAudits.open.selector,
            IHubDisputes.expire.selector,
            IHubDisputes.challenge.selector,
            IHubDisputes.settle.selector,
            IHubDisputes.retryCallback.selector
        ];
        for (uint256 i; i < all.length; ++i) for (uint256 j; j < i; ++j) require(all[i] != all[j], "collision");
        require(HubVotes.submit.selector == IHubFront.submit.selector, "submit");
        require(HubEnclaves.submitProofs.selector == IHubProofs.submitProofs.selector, "submitProofs");
        // A hostile job can make the hub call these contracts with this selector, and nothing else.
        bytes4 told = IInferenceConsumer.handleInference.selector;
        bytes4[9] memory money = [
            IERC20.transfer.selector,
            IERC20.transferFrom.selector,
            IERC20.approve.selector,
            IStakeVault.slash.selector,
            IStakeVault.jail.selector,
            IStakeVault.stake.selector,
            IStakeVault.beginUnbond.selector,
            IStakeVault.withdraw.selector,
            IStakeVault.applyChanges.selector
        ];
        for (uint256 i; i < money.length; ++i) require(money[i] != told, "the callback moves money");
    }

    function _config() private view returns (HubConfig memory c) {
        (c.token, c.vault, c.registry) = (IERC20(address(_token)), _vault, _registry);
        (c.params, c.randomness, c.router) = (_params, _random, _router);
        (c.guardian, c.treasury) = (address(this), TREASURY);
    }

    function _code() private view returns (HubCode memory) {
        return HubCode(_votesCode, _sketchesCode, _proofsCode, _enclavesCode, _auditsCode, _disputesCode);
    }

    function _expectMismatch(HubConfig memory c, HubCode memory code) private {
        vm.expectRevert(IHubTypes.ConfigMismatch.selector);
        new AssayHub(c, code);
    }

    /// A hub cannot be built over code that was built for other collaborators, or that settles by other code.
    function test_RevertWhen_TheContractsDoNotBelongTogether() public {
        HubConfig memory c = _config();
        HubDisputes twin = new HubDisputes(c);
        for (uint256 other; other < 2; ++other) {
            // Settled by other code, then built for another router.
            HubCode memory code = _code();
            if (other == 0) code.disputes = twin;
            else c.router = EvidenceRouter(address(this));
            HubDisputes judge = other == 0 ? twin : _disputesCode;
            HubCode memory alien = HubCode(
                new HubVotes(c, judge),
                new HubSketches(c, judge),
                new HubProofs(c, judge),
                new HubEnclaves(c, judge),
                new HubAudits(c, judge),
                new HubDisputes(c)
            );
            c.router = _router;
            if (other == 0) _expectMismatch(c, code);
            code = _code();
            code.votes = alien.votes;
            _expectMismatch(c, code);
            code = _code();
            code.sketches = alien.sketches;
            _expectMismatch(c, code);
            code = _code();
            code.proofs = alien.proofs;
            _expectMismatch(c, code);
            code = _code();
            code.enclaves = alien.enclaves;
            _expectMismatch(c, code);
            code = _code();
            code.audits = alien.audits;
            _expectMismatch(c, code);
            if (other == 0) continue;
            code = _code();
            code.disputes = alien.disputes;
            _expectMismatch(c, code);
        }
        c.treasury = address(this);
        _expectMismatch(c, _code());
        c.treasury = TREASURY;
        new AssayHub(c, _code());
    }

    /// R9, invariant 1: a token that keeps a fee is refused, whichever way it comes.
    function test_RevertWhen_TheTokenTakesAFee() public {
        FeeToken fee = new FeeToken();
        HubConfig memory c = _config();
        c.token = IERC20(address(fee));
        HubDisputes disputes = new HubDisputes(c);
        AssayHub hub = new AssayHub(
            c,
            HubCode(
                new HubVotes(c, disputes),
                new HubSketches(c, disputes),
                new HubProofs(c, disputes),
                new HubEnclaves(c, disputes),
                new HubAudits(c, disputes),
                disputes
            )
        );
        fee.mint(address(this), 10_000);
        fee.approve(address(hub), 10_000);
        vm.expectPartialRevert(IHubTypes.TransferMismatch.selector);
        hub.deposit(10_000);
        require(hub.balanceOf(address(this)) == 0, "credited");
    }

    /// Code contracts called directly have no money, no jobs and no power over the vault.
    function test_CodeContractsArePowerless() public {
        Job memory job = _request(_spec(3, 1));
        Record memory r;
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _disputesCode.expire(job, r);
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _disputesCode.finish(job, r, 0, true, "");
        vm.expectPartialRevert(IHubTypes.StateWrong.selector);
        _votesCode.pin(job, r);
        IHubTypes.Equivocation memory e;
        vm.expectRevert(IHubTypes.NotEquivocation.selector);
        _auditsCode.proveEquivocation(1, e);
        vm.expectPartialRevert(IStakeVault.NotHub.selector);
        vm.prank(address(_disputesCode));
        _vault.slash(1, 1, 0, 1);
    }

    /// Invariant 11: `finish` opens for nobody, not in the transaction of a settlement, not from its callback.
    function test_FinishIsShutInsideACallbackToo() public {
        HostileConsumer consumer = new HostileConsumer(_hub);
        Job memory other = _request(_spec(3, 1));
        Record memory r;
        (r.boundaries, r.seats) = (_same(1, BAD), new uint32[](3));
        bytes memory attack = abi.encodeCall(HubDisputes.finish, (other, r, 0, true, ""));
        consumer.set(HostileConsumer.Mode.Reenter, attack);
        Spec memory spec = _spec(3, 1);
        (spec.callback, spec.callbackGas) = (address(consumer), 400_000);
        Job memory job = _request(spec);
        // By way of HubVotes, which sets the flag that `finish` wants.
        Poll memory p = _poll(job, _empty(), _same(3, GOOD));
        _hub.submit(job, _empty(), _noTable(), _one(_votesWith(p, _same(3, 0))), "");
        _expectState(job, STATE_FINAL);
        _expectState(other, STATE_OPEN);
        (bool ok, ) = address(_hub).call(attack);
        require(!ok, "finished from outside after a settlement");
    }

    /// Invariant 33: from a callback no call that moves a job or money gets through, whoever's job it is.
    function testFuzz_NothingMovesInsideACallback(uint8 which) public {
        HostileConsumer consumer = new HostileConsumer(_hub);
        _token.mint(address(consumer), 1_000);
        consumer.deposit(500);
        Spec memory spec = _spec(3, 1);
        Job memory other = _request(spec);
        Job memory late = _request(spec);
        Record memory r = _empty();
        IHubTypes.Equivocation memory e;
        IHubTypes.SeatVote memory seat;
        bytes[14] memory calls = [
            abi.encodeCall(_hub.withdraw, (1, address(consumer))),
            abi.encodeCall(_hub.deposit, (1)),
            abi.encodeCall(_hub.depositWithPermit, (1, type(uint256).max, 27, bytes32(0), bytes32(0))),
            abi.encodeCall(_hub.claim, (1)),
            abi.encodeCall(_hub.sweepFees, ()),
            abi.encodeCall(_hub.request, (77, spec)),
            abi.encodeCall(_hub.cancel, (other)),
            abi.encodeCall(_hub.pin, (other, r)),
            abi.encodeCall(_hub.challenge, (other, r, 0)),
            abi.encodeCall(_hub.expire, (late, r)),
            abi.encodeCall(_hub.settle, (other, r, "")),
            abi.encodeCall(_hub.retryCallback, (other, GOOD, GOOD, "")),
            abi.encodeCall(_hub.proveEquivocation, (1, e)),
            abi.encodeCall(_hub.reveal, (other, r, _noTable(), seat, new bytes32[](0)))
        ];
        bytes memory attack = calls[which % calls.length];
        consumer.set(HostileConsumer.Mode.Reenter, attack);
        (spec.callback, spec.callbackGas) = (address(consumer), 400_000);
        Job memory job = _request(spec);
        logs.getRecordedLogs();
        _hub.submit(job, r, _noTable(), _one(_votes(_poll(job, r, _same(3, GOOD)))), "");
        Reentry memory said = _reentry();
        require(!said.ok && bytes4(said.returned) == IHubTypes.Reentered.selector, "got through");
        require(_hub.balanceOf(address(consumer)) == 500, "moved");
        _expectState(job, STATE_FINAL);
    }

    struct Reentry {
        bool ok;
        bytes returned;
    }

    function _reentry() private returns (Reentry memory said) {
        bytes32 topic = HostileConsumer.Reentry.selector;
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i) {
            if (all[i].topics[0] == topic) {
                (said.ok, said.returned) = abi.decode(all[i].data, (bool, bytes));
                return said;
            }
        }
        revert("no callback");
    }

    /// R10: hub, vault, token and registry as callbacks are calls that fail, nothing more.
    function testFuzz_ProtocolContractsAsCallbacksDoNothing(uint8 which) public {
        address[5] memory targets = [
            address(_hub),
            address(_vault),
            address(_token),
            address(_registry),
            address(_votesCode)
        ];
        Spec memory spec = _spec(3, 1);
        (spec.callback, spec.callbackGas) = (targets[which % 5], 400_000);
        Job memory job = _request(spec);
        uint256 held = _token.balanceOf(address(_hub));
        _submit(job, _empty(), 0);
        _expectState(job, STATE_FINAL);
        require(_hub.slot(_id(job)).flags & 16 == 0, "taken for delivered");
        require(_token.balanceOf(address(_hub)) == held, "money moved");
        _expectSolvent(0);
    }

    /// Calldata shorter than a selector, and selectors of nobody, revert.
    function testFuzz_RevertWhen_TheSelectorIsUnknown(bytes4 selector, uint8 length) public {
        bytes memory data = abi.encodePacked(selector);
        length %= 4;
        assembly ("memory-safe") {
            mstore(data, length)
        }
        (bool ok, ) = address(_hub).call(data);
        require(!ok, "answered");
        (ok, ) = address(_hub).call{value: 1}(abi.encodeCall(_hub.sweepFees, ()));
        require(!ok, "took coins");
    }

    /// R6: an empty vote of a large committee, or a foreign stage table, does not open the general path's doors.
    function test_RevertWhen_ARecordIsInventedForAFreshJob() public {
        Job memory job = _request(_spec(3, 1));
        Record memory r;
        r.decided = 1;
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.submit(job, r, _noTable(), new StageVotes[](0), "");
        r.decided = 0;
        r.seats = _committee(job, _empty());
        (r.seats[0], r.seats[1]) = (r.seats[1], r.seats[0]);
        vm.expectPartialRevert(IHubTypes.RecordMismatch.selector);
        _hub.pin(job, r);
    }
}
