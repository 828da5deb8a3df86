// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EnclaveBundle, StageInfo} from "../types/Types.sol";
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

    // Of critical jobs:

    /// The proof was not signed by the key that signed the result.
    error ProofNotFromEnclave(address maker, address key);
    /// SGX and TDX are one family.
    error FamiliesEqual(uint8 family);
    /// No enclave here has evidence that the chain verified itself.
    error NoneVerifiedOnChain(uint8 family, uint8 other);
    error StatusNotCritical(address key, uint8 status);
    /// More than a day ago.
    error RegistrationOld(address key, uint256 registeredAt);

    /// @notice Judges what enclaves say of a critical job's stage: the prover's key signed the result and the proof, and the
    /// second's, if there is one, the same digest, as another vendor family's. Each is live, registered within 24 hours and up to date
    /// without grace; one at least is Intel's, whose evidence the chain verified itself.
    /// @dev Warning: the proof itself is judged elsewhere. Whoever calls vouches for `domain` and `claim`, and that both workers sit in
    /// the job; distinct workers are distinct operators.
    /// @param claim the prover's
    /// @param table the model's stages, as both enclaves serve it
    function checkCritical(
        bytes32 domain,
        Claim calldata claim,
        StageInfo[] calldata table,
        EnclaveBundle calldata bundle
    ) external view;

    function enclaves() external view returns (address);
}
