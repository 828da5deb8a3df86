// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EnclaveEvidence} from "../../../../contracts/evidence/enclave/EnclaveEvidence.sol";
import {IEnclaveEvidence} from "../../../../contracts/interfaces/IEnclaveEvidence.sol";
import {IEnclaveRegistry} from "../../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IEvidenceAdapter} from "../../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IModelRegistry} from "../../../../contracts/interfaces/IModelRegistry.sol";
import {IDcapVerifier} from "../../../../contracts/interfaces/IDcapVerifier.sol";
import {StageInfo} from "../../../../contracts/types/Types.sol";
import {EnclaveBase} from "../../support/EnclaveBase.sol";
import {vm} from "../../support/Vm.sol";

contract EnclaveEvidenceTest is EnclaveBase {
    address private constant _WORKER = address(0x1111);
    bytes32 private constant _DOMAIN = keccak256("a hub's domain");
    bytes32 private constant _CLAIM = keccak256(
        "Claim(bytes32 jobId,uint16 stage,bytes32 inDigest,bytes32 outDigest,address worker)"
    );
    bytes32 private constant _RESULT = keccak256("EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)");
    bytes32 private constant _CHANNEL = keccak256("channel");

    EnclaveEvidence private _adapter;
    StageInfo[] private _table;

    /// Stands in for the model registry: it is the only model's.
    function model(bytes32 modelId) external view returns (IModelRegistry.Model memory m) {
        require(modelId == MODEL, "model");
        m.stages = uint8(_table.length);
        m.stagesHash = keccak256(abi.encode(_table));
    }

    function setUp() public {
        _deployEnclaves();
        _adapter = new EnclaveEvidence(enclaves, IModelRegistry(address(this)));
        _stages(1);
        _register(_binding(_WORKER, 1));
    }

    function _stages(uint256 count) private {
        delete _table;
        for (uint256 i; i < count; ++i) {
            StageInfo memory stage;
            stage.kernel = keccak256(abi.encode("kernel", i));
            _table.push(stage);
        }
    }

    function _claim(uint16 stage) private pure returns (IEvidenceAdapter.Claim memory) {
        return IEvidenceAdapter.Claim(keccak256("job"), stage, keccak256("in"), keccak256("out"), _WORKER);
    }

    function _sign(
        uint256 secret,
        bytes32 domain,
        IEvidenceAdapter.Claim memory c,
        uint16 epoch
    ) private pure returns (bytes memory) {
        bytes32 hash = keccak256(abi.encode(_CLAIM, c.jobId, c.stage, c.inDigest, c.outDigest, c.worker));
        hash = keccak256(abi.encode(_RESULT, hash, _CHANNEL, epoch));
        (bytes32 r, bytes32 vs) = vm.signCompact(secret, keccak256(abi.encodePacked(hex"1901", domain, hash)));
        return abi.encodePacked(_CHANNEL, epoch, r, vs);
    }

    function _evidence() private pure returns (bytes memory) {
        return _sign(SECRET, _DOMAIN, _claim(0), 1);
    }

    function _expect(IEvidenceAdapter.Claim memory c, bytes memory evidence, bytes4 error_) private {
        StageInfo memory stage = _table[c.stage];
        vm.expectPartialRevert(error_);
        _adapter.check(_DOMAIN, c, stage, evidence);
    }

    /// R58: one signature says that a registered enclave made this claim.
    function test_OneSignatureIsEnough() public {
        StageInfo memory stage = _table[0];
        _adapter.check(_DOMAIN, _claim(0), stage, _evidence());
        vm.snapshotGasLastCall("check an enclave's result");
        require(!_adapter.mayOverrule(stage) && _adapter.enclaves() == address(enclaves), "rank");
    }

    function test_RevertWhen_AnyFieldIsAnothers() public {
        IEvidenceAdapter.Claim[5] memory claims = [_claim(0), _claim(0), _claim(0), _claim(0), _claim(0)];
        claims[0].jobId ^= bytes32(uint256(1));
        claims[1].inDigest ^= bytes32(uint256(1));
        claims[2].outDigest ^= bytes32(uint256(1));
        claims[3].worker = address(0x2222);
        for (uint256 i; i < 4; ++i) _expect(claims[i], _evidence(), IEnclaveEvidence.SignerUnknown.selector);
        // For another hub or chain.
        bytes memory foreign = _sign(SECRET, keccak256("another hub"), _claim(0), 1);
        _expect(_claim(0), foreign, IEnclaveEvidence.SignerUnknown.selector);
        // By a key that no enclave registered.
        _expect(_claim(0), _sign(0xBAD, _DOMAIN, _claim(0), 1), IEnclaveEvidence.SignerUnknown.selector);
        // A worker takes another's enclave for its own.
        bytes memory signed = _sign(SECRET, _DOMAIN, claims[3], 1);
        _expect(claims[3], signed, IEnclaveEvidence.WorkerMismatch.selector);
    }

    function testFuzz_RevertWhen_ABitIsFlipped(uint256 index, uint8 bit) public {
        bytes memory evidence = _evidence();
        evidence[index % evidence.length] ^= bytes1(uint8(1) << (bit % 8));
        StageInfo memory stage = _table[0];
        vm.expectRevert();
        _adapter.check(_DOMAIN, _claim(0), stage, evidence);
    }

    function test_RevertWhen_Malformed() public {
        bytes memory evidence = _evidence();
        _expect(_claim(0), "", IEnclaveEvidence.EvidenceMalformed.selector);
        _expect(_claim(0), new bytes(97), IEnclaveEvidence.EvidenceMalformed.selector);
        _expect(_claim(0), new bytes(98), IEnclaveEvidence.SignerUnknown.selector);
        _expect(_claim(0), bytes.concat(evidence, hex"00"), IEnclaveEvidence.EvidenceMalformed.selector);
    }

    /// R58: a result of an older epoch was made under older evidence; a renewal in the middle of a job voids nothing.
    function test_OnlyThisEpochAndTheOneBefore() public {
        bytes memory first = _evidence();
        StageInfo memory stage = _table[0];
        _register(_binding(_WORKER, 2));
        _adapter.check(_DOMAIN, _claim(0), stage, first);
        _adapter.check(_DOMAIN, _claim(0), stage, _sign(SECRET, _DOMAIN, _claim(0), 2));
        _expect(_claim(0), _sign(SECRET, _DOMAIN, _claim(0), 3), IEnclaveEvidence.EpochMismatch.selector);
        _register(_binding(_WORKER, 3));
        _expect(_claim(0), first, IEnclaveEvidence.EpochMismatch.selector);
    }

    function test_RevertWhen_EpochIs0() public {
        _expect(_claim(0), _sign(SECRET, _DOMAIN, _claim(0), 0), IEnclaveEvidence.EpochMismatch.selector);
    }

    function test_AnEndedKeyDrains() public {
        StageInfo memory stage = _table[0];
        uint256 expiry = enclaves.enclave(vm.addr(SECRET)).expiry;
        vm.warp(expiry + 1 days);
        _adapter.check(_DOMAIN, _claim(0), stage, _evidence());
        vm.warp(expiry + 1 days + 1);
        _expect(_claim(0), _evidence(), IEnclaveEvidence.EnclaveExpired.selector);
    }

    /// R57: what is simulated counts on a local chain only.
    function test_RevertWhen_SimulatedElsewhere() public {
        IDcapVerifier.Verdict memory v = _verdict(_binding(_WORKER, 2));
        v.simulated = true;
        told.tell(v);
        vm.prank(_WORKER);
        enclaves.register("quote", PCK, _binding(_WORKER, 2), runtime);
        StageInfo memory stage = _table[0];
        _adapter.check(_DOMAIN, _claim(0), stage, _evidence());
        vm.chainId(1);
        _expect(_claim(0), _evidence(), IEnclaveEvidence.SimulatedEnclaveRefused.selector);
    }

    function test_RevertWhen_TheModelIsAnother() public {
        StageInfo memory other = _table[0];
        other.kernel = keccak256("another program");
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        _adapter.check(_DOMAIN, _claim(0), other, _evidence());
    }

    function test_StagesOfALongerModel() public {
        _stages(3);
        StageInfo[] memory table = _table;
        bytes memory evidence = _sign(SECRET, _DOMAIN, _claim(1), 1);
        bytes memory whole = bytes.concat(evidence, abi.encode(table));
        _adapter.check(_DOMAIN, _claim(1), table[1], whole);
        // Its place in the model counts too.
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        _adapter.check(_DOMAIN, _claim(1), table[2], whole);
        vm.expectRevert();
        _adapter.check(_DOMAIN, _claim(1), table[1], evidence);
        bytes memory third = bytes.concat(_sign(SECRET, _DOMAIN, _claim(7), 1), abi.encode(table));
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        _adapter.check(_DOMAIN, _claim(7), table[1], third);
        table[2].kernel = 0;
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        _adapter.check(_DOMAIN, _claim(1), table[1], bytes.concat(evidence, abi.encode(table)));
    }
}
