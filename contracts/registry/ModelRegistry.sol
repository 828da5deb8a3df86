// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {
    CIPHER,
    KIND_BLINDED,
    KIND_CIPHER,
    KIND_PUBLIC,
    ModelManifest,
    NO_PROBE,
    OPTIMISTIC,
    PLACE_CLIENT,
    PLACE_NETWORK,
    PRODUCER_INPUT,
    PROOF,
    StageInfo,
    VOTE
} from "../types/Types.sol";

import {SketchLib} from "../libraries/SketchLib.sol";

/// @title Models, two slots each
contract ModelRegistry is IModelRegistry {
    uint256 private constant _MAX_STAGES = 8;
    uint256 private constant _MAX_NAME = 64;

    /// What the stages allow the model to accept.
    struct Shape {
        bool network;
        bool linear;
        bool provable; // every plaintext network stage has a key, and at least one stage has
        bool ciphered; // every network stage maps ciphertext to ciphertext
        bool tolerant; // every network stage computes in floats and says how exactly
        bool exact; // none does
        uint8 probes;
    }

    mapping(bytes32 modelId => Model) private _models;

    /// @inheritdoc IModelRegistry
    function register(ModelManifest calldata manifest) external returns (bytes32 modelId) {
        modelId = idOf(manifest);
        require(_models[modelId].stages == 0, ModelExists(modelId));
        _checkFields(manifest);
        Shape memory shape = _checkStages(manifest.stages);
        _checkMasks(manifest.acceptedMasks, manifest.stages.length, shape);
        _models[modelId] = Model({
            stagesHash: keccak256(abi.encode(manifest.stages)),
            acceptedMasks: manifest.acceptedMasks,
            workUnits: manifest.workUnits,
            stages: uint8(manifest.stages.length),
            network: shape.network,
            linear: shape.linear,
            outKind: manifest.stages[manifest.stages.length - 1].outKind,
            probes: shape.probes
        });
        emit ModelRegistered(modelId, msg.sender, manifest);
    }

    /// @inheritdoc IModelRegistry
    function model(bytes32 modelId) external view returns (Model memory found) {
        found = _models[modelId];
        require(found.stages != 0, ModelUnknown(modelId));
    }

    /// @inheritdoc IModelRegistry
    function idOf(ModelManifest calldata manifest) public pure returns (bytes32 modelId) {
        return keccak256(abi.encode("assay.v1.model", manifest));
    }

    function _checkFields(ModelManifest calldata manifest) private pure {
        uint256 nameLength = bytes(manifest.name).length;
        require(nameLength != 0 && nameLength <= _MAX_NAME, ManifestInvalid(1));
        require(manifest.programRoot != 0, ManifestInvalid(2));
        require(manifest.workUnits != 0, ManifestInvalid(4)); // else the class' price would be void
        require(manifest.weightsHash != 0, ManifestInvalid(5));
        require(manifest.reportHash != 0, ManifestInvalid(6));
        require(manifest.toolsHash != 0, ManifestInvalid(7));
    }

    function _checkStages(StageInfo[] calldata stages) private pure returns (Shape memory shape) {
        uint256 count = stages.length;
        require(count != 0 && count <= _MAX_STAGES, StageCountInvalid(count, _MAX_STAGES));
        shape = Shape(true, true, true, true, true, true, 0);
        bool networked;
        bool keyed;
        uint256 used; // bit s: a later stage takes the output of stage s
        for (uint256 s; s < count; ++s) {
            StageInfo calldata stage = stages[s];
            require(stage.place <= PLACE_CLIENT, StageInvalid(s, 1));
            require(stage.inKind <= KIND_CIPHER && stage.outKind <= KIND_CIPHER, StageInvalid(s, 2));
            used |= _checkProducers(stages, s);
            bool blinded = stage.inKind == KIND_BLINDED || stage.outKind == KIND_BLINDED;
            require(stage.keyId == 0 || !blinded, StageInvalid(s, 4));
            bool tolerant = stage.keyId == 0 && stage.weightsX == 0 && stage.weightsY != 0;
            require(stage.keyId != 0 || stage.weightsX | stage.weightsY == 0 || tolerant, StageInvalid(s, 8));
            if (tolerant) _checkTolerant(stage, s);
            require(stage.kernel != 0, StageInvalid(s, 5));

            if (stage.probe != NO_PROBE) shape.probes |= uint8(1 << s);
            keyed = keyed || stage.keyId != 0;
            bool onNetwork = stage.place == PLACE_NETWORK;
            require(onNetwork || stage.probe == NO_PROBE, StageInvalid(s, 6)); // nobody votes on client stages
            bool ciphered = stage.inKind == KIND_CIPHER && stage.outKind == KIND_CIPHER;
            if (onNetwork) {
                networked = true;
                shape.ciphered = shape.ciphered && ciphered;
                shape.tolerant = shape.tolerant && tolerant;
                shape.exact = shape.exact && !tolerant;
                shape.provable = shape.provable && (stage.keyId != 0 || ciphered);
            }
            uint16 before = s == 0 ? PRODUCER_INPUT : uint16(s - 1);
            shape.network = shape.network && onNetwork;
            shape.linear = shape.linear && onNetwork && stage.producers.length == 1 && stage.producers[0] == before;
        }
        require(networked, StageInvalid(0, 1));
        shape.provable = shape.provable && keyed;
        // A stage whose output goes nowhere would be paid for nothing and could not be disputed to any effect. The lanes of a
        // MASKED stage end at the client, who adds them up.
        if (_areLanes(stages)) return shape;
        for (uint256 s; s + 1 < count; ++s) require(used & (1 << s) != 0, StageInvalid(s, 7));
    }

    /// Two network stages over the job's input and nothing else, blinded at both ends: no lane may learn of the other's share.
    function _areLanes(StageInfo[] calldata stages) private pure returns (bool lanes) {
        lanes = stages.length == 2;
        for (uint256 s; lanes && s < 2; ++s) {
            StageInfo calldata stage = stages[s];
            lanes =
                stage.place == PLACE_NETWORK &&
                stage.inKind == KIND_BLINDED &&
                stage.outKind == KIND_BLINDED &&
                stage.producers.length == 1 &&
                stage.producers[0] == PRODUCER_INPUT;
        }
    }

    /// A delivered output is held to its sketches, which takes its bytes; a probe would be compared exactly.
    function _checkTolerant(StageInfo calldata stage, uint256 s) private pure {
        require(SketchLib.isTolerance(stage.weightsY), StageInvalid(s, 8));
        bool plain = stage.outKind == KIND_PUBLIC && stage.place == PLACE_NETWORK && stage.probe == NO_PROBE;
        require(plain, StageInvalid(s, 9));
    }

    /// Producers ascend and come earlier (so the table is in topological order and no join has two spellings); the job's
    /// input sorts last. Each hands over the kind that this stage expects; the input's kind is checked against digests.
    function _checkProducers(StageInfo[] calldata stages, uint256 s) private pure returns (uint256 used) {
        uint16[] calldata producers = stages[s].producers;
        require(producers.length != 0 && producers.length <= _MAX_STAGES, StageInvalid(s, 3));
        for (uint256 i; i < producers.length; ++i) {
            uint16 producer = producers[i];
            require(i == 0 || producers[i - 1] < producer, StageInvalid(s, 3));
            if (producer == PRODUCER_INPUT) continue;
            require(producer < s, StageInvalid(s, 3));
            require(stages[producer].outKind == stages[s].inKind, StageInvalid(s, 2));
            used |= 1 << producer;
        }
    }

    function _checkMasks(uint32 accepted, uint256 stages, Shape memory shape) private pure {
        // Mask 0 asks for no evidence, so its bit is free to say that stages compute in floats: such a model is voted on.
        if (accepted & 1 != 0) {
            require(accepted == 1 | (1 << VOTE) && shape.tolerant, ManifestInvalid(3));
            return;
        }
        require(accepted != 0 && shape.exact, ManifestInvalid(3));
        for (uint8 mask = 1; mask < 32; ++mask) {
            if ((accepted >> mask) & 1 == 0) continue;
            bool cipher = mask & CIPHER != 0;
            require(cipher == shape.ciphered, ManifestInvalid(3));
            require(!cipher || mask & VOTE != 0, ManifestInvalid(3));
            require(mask & PROOF == 0 || shape.provable, ManifestInvalid(3));
            require(mask & OPTIMISTIC == 0 || (stages == 1 && mask & VOTE == 0), ManifestInvalid(3));
        }
    }
}
