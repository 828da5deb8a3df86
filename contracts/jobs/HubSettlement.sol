// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Job, Spec, STATE_CLOSED, STATE_FINAL} from "../types/Types.sol";
import {AccountLib} from "../libraries/AccountLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {SettleLib} from "../libraries/SettleLib.sol";
import {HubRecords} from "./HubRecords.sol";

/// @title Who is paid and slashed at a job's end
abstract contract HubSettlement is HubRecords {
    using SafeERC20 for IERC20;

    uint48 private constant _ABSENCE_JAIL = 7 days;

    /// Slashes, pays, ends the job and tells the consumer.
    function _settle(Context memory c, Job calldata job, bool poked, bytes calldata output) internal {
        Spec calldata spec = job.spec;
        SettleLib.Outcome memory outcome = SettleLib.Outcome(
            c.reason,
            // The slot's seed may be a later committee's.
            c.record.seats.length != 0 || block.number >= RANDOM.fixedBlock(c.slot.seedRef),
            poked,
            c.set.feeBps
        );
        uint256 escrow = c.slot.escrow;
        // Before anything is called: this job can settle only once.
        bool pinned = c.slot.flags & JobLib.PINNED != 0;
        bytes32 recordHash = keccak256(abi.encode(c.record));
        bytes32 outDigest = c.reason == 0 ? c.record.boundaries[spec.stages - 1] : bytes32(0);
        c.slot.word = c.reason == 0 ? JobLib.finalWord(outDigest, recordHash) : recordHash;
        c.slot.flags &= ~JobLib.PINNED;
        _end(c.slot, c.reason);
        JobLib.saveEnd(_slots[c.jobId], c.slot);
        if (pinned) _slots[c.jobId].word = 0;

        SettleLib.Seat[] memory seats = SettleLib.offences(spec, c.record);
        _slash(c.jobId, seats);
        SettleLib.Payments memory p = SettleLib.distribute(spec, c.record, outcome, seats, escrow);
        _pay(c, job, seats, p);

        if (c.reason == 0) emit Finalized(c.jobId, outDigest, recordHash, spec.policy.mask);
        else emit Closed(c.jobId, c.reason, p.requester);
        _callBack(job, c.jobId, c.slot, outDigest, output);
    }

    function _slash(bytes32 jobId, SettleLib.Seat[] memory seats) private {
        for (uint256 i; i < seats.length; ++i) {
            SettleLib.Seat memory seat = seats[i];
            if (seat.slash == 0) continue;
            // At most seatStake, 96 bits.
            seat.slash = VAULT.slash(seat.worker, uint96(seat.slash), jobId, seat.kind);
            emit Slashed(seat.worker, jobId, seat.kind, seat.slash, SettleLib.burned(seat.slash));
        }
    }

    function _pay(
        Context memory c,
        Job calldata job,
        SettleLib.Seat[] memory seats,
        SettleLib.Payments memory p
    ) private {
        for (uint256 i; i < seats.length; ++i) {
            SettleLib.Seat memory seat = seats[i];
            (uint256 absent, uint256 total) = AccountLib.record(_accounts[seat.worker], seat.pay, seat.kind, seat.rho);
            if (seat.kind == SettleLib.SEAT_ABSENT && SettleLib.isHabitual(absent, total))
                VAULT.jail(seat.worker, uint48(block.timestamp) + _ABSENCE_JAIL);
        }
        for (uint256 t; t < p.challengers.length; ++t) {
            if (p.challengers[t] != 0) _free[c.record.tallies[t].challenger] += p.challengers[t];
        }
        if (p.requester != 0) _free[job.requester] += p.requester;
        if (p.poke != 0) {
            _free[msg.sender] += p.poke;
            emit PokePaid(c.jobId, msg.sender, p.poke);
        }
        Totals memory t_ = _totals;
        t_.openRisk -= uint96(uint256(job.spec.stages) * c.k * job.spec.policy.seatStake);
        t_.fees += uint96(p.fees);
        _totals = t_;
        if (p.burn != 0) TOKEN.safeTransfer(DEAD, p.burn);
    }
}
