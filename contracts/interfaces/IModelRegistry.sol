// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelManifest} from "../types/Types.sol";

/// @title Immutable records of models
/// @notice Anyone registers; a record never changes and nobody can remove it.
/// @dev Warning: a record says what a model is, not that it is good. Model authors are adversaries: accuracy, bounds and
/// leakage reports are bound by hash, and whoever relies on them checks them off-chain.
interface IModelRegistry {
    struct Model {
        // Of the job's stages, which are the network's, numbered from 0: a client stage before them hands over the job's input,
        // one after them takes its result. Client stages are in the manifest, so in the model id, and in no job's table.
        bytes32 stagesHash; // keccak256(abi.encode(StageInfo[]))
        uint32 acceptedMasks;
        uint64 workUnits;
        uint8 stages;
        bool network; // client stages, if any, are chains before and after the network's; jobs ask for no other models
        bool linear; // every stage takes its predecessor's output: no stage table is needed
        uint8 outKind; // digest kind of the last stage's output
        uint8 probes; // bit s: stage s has a probe
    }

    event ModelRegistered(bytes32 indexed modelId, address indexed author, ModelManifest manifest);

    error ModelExists(bytes32 modelId);
    error ModelUnknown(bytes32 modelId);
    /// @dev Fields: 1 name (1 to 64 bytes), 2 programRoot, 3 acceptedMasks, 4 workUnits, 5 weightsHash, 6 reportHash,
    /// 7 toolsHash; 2 and 4 to 7 must not be 0.
    /// acceptedMasks: bit 0 says that every network stage computes in floats: then VOTE is the only mask. 1 to 31 are masks; CIPHER needs VOTE and ciphertext stages throughout the network; PROOF needs
    /// a key id on every network stage that is no CIPHER stage, and on one stage at least; OPTIMISTIC needs one stage and no VOTE.
    error ManifestInvalid(uint8 field);
    error StageCountInvalid(uint256 have, uint256 most);
    /// @dev Fields: 1 place, 2 kinds (also: differ from the producers'), 3 producers (none, not ascending, not earlier),
    /// 4 keyId (with a BLINDED end), 5 kernel (0), 6 probe (on a client stage), 7 not used by any later stage,
    /// 8 weight commitment without a keyId that is no tolerance of a float stage, 9 float stage with a probe, on the client, or
    /// whose output is not PUBLIC.
    error StageInvalid(uint256 stage, uint8 field);

    /// @notice Registers a model for good. The id is computed here from the manifest; there is no update.
    function register(ModelManifest calldata manifest) external returns (bytes32 modelId);

    /// @notice Reverts `ModelUnknown` for ids that were never registered.
    function model(bytes32 modelId) external view returns (Model memory);

    function idOf(ModelManifest calldata manifest) external pure returns (bytes32 modelId);
}
