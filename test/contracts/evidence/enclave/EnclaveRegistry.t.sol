// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDcapVerifier} from "../../../../contracts/interfaces/IDcapVerifier.sol";
import {IEnclaveRegistry} from "../../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IMeasurementRegistry} from "../../../../contracts/interfaces/IMeasurementRegistry.sol";
import {EnclaveBase} from "../../support/EnclaveBase.sol";
import {vm} from "../../support/Vm.sol";

contract EnclaveRegistryTest is EnclaveBase {
    address private constant _WORKER = address(0x1111);
    address private constant _OTHER = address(0x2222);

    function setUp() public {
        _deployEnclaves();
    }

    /// Registers by this verdict; `revert_` is what it must end with, empty for nothing.
    function _try(IEnclaveRegistry.Binding memory b, IDcapVerifier.Verdict memory v, bytes memory revert_) private {
        told.tell(v);
        if (revert_.length == 4) vm.expectPartialRevert(bytes4(revert_));
        else if (revert_.length != 0) vm.expectRevert(revert_);
        vm.prank(b.worker);
        enclaves.register("quote", PCK, b, runtime);
    }

    function _refuse(IDcapVerifier.Verdict memory v, bytes memory revert_) private {
        _try(_binding(_WORKER, 1), v, revert_);
    }

    function _good() private view returns (IDcapVerifier.Verdict memory) {
        return _verdict(_binding(_WORKER, 1));
    }

    // --- Registering --------------------------------------------------------------------------------------------------

    /// R58: a registered key is one worker's, for one model, of one image, until a date.
    function test_Registers() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        uint40 expiry = _register(b);
        require(expiry == block.timestamp + 7 days, "expiry");
        IEnclaveRegistry.Enclave memory e = enclaves.enclave(b.key);
        require(e.modelId == MODEL && e.origin == PCK && e.worker == _WORKER && e.expiry == expiry, "key");
        require(e.image == 1 && e.epoch == 1 && e.status == 0 && e.vendor == 2, "evidence");
        require(enclaves.registeredAt(b.key) == block.timestamp, "since");
        require(enclaves.isLive(b.key, expiry) && !enclaves.isLive(b.key, expiry + 1), "live");
        require(!enclaves.isLive(address(1), 0), "unknown");
        vm.warp(expiry);
        require(!enclaves.isLive(b.key, 0), "expired");
    }

    function test_SaysWhatIsSimulated() public {
        IDcapVerifier.Verdict memory v = _good();
        v.simulated = true;
        _refuse(v, "");
        require(enclaves.enclave(vm.addr(SECRET)).vendor == 2 | 128, "marked");
    }

    /// R59: evidence ends a key earlier than its week.
    function test_NeverOutlivesItsEvidence() public {
        IDcapVerifier.Verdict memory v = _good();
        v.notAfter = uint48(block.timestamp + 3 hours);
        _refuse(v, "");
        require(enclaves.enclave(vm.addr(SECRET)).expiry == v.notAfter, "expiry");
    }

    function test_RevertWhen_TheReportDataSaysSomethingElse() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        IDcapVerifier.Verdict memory v = _verdict(b);
        bytes4 wrong = IEnclaveRegistry.BindingMismatch.selector;
        // Any part of the binding that the quote does not speak of.
        b.channelKey ^= bytes32(uint256(1));
        _try(b, v, abi.encodePacked(wrong));
        b = _binding(_WORKER, 1);
        b.sealKey ^= bytes32(uint256(1));
        _try(b, v, abi.encodePacked(wrong));
        b = _binding(_WORKER, 1);
        b.key = address(0xDEAD);
        _try(b, v, abi.encodePacked(wrong));
        b = _binding(_WORKER, 1);
        b.challengeBlock -= 1;
        _try(b, v, abi.encodePacked(wrong));
        // Another worker shows the quote as its own.
        _try(_binding(_OTHER, 1), v, abi.encodePacked(wrong));
        // Made for another registry or chain.
        b = _binding(_WORKER, 1);
        vm.chainId(1);
        _try(b, v, abi.encodePacked(wrong));
        vm.chainId(31_337);
        v.dataLow ^= bytes32(uint256(1));
        _try(b, v, abi.encodePacked(wrong));
        _try(b, _verdict(b), "");
    }

    function test_RevertWhen_TheQuoteIsOld() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        IDcapVerifier.Verdict memory v = _verdict(b);
        vm.roll(block.number + 256);
        _try(b, v, abi.encodePacked(IEnclaveRegistry.ChallengeOld.selector));
        // The future, and the block that is being made.
        b.challengeBlock = block.number;
        _try(b, v, abi.encodePacked(IEnclaveRegistry.ChallengeOld.selector));
        b.challengeBlock = type(uint256).max;
        _try(b, v, abi.encodePacked(IEnclaveRegistry.ChallengeOld.selector));
    }

    function test_RevertWhen_NotTheWorkerItself() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        told.tell(_verdict(b));
        vm.prank(_OTHER);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.WorkerOnly.selector, _OTHER, _WORKER));
        enclaves.register("quote", PCK, b, runtime);
        b.key = address(0);
        _try(b, _verdict(b), abi.encodePacked(IEnclaveRegistry.KeyEmpty.selector));
    }

    function test_RevertWhen_ImageOrPlatformIsNotWanted() public {
        IDcapVerifier.Verdict memory v = _good();
        v.measurementId = keccak256("a stranger's program");
        _refuse(v, abi.encodeWithSelector(IMeasurementRegistry.ImageUnknown.selector, v.measurementId));
        v = _good();
        images.deny(v.platformId);
        _refuse(v, abi.encodeWithSelector(IEnclaveRegistry.PlatformIsDenied.selector, v.platformId));
        v.platformId = keccak256("another");
        images.remove(IMAGE);
        _refuse(v, abi.encodeWithSelector(IMeasurementRegistry.ImageUnknown.selector, IMAGE));
    }

    function test_RevertWhen_TheStatusIsNotGoodEnough() public {
        for (uint8 status; status < 8; ++status) {
            IDcapVerifier.Verdict memory v = _good();
            v.status = status;
            if (status > 1) _refuse(v, abi.encodeWithSelector(IEnclaveRegistry.StatusNotAdmitted.selector, status));
        }
        // Grace is the verifier's to give.
        IDcapVerifier.Verdict memory late = _good();
        (late.status, late.grace) = (4, true);
        _refuse(late, "");
        require(enclaves.enclave(vm.addr(SECRET)).status == 4, "told, for those that take no grace");
    }

    function test_RevertWhen_TheRuntimeIsOfAnotherForm() public {
        bytes memory plain = runtime;
        bytes4 wrong = IEnclaveRegistry.RuntimeInvalid.selector;
        runtime = bytes.concat(plain, hex"00");
        _refuse(_good(), abi.encodeWithSelector(wrong, 1));
        runtime = "";
        _refuse(_good(), abi.encodeWithSelector(wrong, 1));
        runtime = abi.encode(keccak256("Else"), BUNDLE, MODEL, bytes32(0), bytes32(0));
        _refuse(_good(), abi.encodeWithSelector(wrong, 2));
        runtime = abi.encode(RUNTIME_TYPE, keccak256("other bundle"), MODEL, bytes32(0), bytes32(0));
        _refuse(_good(), abi.encodeWithSelector(wrong, 3));
    }

    // --- Renewing -----------------------------------------------------------------------------------------------------

    function test_EveryRegistrationCountsOneUp() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        IDcapVerifier.Verdict memory v = _verdict(b);
        _try(b, v, "");
        // The same quote, shown again.
        _try(b, v, abi.encodeWithSelector(IEnclaveRegistry.EpochWrong.selector, 1, 2));
        b = _binding(_WORKER, 3);
        _try(b, _verdict(b), abi.encodeWithSelector(IEnclaveRegistry.EpochWrong.selector, 3, 2));
        vm.warp(block.timestamp + 8 days);
        _register(_binding(_WORKER, 2));
        require(enclaves.enclave(b.key).epoch == 2 && enclaves.isLive(b.key, block.timestamp), "renewed");
    }

    function test_RevertWhen_TheKeyIsAnothers() public {
        _register(_binding(_WORKER, 1));
        bytes memory taken = abi.encodeWithSelector(IEnclaveRegistry.KeyTaken.selector, vm.addr(SECRET));
        IEnclaveRegistry.Binding memory b = _binding(_OTHER, 2);
        _try(b, _verdict(b), taken);
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, keccak256("another model"), bytes32(0), bytes32(0));
        b = _binding(_WORKER, 2);
        _try(b, _verdict(b), taken);
    }

    // --- Ending -------------------------------------------------------------------------------------------------------

    /// R59: anyone ends a key when its image, platform or certificate is gone; nothing else does.
    function test_InvalidatesByWhatIsKnown() public {
        address key = vm.addr(SECRET);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.KeyUnknown.selector, key));
        enclaves.invalidate(key);
        for (uint8 reason = 1; reason < 4; ++reason) {
            uint256 state = vm.snapshotState();
            uint256 end = _register(_binding(_WORKER, 1));
            vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NothingToEnd.selector, key));
            enclaves.invalidate(key);
            if (reason == 1) told.revoke(PCK);
            if (reason == 2) images.deny(told.platformIdOf(PCK, true));
            if (reason == 3) images.remove(IMAGE);
            require(!enclaves.isLive(key, end), "asked again at each use");
            vm.warp(block.timestamp + 1 hours);
            vm.expectEmit();
            emit IEnclaveRegistry.EnclaveEnded(key, reason);
            vm.prank(_OTHER);
            enclaves.invalidate(key);
            require(enclaves.enclave(key).expiry == block.timestamp, "ended");
            require(enclaves.registeredAt(key) == block.timestamp - 1 hours, "since");
            // Ended again later, its drain would be longer.
            vm.warp(block.timestamp + 1 hours);
            vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NothingToEnd.selector, key));
            enclaves.invalidate(key);
            vm.revertToState(state);
        }
    }

    /// R59: by the registration's own quote, once its status is not admissible any more.
    function test_InvalidatesByNewerCollateral() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        bytes32 challenge = blockhash(b.challengeBlock);
        IDcapVerifier.Verdict memory v = _verdict(b);
        _register(b);
        vm.roll(block.number + 5000);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NothingToEnd.selector, b.key));
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
        (v.status, v.grace) = (4, true);
        told.tell(v);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NothingToEnd.selector, b.key));
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
        // Below every level is as bad as out of date.
        (v.status, v.grace) = (255, false);
        told.tell(v);
        uint256 state = vm.snapshotState();
        _invalidateBy(b, challenge);
        vm.revertToState(state);
        v.status = 4;
        told.tell(v);
        _invalidateBy(b, challenge);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NothingToEnd.selector, b.key));
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
    }

    function _invalidateBy(IEnclaveRegistry.Binding memory b, bytes32 challenge) private {
        vm.expectEmit();
        emit IEnclaveRegistry.EnclaveEnded(b.key, 4);
        vm.prank(_OTHER);
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
        require(!enclaves.isLive(b.key, 0), "ended");
    }

    /// Whoever could end a key by a quote that is not its own could end every key.
    function test_RevertWhen_AnothersQuoteIsShownAgainstAKey() public {
        IEnclaveRegistry.Binding memory b = _binding(_WORKER, 1);
        bytes32 challenge = blockhash(b.challengeBlock);
        IDcapVerifier.Verdict memory v = _verdict(b);
        _register(b);
        v.status = 4;
        IEnclaveRegistry.Binding memory mine = _binding(_OTHER, 1);
        mine.key = address(0xDEAD);
        v.dataHigh = enclaves.bindingHash(mine, challenge);
        told.tell(v);
        vm.expectPartialRevert(IEnclaveRegistry.BindingMismatch.selector);
        enclaves.invalidateBy(b.key, "quote", mine, challenge, runtime);
        vm.expectPartialRevert(IEnclaveRegistry.BindingMismatch.selector);
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
        // A quote of an earlier registration of this key.
        IEnclaveRegistry.Binding memory next = _binding(_WORKER, 2);
        _register(next);
        IDcapVerifier.Verdict memory old = _verdict(b);
        old.status = 4;
        told.tell(old);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.EpochWrong.selector, 1, 2));
        enclaves.invalidateBy(b.key, "quote", b, challenge, runtime);
        require(enclaves.isLive(b.key, block.timestamp), "alive");
    }
}
