// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "../interfaces/IEvidenceAdapter.sol";
import {StageInfo} from "../types/Types.sol";

/// @title An adapter for tests: evidence is the hash of what it is asked to prove, so anybody can prove anything
/// @dev Warning: proves nothing. Keys that end in an odd bit may not overrule a vote.
contract SimulatedAdapter is IEvidenceAdapter {
    error EvidenceFalse();

    /// @inheritdoc IEvidenceAdapter
    function check(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage,
        bytes calldata evidence
    ) external pure {
        require(keccak256(evidence) == keccak256(prove(domain, claim, stage)), EvidenceFalse());
    }

    /// @inheritdoc IEvidenceAdapter
    function mayOverrule(StageInfo calldata stage) external pure returns (bool) {
        return uint256(stage.keyId) & 1 == 0;
    }

    function prove(
        bytes32 domain,
        Claim calldata claim,
        StageInfo calldata stage
    ) public pure returns (bytes memory evidence) {
        return abi.encode(keccak256(abi.encode(domain, claim, stage)));
    }
}
