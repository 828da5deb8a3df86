// SPDX-License-Identifier: GPL-3.0-or-later
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes, fromHex, toHex, utf8 } from "../core/bytes.ts";
import { domainHash, keccak256 } from "../core/keccak.ts";
import type { Hex } from "./ports.ts";

/** What a seat's statements are bound to. */
export interface StatementContext {
  readonly domainSeparator: Hex;
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
}

export interface OpenedClaim {
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  readonly payload: Hex;
  readonly salt: Hex;
  /** The seat's signer. */
  readonly worker: Hex;
}

const CLAIM = "Claim(bytes32 jobId,uint16 stage,bytes32 inDigest,bytes32 outDigest,address worker)";
const CLAIM_TYPE = keccak256(utf8(CLAIM));
const COMMIT_TYPE = keccak256(utf8("Commit(bytes32 jobId,uint16 stage,uint8 round,bytes32 commitment)"));
const REVEAL_TYPE = keccak256(
  utf8(`Reveal(Claim claim,uint8 round,bytes32 payload,bytes32 extra,bytes32 commitSet)${CLAIM}`),
);
const ZERO = new Uint8Array(32);

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(28, value);
  return bytes;
};
const padded = (address: Hex): Uint8Array => concatBytes(new Uint8Array(12), fromHex(address, 20, "An address"));
const typed = (domain: Hex, structHash: Uint8Array): Uint8Array =>
  keccak256(Uint8Array.of(0x19, 0x01), fromHex(domain, 32, "The domain"), structHash);

function claimHash(context: StatementContext, claim: OpenedClaim): Uint8Array {
  return keccak256(
    CLAIM_TYPE,
    fromHex(context.jobId, 32),
    word(context.stage),
    fromHex(claim.inDigest, 32),
    fromHex(claim.outDigest, 32),
    padded(claim.worker),
  );
}

/** `commitment_i` of protocol.md section 4. */
export function commitmentOf(context: StatementContext, claim: OpenedClaim): Hex {
  return toHex(
    keccak256(
      domainHash("assay.v1.commit"),
      fromHex(context.domainSeparator, 32),
      claimHash(context, claim),
      word(context.round),
      fromHex(claim.payload, 32),
      fromHex(claim.salt, 32),
    ),
  );
}

/** All commitments of a committee, in seat order. */
export function commitSetOf(commitments: readonly Hex[]): Hex {
  return toHex(keccak256(domainHash("assay.v1.commit-set"), ...commitments.map((one) => fromHex(one, 32))));
}

/** What a seat signs over its commitment. */
export function commitDigest(context: StatementContext, commitment: Hex): Uint8Array {
  const { jobId, stage, round, domainSeparator } = context;
  return typed(
    domainSeparator,
    keccak256(COMMIT_TYPE, fromHex(jobId, 32), word(stage), word(round), fromHex(commitment, 32)),
  );
}

/** What a seat signs over its opening: once per (job, stage, round), ever. */
export function revealDigest(context: StatementContext, claim: OpenedClaim, commitSet: Hex): Uint8Array {
  return typed(
    context.domainSeparator,
    keccak256(
      REVEAL_TYPE,
      claimHash(context, claim),
      word(context.round),
      fromHex(claim.payload, 32),
      ZERO,
      fromHex(commitSet, 32),
    ),
  );
}

/** Signer of an EIP-2098 signature, lower case; null if it is malformed, malleated or of no key. */
export function recoverSigner(digest: Uint8Array, signature: Hex): Hex | null {
  try {
    const compact = fromHex(signature, 64, "A signature");
    const recovery = (compact[32] ?? 0) >> 7;
    compact[32] = (compact[32] ?? 0) & 0x7f;
    const parsed = secp256k1.Signature.fromBytes(compact, "compact");
    if (parsed.hasHighS()) return null;
    const point = parsed.addRecoveryBit(recovery).recoverPublicKey(digest);
    return toHex(keccak256(point.toBytes(false).subarray(1)).subarray(12));
  } catch {
    return null;
  }
}
