// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { fromHex, toHex, type Hex } from "./bytes.ts";
import { typedDigest, typeHash } from "./eip712.ts";
import { domainHash, keccak256 } from "./keccak.ts";

/** "Stage `stage` of job `jobId` maps inDigest to outDigest", by the worker whose signing address this is. */
export interface Claim {
  readonly jobId: Hex;
  readonly stage: number;
  readonly inDigest: Hex;
  /** SAID_ABSTAIN when the seat abstains; the payload is then its reason. */
  readonly outDigest: Hex;
  readonly worker: Hex;
}

export interface Commit {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  readonly commitment: Hex;
}

export interface Reveal {
  readonly claim: Claim;
  readonly round: number;
  /** Digest of the probe, 0 without one, or the reason of an abstention. */
  readonly payload: Hex;
  /** 0 in class E. */
  readonly extra: Hex;
  readonly commitSet: Hex;
}

const CLAIM = "Claim(bytes32 jobId,uint16 stage,bytes32 inDigest,bytes32 outDigest,address worker)";
const CLAIM_TYPEHASH = typeHash(CLAIM);
const COMMIT_TYPEHASH = typeHash("Commit(bytes32 jobId,uint16 stage,uint8 round,bytes32 commitment)");
const REVEAL_TYPEHASH = typeHash(
  `Reveal(Claim claim,uint8 round,bytes32 payload,bytes32 extra,bytes32 commitSet)${CLAIM}`,
);

/** EIP-712 hashStruct: what votes, proofs and enclaves bind. */
export function claimHash({ jobId, stage, inDigest, outDigest, worker }: Claim): Hex {
  const types = ["bytes32", "bytes32", "uint16", "bytes32", "bytes32", "address"] as const;
  return toHex(keccak256(encodeAbi(types, [CLAIM_TYPEHASH, jobId, stage, inDigest, outDigest, worker])));
}

export function commitHash({ jobId, stage, round, commitment: value }: Commit): Hex {
  const types = ["bytes32", "bytes32", "uint16", "uint8", "bytes32"] as const;
  return toHex(keccak256(encodeAbi(types, [COMMIT_TYPEHASH, jobId, stage, round, value])));
}

export function revealHash({ claim, round, payload, extra, commitSet: set }: Reveal): Hex {
  const types = ["bytes32", "bytes32", "uint8", "bytes32", "bytes32", "bytes32"] as const;
  return toHex(keccak256(encodeAbi(types, [REVEAL_TYPEHASH, claimHash(claim), round, payload, extra, set])));
}

/** What a seat is bound to before anyone opens: salted, so a small answer cannot be enumerated; bound to chain, hub and worker. */
export function commitment(
  domain: Hex,
  vote: { readonly claim: Claim; readonly round: number; readonly payload: Hex; readonly salt: Hex },
): Hex {
  const types = ["bytes32", "bytes32", "bytes32", "uint8", "bytes32", "bytes32"] as const;
  const tag = toHex(domainHash("assay.v1.commit"));
  return toHex(keccak256(encodeAbi(types, [tag, domain, claimHash(vote.claim), vote.round, vote.payload, vote.salt])));
}

/** Hash of all of a committee's commitments, in seat order. */
export function commitSet(commitments: readonly Hex[]): Hex {
  return toHex(keccak256(domainHash("assay.v1.commit-set"), ...commitments.map((value) => fromHex(value, 32))));
}

/** The digests that workers sign. `domain`: `domainSeparator`. */
export const claimDigest = (domain: Hex, claim: Claim): Uint8Array => typedDigest(domain, claimHash(claim));
export const commitDigest = (domain: Hex, commit: Commit): Uint8Array => typedDigest(domain, commitHash(commit));
export const revealDigest = (domain: Hex, reveal: Reveal): Uint8Array => typedDigest(domain, revealHash(reveal));
