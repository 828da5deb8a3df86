// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IEvidenceRouter} from "../../../contracts/interfaces/IEvidenceRouter.sol";
import {SimulatedAdapter} from "../../../contracts/mocks/SimulatedAdapter.sol";
import {EvidenceRouter} from "../../../contracts/registry/EvidenceRouter.sol";
import "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// A kind gets one judge, for good.
contract EvidenceRouterTest {
    EvidenceRouter private _router;
    address private _first;
    address private _second;

    function setUp() public {
        vm.warp(1_000_000);
        (_first, _second) = (address(new SimulatedAdapter()), address(new SimulatedAdapter()));
        (uint8[] memory kinds, address[] memory adapters) = (new uint8[](1), new address[](1));
        (kinds[0], adapters[0]) = (PROOF, _first);
        _router = new EvidenceRouter(address(this), kinds, adapters);
    }

    function _refused(uint8 kind, uint8 field) private {
        vm.expectRevert(abi.encodeWithSelector(IEvidenceRouter.KindInvalid.selector, kind, field));
    }

    function test_TheFirstAdaptersAreThereAtOnce() public view {
        require(_router.supported() == PROOF && _router.adapterOf(PROOF) == _first, "seeded");
        require(_router.adapterOf(ENCLAVE) == address(0), "nobody");
    }

    function test_AnAdapterIsAddedAfterTwoDays() public {
        _router.announce(ENCLAVE, _second);
        vm.expectPartialRevert(IEvidenceRouter.AdapterNotReady.selector);
        _router.add(ENCLAVE);
        require(_router.supported() == PROOF && _router.adapterOf(ENCLAVE) == address(0), "too early");
        vm.warp(block.timestamp + 48 hours);
        vm.prank(address(0xA11));
        _router.add(ENCLAVE); // anyone
        require(_router.supported() == PROOF | ENCLAVE && _router.adapterOf(ENCLAVE) == _second, "added");
        _refused(ENCLAVE, 2);
        _router.add(ENCLAVE);
    }

    /// Invariant 36: no kind ever changes its judge, retired or not.
    function test_RevertWhen_AKindWouldGetAnotherAdapter() public {
        _refused(PROOF, 2);
        _router.announce(PROOF, _second);
        _router.retire(PROOF);
        require(_router.supported() == 0 && _router.adapterOf(PROOF) == _first, "open jobs lost their judge");
        _refused(PROOF, 2);
        _router.announce(PROOF, _second);
        _refused(PROOF, 4);
        _router.retire(PROOF);
    }

    function testFuzz_RevertWhen_TheKindIsNone(uint8 kind) public {
        if (kind == PROOF || kind == ENCLAVE || kind == CIPHER || kind == OPTIMISTIC) return;
        _refused(kind, 1);
        _router.announce(kind, _second);
        _refused(kind, 4);
        _router.retire(kind);
    }

    function test_RevertWhen_ThereIsNoCode() public {
        _refused(ENCLAVE, 3);
        _router.announce(ENCLAVE, address(0xE0A));
        _refused(ENCLAVE, 3);
        _router.add(ENCLAVE); // nothing announced
    }

    function testFuzz_RevertWhen_TheCallerIsNotTheTimelock(address caller) public {
        if (caller == address(this)) return;
        bytes memory refusal = abi.encodeWithSelector(IEvidenceRouter.NotTimelock.selector, caller, address(this));
        vm.prank(caller);
        vm.expectRevert(refusal);
        _router.announce(ENCLAVE, _second);
        vm.prank(caller);
        vm.expectRevert(refusal);
        _router.retire(PROOF);
    }
}
