// SPDX-License-Identifier: GPL-3.0-or-later
import { commitDigest, commitment, revealDigest, type Claim } from "../core/claim.ts";
import { fromHex } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import { recoverSigner, unpackSignature } from "../core/signature.ts";
import type { Hex } from "./ports.ts";

/** What a seat's statements are bound to. */
export interface StatementContext {
  readonly domainSeparator: Hex;
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
}

/** A seat's claim with what opens its commitment; `worker` is the seat's signer. */
export interface OpenedClaim extends Pick<Claim, "inDigest" | "outDigest" | "worker"> {
  readonly payload: Hex;
  readonly salt: Hex;
  /** Class T: sketch B; else 0. The commitment does not bind it, the Reveal does. */
  readonly extra: Hex;
}

const claimOf = (
  context: StatementContext,
  { inDigest, outDigest, worker }: Pick<OpenedClaim, "inDigest" | "outDigest" | "worker">,
): Claim => ({
  jobId: context.jobId,
  stage: context.stage,
  inDigest,
  outDigest,
  worker,
});

/** `commitment_i` of protocol.md section 4. */
export function commitmentOf(context: StatementContext, opened: Omit<OpenedClaim, "extra">): Hex {
  const { payload, salt } = opened;
  return commitment(context.domainSeparator, { claim: claimOf(context, opened), round: context.round, payload, salt });
}

/** What a seat signs over its commitment. */
export function commitStatement(context: StatementContext, value: Hex): Uint8Array {
  const { jobId, stage, round } = context;
  return commitDigest(context.domainSeparator, { jobId, stage, round, commitment: value });
}

/** What a seat signs over its opening: once per (job, stage, round), ever. */
export function revealStatement(context: StatementContext, opened: OpenedClaim, set: Hex): Uint8Array {
  const claim = claimOf(context, opened);
  return revealDigest(context.domainSeparator, {
    claim,
    round: context.round,
    payload: opened.payload,
    extra: opened.extra,
    commitSet: set,
  });
}

/** Whether `signer` (any case) made this 64-byte signature; malformed and malleated ones are false. About 2 ms. */
export function isSignedBy(signer: Hex, digest: Uint8Array, signature: Hex): boolean {
  try {
    return recoverSigner(digest, unpackSignature(fromHex(signature, 64))) === signer.toLowerCase();
  } catch (error) {
    if (isAssayError(error)) return false;
    throw error;
  }
}
