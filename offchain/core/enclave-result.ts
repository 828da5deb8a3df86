// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { bigToBytes, concatBytes, fromHex, toHex, type Hex } from "./bytes.ts";
import { claimHash, type Claim } from "./claim.ts";
import { typedDigest, typeHash } from "./eip712.ts";
import { keccak256 } from "./keccak.ts";
import type { CompactSignature } from "./signature.ts";

/** What an enclave's key signs about a stage that it ran (tee.md section 5). */
export interface EnclaveResult {
  readonly claim: Claim;
  /** Handshake hash of the channel that the input came through; 32 zero bytes where the client sealed it. */
  readonly channelHash: Hex;
  /** Registration of the key under which it was made. */
  readonly epoch: number;
}

const RESULT_TYPEHASH = typeHash("EnclaveResult(bytes32 claimHash,bytes32 channelHash,uint16 epoch)");

/** 32 bytes; `domain` is the hub's. */
export function enclaveResultDigest(domain: Hex, { claim, channelHash, epoch }: EnclaveResult): Uint8Array {
  const types = ["bytes32", "bytes32", "bytes32", "uint16"] as const;
  const hash = keccak256(encodeAbi(types, [RESULT_TYPEHASH, claimHash(claim), channelHash, epoch]));
  return typedDigest(domain, toHex(hash));
}

/** The ENCLAVE evidence of a model of one stage: channelHash 32, epoch u16, r 32, vs 32. Error: NUMBER_OUT_OF_RANGE. */
export function encodeEnclaveEvidence(
  { channelHash, epoch }: Omit<EnclaveResult, "claim">,
  { r, vs }: CompactSignature,
): Uint8Array {
  const number = bigToBytes(BigInt(epoch), 2, "The epoch");
  return concatBytes(fromHex(channelHash, 32), number, fromHex(r, 32), fromHex(vs, 32));
}
