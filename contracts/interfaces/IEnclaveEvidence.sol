// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEvidenceAdapter} from "./IEvidenceAdapter.sol";

/// @title ENCLAVE evidence: a registered enclave key's signature over the claim
/// @notice Evidence is packed: channelHash 32 (0 where the input came sealed by the client), epoch u16, r 32, vs 32 (EIP-2098),
/// and for models of several stages abi.encode(StageInfo[]), the model's table. The key signs the EIP-712 message
/// EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch) under the hub's domain.
/// @dev Warning: good for the integrity that the enclave's vendor, image and owner deserve; it overrules no vote.
interface IEnclaveEvidence is IEvidenceAdapter {
    error EvidenceMalformed(uint256 length);
    /// The signature is nobody's, or no registered key's.
    error SignerUnknown(address signer);
    error WorkerMismatch(address have, address need);
    /// Neither the key's registration nor the one before.
    error EpochMismatch(uint16 have, uint16 need);
    /// Ended longer ago than `IEnclaveRegistry.DRAIN`.
    error EnclaveExpired(address key, uint256 expiry);
    /// The key serves another model than the stage's.
    error ModelMismatch(bytes32 modelId);
    /// Simulated enclaves satisfy nothing but on a local chain.
    error SimulatedEnclaveRefused(address key);

    function enclaves() external view returns (address);
}
