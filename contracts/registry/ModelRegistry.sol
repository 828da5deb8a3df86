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
        bool provable; // every plaintext network stage has a key, and at least one stage has
        bool ciphered; // every network stage maps ciphertext to ciphertext
        bool tolerant; // every network stage computes in floats and says how exactly
        bool exact; // none does
    }

    mapping(bytes32 modelId => Model) private _models;

    /// @inheritdoc IModelRegistry
    function register(ModelManifest calldata manifest) external returns (bytes32 modelId) {
        modelId = idOf(manifest);
        require(_models[modelId].stages == 0, ModelExists(modelId));
        _checkFields(manifest);
        Shape memory shape = _checkStages(manifest.stages);
        StageInfo[] memory table = _networkOf(manifest.stages);
        bool network = table.length != 0;
        if (!network) table = manifest.stages;
        _checkMasks(manifest.acceptedMasks, table.length, shape);
        _models[modelId] = Model({
            stagesHash: keccak256(abi.encode(table)),
            acceptedMasks: manifest.acceptedMasks,
            workUnits: manifest.workUnits,
            stages: uint8(table.length),
            network: network,
            linear: network && _isLinear(table),
            outKind: table[table.length - 1].outKind,
            probes: _probesOf(table)
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
        shape = Shape(true, true, true, true);
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

    /// What jobs know of the stages: the network's, numbered from 0. Client stages stand before and after them, a chain each:
    /// one boundary comes from the client, the job's input, and one goes back, its result.
    /// @return table empty where the client's stages are elsewhere; no job asks for such a model
    function _networkOf(StageInfo[] calldata stages) private pure returns (StageInfo[] memory table) {
        StageInfo[] memory none;
        (uint256 first, uint256 end) = (0, stages.length);
        // Checked: one stage at least is on the network.
        while (stages[first].place == PLACE_CLIENT) ++first;
        while (stages[end - 1].place == PLACE_CLIENT) --end;
        table = new StageInfo[](end - first);
        for (uint256 s; s < stages.length; ++s) {
            if (s < first || s >= end) {
                if (!_follows(stages[s].producers, s)) return none;
                continue;
            }
            if (stages[s].place == PLACE_CLIENT) return none;
            table[s - first] = stages[s];
            if (first != 0 && !_renumber(table[s - first].producers, first)) return none;
        }
    }

    /// Producers of the manifest become those of the job: the client's last boundary is its input, and sorts last.
    /// @return whether nothing else of the client's is read, the raw input above all
    function _renumber(uint16[] memory producers, uint256 first) private pure returns (bool) {
        uint256 last = producers.length - 1;
        if (producers[last] == PRODUCER_INPUT || producers[0] + 1 < first) return false;
        bool readsInput = producers[0] + 1 == first;
        // Below 8, and at least `first`: they ascend. Of those below `first` only the first can be one.
        for (uint256 i = readsInput ? 1 : 0; i <= last; ++i) {
            producers[readsInput ? i - 1 : i] = uint16(producers[i] - first);
        }
        if (readsInput) producers[last] = PRODUCER_INPUT;
        return true;
    }

    /// Whether stage s takes its predecessor's output and nothing else.
    function _follows(uint16[] memory producers, uint256 s) private pure returns (bool) {
        return producers.length == 1 && producers[0] == (s == 0 ? PRODUCER_INPUT : s - 1);
    }

    function _isLinear(StageInfo[] memory table) private pure returns (bool) {
        for (uint256 s; s < table.length; ++s) if (!_follows(table[s].producers, s)) return false;
        return true;
    }

    function _probesOf(StageInfo[] memory table) private pure returns (uint8 probes) {
        for (uint256 s; s < table.length; ++s) if (table[s].probe != NO_PROBE) probes |= uint8(1 << s);
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
