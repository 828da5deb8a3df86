// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "../bytes.ts";
import { taggedHash, toWord } from "../tagged-hash.ts";
import { climbPath, digestOfBody, treeDepth } from "./digest.ts";
import { SheError } from "./errors.ts";
import type { SheHashes } from "./hashes.ts";
import type { SheHeader } from "./header.ts";
import type { SheProfile } from "./profiles.ts";

/** All that a referee needs to know of a stage over ciphertexts; its hash is the stage's `kernel` in the model's manifest. */
export interface CipherStage {
  readonly profile: SheProfile;
  readonly levelIn: number;
  readonly levelOut: number;
  /** A trace has 2^depth rows; so has the list of operations. */
  readonly depth: number;
  /** Tree over sha256(0x00 ‖ record) of all 2^depth row operations. */
  readonly opRoot: Hex;
  /** `objectsRoot` of the stage's weights. */
  readonly weightRoot: Hex;
}

/** keccak256(abi.encode("assay.v1.cipherstage", profile, levelIn, levelOut, depth, opRoot, weightRoot)). */
export function cipherStageHash({ profile, levelIn, levelOut, depth, opRoot, weightRoot }: CipherStage): Hex {
  const numbers = [profile.id, levelIn, levelOut, depth].map(toWord);
  return taggedHash("assay.v1.cipherstage", [...numbers, opRoot, weightRoot]);
}

export const cipherHeader = (profile: SheProfile, level: number): SheHeader => ({
  kind: "ciphertext",
  profile,
  level,
  seeded: false,
  compact: false,
  special: false,
  galois: 0,
});

/** What a defender is bound to: the digest, the trace behind it, and the path that shows one in the other. */
export interface TraceCommitment {
  readonly outDigest: Hex;
  readonly traceRoot: Hex;
  /** Body root of the output: the subtree over the trace's last aligned rows. */
  readonly outBody: Hex;
  /** Siblings from that subtree up to the trace's root. */
  readonly edge: readonly Hex[];
}

/** Error: STEP_REFUSED if the digest is not that of the body, or the body is not the trace's right edge. */
export function checkCommitment(stage: CipherStage, commitment: TraceCommitment, hashes: SheHashes): void {
  const { outDigest, traceRoot, outBody, edge } = commitment;
  const body = fromHex(outBody, 32);
  if (digestOfBody(cipherHeader(stage.profile, stage.levelOut), body, hashes) !== outDigest)
    throw new SheError("STEP_REFUSED", { reason: "the digest is not of this body" });
  const levels = stage.depth - treeDepth(2 * stage.levelOut);
  const path = edge.map((word) => fromHex(word, 32));
  if (edge.length !== levels || toHex(climbPath(body, 2 ** levels - 1, path, hashes)) !== traceRoot)
    throw new SheError("STEP_REFUSED", { reason: "the output is not the trace's last rows" });
}
