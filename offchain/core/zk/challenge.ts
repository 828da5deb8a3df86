// SPDX-License-Identifier: MIT
import { encodeAbi } from "../abi.ts";
import { toHex, type Hex } from "../bytes.ts";
import { domainHash, keccak256 } from "../keccak.ts";
import { toScalar } from "./field.ts";
import { G1_INFINITY, type G1Point } from "./points.ts";

export interface ChallengeInput {
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  readonly claimHash: Hex;
  readonly keyId: Hex;
  /** C_w, if the key has a weights group. */
  readonly weights?: G1Point | undefined;
  /** Left out by the one-round backend: its context is hashed with zeros. */
  readonly c1?: G1Point | undefined;
}

/** What a proof is bound to: chain, hub, claim, key, weights and everything committed in round 1. */
export function challengeHash({
  domain,
  claimHash,
  keyId,
  weights = G1_INFINITY,
  c1 = G1_INFINITY,
}: ChallengeInput): Hex {
  const types = ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "uint256", "uint256", "uint256"] as const;
  const tag = toHex(domainHash("assay.v1.zk.challenge"));
  return toHex(keccak256(encodeAbi(types, [tag, domain, claimHash, keyId, weights.x, weights.y, c1.x, c1.y])));
}

const derive = (hash: Hex, n: bigint): bigint => toScalar(keccak256(encodeAbi(["bytes32", "uint256"], [hash, n])));

/** The pole c of the lookups and the point ρ of all polynomials, independent of each other. */
export function challenge(input: ChallengeInput): { readonly c: bigint; readonly rho: bigint } {
  const hash = challengeHash(input);
  return { c: derive(hash, 1n), rho: derive(hash, 2n) };
}

/** One-round backend: what its single context input must be. Ties a proof to its job, proves nothing by itself. */
export const oneRoundContext = (input: Omit<ChallengeInput, "c1">): bigint => toScalar(challengeHash(input));
