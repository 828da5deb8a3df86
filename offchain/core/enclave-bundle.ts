// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "./abi.ts";
import { fromHex, toHex, type Hex } from "./bytes.ts";
import { claimHash, type Claim } from "./claim.ts";
import { CoreError } from "./core-errors.ts";
import { typedDigest, typeHash } from "./eip712.ts";
import { enclaveResultDigest, type EnclaveResult } from "./enclave-result.ts";
import { keccak256 } from "./keccak.ts";
import { recoverSigner, type CompactSignature } from "./signature.ts";

/** What enclaves signed about one stage of a job of mask ENCLAVE and PROOF. */
export const ENCLAVE_PAIR = {
  struct: {
    /** Signing address of the second worker; 0 where k is 1. */
    second: "address",
    /** The prover's: channelHash 32, epoch u16, r 32, vs 32. */
    result: "bytes",
    /** Alike; empty where k is 1. */
    secondResult: "bytes",
    /** Over EnclaveProof, by the prover's enclave. */
    r: "bytes32",
    vs: "bytes32",
  },
} as const satisfies AbiType;

/** `StageProof.evidence` of such a job; mirror: contracts/types/Types.sol. */
const ENCLAVE_BUNDLE = { struct: { ...ENCLAVE_PAIR.struct, proof: "bytes" } } as const satisfies AbiType;

export type EnclavePair = AbiValue<typeof ENCLAVE_PAIR>;
export type EnclaveBundle = AbiValue<typeof ENCLAVE_BUNDLE>;

/** `abi.encode(EnclaveBundle)`. Error: ABI_VALUE. */
export const encodeEnclaveBundle = (bundle: EnclaveBundle): Uint8Array => encodeAbi([ENCLAVE_BUNDLE], [bundle]);

/** Reads a bundle from anyone, by its form. Error: ABI_NOT_CANONICAL. */
export const decodeEnclaveBundle = (bytes: Uint8Array): EnclaveBundle => decodeAbi([ENCLAVE_BUNDLE], bytes)[0];

/** A registration older than this makes no critical result; mirror: contracts/evidence/enclave/EnclaveEvidence.sol. */
export const CRITICAL_AGE_SEC = 86_400;
/** Statuses that make one, of `EnclaveRegistry`: up to date, or managed by the vendor. */
export const CRITICAL_STATUSES: readonly number[] = [0, 7];

const PROOF_TYPEHASH = typeHash("EnclaveProof(bytes32 claimHash,bytes32 proofHash,uint16 epoch)");
const RESULT_BYTES = 98;

/** What the prover's enclave signs about its proof; 32 bytes. `proof`: the bytes that the adapter of PROOF takes. */
export function enclaveProofDigest(domain: Hex, claim: Claim, proof: Uint8Array, epoch: number): Uint8Array {
  const types = ["bytes32", "bytes32", "bytes32", "uint16"] as const;
  const hash = keccak256(encodeAbi(types, [PROOF_TYPEHASH, claimHash(claim), toHex(keccak256(proof)), epoch]));
  return typedDigest(domain, toHex(hash));
}

/** Parts of `encodeEnclaveEvidence`. Error: RECEIPT_INVALID unless 98 bytes. */
export function readEnclaveEvidence(evidence: Hex): Omit<EnclaveResult, "claim"> & CompactSignature {
  const bytes = fromHex(evidence);
  if (bytes.length !== RESULT_BYTES)
    throw new CoreError("RECEIPT_INVALID", { why: `an enclave's result of ${bytes.length} bytes` });
  const part = (from: number, to: number): Hex => toHex(bytes.subarray(from, to));
  return {
    channelHash: part(0, 32),
    epoch: Number(part(32, 34)),
    r: part(34, 66),
    vs: part(66, 98),
  };
}

/** The keys behind a stage's results: the prover's, and the second's if there is one. */
export interface PairKeys {
  readonly prover: Hex;
  readonly second: Hex | undefined;
}

/**
 * The enclave keys that signed a stage: the claim of each worker, and by the prover's this proof. Whether these keys were registered,
 * of two families, only the chain knows. Errors: RECEIPT_INVALID, SIGNATURE_INVALID.
 */
export function pairKeys(domain: Hex, claim: Claim, pair: EnclavePair, proof: Uint8Array): PairKeys {
  const signerOf = (worker: Hex, evidence: Hex): Hex => {
    const { channelHash, epoch, r, vs } = readEnclaveEvidence(evidence);
    return recoverSigner(enclaveResultDigest(domain, { claim: { ...claim, worker }, channelHash, epoch }), { r, vs });
  };
  const prover = signerOf(claim.worker, pair.result);
  const { epoch } = readEnclaveEvidence(pair.result);
  const maker = recoverSigner(enclaveProofDigest(domain, claim, proof, epoch), pair);
  if (maker !== prover)
    throw new CoreError("RECEIPT_INVALID", { why: `the proof was signed by ${maker}, the result by ${prover}` });
  if (BigInt(pair.second) === 0n) {
    if (pair.secondResult !== "0x") throw new CoreError("RECEIPT_INVALID", { why: "a second result of nobody" });
    return { prover, second: undefined };
  }
  const second = signerOf(pair.second, pair.secondResult);
  if (second === prover || pair.second === claim.worker)
    throw new CoreError("RECEIPT_INVALID", { why: "one enclave, or one worker, said it twice" });
  return { prover, second };
}
