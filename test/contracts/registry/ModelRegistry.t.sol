// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {ModelRegistry} from "../../../contracts/registry/ModelRegistry.sol";
import {
    CIPHER,
    ENCLAVE,
    KIND_BLINDED,
    KIND_CIPHER,
    KIND_PUBLIC,
    KIND_SALTED,
    ModelManifest,
    NO_PROBE,
    OPTIMISTIC,
    PLACE_CLIENT,
    PLACE_NETWORK,
    PRODUCER_INPUT,
    PROOF,
    StageInfo,
    VOTE
} from "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// R1: a model is what its manifest says, for good; a manifest that would trap seats or requesters is refused.
contract ModelRegistryTest {
    ModelRegistry private _registry;

    function setUp() public {
        _registry = new ModelRegistry();
    }

    function _stage(uint8 inKind, uint8 outKind, uint16 producer) private pure returns (StageInfo memory stage) {
        stage.place = PLACE_NETWORK;
        (stage.inKind, stage.outKind, stage.probe) = (inKind, outKind, NO_PROBE);
        stage.kernel = keccak256("kernel");
        stage.producers = new uint16[](1);
        stage.producers[0] = producer;
    }

    /// A chain of PUBLIC stages that accepts VOTE.
    function _chain(uint256 count) private pure returns (ModelManifest memory manifest) {
        StageInfo[] memory stages = new StageInfo[](count);
        for (uint256 s; s < count; ++s) {
            stages[s] = _stage(KIND_PUBLIC, KIND_PUBLIC, s == 0 ? PRODUCER_INPUT : uint16(s - 1));
        }
        manifest = ModelManifest({
            name: "digits",
            programRoot: keccak256("program"),
            stages: stages,
            acceptedMasks: uint32(1) << VOTE,
            workUnits: 10,
            weightsHash: keccak256("weights"),
            reportHash: keccak256("report"),
            toolsHash: keccak256("tools")
        });
    }

    function _refused(ModelManifest memory manifest, bytes memory reason) private {
        vm.expectRevert(reason);
        _registry.register(manifest);
    }

    function _field(uint8 field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelRegistry.ManifestInvalid.selector, field);
    }

    function _stageField(uint256 stage, uint8 field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelRegistry.StageInvalid.selector, stage, field);
    }

    function test_RegisterAChain() public {
        ModelManifest memory manifest = _chain(3);
        vm.startSnapshotGas("register a model of three stages");
        bytes32 id = _registry.register(manifest);
        vm.stopSnapshotGas();
        IModelRegistry.Model memory model = _registry.model(id);
        require(id == keccak256(abi.encode("assay.v1.model", manifest)) && id == _registry.idOf(manifest), "id");
        require(model.stagesHash == keccak256(abi.encode(manifest.stages)), "stages");
        require(model.linear && model.network && model.stages == 3 && model.outKind == KIND_PUBLIC, "shape");
        require(model.acceptedMasks == uint32(1) << VOTE && model.workUnits == 10, "terms");
    }

    function test_RevertWhen_RegisteredTwice() public {
        bytes32 id = _registry.register(_chain(1));
        _refused(_chain(1), abi.encodeWithSelector(IModelRegistry.ModelExists.selector, id));
    }

    function testFuzz_RevertWhen_Unknown(bytes32 id) public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelUnknown.selector, id));
        _registry.model(id);
    }

    /// Any change is another model.
    function test_EveryFieldIsInTheId() public {
        bytes32 id = _registry.register(_chain(2));
        for (uint256 i; i < 13; ++i) {
            ModelManifest memory manifest = _chain(2);
            if (i == 0) manifest.name = "digit";
            if (i == 1) manifest.programRoot = keccak256("other");
            if (i == 2) manifest.acceptedMasks |= uint32(1) << ENCLAVE;
            if (i == 3) manifest.workUnits = 11;
            if (i == 4) manifest.weightsHash = keccak256("other");
            if (i == 5) manifest.reportHash = keccak256("other");
            if (i == 6) manifest.toolsHash = keccak256("other");
            if (i == 7) manifest.stages[1].kernel = keccak256("other");
            if (i == 8) manifest.stages[1].probe = 3;
            if (i == 9) manifest.stages[0].keyId = keccak256("key");
            if (i > 10) manifest.stages[0].keyId = keccak256("key of weights");
            if (i == 11) manifest.stages[0].weightsX = bytes32(uint256(1));
            if (i == 12) manifest.stages[0].weightsY = bytes32(uint256(2));
            if (i == 10) manifest.stages[0].outKind = manifest.stages[1].inKind = KIND_SALTED;
            require(_registry.register(manifest) != id, "same id");
        }
    }

    function test_RevertWhen_AFieldIsEmpty() public {
        ModelManifest memory manifest = _chain(1);
        manifest.name = "";
        _refused(manifest, _field(1));
        manifest.name = "a name that is longer than the sixty-four bytes that a name may have";
        _refused(manifest, _field(1));
        manifest = _chain(1);
        manifest.programRoot = 0;
        _refused(manifest, _field(2));
        manifest = _chain(1);
        manifest.workUnits = 0;
        _refused(manifest, _field(4));
        manifest = _chain(1);
        manifest.weightsHash = 0;
        _refused(manifest, _field(5));
        manifest = _chain(1);
        manifest.reportHash = 0;
        _refused(manifest, _field(6));
        manifest = _chain(1);
        manifest.toolsHash = 0;
        _refused(manifest, _field(7));
    }

    function test_RevertWhen_StageCountIsOutOfRange() public {
        _refused(_chain(0), abi.encodeWithSelector(IModelRegistry.StageCountInvalid.selector, 0, 8));
        _registry.register(_chain(8));
        _refused(_chain(9), abi.encodeWithSelector(IModelRegistry.StageCountInvalid.selector, 9, 8));
    }

    function test_RevertWhen_AStageIsMalformed() public {
        ModelManifest memory manifest = _chain(2);
        manifest.stages[1].place = 2;
        _refused(manifest, _stageField(1, 1));
        manifest = _chain(2);
        manifest.stages[1].outKind = KIND_CIPHER + 1;
        _refused(manifest, _stageField(1, 2));
        manifest = _chain(2);
        manifest.stages[1].inKind = KIND_SALTED; // the producer hands over PUBLIC
        _refused(manifest, _stageField(1, 2));
        manifest = _chain(2);
        manifest.stages[1].kernel = 0;
        _refused(manifest, _stageField(1, 5));
        manifest = _chain(2);
        manifest.stages[1].place = PLACE_CLIENT;
        manifest.stages[1].probe = 0;
        _refused(manifest, _stageField(1, 6));
        manifest = _chain(1);
        manifest.stages[0].place = PLACE_CLIENT; // nobody could be paid or checked
        _refused(manifest, _stageField(0, 1));
    }

    function test_RevertWhen_ProducersAreNoDag() public {
        ModelManifest memory manifest = _chain(2);
        manifest.stages[0].producers[0] = 0; // itself
        _refused(manifest, _stageField(0, 3));
        manifest.stages[0].producers[0] = 1; // a later one
        _refused(manifest, _stageField(0, 3));
        manifest = _chain(2);
        manifest.stages[1].producers = new uint16[](0);
        _refused(manifest, _stageField(1, 3));
        manifest = _chain(2);
        manifest.stages[1].producers = new uint16[](2); // 0 twice
        _refused(manifest, _stageField(1, 3));
        manifest = _chain(2);
        manifest.stages[1].producers[0] = PRODUCER_INPUT; // stage 0 leads nowhere
        _refused(manifest, _stageField(0, 7));
    }

    function test_AJoinIsNotLinear() public {
        ModelManifest memory manifest = _chain(3);
        manifest.stages[1].producers[0] = PRODUCER_INPUT;
        manifest.stages[2].producers = new uint16[](3);
        (manifest.stages[2].producers[1], manifest.stages[2].producers[2]) = (1, PRODUCER_INPUT);
        IModelRegistry.Model memory model = _registry.model(_registry.register(manifest));
        require(!model.linear && model.network, "a DAG on the network");
    }

    function test_ProbesAreKeptByStage() public {
        ModelManifest memory manifest = _chain(3);
        (manifest.stages[0].probe, manifest.stages[2].probe) = (0, 7);
        manifest.stages[1].probe = NO_PROBE;
        require(_registry.model(_registry.register(manifest)).probes == 5, "probes");
    }

    /// Jobs know the network's stages alone, numbered from 0; the client's are in the id.
    function test_ClientStagesAroundTheNetwork() public {
        ModelManifest memory manifest = _chain(4);
        manifest.stages[0].place = manifest.stages[3].place = PLACE_CLIENT;
        manifest.stages[2].outKind = manifest.stages[3].inKind = KIND_SALTED;
        manifest.stages[2].probe = 5;
        vm.startSnapshotGas("register a model of two stages between the client's");
        bytes32 id = _registry.register(manifest);
        vm.stopSnapshotGas();
        IModelRegistry.Model memory model = _registry.model(id);
        StageInfo[] memory table = new StageInfo[](2);
        table[0] = _stage(KIND_PUBLIC, KIND_PUBLIC, PRODUCER_INPUT);
        table[1] = _stage(KIND_PUBLIC, KIND_SALTED, 0);
        table[1].probe = 5;
        require(model.stagesHash == keccak256(abi.encode(table)), "table");
        require(model.network && model.linear && model.stages == 2, "shape");
        require(model.outKind == KIND_SALTED && model.probes == 2, "what the hub asks for");
        manifest.stages[0].kernel = keccak256("another first stage");
        require(_registry.register(manifest) != id, "the client's stages are in the id");
    }

    /// What the client hands over is the job's input, which sorts last.
    function test_ClientStagesAroundADag() public {
        ModelManifest memory manifest = _chain(5);
        manifest.stages[0].place = manifest.stages[1].place = PLACE_CLIENT;
        manifest.stages[3].producers = new uint16[](2);
        (manifest.stages[3].producers[0], manifest.stages[3].producers[1]) = (1, 2);
        manifest.stages[4].producers = new uint16[](3);
        for (uint16 i; i < 3; ++i) manifest.stages[4].producers[i] = i + 1;
        IModelRegistry.Model memory model = _registry.model(_registry.register(manifest));
        StageInfo[] memory table = new StageInfo[](3);
        for (uint256 s; s < 3; ++s) table[s] = _stage(KIND_PUBLIC, KIND_PUBLIC, PRODUCER_INPUT);
        table[1].producers = new uint16[](2);
        table[2].producers = new uint16[](3);
        table[1].producers[1] = table[2].producers[2] = PRODUCER_INPUT;
        table[2].producers[1] = 1;
        require(model.stagesHash == keccak256(abi.encode(table)), "table");
        require(model.network && !model.linear && model.stages == 3, "shape");
    }

    /// One network stage between the client's can be sampled.
    function test_OneNetworkStageIsOneStage() public {
        ModelManifest memory manifest = _chain(3);
        manifest.stages[0].place = manifest.stages[2].place = PLACE_CLIENT;
        manifest.acceptedMasks = uint32(1) << OPTIMISTIC;
        require(_registry.model(_registry.register(manifest)).stages == 1, "stages");
    }

    function _elsewhere(ModelManifest memory manifest) private {
        IModelRegistry.Model memory model = _registry.model(_registry.register(manifest));
        require(!model.network && !model.linear, "a job could ask for it");
        require(model.stagesHash == keccak256(abi.encode(manifest.stages)), "table");
    }

    /// No job asks for these: the hub has no place for a client's turn, and a raw input beside the first stage would leave it.
    function test_ClientStagesElsewhere() public {
        ModelManifest memory manifest = _chain(3);
        manifest.stages[1].place = PLACE_CLIENT; // in the middle
        _elsewhere(manifest);
        manifest = _chain(3);
        manifest.stages[0].place = PLACE_CLIENT;
        manifest.stages[2].producers = new uint16[](2); // the raw input too
        (manifest.stages[2].producers[0], manifest.stages[2].producers[1]) = (1, PRODUCER_INPUT);
        _elsewhere(manifest);
        manifest = _chain(3);
        manifest.stages[0].place = manifest.stages[1].place = PLACE_CLIENT;
        manifest.stages[2].producers = new uint16[](2); // an earlier boundary of the client's too
        (manifest.stages[2].producers[0], manifest.stages[2].producers[1]) = (0, 1);
        _elsewhere(manifest);
        manifest = _chain(3);
        manifest.stages[0].place = manifest.stages[1].place = PLACE_CLIENT;
        manifest.stages[1].producers = new uint16[](2); // no chain
        (manifest.stages[1].producers[0], manifest.stages[1].producers[1]) = (0, PRODUCER_INPUT);
        _elsewhere(manifest);
        manifest = _chain(3);
        manifest.stages[2].place = PLACE_CLIENT;
        manifest.stages[2].producers = new uint16[](2); // two results
        (manifest.stages[2].producers[0], manifest.stages[2].producers[1]) = (0, 1);
        _elsewhere(manifest);
    }

    /// The whole rule against its plain form, over all places and producers that a table of five stages may have.
    function testFuzz_NetworkPart(uint8 clients, uint256 seed) public {
        ModelManifest memory manifest = _chain(5);
        for (uint256 s; s < 5; ++s) {
            if (clients & (1 << s) != 0) manifest.stages[s].place = PLACE_CLIENT;
            if (s < 2 || (seed >> (8 * s)) & 3 != 0) continue;
            manifest.stages[s].producers = new uint16[](2);
            manifest.stages[s].producers[0] = uint16(s - 1 - ((seed >> (8 * s + 2)) & 1));
            manifest.stages[s].producers[1] = s - 1 == manifest.stages[s].producers[0] ? PRODUCER_INPUT : uint16(s - 1);
        }
        if (clients & 31 == 31) return _refused(manifest, _stageField(0, 1));
        IModelRegistry.Model memory model = _registry.model(_registry.register(manifest));
        (uint256 first, uint256 end) = (0, 5);
        while (clients & (1 << first) != 0) ++first;
        while (clients & (1 << (end - 1)) != 0) --end;
        bool fits = true;
        for (uint256 s; s < 5; ++s) {
            uint16[] memory from = manifest.stages[s].producers;
            bool inside = s >= first && s < end;
            if (inside && clients & (1 << s) != 0) fits = false;
            for (uint256 i; i < from.length; ++i) {
                uint256 before = s == 0 ? PRODUCER_INPUT : s - 1;
                if (!inside && (from.length != 1 || from[i] != before)) fits = false;
                if (inside && first != 0 && (from[i] == PRODUCER_INPUT || from[i] + 1 < first)) fits = false;
            }
        }
        require(model.network == fits && model.stages == (fits ? end - first : 5), "part");
    }

    function test_RevertWhen_AKeyHasABlindedEnd() public {
        ModelManifest memory manifest = _chain(1);
        (manifest.stages[0].keyId, manifest.stages[0].inKind) = (keccak256("key"), KIND_BLINDED);
        _refused(manifest, _stageField(0, 4));
        (manifest.stages[0].inKind, manifest.stages[0].outKind) = (KIND_PUBLIC, KIND_BLINDED);
        _refused(manifest, _stageField(0, 4));
        manifest.stages[0].keyId = 0;
        _registry.register(manifest);
    }

    function test_RevertWhen_CommittedWeightsHaveNoKey() public {
        ModelManifest memory manifest = _chain(1);
        manifest.stages[0].weightsX = bytes32(uint256(1));
        _refused(manifest, _stageField(0, 8));
        (manifest.stages[0].weightsX, manifest.stages[0].weightsY) = (0, bytes32(uint256(2)));
        _refused(manifest, _stageField(0, 8));
        (manifest.stages[0].weightsX, manifest.stages[0].keyId) = (bytes32(uint256(1)), keccak256("key"));
        _registry.register(manifest);
    }

    /// A float model says how exactly it computes, on every stage, and is voted on; everything else would slash honest seats.
    function test_FloatModels() public {
        bytes32 tolerance = bytes32((uint256(3) << 240) | (uint256(1) << 160));
        ModelManifest memory manifest = _chain(2);
        manifest.acceptedMasks = 3;
        _refused(manifest, _field(3)); // no stage says so
        manifest.stages[0].weightsY = tolerance;
        _refused(manifest, _field(3)); // the other does not
        manifest.acceptedMasks = 2;
        _refused(manifest, _field(3)); // a float stage compared exactly
        manifest.stages[1].weightsY = tolerance;
        _refused(manifest, _field(3));
        for (uint256 mask = 2; mask < 32; ++mask) {
            manifest.acceptedMasks = 3 | uint32(1 << mask);
            _refused(manifest, _field(3)); // floats are only voted on
        }
        manifest.acceptedMasks = 1;
        _refused(manifest, _field(3));
        manifest.acceptedMasks = 3;
        bytes32 id = _registry.register(manifest);
        require(_registry.model(id).acceptedMasks == 3, "class T");
        manifest.stages[1].weightsY = bytes32(uint256(tolerance) + 1);
        _refused(manifest, _stageField(1, 8)); // not canonical
        manifest.stages[1].weightsY = tolerance;
        manifest.stages[1].outKind = KIND_SALTED;
        _refused(manifest, _stageField(1, 9)); // its bytes could not be shown
        (manifest.stages[1].outKind, manifest.stages[1].probe) = (KIND_PUBLIC, 1);
        _refused(manifest, _stageField(1, 9));
        (manifest.stages[1].place, manifest.stages[1].probe) = (PLACE_CLIENT, NO_PROBE);
        _refused(manifest, _stageField(1, 9));
    }

    function test_RevertWhen_ProofIsAcceptedWithoutKeys() public {
        ModelManifest memory manifest = _chain(2);
        manifest.acceptedMasks = uint32(1) << PROOF;
        manifest.stages[0].keyId = keccak256("key");
        _refused(manifest, _field(3));
        manifest.stages[1].keyId = keccak256("key");
        _registry.register(manifest);
    }

    function test_RevertWhen_MasksContradictTheStages() public {
        ModelManifest memory manifest = _chain(1);
        manifest.acceptedMasks = 0;
        _refused(manifest, _field(3));
        manifest.acceptedMasks = 3; // mask 0: no evidence at all
        _refused(manifest, _field(3));
        manifest.acceptedMasks = uint32(1) << (VOTE | CIPHER); // no ciphertext
        _refused(manifest, _field(3));
        manifest.acceptedMasks = uint32(1) << (VOTE | OPTIMISTIC);
        _refused(manifest, _field(3));
        manifest = _chain(2);
        manifest.acceptedMasks = uint32(1) << OPTIMISTIC; // sampling has one stage
        _refused(manifest, _field(3));
    }

    /// Ciphertext stages are voted on as ciphertext; the proof, if any, is the closing client stage's.
    function test_CipherMasks() public {
        ModelManifest memory manifest = _chain(2);
        (manifest.stages[0].inKind, manifest.stages[0].outKind) = (KIND_CIPHER, KIND_CIPHER);
        (manifest.stages[1].inKind, manifest.stages[1].outKind) = (KIND_CIPHER, KIND_SALTED);
        manifest.stages[1].place = PLACE_CLIENT;
        manifest.acceptedMasks = uint32(1) << CIPHER;
        _refused(manifest, _field(3)); // CIPHER implies VOTE
        manifest.acceptedMasks = uint32(1) << VOTE;
        _refused(manifest, _field(3)); // what is ciphertext must be asked for as such
        manifest.acceptedMasks = uint32(1) << (VOTE | CIPHER);
        _registry.register(manifest);
        manifest.acceptedMasks |= uint32(1) << (VOTE | CIPHER | PROOF);
        _refused(manifest, _field(3));
        manifest.stages[1].keyId = keccak256("key");
        _registry.register(manifest);
    }
}
