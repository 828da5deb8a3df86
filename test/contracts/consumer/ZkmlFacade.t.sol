// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IZkmlRegistry, IZkmlVerifier} from "../../../contracts/interfaces/IZkml.sol";
import {ZkmlFacade} from "../../../contracts/consumer/ZkmlFacade.sol";
import "../../../contracts/types/Types.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// ERC-7992 over proven jobs.
contract ZkmlFacadeTest is ProofBase {
    bytes private constant OUTPUT = hex"010203";

    ZkmlFacade private _facade;
    Job private _job;
    bytes32 private _record;

    function setUp() public {
        _deploy(25);
        _facade = new ZkmlFacade(_hub);
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        Job memory job = _request(_proven(1));
        bytes32 out = keccak256(abi.encodePacked(keccak256("assay.v1.public"), OUTPUT));
        StageProof[] memory proofs = new StageProof[](1);
        address worker = vm.addr(_candidates(job)[0]);
        proofs[0] = StageProof(worker, out, _evidence(job, table[0], 0, INPUT, out, worker));
        _record = keccak256(abi.encode(_provenRecord(job, proofs, 1)));
        _hub.submitProofs(job, _empty(), table, proofs, "");
        _job = job;
    }

    function _model() private view returns (uint256) {
        return uint256(_job.spec.modelId);
    }

    function _commitment(Job memory job) private view returns (bytes32) {
        return keccak256(abi.encode("assay.v1.7992", _id(job), job.spec.inDigest));
    }

    function test_AProvenJobIsAVerifiedInference() public {
        _facade.verifyInference(_model(), _commitment(_job), OUTPUT, abi.encode(_job, _record));
        (IZkmlRegistry.ModelCommitment memory c, bool deprecated, address owner) = _facade.getModel(_model());
        require(uint256(c.modelHash) == _model() && !deprecated && owner == address(0), "model");
        require(c.circuitHash == keccak256(abi.encode(_keyed(1, NO_PROBE))), "stage table");
        require(_facade.proofSystemOf(_model()) == c.proofSystemId && c.proofSystemId != 0, "proof system");
        require(_facade.registry() == address(_facade), "registry");
        require(_facade.supportsInterface(type(IZkmlVerifier).interfaceId), "ERC-165");
        require(_facade.supportsInterface(type(IZkmlRegistry).interfaceId), "ERC-165");
        require(!_facade.supportsInterface(0xffffffff), "ERC-165");
    }

    function test_RevertWhen_AnythingDiffers() public {
        Job memory job = _job;
        bytes32 commitment = _commitment(job);
        bytes memory proof = abi.encode(job, _record);
        uint256 model = _model();
        vm.expectRevert(IZkmlVerifier.InvalidProof.selector);
        _facade.verifyInference(model, commitment, hex"010204", proof);
        vm.expectRevert(IZkmlVerifier.InvalidProof.selector);
        _facade.verifyInference(model, commitment, OUTPUT, abi.encode(job, keccak256("another record")));
        vm.expectRevert(IZkmlVerifier.InputCommitmentMismatch.selector);
        _facade.verifyInference(model, keccak256("another input"), OUTPUT, proof);
        bytes32 other = _register(_keyed(2, NO_PROBE));
        vm.expectRevert(IZkmlVerifier.ModelMismatch.selector);
        _facade.verifyInference(uint256(other), commitment, OUTPUT, proof);
        uint256 unproven = uint256(_linearModel(1));
        vm.expectRevert(abi.encodeWithSelector(IZkmlRegistry.ModelNotFound.selector, unproven));
        _facade.verifyInference(unproven, commitment, OUTPUT, proof);
        vm.expectRevert(abi.encodeWithSelector(IZkmlRegistry.ModelNotFound.selector, 7));
        _facade.getModel(7);
    }

    /// A job that never ended, or that was only voted on, is no proof.
    function test_RevertWhen_TheJobIsNotProven() public {
        uint256 model = _model();
        Job memory open = _request(_job.spec);
        bytes32 commitment = _commitment(open);
        vm.expectRevert(IZkmlVerifier.InvalidProof.selector);
        _facade.verifyInference(model, commitment, OUTPUT, abi.encode(open, bytes32(0)));
        Job memory voted = _job;
        voted.spec.policy.mask = VOTE;
        commitment = _commitment(voted);
        vm.expectRevert(IZkmlVerifier.InvalidProof.selector);
        _facade.verifyInference(model, commitment, OUTPUT, abi.encode(voted, _record));
    }

    /// Models belong to nobody and never change.
    function test_RevertWhen_AModelIsToChange() public {
        uint256 model = _model();
        (IZkmlRegistry.ModelCommitment memory c, , ) = _facade.getModel(model);
        bytes memory refusal = abi.encodeWithSelector(IZkmlRegistry.NotModelOwner.selector, model, address(this));
        vm.expectRevert(refusal);
        _facade.updateModel(model, c);
        vm.expectRevert(refusal);
        _facade.deprecateModel(model);
        vm.expectRevert(refusal);
        _facade.registerModel(c);
    }
}
