// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SettleLib, COURT_ROUND} from "../../../contracts/libraries/SettleLib.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import "../../../contracts/types/Types.sol";
import {AuditBase} from "../support/AuditBase.sol";
import {vm} from "../support/Vm.sol";

/// What a handler of the hub remembers beside it: counts, sums and the last stakes seen, by no arithmetic of the hub's.
abstract contract HubGhost is AuditBase {
    uint256 private constant MOST_SETS = 4;

    uint256[5] public endsFor; // by reason; 0: FINAL
    uint256 public windows;
    uint256 public hangs;
    uint256 public escalations;
    uint256 public rulings;
    uint256 public absences; // tallies of seats that were filled again
    uint256 public refusals; // requests during a pause
    uint256 public workedPaused; // steps of open jobs during a pause
    uint256 public told; // ended jobs with a consumer
    uint256 public swept;
    string public broken; // the first broken promise, or empty
    HostileConsumer internal _consumer;
    mapping(uint32 workerId => uint256) private _stakeSeen;
    uint256 private _feesSeen;

    function _deployGhost() internal {
        _consumer = new HostileConsumer(_hub);
        _consumer.set(HostileConsumer.Mode.Reenter, abi.encodeCall(_hub.sweepFees, ()));
        for (uint32 n = 1; n <= _workers; ++n) _stakeSeen[n] = _vault.worker(n).stake;
    }

    // --- Actions around jobs ------------------------------------------------------------------------------------------

    function pause(uint256 time) external {
        _hub.pause(uint48(block.timestamp + (time % 4 == 0 ? time % 1 hours : 0)));
    }

    /// Later requests may name the new set; open jobs keep theirs.
    function newParameters(uint256 seed) external {
        if (seed % 8 != 0 || _params.versions() >= MOST_SETS) return;
        ParameterSet memory set = _params.parameters(1);
        (set.hung, set.feeBps) = (uint32(60 + (seed % 1000)), uint16(seed % 500));
        uint32 version = _params.announce(set);
        vm.warp(block.timestamp + 2 days);
        _params.add(version);
    }

    function changeConsumer(uint8 mode) external {
        _consumer.set(HostileConsumer.Mode(mode % 6), abi.encodeCall(_hub.sweepFees, ()));
    }

    function sweep() external {
        swept += _hub.sweepFees();
        _feesSeen = 0;
    }

    // --- Parts --------------------------------------------------------------------------------------------------------

    function _vary(Spec memory spec, uint256 seed) internal view {
        spec.paramsVersion = uint32(1 + (seed % (_params.versions() - 1)));
        if (seed % 3 == 0) (spec.callback, spec.callbackGas) = (address(_consumer), 100_000);
    }

    /// 35: whether a pause is on, which must refuse this.
    function _isRefused(Spec memory spec) internal returns (bool) {
        if (block.timestamp >= _hub.totals().pausedUntil) return false;
        ++refusals;
        try _hub.request(++_nonce, spec) {
            _break("35: a request got through a pause");
        } catch {}
        return true;
    }

    /// After every step of a job.
    function _watch(Job memory job, Slot memory s, Record memory r) internal {
        if (block.timestamp < _hub.totals().pausedUntil) ++workedPaused;
        if (s.state == STATE_WINDOW) ++windows;
        if (s.state == STATE_HUNG) ++hangs;
        for (uint256 t; t < r.tallies.length; ++t) {
            Tally memory tally = r.tallies[t];
            if (tally.round == COURT_ROUND) ++rulings;
            else if (tally.round > 2) _break("13: a third escalation of a stage");
            else if (tally.round != 0) ++escalations;
            if (tally.round == 0 && r.seats.length != 0 && _isFilledAgain(r, tally)) ++absences;
            if (tally.seats.length > 31) _break("13: more than 31 seats");
        }
        uint256 slashed = _watchStakes(job.spec.policy.seatStake);
        uint256 fees = _hub.totals().fees;
        if (s.state < STATE_FINAL) {
            if (slashed != 0) _break("6: slashed before the end");
        } else {
            ++endsFor[s.state == STATE_FINAL ? 0 : s.stage];
            if (job.spec.callback != address(0)) ++told;
            if (s.state == STATE_CLOSED && slashed == 0 && fees <= _feesSeen)
                _break("28: a close cost nobody anything");
        }
        _feesSeen = fees;
    }

    /// Its workers sit no more.
    function _isFilledAgain(Record memory r, Tally memory tally) private pure returns (bool) {
        for (uint256 i; i < r.seats.length; ++i) if (r.seats[i] == tally.seats[0]) return false;
        return true;
    }

    function _watchStakes(uint256 most) private returns (uint256 slashed) {
        for (uint32 n = 1; n <= _workers; ++n) {
            uint256 stake = _vault.worker(n).stake;
            uint256 lost = _stakeSeen[n] - stake;
            if (lost > most) _break("6: more than S slashed in one job");
            slashed += lost;
            _stakeSeen[n] = stake;
        }
    }

    function _break(string memory what) internal {
        if (bytes(broken).length == 0) broken = what;
    }

    // --- What the invariants read -------------------------------------------------------------------------------------

    function deliveries() external view returns (uint256) {
        return _consumer.deliveries();
    }

    function treasury() external view returns (uint256) {
        return _token.balanceOf(TREASURY);
    }
}
