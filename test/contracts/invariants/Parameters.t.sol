// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import "../../../contracts/types/Types.sol";
import {HubBase} from "../support/HubBase.sol";
import {vm} from "../support/Vm.sol";

/// Invariant 36 of protocol.md section 13: new parameters touch no open job.
contract ParametersTest is HubBase {
    function setUp() public {
        _deploy(40);
    }

    /// A set comes into force, and is used, while a job is under way: windows, hung times and fee stay that job's own.
    function testFuzz_NewParametersTouchNoOpenJob(uint16 feeBps, uint8 shorter, uint8 liars) public {
        Spec memory spec = _spec(3, 1);
        Job memory job = _request(spec);
        uint256 fees = _hub.totals().fees;
        uint32 window = 1 + (shorter % W);
        uint32 version = _params.announce(
            ParameterSet(window, 60, 120, window, 2 * window, 60, 600, 7 days, 7 days, feeBps % 500, false, false)
        );
        vm.warp(block.timestamp + 2 days);
        _params.add(version);
        _useIn(version);

        // One liar opens a window, two distinct lies hang the stage.
        liars = liars % 2;
        Record memory r = liars == 0 ? _submit(job, _empty(), 1) : _hang(job);
        Slot memory s = _hub.slot(_id(job));
        require(s.state == (liars == 0 ? STATE_WINDOW : STATE_HUNG), "state");
        require(s.deadline == block.timestamp + 600, "another set's time");
        require(_hub.totals().fees == fees, "fee before the end");
        vm.warp(s.deadline + 1);
        if (liars != 0) return _hub.expire(job, r);
        _hub.settle(job, r, "");
        // 2% of two rewards, rounded down.
        require(_hub.totals().fees == fees + (2 * uint256(REWARD) * 200) / 10_000, "another set's fee");
    }

    /// A request under the new set makes the hub remember it.
    function _useIn(uint32 version) private {
        Spec memory spec = _spec(3, 1);
        spec.paramsVersion = version;
        spec.expiry = uint48(block.timestamp + 6 days);
        _hub.request(++_nonce, spec);
    }

    function _hang(Job memory job) private returns (Record memory) {
        bytes32[] memory outs = _said(3, 0);
        for (uint256 i; i < 3; ++i) outs[i] = keccak256(abi.encode("lie", i));
        Poll memory p = _poll(job, _empty(), outs);
        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        return _latest(_empty());
    }
}
