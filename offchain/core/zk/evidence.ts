// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "../abi.ts";
import { PROOF_WORDS } from "./proof.ts";

/** What `PROOF` evidence is in calldata and receipts. Claim, key and weight commitment come from elsewhere. */
export const PROOF_EVIDENCE = {
  struct: {
    /** A, B, C1, C2. */
    proof: { array: "uint256", length: PROOF_WORDS },
    /** Canonical encodings of the PUBLIC boundaries: inputs, then the output. */
    tensors: { array: "bytes" },
    /** Input digests in manifest order if the stage has several producers, else empty. */
    joined: { array: "bytes32" },
  },
} as const satisfies AbiType;

export type ProofEvidence = AbiValue<typeof PROOF_EVIDENCE>;

/** `abi.encode(ProofEvidence)`. Error: ABI_VALUE. */
export const encodeProofEvidence = (evidence: ProofEvidence): Uint8Array => encodeAbi([PROOF_EVIDENCE], [evidence]);

/** Reads evidence from anyone, by its form. Error: ABI_NOT_CANONICAL. */
export const decodeProofEvidence = (bytes: Uint8Array): ProofEvidence => decodeAbi([PROOF_EVIDENCE], bytes)[0];
