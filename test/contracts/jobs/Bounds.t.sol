// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import "../../../contracts/types/Types.sol";
import {AuditBase} from "../support/AuditBase.sol";
import {LogVm, logs} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// Section 8 and the fee market at the hub itself: every bound is met, and missed by one.
contract BoundsTest is AuditBase {
    function setUp() public {
        _deploy(60);
    }

    function _accept(Spec memory spec) private returns (bytes32) {
        return _hub.request(++_nonce, spec);
    }

    function _refuse(Spec memory spec, bytes memory reason) private {
        uint256 free = _hub.balanceOf(address(this));
        vm.expectRevert(reason);
        _hub.request(++_nonce, spec);
        require(_hub.balanceOf(address(this)) == free, "a refusal costs nothing");
    }

    function _unsafe(uint8 inequality, uint256 have, uint256 bound) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IHubTypes.PolicyUnsafe.selector, inequality, have, bound);
    }

    function _invalid(
        string memory field,
        uint256 value,
        uint256 least,
        uint256 most
    ) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, field, value, least, most);
    }

    function _insured(Spec memory spec, uint96 value) private pure returns (Spec memory) {
        (spec.insuredValue, spec.policy.window) = (value, W);
        return spec;
    }

    // --- Consent ------------------------------------------------------------------------------------------------------

    /// R6: a critical job without PROOF or CIPHER is refused; its requester's own transaction may consent, and then it says so.
    function test_CriticalIsWeakenedOnlyByItsRequester() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.flags = FLAG_CRITICAL;
        _refuse(spec, abi.encodeWithSelector(IHubTypes.CriticalNeedsConsent.selector));
        // Consent without the wish weakens nothing, and is not told as if it did.
        spec.policy.flags = FLAG_ACCEPT_DOWNGRADE;
        require(_downgrades(spec) == address(0), "nothing was weakened");

        spec.policy.flags = FLAG_CRITICAL | FLAG_ACCEPT_DOWNGRADE;
        require(_downgrades(spec) == address(this), "the requester is named");
        // It is in the spec, so in the job's id: nobody can consent to a job that was requested without it.
        Spec memory silent = _spec(5, 1);
        require(_hub.jobIdOf(address(this), 1, spec) != _hub.jobIdOf(address(this), 1, silent), "one id for both");
    }

    /// Who consented, by the event; 0 if no such event was emitted.
    function _downgrades(Spec memory spec) private returns (address requester) {
        vm.recordLogs();
        bytes32 id = _accept(spec);
        LogVm.Log[] memory all = logs.getRecordedLogs();
        for (uint256 i; i < all.length; ++i) {
            if (all[i].topics[0] != IHubTypes.Downgraded.selector) continue;
            require(all[i].topics[1] == id && requester == address(0), "once, about this job");
            requester = address(uint160(uint256(all[i].topics[2])));
        }
    }

    // --- The inequalities ---------------------------------------------------------------------------------------------

    /// 1: S >= 4(2k+1)R, for every size of committee.
    function test_SeatStakeCoversTheNextCommittee() public {
        uint8[4] memory sizes = [2, 3, 5, 7];
        for (uint256 i; i < 4; ++i) {
            Spec memory spec = _spec(sizes[i], 1);
            uint96 least = spec.policy.seatStake;
            _accept(spec);
            spec.policy.seatStake = least - 1;
            _refuse(spec, _unsafe(1, least - 1, least));
            spec.policy.seatStake = least;
            ++spec.seatReward;
            _refuse(spec, _unsafe(1, least, least + 4 * (2 * sizes[i] + 1)));
        }
    }

    /// 2: V <= 0.8qS. Rounded down: 0.8 * 4 * 221 = 707.2.
    function test_WinnersCoverTheInsuredValue() public {
        Spec memory spec = _spec(5, 1);
        (spec.seatReward, spec.policy.seatStake) = (5, 220);
        _accept(_insured(spec, 704));
        _refuse(_insured(spec, 705), _unsafe(2, 705, 704));
        spec.policy.seatStake = 221;
        _accept(_insured(spec, 707));
        _refuse(_insured(spec, 708), _unsafe(2, 708, 707));
    }

    /// 3: 20VL / 5^k <= R: 30 * 125 / 20 = 187.5, over three stages 62.5.
    function test_AllHostileCommitteesAreDear() public {
        Spec memory spec = _spec(3, 1);
        _accept(_insured(spec, 187));
        _refuse(_insured(spec, 188), _unsafe(3, 188, 187));
        spec = _spec(3, 3);
        _accept(_insured(spec, 62));
        _refuse(_insured(spec, 63), _unsafe(3, 63, 62));
    }

    /// 4: p d S >= R + (1 - p d)V, with p d = 0.0792: (30 + 0.9208 * 80) / 0.0792 = 1308.9, for 81 it is 1320.5.
    function test_SamplingMakesLyingALoss() public {
        Spec memory spec = _economy();
        spec.insuredValue = 80;
        spec.policy.seatStake = 1320;
        _accept(spec);
        spec.insuredValue = 81;
        _refuse(spec, _unsafe(4, 1320, 1321));
        spec.policy.seatStake = 1321;
        _accept(spec);
        // Rarer audits ask for more stake even of what insures nothing: 30 / 0.0198.
        (spec.insuredValue, spec.policy.auditBps) = (0, 200);
        spec.policy.seatStake = 1515;
        _refuse(spec, _unsafe(4, 1515, 1516));
        spec.policy.seatStake = 1516;
        _accept(spec);
        // A lone auditor proves nothing, and without audits nothing is insured.
        (spec.policy.k, spec.policy.seatStake) = (2, 2000);
        _refuse(spec, _unsafe(4, 2000, type(uint256).max));
        (spec.policy.k, spec.policy.auditBps) = (5, 0);
        _accept(spec);
        spec.insuredValue = 1;
        _refuse(spec, _unsafe(4, 1, 0));
    }

    /// 5: the randomness' cap, M/10; nothing at all where parameters are for development.
    function test_NothingIsInsuredBeyondTheRandomness() public {
        Spec memory spec = _spec(5, 1);
        _accept(_insured(spec, 800));
        _refuse(_insured(spec, 801), _unsafe(5, 801, 800));
        spec = _spec(5, 1);
        (spec.paramsVersion, spec.policy.window) = (0, 15);
        (spec.policy.tWork, spec.policy.tReveal) = (10, 8);
        spec.expiry = uint48(block.timestamp + 1800);
        _accept(spec);
        spec.insuredValue = 1;
        _refuse(spec, _unsafe(5, 1, 0));
    }

    /// 6: S <= M/4, and all that is open at once <= an eighth of the ticketed stake; what ends makes room.
    function test_OpenRiskStaysBelowTheStake() public {
        Spec memory spec = _spec(5, 1);
        spec.policy.seatStake = 2001;
        _refuse(spec, _unsafe(6, 2001, 2000));
        spec.policy.seatStake = 2000;
        (, , uint96 ticketed) = _vault.pool(0);
        uint256 most = ticketed / 8;
        while (_hub.totals().openRisk + 10_000 <= most) _accept(spec);
        // Exactly to the bound: the rest is 2 seats' stake.
        uint96 rest = uint96(most - _hub.totals().openRisk);
        if (rest != 0) {
            Spec memory small = _spec(2, 1);
            (small.seatReward, small.policy.seatStake) = (1, rest / 2);
            _accept(small);
        }
        require(_hub.totals().openRisk == most, "at the bound");
        Spec memory one = _spec(2, 1);
        (one.seatReward, one.policy.seatStake) = (1, 20);
        _refuse(one, _unsafe(6, most + 40, most));
        _hub.cancel(Job(address(this), _nonce - 3 - (rest != 0 ? 1 : 0), spec));
        require(_hub.totals().openRisk == most - 10_000, "room");
        _accept(spec);
        require(_hub.totals().openRisk == most, "at the bound again");
    }

    // --- Shape, times, pool -------------------------------------------------------------------------------------------

    function test_TimesAreAtLeastTheSets() public {
        Spec memory spec = _spec(3, 1);
        spec.policy.tWork = WORK - 1;
        _refuse(spec, _invalid("tWork", WORK - 1, WORK, type(uint32).max));
        spec = _spec(3, 1);
        spec.policy.tReveal = REVEAL - 1;
        _refuse(spec, _invalid("tReveal", REVEAL - 1, REVEAL, type(uint32).max));
        spec = _insured(_spec(3, 1), 1);
        spec.policy.window = W - 1;
        _refuse(spec, _invalid("window", W - 1, W, type(uint32).max));
        // 3(2 tWork + tReveal) + 5 W + hungLast.
        uint48 least = uint48(block.timestamp) + 3 * (2 * WORK + REVEAL) + 5 * W + 86_400;
        uint48 most = uint48(block.timestamp) + 7 days;
        spec = _spec(3, 1);
        spec.expiry = least - 1;
        _refuse(spec, _invalid("expiry", least - 1, least, most));
        spec.expiry = least;
        _accept(spec);
        spec.expiry = most + 1;
        _refuse(spec, _invalid("expiry", most + 1, least, most));
        spec.expiry = most;
        _accept(spec);
    }

    function test_CallbackGasHasBothBounds() public {
        Spec memory spec = _spec(3, 1);
        spec.callback = address(0xCA11);
        uint32[2] memory good = [uint32(20_000), 5_000_000];
        uint32[2] memory bad = [uint32(19_999), 5_000_001];
        for (uint256 i; i < 2; ++i) {
            spec.callbackGas = bad[i];
            _refuse(spec, _invalid("callbackGas", bad[i], 20_000, 5_000_000));
            spec.callbackGas = good[i];
            _accept(spec);
        }
    }

    /// Sixty workers: two escalations of k = 7 (7 + 46 = 53) fit; three stages of them (21 + 46 = 67) do not.
    function test_ThePoolSeatsEveryEscalation() public {
        _accept(_spec(7, 2)); // 14 + 46 = 60
        Spec memory spec = _spec(7, 3);
        (spec.seatReward, spec.policy.seatStake) = (10, 600);
        _refuse(spec, abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 60, 67));
        spec.policy.flags = FLAG_SMALL_POOL;
        bytes32 id = _accept(spec);
        require(_hub.slot(id).flags & 3 == 1, "one escalation");
        spec = _insured(spec, 1);
        _refuse(spec, _invalid("insuredValue", 1, 0, 0));
    }

    // --- Prices and fees ----------------------------------------------------------------------------------------------

    function _pricedModel(uint64 units) private returns (bytes32 modelId) {
        ModelManifest memory m;
        m.name = "priced";
        m.programRoot = m.weightsHash = m.reportHash = m.toolsHash = bytes32(uint256(units));
        (m.acceptedMasks, m.workUnits, m.stages) = (2, units, _table(1));
        modelId = _registry.register(m);
    }

    /// Workers 1 to `n` change all their tickets from class 0 to `class_`.
    function _move(uint256 n, uint32 class_) private {
        _toChanges();
        for (uint32 id = 1; id <= n; ++id) {
            uint32[] memory cells = _lastCells(id, 0, 4);
            vm.prank(_owner(id));
            _vault.applyChanges(_change(id, 0, 0, cells));
            _add(id, id, class_, 4);
        }
        _nextEpoch();
    }

    /// A class' posted price and its largest model are bounds too.
    function test_PostedPriceAndCapOfAClass() public {
        uint32 class_ = _vault.createTicketClass(IStakeVault.TicketClass(4, 7, 0));
        _move(26, class_);
        Spec memory spec = _spec(3, 1);
        (spec.modelId, spec.policy.ticketClass) = (_pricedModel(7), class_);
        (spec.seatReward, spec.policy.seatStake) = (28, 28 * 30);
        _accept(spec);
        spec.seatReward = 27;
        _refuse(spec, _invalid("seatReward", 27, 28, type(uint96).max));
        (spec.seatReward, spec.modelId) = (32, _pricedModel(8));
        spec.policy.seatStake = 32 * 28;
        _refuse(spec, _invalid("ticketClass", 8, 0, 7));
        // Class 0 has neither.
        spec.policy.ticketClass = 0;
        spec.policy.flags = FLAG_SMALL_POOL;
        (spec.seatReward, spec.policy.seatStake) = (1, 28);
        _accept(spec);
        spec.policy.ticketClass = class_ + 1;
        vm.expectPartialRevert(IHubTypes.PoolTooSmall.selector);
        _hub.request(++_nonce, spec);
    }

    /// R17: who lacks what a class demands gets no ticket of it, so it is never drawn: neither at first nor in escalations.
    function test_ACapabilityClassSeatsOnlyWhoHasIt() public {
        uint32 class_ = _vault.createTicketClass(IStakeVault.TicketClass(0, 100, 5));
        _toChanges();
        for (uint256 n = 101; n <= 125; ++n) {
            // Bits 1 and 4 are demanded; more does no harm.
            uint32 id = _register(n, n % 2 == 0 ? 5 : 7, type(uint48).max);
            _vault.stake(id, M);
            _add(n, id, class_, 4);
        }
        for (uint64 missing = 1; missing < 5; missing += 3) {
            uint32 id = _register(200 + missing, missing, type(uint48).max);
            _vault.stake(id, M);
            vm.prank(_owner(200 + missing));
            vm.expectRevert(abi.encodeWithSelector(IStakeVault.CapabilitiesInUse.selector, missing, uint64(5)));
            _vault.applyChanges(_change(id, class_, 4, _none()));
            _add(200 + missing, id, 0, 4);
        }
        // What a held class demands cannot be given up, so a seat's worker still has it.
        vm.prank(_owner(101));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.CapabilitiesInUse.selector, uint64(4), uint64(5)));
        _vault.updateProfile(61, _profile(4, type(uint48).max));
        _nextEpoch();
        Spec memory spec = _spec(3, 1);
        spec.policy.ticketClass = class_;
        for (uint256 i; i < 20; ++i) {
            Job memory job = _request(spec);
            _hub.pin(job, _empty());
            Record memory r = _latest(_empty());
            for (uint256 s; s < 3; ++s) require(_vault.capabilitiesOf(r.seats[s]) & 5 == 5 && r.seats[s] > 60, "able");
        }
        // Its pool is counted by itself: 25 = 3 + 22.
        _refuse(_sized(spec, 5), abi.encodeWithSelector(IHubTypes.PoolTooSmall.selector, 25, 39));
    }

    function _sized(Spec memory spec, uint8 k) private pure returns (Spec memory) {
        (spec.policy.k, spec.policy.seatStake) = (k, 4 * (2 * uint96(k) + 1) * REWARD);
        return spec;
    }

    /// R9: the fee is one floor over all rewards, however many stages share it, and the same on every path.
    function test_TheFeeOfAllStagesIsExactToTheWei() public {
        for (uint8 stages = 1; stages <= 8; ++stages) {
            for (uint256 path; path < 2; ++path) {
                Spec memory spec = _spec(3, stages);
                uint96 reward = 17 + uint96(stages);
                (spec.seatReward, spec.policy.seatStake, spec.pokeFee) = (reward, 28 * reward, 3);
                (uint256 before, uint256 fees) = (_hub.balanceOf(address(this)), _hub.totals().fees);
                Job memory job = _request(spec);
                uint256 rewards = uint256(stages) * 3 * spec.seatReward;
                uint256 fee = (rewards * 200) / 10_000;
                require(_hub.slot(_id(job)).escrow == rewards + fee + 18, "escrow");
                if (path == 0) _submitWhole(job);
                else _submitEach(job);
                _expectState(job, STATE_FINAL);
                require(_hub.totals().fees - fees == fee, "fee");
                require(before - _hub.balanceOf(address(this)) == rewards + fee, "all pokes return");
            }
        }
        _expectSolvent(0);
    }

    /// One call: the hot path.
    function _submitWhole(Job memory job) private {
        StageVotes[] memory votes = new StageVotes[](job.spec.stages);
        _hub.pin(job, _empty());
        Record memory r = _latest(_empty());
        for (uint16 s; s < votes.length; ++s) {
            Poll memory p;
            (p.jobId, p.stage, p.inDigest, p.outs) = (_id(job), s, s == 0 ? job.spec.inDigest : GOOD, _said(3, 0));
            p.ids = new uint32[](3);
            for (uint256 i; i < 3; ++i) p.ids[i] = r.seats[3 * uint256(s) + i];
            votes[s] = _votes(p);
        }
        _hub.submit(job, r, _noTable(), votes, "");
    }

    function _submitEach(Job memory job) private {
        Record memory r = _empty();
        for (uint256 s; s < job.spec.stages; ++s) r = _submit(job, r, 0);
    }

    /// Of what is paid the fee is due, no more: a job that ends after its first stage pays 99 * 2% = 1, not the 3 of 198.
    function test_ACloseKeepsTheFeeOfWhatWasPaid() public {
        Spec memory spec = _spec(3, 2);
        (spec.seatReward, spec.policy.seatStake, spec.pokeFee) = (33, 28 * 33, 2);
        uint256 free = _hub.balanceOf(address(this));
        Job memory job = _request(spec);
        require(free - _hub.balanceOf(address(this)) == 198 + 3 + 12, "escrow");
        Record memory r = _submit(job, _empty(), 0);
        vm.warp(_hub.slot(_id(job)).deadline + 1);
        vm.prank(address(0xB0B));
        _hub.expire(job, r);
        _expectState(job, STATE_CLOSED);
        require(_hub.totals().fees == 1, "fee of one stage; the slashes pay for the kill fee");
        require(_hub.balanceOf(address(0xB0B)) == 2, "poke");
        // Absent: 3 * 2R = 198, half of it burned.
        require(_token.balanceOf(DEAD) == 99, "burn");
        require(free - _hub.balanceOf(address(this)) == 99 + 1 + 2 - 99, "the rest returns to the wei");
        _expectSolvent(2);
    }
}
