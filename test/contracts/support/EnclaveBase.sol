// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EnclaveRegistry} from "../../../contracts/evidence/enclave/EnclaveRegistry.sol";
import {MeasurementRegistry} from "../../../contracts/evidence/enclave/MeasurementRegistry.sol";
import {IDcapVerifier} from "../../../contracts/interfaces/IDcapVerifier.sol";
import {IEnclaveRegistry} from "../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IIntelCollateral} from "../../../contracts/interfaces/IIntelCollateral.sol";
import {ITrustRoots} from "../../../contracts/interfaces/ITrustRoots.sol";
import {IVerdictBoard} from "../../../contracts/interfaces/IVerdictBoard.sol";
import {vm} from "./Vm.sol";

/// Says of every quote what it was told to say: tests of quotes themselves stand beside `DcapVerifier`.
contract ToldVerifier {
    IDcapVerifier.Verdict private _next;
    mapping(bytes32 pckId => bool) public isRevoked;

    function tell(IDcapVerifier.Verdict memory v) external {
        _next = v;
    }

    function revoke(bytes32 pckId) external {
        isRevoked[pckId] = true;
    }

    function verify(bytes calldata, bytes32) external view returns (IDcapVerifier.Verdict memory) {
        require(_next.status != 255, IDcapVerifier.TcbTooLow(1, 0));
        return _next;
    }

    function assess(bytes calldata, bytes32) external view returns (IDcapVerifier.Verdict memory) {
        return _next;
    }

    function platformIdOf(bytes32 pckId, bool) external pure returns (bytes32) {
        return keccak256(abi.encode("platform", pckId));
    }
}

/// A registry of enclaves with one listed image, and a verdict that a worker may register by.
abstract contract EnclaveBase {
    bytes32 internal constant PCK = keccak256("pck");
    bytes32 internal constant IMAGE = keccak256("measurement");
    bytes32 internal constant BUNDLE = keccak256("bundle");
    bytes32 internal constant MODEL = keccak256("model");
    bytes32 internal constant RUNTIME_TYPE = keccak256(
        "EnclaveRuntime(bytes32 bundleDigest,bytes32 modelId,bytes32 gpuDigest,bytes32 configDigest)"
    );
    uint256 internal constant SECRET = 0xE4C1A7E;
    uint256 private constant _START = 1_000_000;

    ToldVerifier internal told;
    MeasurementRegistry internal images;
    EnclaveRegistry internal enclaves;
    bytes internal runtime;

    function _deployEnclaves() internal {
        // Beside a hub, time goes on from the hub's.
        if (block.timestamp < _START) vm.warp(_START);
        if (block.number < 1000) vm.roll(1000);
        told = new ToldVerifier();
        images = new MeasurementRegistry(address(this));
        enclaves = new EnclaveRegistry(
            IIntelCollateral(address(told)),
            IDcapVerifier(address(told)),
            images,
            _trustRoots(),
            _verdictBoard()
        );
        images.announce(IMAGE, BUNDLE);
        vm.warp(block.timestamp + 48 hours);
        images.list(IMAGE);
        runtime = abi.encode(RUNTIME_TYPE, BUNDLE, MODEL, bytes32(0), keccak256("config"));
    }

    function _trustRoots() internal virtual returns (ITrustRoots) {}

    function _verdictBoard() internal virtual returns (IVerdictBoard) {}

    function _binding(address worker, uint16 epoch) internal view returns (IEnclaveRegistry.Binding memory) {
        uint256 recent = block.number - 1;
        return
            IEnclaveRegistry.Binding(vm.addr(SECRET), keccak256("channel"), keccak256("seal"), worker, epoch, recent);
    }

    /// What a quote over this binding is worth, all being well.
    function _verdict(IEnclaveRegistry.Binding memory b) internal view returns (IDcapVerifier.Verdict memory v) {
        (v.vendor, v.status, v.evaluation) = (2, 0, 17);
        v.notAfter = uint48(block.timestamp + 30 days);
        v.platformId = told.platformIdOf(PCK, true);
        v.measurementId = IMAGE;
        v.dataHigh = enclaves.bindingHash(b, blockhash(b.challengeBlock));
        v.dataLow = sha256(runtime);
    }

    function _register(IEnclaveRegistry.Binding memory b) internal returns (uint40) {
        told.tell(_verdict(b));
        vm.prank(b.worker);
        return enclaves.register("quote", PCK, b, runtime);
    }
}
