// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelManifest, StageInfo} from "../types/Types.sol";

/// @title Immutable records of models
interface IModelRegistry {
    struct Model {
        bytes32 stagesHash;
        uint32 acceptedMasks;
        uint64 workUnits;
        uint8 stages;
        bool network; // every stage is on the network
        bool linear; // `network`, and each stage takes its predecessor's output: no stage table is needed
        uint8 outKind; // digest kind of the last stage's output
    }

    event ModelRegistered(bytes32 indexed modelId, address indexed author, ModelManifest manifest);

    error ModelExists(bytes32 modelId);
    error ModelUnknown(bytes32 modelId);
    error ManifestInvalid(uint8 field);

    /// @notice Registers a model for good. The id is computed here from the manifest; there is no update.
    function register(ModelManifest calldata manifest) external returns (bytes32 modelId);

    function model(bytes32 modelId) external view returns (Model memory);

    function idOf(ModelManifest calldata manifest) external pure returns (bytes32 modelId);
}
